"""The tables that a statement names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any, Final, NamedTuple

from dk_notebook.backends.s3.sql.tree import tables
from dk_notebook.errors import QueryError

_NAME: Final = r'(?:"(?:[^"]|"")+"|[^\W\d]\w*)'
# PIVOT and what DuckDB's parser hands out in no other form; after FROM a list.
_TABLES: Final = re.compile(
    r"\b(?:from|join|table|pivot|pivot_wider|pivot_longer|unpivot|describe|summarize)\b\s*"
    rf"(?P<names>{_NAME}(?:(?:\s+as)?(?:\s+\w+)?\s*,\s*{_NAME})*)",
    re.IGNORECASE,
)
_LISTED: Final = re.compile(rf"(?:^|,)\s*(?P<name>{_NAME})")


class Named(NamedTuple):
    """What a statement names."""

    tables: Mapping[str, int]
    """Each table, and the character at which it is named first; -1: nobody knows."""
    tree: Any
    """The parsed statement. None: of some statements the tables can only be guessed."""


def named(cursor: Any, text: str) -> Named:
    """The tables of a statement, as DuckDB's own parser sees them; none of one that it cannot read.

    Names of WITH clauses are left out where they hold, and those with a schema: there is none here. In a worker
    thread. QueryError: two tables differ in capitals only, which are one to DuckDB.
    """
    ((answer,),) = cursor.execute("SELECT json_serialize_sql($1)", [text]).fetchall()
    try:
        tree = json.loads(answer)
    except RecursionError:  # a thousand terms, one inside of the other
        return Named(_guessed(text), None)
    if not tree.get("error"):
        return Named(_distinct(sorted(tables(tree), key=itemgetter(1)), text), tree)
    if tree.get("error_type") == "parser":
        return Named({}, tree)
    return Named(_guessed(text), None)


def _distinct(found: Iterable[tuple[str, int]], text: str) -> dict[str, int]:
    sent = text.encode()
    places: dict[str, int] = {}
    known: dict[str, str] = {}
    for name, byte in found:
        other = known.setdefault(name.lower(), name)
        if other != name:
            raise QueryError(
                f"{other!r} and {name!r} are one name in SQL", hint="a whole s3:// URL in double quotes names a table"
            )
        places.setdefault(name, len(sent[:byte].decode(errors="ignore")) if byte < len(sent) else -1)
    return places


def _guessed(text: str) -> dict[str, int]:
    lists = (each["names"] for each in _TABLES.finditer(text))
    names = (each["name"] for some in lists for each in _LISTED.finditer(some))
    return {name[1:-1].replace('""', '"') if name[0] == '"' else name: -1 for name in names}
