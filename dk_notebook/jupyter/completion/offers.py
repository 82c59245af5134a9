"""What Tab offers in a cell, by the magic that the cursor stands in."""

from __future__ import annotations

import argparse
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from IPython.core.error import UsageError

from dk_notebook.backends.registry import KNOWN
from dk_notebook.jupyter.completion import in_sql, line, spelling
from dk_notebook.jupyter.completion.cell import Where, where
from dk_notebook.jupyter.completion.names import Candidate, Holdings, Offer, beginning, connections, full_name, is_usual
from dk_notebook.jupyter.magics import bench, close, connect, explain, query, status, tables
from dk_notebook.jupyter.magics.flags import Flags


@dataclass(frozen=True)
class _Magic:
    flags: Flags
    statement: bool = False
    """Whether a statement follows the flags, or is the body."""


_MAGICS = {
    "dkquery": _Magic(query.FLAGS, statement=True),
    "dkexplain": _Magic(explain.FLAGS, statement=True),
    "dkbench": _Magic(bench.FLAGS, statement=True),
    "dktables": _Magic(tables.FLAGS),
    "dkstatus": _Magic(status.FLAGS),
    "dkconnect": _Magic(connect.FLAGS),
    "dkclose": _Magic(close.FLAGS),
}
NAMES = frozenset(_MAGICS)

NOTHING = Offer("")


def offered(cell: str, cursor: int, variables: Mapping[str, Any], bare: Container[str] = ()) -> Offer:
    """What Tab offers in a cell whose notebook has these variables. Opens no connection, waits 0.2 s at most.

    ``bare``: the magics that are understood without their sign.
    """
    place = where(cell, cursor, bare)
    magic = _MAGICS.get(place.magic) if place is not None else None
    if place is None or magic is None:
        return NOTHING
    if place.in_body:
        if not magic.statement or place.body is None:
            return NOTHING
        return _in_statement(magic, place.line, place.body, place.cursor, variables)
    is_cell = place.body is not None
    asked = line.asked(magic.flags, place.line, place.cursor, body=is_cell, statement=magic.statement)
    match asked:
        case line.Flag(fragment):
            return Offer(fragment, list(_flags(magic.flags, fragment)))
        case line.Value(action, fragment):
            return Offer(fragment, list(_values(magic, place, action, fragment, variables)))
        case line.Text(text, at):
            return _in_statement(magic, place.line, text, at, variables)
    return NOTHING


def _in_statement(magic: _Magic, flags: str, text: str, cursor: int, variables: Mapping[str, Any]) -> Offer:
    """What the language of the connection has there."""
    try:
        named = line.given(magic.flags, flags, statement=True)
    except UsageError:  # the magic will say what is wrong with the line
        return NOTHING
    holdings = Holdings(named.connection)
    parameters = _parameters(named.params, variables)
    if holdings.backend == "elasticsearch":
        from dk_notebook.jupyter.completion import in_esql  # here: it imports the driver, which may not be installed

        return in_esql.offered(text, cursor, holdings, variables, parameters)
    return in_sql.offered(text, cursor, holdings, variables, parameters)


def _parameters(source: str | None, variables: Mapping[str, Any]) -> Iterable[str] | None:
    """The names in the dictionary that ``--params`` names; None: there is no such flag."""
    if source is None:
        return None
    given = variables.get(source)
    return [name for name in given if isinstance(name, str)] if isinstance(given, Mapping) else []


def _flags(flags: Flags, typed: str) -> Iterator[Candidate]:
    for action in flags._actions:
        yield from (Candidate(each, "flag") for each in action.option_strings if each.startswith(typed))


def _values(
    magic: _Magic, place: Where, action: argparse.Action, fragment: str, variables: Mapping[str, Any]
) -> Iterator[Candidate]:
    """The values of a flag or argument that begin as typed."""
    closed = place.line[place.cursor : place.cursor + 1] not in ("'", '"')
    typed = fragment.lstrip("'\"") if fragment[:1] in ("'", '"') else fragment
    names, kind = _known(magic, place, action, typed, variables)
    for name in beginning(typed, names):
        text = spelling.word(name, fragment, closed=closed)
        if text is not None:
            yield Candidate(text, kind)


def _known(
    magic: _Magic, place: Where, action: argparse.Action, typed: str, variables: Mapping[str, Any]
) -> tuple[Iterable[str], str]:
    """All values of a flag or argument, and what they are."""
    if action.choices is not None:
        return list(action.choices), "value"
    if action.dest == "connection":
        return connections(), "connection"
    if action.dest == "params":
        kinds = (Mapping, list, tuple)
        return [name for name, value in variables.items() if isinstance(value, kinds)], "variable"
    if action.option_strings:
        return (), ""
    if magic.flags is connect.FLAGS:
        return [*connections(), *(f"{known.schemes[0]}://" for known in KNOWN.values())], "connection"
    if magic.flags is close.FLAGS:
        return connections(only_open=True), "connection"
    try:
        holdings = Holdings(line.given(magic.flags, place.line, statement=False).connection)
    except UsageError:
        return (), ""
    return [table.name if is_usual(table) else full_name(table) for table in holdings.tables(typed)], "table"
