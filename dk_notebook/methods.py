"""The methods of a Connection: each a call into reading, writing or looking, awaited or blocking."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Coroutine, Iterator, Mapping, Sequence
from typing import Any, Unpack

import pandas as pd

from dk_notebook import looking, reading, scope, writing
from dk_notebook.backends.base import TableQuery, WritePlan, WriteReport
from dk_notebook.reading import ReadArguments, TableArguments
from dk_notebook.runtime import bridges, thread
from dk_notebook.store import Store
from dk_notebook.writing import WriteArguments

Query = str | Mapping[str, Any]
Params = Mapping[str, Any] | Sequence[Any] | None

CHUNK_ROWS = 100_000
"""Rows of a frame of `iter_query` and `iter_table` unless the caller says otherwise."""


class TableReadArguments(ReadArguments, TableArguments, total=False):
    """The arguments of `read_table`."""


class ConnectionMethods:
    """What can be done with a connection. The functions of `dk_notebook` have the same arguments and tell them all.

    The methods whose names begin with ``a`` are to be awaited, on whatever loop; the others block the calling thread
    and can be interrupted.
    """

    name: str
    store: Store

    # The async methods are plain functions that return a coroutine: the names of the calling cell are looked up
    # when they are called, not when the coroutine starts.

    def aread_query(
        self, query: Query, *, params: Params = None, limit: int | None = None, **arguments: Unpack[ReadArguments]
    ) -> Coroutine[Any, Any, Any]:
        """The result of a query as one frame, awaited."""
        names = scope.calling_names()
        return reading.read(self, reading.native(query, names, params=params, limit=limit), **arguments)

    def read_query(
        self, query: Query, *, params: Params = None, limit: int | None = None, **arguments: Unpack[ReadArguments]
    ) -> Any:
        """The result of a query as one frame."""
        return thread.run(self.aread_query(query, params=params, limit=limit, **arguments))

    def aiter_query(
        self,
        query: Query,
        *,
        params: Params = None,
        limit: int | None = None,
        chunk_rows: int = CHUNK_ROWS,
        **arguments: Unpack[ReadArguments],
    ) -> AsyncGenerator[Any, None]:
        """The result of a query as frames of ``chunk_rows`` rows, for ``async for``."""
        names = scope.calling_names()
        statement = reading.native(query, names, params=params, limit=limit)
        return reading.iterate(self, statement, chunk_rows=reading.chunk_size(chunk_rows), **arguments)

    def iter_query(
        self,
        query: Query,
        *,
        params: Params = None,
        limit: int | None = None,
        chunk_rows: int = CHUNK_ROWS,
        **arguments: Unpack[ReadArguments],
    ) -> Iterator[Any]:
        """The result of a query as frames of ``chunk_rows`` rows."""
        return bridges.iterate(self.aiter_query(query, params=params, limit=limit, chunk_rows=chunk_rows, **arguments))

    def aread_table(self, table: str, **arguments: Unpack[TableReadArguments]) -> Coroutine[Any, Any, Any]:
        """A table, or a part of it, as one frame, awaited."""
        query, rest = _split(table, dict(arguments))
        return reading.read(self, query, **rest)

    def read_table(self, table: str, **arguments: Unpack[TableReadArguments]) -> Any:
        """A table, or a part of it, as one frame."""
        return thread.run(self.aread_table(table, **arguments))

    def aiter_table(
        self, table: str, *, chunk_rows: int = CHUNK_ROWS, **arguments: Unpack[TableReadArguments]
    ) -> AsyncGenerator[Any, None]:
        """A table as frames of ``chunk_rows`` rows, for ``async for``."""
        query, rest = _split(table, dict(arguments))
        return reading.iterate(self, query, chunk_rows=reading.chunk_size(chunk_rows), **rest)

    def iter_table(
        self, table: str, *, chunk_rows: int = CHUNK_ROWS, **arguments: Unpack[TableReadArguments]
    ) -> Iterator[Any]:
        """A table as frames of ``chunk_rows`` rows."""
        return bridges.iterate(self.aiter_table(table, chunk_rows=chunk_rows, **arguments))

    def aexecute(
        self, statement: Query, *, params: Params = None, timeout: float | None = None
    ) -> Coroutine[Any, Any, int]:
        """Run a statement; the rows it affected (DDL: 0), awaited."""
        names = scope.calling_names()
        return looking.execute(self, reading.native(statement, names, params=params), timeout=timeout)

    def execute(self, statement: Query, *, params: Params = None, timeout: float | None = None) -> int:
        """Run a statement; the rows it affected (DDL: 0)."""
        return thread.run(self.aexecute(statement, params=params, timeout=timeout))

    def awrite_table(
        self, data: Any, table: str, **arguments: Unpack[WriteArguments]
    ) -> Coroutine[Any, Any, WriteReport]:
        """Write a frame, table, reader or iterator of frames, awaited."""
        return writing.write(self, data, table, **arguments)

    def write_table(self, data: Any, table: str, **arguments: Unpack[WriteArguments]) -> WriteReport:
        """Write a frame, table, reader or iterator of frames."""
        return thread.run(self.awrite_table(data, table, **arguments))

    def aplan_write(self, data: Any, table: str, **arguments: Unpack[WriteArguments]) -> Coroutine[Any, Any, WritePlan]:
        """What a write would do, awaited. Changes nothing."""
        return writing.plan(self, data, table, **arguments)

    def plan_write(self, data: Any, table: str, **arguments: Unpack[WriteArguments]) -> WritePlan:
        """What a write would do. Changes nothing."""
        return thread.run(self.aplan_write(data, table, **arguments))

    def atables(self) -> Coroutine[Any, Any, pd.DataFrame]:
        """A row a table: schema, table, kind, rows (the store's estimate), bytes; awaited."""
        return looking.tables(self)

    def tables(self) -> pd.DataFrame:
        """A row a table: schema, table, kind, rows (the store's estimate), bytes."""
        return thread.run(self.atables())

    def acolumns(self, table: str) -> Coroutine[Any, Any, pd.DataFrame]:
        """A row a column: column, type, dtype, nullable, key, default; awaited."""
        return looking.columns(self, table)

    def columns(self, table: str) -> pd.DataFrame:
        """A row a column: column, type, dtype, nullable, key, default."""
        return thread.run(self.acolumns(table))

    def aexplain(
        self, query: Query, *, params: Params = None, analyze: bool = False
    ) -> Coroutine[Any, Any, pd.DataFrame]:
        """How the store would run a query: a row a node; awaited."""
        return looking.explain(self, reading.native(query, scope.calling_names(), params=params), analyze=analyze)

    def explain(self, query: Query, *, params: Params = None, analyze: bool = False) -> pd.DataFrame:
        """How the store would run a query: a row a node."""
        return thread.run(self.aexplain(query, params=params, analyze=analyze))


def _split(table: str, arguments: dict[str, Any]) -> tuple[TableQuery, dict[str, Any]]:
    """What to read of a table, and how it becomes a frame."""
    which = {name: arguments.pop(name) for name in TableArguments.__annotations__ if name in arguments}
    return reading.table_query(table, **which), arguments
