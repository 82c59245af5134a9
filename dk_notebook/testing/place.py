"""Where a test of the suite works: an open backend, and a table of its own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pyarrow as pa

from dk_notebook.backends.base import Backend, Native, Session, TableQuery, TableWrite, WriteReport
from dk_notebook.backends.documents import Documents
from dk_notebook.errors import Unsupported
from dk_notebook.frames.stream import ArrowStream
from dk_notebook.records.query import Query
from dk_notebook.runtime.operations import Operation


class Place:
    """An open backend and the name of a table that nobody else has."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.table = f"dk_test_{uuid.uuid4().hex[:12]}"

    @asynccontextmanager
    async def session(self, **arguments: Any) -> AsyncIterator[Session]:
        """A session under an operation of its own, and inside of one of its steps."""
        with Operation("a test", **arguments) as operation:
            async with operation.step(), self.backend.session(operation) as session:
                yield session

    @asynccontextmanager
    async def documents(self) -> AsyncIterator[Documents]:
        """A session that keeps documents, with their place made. Unsupported: the backend keeps none."""
        async with self.session() as session:
            if not isinstance(session, Documents):
                raise Unsupported("keeps no documents")
            await session.prepare(self.table)
            yield session

    async def write(
        self, data: pa.Table | Mapping[str, Sequence[Any]], table: str | None = None, **how: Any
    ) -> WriteReport:
        """Write a table or columns."""
        rows = data if isinstance(data, pa.Table) else pa.table(dict(data))
        async with self.session() as session:
            target = TableWrite(table=table or self.table, **how)
            return await session.ingest(target, ArrowStream.from_table(rows))

    async def rows(self, query: Query | None = None, table: str | None = None) -> list[dict[str, Any]]:
        """What the table holds."""
        found: list[dict[str, Any]] = (
            await self.read(TableQuery(table=table or self.table, query=query or Query()))
        ).to_pylist()
        return found

    async def read(self, query: Native | TableQuery, **how: Any) -> pa.Table:
        """The whole result of a query."""
        async with self.session() as session:
            return await (await session.scan(query, **how)).read_all()

    async def execute(self, text: str, params: Any = None) -> int:
        """Rows affected by a statement."""
        async with self.session() as session:
            return await session.execute(Native(text=text, params=params))
