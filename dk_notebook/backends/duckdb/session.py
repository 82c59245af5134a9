"""Work on one connection to a DuckDB database: a cursor of its own, used on worker threads."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pyarrow as pa

from dk_notebook.backends.base import (
    Isolation,
    Native,
    Session,
    TableQuery,
    TableWrite,
    WritePlan,
    WriteReport,
)
from dk_notebook.backends.derive import Candidate, decided
from dk_notebook.backends.documents import Documents, PutMode
from dk_notebook.backends.duckdb import catalog, documents
from dk_notebook.backends.duckdb.errors import rolled_back, translating
from dk_notebook.backends.duckdb.execute import executed
from dk_notebook.backends.duckdb.explain import explained
from dk_notebook.backends.duckdb.ingest import Ingest
from dk_notebook.backends.duckdb.plan import planned
from dk_notebook.backends.duckdb.scan import Result, opened
from dk_notebook.backends.duckdb.statement import Prepared, plain, prepared
from dk_notebook.backends.duckdb.table_query import table_statement
from dk_notebook.backends.sql import documents as queries
from dk_notebook.backends.sql.json_dialects import DUCKDB_JSON
from dk_notebook.errors import QueryError, Unsupported
from dk_notebook.frames.stream import ArrowStream
from dk_notebook.records.document import Document
from dk_notebook.records.query import Query
from dk_notebook.runtime.operations import Operation
from dk_notebook.runtime.workers import in_worker

T = TypeVar("T")

PATIENCE = 10.0
"""Seconds for which a write of documents begins anew because another one changed the same rows."""
LONGEST_PAUSE = 0.05
"""Seconds before it does, at most; by chance less: those who met shall not meet again."""


class _Scan(ArrowStream):
    """The stream of one result, which is closed even when nobody has read from it."""

    def __init__(self, result: Result, batches: AsyncGenerator[pa.RecordBatch, None]) -> None:
        super().__init__(result.schema, batches)
        self._result = result

    async def aclose(self) -> None:
        await super().aclose()  # runs nothing in a generator that was never begun
        self._result.close()


class DuckDBSession(Session, Documents):
    """One cursor. What it runs is interrupted when the task that waits for it is cancelled."""

    def __init__(self, operation: Operation, cursor: Any) -> None:
        super().__init__(operation)
        self.cursor = cursor
        self._running = 0
        self._in_transaction = False

    @property
    def busy(self) -> bool:
        """Whether a worker thread still uses the cursor: it did not end although it was interrupted."""
        return self._running > 0

    # --- the contract -------------------------------------------------------------------------------------------

    async def scan(self, query: TableQuery | Native, *, batch_rows: int | None = None) -> ArrowStream:
        """See `Session.scan`."""

        def start() -> Result:
            statement, limit, frames = self._readable(query)
            return opened(self.cursor, statement, limit=limit, frames=frames, batch_rows=batch_rows).begin()

        result = await self._run(start)
        return _Scan(result, self._batches(result))

    async def execute(self, statement: Native) -> int:
        """See `Session.execute`."""
        ready = prepared(statement)
        return await self._run(
            lambda: executed(self.cursor, ready, frames=statement.frames, inside=self._in_transaction)
        )

    async def ingest(self, target: TableWrite, data: ArrowStream) -> WriteReport:
        """See `Session.ingest`."""
        return await Ingest(self.cursor, target, self.operation, self._run).run(data, inside=self._in_transaction)

    async def plan(self, target: TableWrite, schema: pa.Schema) -> WritePlan:
        """See `Session.plan`."""
        return await self._run(lambda: planned(self.cursor, target, schema))

    # --- documents ----------------------------------------------------------------------------------------------

    async def prepare(self, table: str, **making: Any) -> None:  # noqa: ARG002 (there is nothing to choose)
        """See `Documents.prepare`."""
        await self._changed(lambda: documents.prepare(self.cursor, table))

    async def exists(self, table: str) -> bool:
        """See `Documents.exists`."""
        return await self._run(lambda: catalog.find(self.cursor, table) is not None)

    async def get(self, table: str, ids: Sequence[str]) -> list[Document | None]:
        """See `Documents.get`."""
        return await self._run(lambda: documents.get(self.cursor, table, ids)) if ids else []

    async def put(self, table: str, given: Sequence[Document], mode: PutMode) -> list[bool]:
        """See `Documents.put`."""
        if not given:
            return []
        inside = self._in_transaction
        return await self._changed(lambda: documents.put(self.cursor, table, given, mode, inside=inside))

    async def delete(self, table: str, ids: Sequence[str]) -> list[bool]:
        """See `Documents.delete`."""
        return await self._changed(lambda: documents.delete(self.cursor, table, ids)) if ids else []

    async def clear(self, table: str) -> int:
        """See `Documents.clear`."""
        return await self._changed(lambda: documents.clear(self.cursor, table))

    def find(self, table: str, query: Query, *, batch_rows: int) -> AsyncGenerator[list[Document], None]:
        """See `Documents.find`."""
        return decided(self._candidates(table, query, batch_rows), query, batch_rows=batch_rows)

    async def count(self, table: str, query: Query) -> int:
        """See `Documents.count`."""
        return await self._run(lambda: documents.count(self.cursor, table, query))

    async def _candidates(self, table: str, query: Query, batch_rows: int) -> AsyncGenerator[list[Candidate], None]:
        selected = queries.select(catalog.quoted_name(table), query, DUCKDB_JSON)
        statement = plain(selected.text, selected.values)
        result = await self._run(lambda: opened(self.cursor, statement, limit=None, frames=None, batch_rows=batch_rows))

        def next_batch() -> tuple[list[Candidate], int] | None:
            batch = result.next()
            return None if batch is None else (documents.candidates(batch), batch.nbytes)

        try:
            while (found := await self._run(next_batch)) is not None:
                self.operation.count(len(found[0]), found[1])
                yield found[0]
        finally:
            result.close()

    async def _changed(self, function: Callable[[], T]) -> T:
        """What ``function`` gives; outside of a transaction again, when another write came between."""
        until, pause = time.monotonic() + PATIENCE, 0.001
        while True:
            try:
                return await self._run(function)
            except QueryError as error:
                if self._in_transaction or not documents.again(error) or time.monotonic() > until:
                    raise
            await asyncio.sleep(random.uniform(0, pause))  # noqa: S311 (no secret)
            pause = min(2 * pause, LONGEST_PAUSE)

    # --- what DuckDB can do beyond it ---------------------------------------------------------------------------

    async def tables(self) -> pa.Table:
        """See `Browsable.tables`."""
        return await self._run(lambda: self.cursor.sql(catalog.TABLES).to_arrow_table())

    async def columns(self, table: str) -> pa.Table:
        """See `Browsable.columns`."""
        return await self._run(lambda: catalog.describe(self.cursor, table))

    async def column_names(self, table: str) -> list[str]:
        """See `Listing.column_names`."""
        return await self._run(lambda: catalog.column_names(self.cursor, table))

    async def explain(self, query: Native, *, analyze: bool) -> pa.Table:
        """See `Explainable.explain`."""
        ready = prepared(query)
        return await self._run(lambda: explained(self.cursor, ready, frames=query.frames, analyze=analyze))

    @asynccontextmanager
    async def transaction(self, isolation: Isolation | None = None) -> AsyncIterator[None]:
        """See `Transactional.transaction`. Nested: Unsupported, DuckDB has no savepoints. All see a snapshot."""
        if isolation == "serializable":
            raise Unsupported("duckdb isolates by snapshots, which is less than serializable")
        if self._in_transaction:
            raise Unsupported("duckdb cannot nest transactions: it has no savepoints", hint="end the outer one first")
        await self._run(self.cursor.begin)
        self._in_transaction = True
        try:
            yield
            await self._run(self.cursor.commit)
        except BaseException:
            await asyncio.shield(self._run(lambda: rolled_back(self.cursor)))
            raise
        finally:
            self._in_transaction = False

    # --- on worker threads --------------------------------------------------------------------------------------

    def _readable(self, query: TableQuery | Native) -> tuple[Prepared, int | None, Any]:
        if isinstance(query, TableQuery):
            return table_statement(self.cursor, query), None, None
        return prepared(query), query.limit, query.frames

    async def _batches(self, result: Result) -> AsyncGenerator[pa.RecordBatch, None]:
        try:
            while (batch := await self._next(result)) is not None:
                self.operation.count(batch.num_rows, batch.nbytes)
                yield batch
        finally:
            result.close()

    async def _next(self, result: Result) -> pa.RecordBatch | None:
        if result.ahead:
            return result.ahead.popleft()
        return None if result.ended else await self._run(result.next)

    async def _run(self, function: Callable[[], T]) -> T:
        """What ``function`` gives, on a worker thread; DuckDB's errors as ours; interrupted when cancelled."""

        def used() -> T:
            self._running += 1
            try:
                with translating():
                    return function()
            finally:
                self._running -= 1

        with self.operation.abortable(self.cursor.interrupt):
            return await in_worker(used, interrupt=self.cursor.interrupt)
