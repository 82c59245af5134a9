"""Names of tables and columns: taken apart as users write them, quoted as stores read them."""

from __future__ import annotations

import re

from dk_notebook.errors import ConfigError

_PART = re.compile(r'"((?:[^"]|"")*)"(?=\.|\Z)|([^".]+)(?=\.|\Z)')


def split_table(table: str) -> tuple[str, ...]:
    """The parts of a table's name, outermost first, in their exact case.

    A part that holds a dot stands in double quotes, a double quote inside of them is doubled.
    ConfigError: an empty part, or quotes that do not enclose a whole part.

    >>> split_table("shop.Orders")
    ('shop', 'Orders')
    >>> split_table('"a.b".t')
    ('a.b', 't')
    """
    parts: list[str] = []
    offset = 0
    while True:
        found = _PART.match(table, offset)
        if found is None:
            empty = offset >= len(table) or table[offset] == "."
            problem = "an empty part" if empty else "quotes that do not enclose a whole part"
            raise ConfigError(
                f"table name {table!r} has {problem}", hint='write table, schema.table or "part.with.dots".table'
            )
        quoted, bare = found.groups()
        parts.append(checked(bare if quoted is None else quoted.replace('""', '"')))
        offset = found.end() + 1
        if found.end() == len(table):
            return tuple(parts)


def join_table(parts: tuple[str, ...]) -> str:
    """The name that `split_table` takes apart into ``parts``.

    >>> join_table(("shop", "a.b"))
    'shop."a.b"'
    """
    return ".".join(quote(part) if "." in part or '"' in part else checked(part) for part in parts)


def quote(name: str) -> str:
    '''``name`` as an SQL identifier. ConfigError: empty, or holding a NUL, which no store takes.

    >>> quote('of "course"')
    '"of ""course"""'
    '''
    return '"' + checked(name).replace('"', '""') + '"'


def quote_table(table: str) -> str:
    """A table's name, as users write it, as SQL.

    >>> print(quote_table("shop.Orders"))
    "shop"."Orders"
    """
    return ".".join(map(quote, split_table(table)))


def checked(name: str) -> str:
    """``name`` itself. ConfigError where it cannot name anything."""
    if not name:
        raise ConfigError("a name cannot be empty")
    if "\0" in name:
        raise ConfigError(f"a name cannot hold a NUL character: {name!r}")
    return name
