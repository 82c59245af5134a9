"""The names that there are: of connections, of what they hold, and of the notebook's variables."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from dk_notebook import descriptions
from dk_notebook.backends.sql.names import join_table
from dk_notebook.connection import BOOK, Connection
from dk_notebook.connections import default_name, found
from dk_notebook.errors import DkError
from dk_notebook.jupyter.completion.catalogue import CATALOGUE, Table

BUDGET = 0.2
"""Seconds that one Tab may wait for stores, all in all."""

USUAL = frozenset({None, "", "public", "main"})
"""Schemas whose tables need not be qualified."""


@dataclass(frozen=True)
class Candidate:
    """What Tab offers: the text that it writes, and what that is, for the front end."""

    text: str
    kind: str


@dataclass(frozen=True)
class Offer:
    """What Tab offers at a place."""

    fragment: str
    """What stands before the cursor and is replaced."""
    candidates: Sequence[Candidate] = ()
    is_ours: bool = False
    """The place is in a statement, where Python's names have nothing to say, even if there is no candidate."""


def connections(*, only_open: bool = False) -> list[str]:
    """The names of connections: those that were made, then those that are configured. Nothing is opened or asked."""
    made = BOOK.all()
    if only_open:
        return [each.name for each in made if each.is_open]
    try:
        configured: Iterable[str] = descriptions.names()
    except DkError:  # a connection file with a mistake: the magic will say so
        configured = ()
    return list(dict.fromkeys([*(each.name for each in made), *configured]))


def beginning(typed: str, names: Iterable[str]) -> Iterator[str]:
    """The names that begin as typed, in any capitals."""
    wanted = typed.lower()
    return (name for name in names if name.lower().startswith(wanted))


class Holdings:
    """What one connection holds, as far as it is known by the time that this Tab may take."""

    def __init__(self, target: str | None) -> None:
        connection = found(target)
        self._connection: Connection | None = connection if connection is not None and connection.is_open else None
        self._until = time.monotonic() + BUDGET
        self.backend = _backend(target, connection)
        """The backend's name; empty: not known without making the connection."""

    def tables(self, typed: str = "") -> Sequence[Table]:
        """The tables, of the folder that is typed; none of a connection that is not open."""
        if self._connection is None:
            return ()
        folder = typed[: typed.rfind("/") + 1] if self.backend == "s3" else ""
        return CATALOGUE.tables(self._connection.store, self._until, folder)

    def columns(self, name: str) -> Sequence[str]:
        """The columns of the table of that name, as `dk.columns` takes it."""
        return () if self._connection is None else CATALOGUE.columns(self._connection.store, name, self._until)

    def columns_of(self, parts: Sequence[str]) -> Sequence[str]:
        """The columns of the table that SQL names so."""
        if (table := self.table(parts)) is not None:
            return self.columns(full_name(table))
        # One of the system's, perhaps, which no list has.
        return self.columns(join_table(tuple(parts))) if len(parts) > 1 and all(parts) else ()

    def table(self, parts: Sequence[str]) -> Table | None:
        """The table that SQL names so, in any capitals where there is but one."""
        *schema, name = parts
        alike = [each for each in self.tables(name) if each.name.lower() == name.lower()]
        if schema:
            alike = [each for each in alike if (each.schema or "").lower() == schema[-1].lower()]
        alike.sort(key=lambda each: (each.schema not in USUAL, each.name != name))
        return alike[0] if alike else None


def is_usual(table: Table) -> bool:
    """Whether its name alone is enough, as users write it."""
    return table.schema in USUAL and not set('".') & set(table.name)


def full_name(table: Table) -> str:
    """A table's name, as `dk.columns` takes it."""
    if table.schema is None:
        return table.name
    return join_table((table.schema, table.name))


def values(variables: Mapping[str, Any]) -> Iterator[str]:
    """The variables that could be sent as parameters."""
    return (name for name, value in variables.items() if not callable(value) and not isinstance(value, ModuleType))


def frames(variables: Mapping[str, Any]) -> dict[str, Any]:
    """The variables that DuckDB can read by name."""
    from dk_notebook.backends.duckdb.frames_in_sql import is_frame  # here: it takes a while, and few need it

    return {name: value for name, value in variables.items() if is_frame(value)}


def columns_in(frame: Any) -> list[str]:
    """The names of a frame's columns, of whatever library."""
    if type(frame).__name__ == "LazyFrame":
        return []  # finding out may mean to read files
    # The `columns` of pyarrow's are the data.
    named = frame.schema.names if type(frame).__module__.startswith("pyarrow.") else frame.columns
    return [name for name in named if isinstance(name, str)]


def _backend(target: str | None, connection: Connection | None) -> str:
    if connection is not None:
        return connection.backend
    if target is None:
        return "duckdb" if default_name() == "duckdb" else ""
    return "duckdb" if target == "duckdb" or target.startswith("duckdb://") else ""
