"""How names are written: in SQL, and on the line of a magic."""

from __future__ import annotations

import re

_SQL_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_POSTGRES_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
_RESERVED = frozenset(
    """all analyse analyze and anti any array as asc asof asymmetric at authorization between binary both by case cast
    check collate collation column columns concurrently constraint create cross current_catalog current_date
    current_role current_schema current_time current_timestamp current_user default deferrable desc describe distinct
    do else end except exists false fetch for foreign freeze from full generated glob grant group having ilike in
    initially inner intersect into is isnull join lambda lateral leading left like limit localtime localtimestamp map
    natural not notnull null offset on only or order outer overlaps pivot pivot_longer pivot_wider placing positional
    primary qualify references returning right select semi session_user set show similar some struct summarize
    symmetric system_user table tablesample then to trailing true try_cast tuple union unique unpack unpivot user using
    values variadic verbose when where window with""".split()  # noqa: SIM905 (a list of them is a hundred lines)
)
"""Words of PostgreSQL or DuckDB that cannot name a table or column without quotes."""


def sql(name: str, *, backend: str) -> str:
    """A name in SQL text, quoted where it must be.

    >>> sql("Orders", backend="duckdb"), sql("Orders", backend="postgres"), sql("order", backend="duckdb")
    ('Orders', '"Orders"', '"order"')
    """
    # PostgreSQL reads a name without quotes as if it were in small letters.
    plain = _POSTGRES_PLAIN if backend == "postgres" else _SQL_PLAIN
    return name if plain.fullmatch(name) and name.lower() not in _RESERVED else sql_quoted(name)


def sql_quoted(name: str, *, closed: bool = True) -> str:
    """A name in double quotes. Without ``closed`` the last of them stands there already.

    >>> sql_quoted('6" pipe'), sql_quoted("a", closed=False)
    ('"6"" pipe"', '"a')
    """
    return '"' + name.replace('"', '""') + ('"' if closed else "")


def word(name: str, typed: str = "", *, closed: bool = True) -> str | None:
    """A name as one word of a magic's line, in the quotes that it was begun with; None: it cannot be written so.

    >>> word("pg"), word("my pg"), word("my pg", "'m"), word("it's", "'")
    ('pg', '"my pg"', "'my pg'", None)
    """
    mark = typed[:1] if typed[:1] in ("'", '"') else ""
    if not mark:
        if not re.search(r"""[\s"']""", name) and not name.startswith(("-", "#")):
            return name
        mark = "'" if '"' in name else '"'
    return None if mark in name else mark + name + (mark if closed else "")
