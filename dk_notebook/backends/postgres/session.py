"""Work on one connection to a PostgreSQL server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

import asyncpg
import pyarrow as pa

from dk_notebook.backends.base import Native, Session, TableQuery, TableWrite, WritePlan, WriteReport
from dk_notebook.backends.derive import Candidate, decided
from dk_notebook.backends.documents import Documents, PutMode
from dk_notebook.backends.postgres import catalog, documents
from dk_notebook.backends.postgres.config import PostgresConfig
from dk_notebook.backends.postgres.connections.connecting import connect
from dk_notebook.backends.postgres.connections.pool import Pool
from dk_notebook.backends.postgres.connections.undo import undo
from dk_notebook.backends.postgres.errors import translating
from dk_notebook.backends.postgres.execute import executed
from dk_notebook.backends.postgres.explain import explained
from dk_notebook.backends.postgres.reading.partitions import opened_in_parts
from dk_notebook.backends.postgres.reading.repeated import Repeated
from dk_notebook.backends.postgres.reading.scan import opened
from dk_notebook.backends.postgres.statements.missing import suggested
from dk_notebook.backends.postgres.statements.statement import Prepared, prepared, shape
from dk_notebook.backends.postgres.statements.table_query import selecting
from dk_notebook.backends.postgres.writing.ingest import ingest
from dk_notebook.backends.postgres.writing.outcome import Change
from dk_notebook.backends.postgres.writing.plan import planned
from dk_notebook.backends.sql import documents as queries
from dk_notebook.backends.sql.json_dialects import POSTGRES_JSON
from dk_notebook.backends.sql.select import Selected
from dk_notebook.errors import ConfigError, ConnectionFailed, NotFound, QueryError
from dk_notebook.frames.stream import ArrowStream
from dk_notebook.records.document import Document
from dk_notebook.records.query import Query
from dk_notebook.runtime.operations import Operation

ALTERED = frozenset({"42703", "42P10", "42P01", "42704", "42804", "0A000"})
"""What the server says when a table was altered between the description of a query and its run."""
WRITES = "25006"
"""What the server says when something is to be changed in a session that may not."""
ISOLATION = ("READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")
PROBE = 5.0
"""Seconds to learn on another connection what became of a transaction."""
BATCH = 1_000
"""Rows that are looked at together where somebody counts."""
TRIES = 20
"""How often a write of documents begins anew because another one changed the same rows."""

T = TypeVar("T")


class PostgresSession(Session, Documents):
    """One lease, from ``async with`` to its end. What it runs is cancelled on the server when its task is."""

    def __init__(self, operation: Operation, pool: Pool, config: PostgresConfig) -> None:
        super().__init__(operation)
        self._loan = pool.lend(operation)
        self._pool = pool
        self._config = config
        self._streams: list[ArrowStream] = []
        self._depth = 0
        self._reads_only = False
        """The session refuses to change anything, since a read runs once more in it."""

    @property
    def connection(self) -> Any:
        """The asyncpg connection."""
        return self._loan.connection

    async def __aenter__(self) -> Self:
        await self._loan.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            for stream in self._streams:  # those that nobody has closed
                await stream.aclose()
        finally:
            await self._loan.__aexit__(kind, error, trace)

    # --- the contract -----------------------------------------------------------------------------------------------

    async def scan(self, query: TableQuery | Native, *, batch_rows: int | None = None) -> ArrowStream:
        """See `Session.scan`. A read that finds its connection lost, or the table altered meanwhile, runs once more."""
        await self._may_write()
        counted = self.operation.rows, self.operation.bytes

        async def again(lost: ConnectionFailed) -> ArrowStream:
            self.operation.rows, self.operation.bytes = counted
            return await self._again(query, batch_rows, lost)

        repeatable = not self._depth and _is_read(query)
        try:
            stream = await self._scan(query, batch_rows)
        except ConnectionFailed as lost:
            if not repeatable:
                raise
            return self._kept(await again(lost))
        except QueryError as error:
            if self._depth or not self._loan.altered or error.code not in ALTERED:
                raise await suggested(self.connection, error) from error
            stream = await self._scan(query, batch_rows)
        return self._kept(Repeated(stream, again) if repeatable else stream)

    async def _again(self, query: TableQuery | Native, batch_rows: int | None, lost: ConnectionFailed) -> ArrowStream:
        """The result on another connection. A function that a SELECT calls may have changed something, and the
        connection may have been lost after that: so the session refuses to change anything.
        """  # noqa: D205 (one sentence)
        await self._loan.renew()
        self._reads_only = self._loan.held.dirty = True
        try:
            with translating():
                await self.connection.execute("SET default_transaction_read_only = on")
            return await self._scan(query, batch_rows)
        except QueryError as error:
            if error.code == WRITES:
                raise lost from error
            raise

    async def _may_write(self) -> None:
        """Let the session change things again."""
        if self._reads_only:
            with translating():
                await self.connection.execute("RESET default_transaction_read_only")
            self._reads_only = False

    async def _scan(self, query: TableQuery | Native, batch_rows: int | None) -> ArrowStream:
        self._loan.altered = False
        if isinstance(query, TableQuery) and query.partitions > 1:
            return await opened_in_parts(self._loan, self._pool, query, self.operation, batch_rows=batch_rows)
        limit = None if isinstance(query, TableQuery) else query.limit
        statement = await self._statement(query)
        return await opened(self._loan, statement, self.operation, limit=limit, batch_rows=batch_rows)

    def _kept(self, stream: ArrowStream) -> ArrowStream:
        """The stream, which is closed at the latest when the session ends."""
        self._streams.append(stream)
        return stream

    async def _statement(self, query: TableQuery | Native) -> Prepared:
        if isinstance(query, TableQuery):
            with translating():
                return (await selecting(self.connection, query)).statement()
        return prepared(query)

    async def execute(self, statement: Native) -> int:
        """See `Session.execute`."""
        await self._may_write()
        try:
            return await executed(self._loan, statement, inside=self._depth > 0)
        except NotFound as error:
            raise await suggested(self.connection, error) from error
        finally:
            self._loan.said.tell()

    async def ingest(self, target: TableWrite, data: ArrowStream) -> WriteReport:
        """See `Session.ingest`."""
        await self._may_write()
        report = await ingest(
            self.connection, target, data, self.operation, inside=self._depth > 0, probe=self._became_of
        )
        self._loan.said.tell()
        return report

    async def plan(self, target: TableWrite, schema: pa.Schema) -> WritePlan:
        """See `Session.plan`."""
        with translating():
            return await planned(self.connection, target, schema)

    # --- documents --------------------------------------------------------------------------------------------------

    async def prepare(self, table: str, *, index: bool = False, **making: Any) -> None:
        """See `Documents.prepare`. ``index``: with an index each for data and metadata."""
        await self._changed(lambda: documents.prepare(self.connection, table, index=index, **making))

    async def exists(self, table: str) -> bool:
        """See `Documents.exists`."""
        return await self._looked(lambda: documents.exists(self.connection, table))

    async def get(self, table: str, ids: Sequence[str]) -> list[Document | None]:
        """See `Documents.get`."""
        return await self._looked(lambda: documents.get(self.connection, table, ids)) if ids else []

    async def put(self, table: str, given: Sequence[Document], mode: PutMode) -> list[bool]:
        """See `Documents.put`."""

        async def put() -> list[bool]:
            change = Change(self.connection, inside=self._depth > 0, number=self.operation.id, probe=self._became_of)
            return await documents.put(self.connection, table, given, mode, self.operation, change)

        return await self._changed(put) if given else []

    async def delete(self, table: str, ids: Sequence[str]) -> list[bool]:
        """See `Documents.delete`."""
        return await self._changed(lambda: documents.delete(self.connection, table, ids)) if ids else []

    async def clear(self, table: str) -> int:
        """See `Documents.clear`."""
        return await self._changed(lambda: documents.clear(self.connection, table))

    def find(self, table: str, query: Query, *, batch_rows: int) -> AsyncGenerator[list[Document], None]:
        """See `Documents.find`."""
        return decided(self._candidates(table, query, batch_rows), query, batch_rows=batch_rows)

    async def count(self, table: str, query: Query) -> int:
        """See `Documents.count`."""
        selected = queries.count(documents.quoted(table), query, POSTGRES_JSON)
        return await documents.counted(self._rows(selected, BATCH), query)

    async def _candidates(self, table: str, query: Query, batch_rows: int) -> AsyncGenerator[list[Candidate], None]:
        selected = queries.select(documents.quoted(table), query, POSTGRES_JSON)
        async with aclosing(documents.candidates(self._rows(selected, batch_rows))) as found:
            async for batch, size in found:
                self.operation.count(len(batch), size)
                yield batch

    async def _rows(self, selected: Selected, batch_rows: int) -> AsyncGenerator[list[Any], None]:
        """The rows of a query. One that finds its connection lost before the first row runs once more."""

        def begun() -> AsyncGenerator[list[Any], None]:
            return documents.fetched(self.connection, selected, batch_rows=batch_rows, inside=self._depth > 0)

        rows = begun()
        try:
            first = await anext(rows, None)
        except ConnectionFailed:
            if self._depth:
                raise
            await self._loan.renew()
            rows = begun()
            first = await anext(rows, None)
        async with aclosing(rows):
            if first is not None:
                yield first
            async for batch in rows:
                yield batch

    async def _looked(self, function: Callable[[], Awaitable[T]]) -> T:
        """What ``function`` reads; outside of a transaction once more, when it finds its connection lost."""
        try:
            with translating():
                return await function()
        except ConnectionFailed:
            if self._depth:
                raise
            await self._loan.renew()
        with translating():
            return await function()

    async def _changed(self, function: Callable[[], Awaitable[T]]) -> T:
        """What ``function`` gives; outside of a transaction again, when another write came between.

        A connection that was lost before anything was sent is replaced; once something was, nothing is repeated.
        """
        if not self._depth and self.connection.is_closed():
            await self._loan.renew()
        await self._may_write()
        try:
            for _ in range(TRIES):
                try:
                    with translating():
                        return await function()
                except QueryError as error:
                    if self._depth or not documents.again(error):
                        raise
            with translating():
                return await function()
        finally:
            self._loan.said.tell()  # now, where a transaction has other calls to come

    # --- what PostgreSQL can do beyond it ---------------------------------------------------------------------------

    async def tables(self) -> pa.Table:
        """See `Browsable.tables`."""
        with translating():
            return await catalog.tables(self.connection)

    async def columns(self, table: str) -> pa.Table:
        """See `Browsable.columns`."""
        with translating():
            return await catalog.describe(self.connection, table)

    async def explain(self, query: Native, *, analyze: bool) -> pa.Table:
        """See `Explainable.explain`. With ``analyze`` the statement runs, and what it changes is rolled back."""
        await self._may_write()
        return await explained(self._loan, prepared(query), analyze=analyze)

    @asynccontextmanager
    async def transaction(self, isolation: str | None = None) -> AsyncIterator[None]:
        """See `Transactional.transaction`. Nested: a savepoint."""
        await self._may_write()
        # Not by asyncpg's own: when its BEGIN is cancelled it takes the next one for a nested one.
        name = f"dk_level_{self._depth}" if self._depth else None
        begin = f"SAVEPOINT {name}" if name else f"BEGIN{_isolation(isolation)}"
        self._loan.in_transaction = True
        self._depth += 1
        try:
            with translating():
                await self.connection.execute(begin)
            try:
                yield
            except BaseException:
                if self.connection.is_in_transaction():
                    await asyncio.shield(undo(self.connection, f"ROLLBACK TO {name}" if name else "ROLLBACK"))
                raise
            with translating():
                await self.connection.execute(f"RELEASE {name}" if name else "COMMIT")
        finally:
            self._depth -= 1
            self._loan.in_transaction = self._depth > 0

    async def _became_of(self, xid: int) -> str | None:
        """What became of a transaction, asked on a connection of its own; None where nobody can be asked."""
        try:
            async with asyncio.timeout(PROBE):
                connection = await connect(self._config)
                try:
                    status: str | None = await connection.fetchval(
                        "SELECT pg_catalog.pg_xact_status(($1::text)::pg_catalog.xid8)", str(xid)
                    )
                finally:
                    connection.terminate()
        except (ConnectionFailed, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            return None
        return status


def _isolation(level: str | None) -> str:
    """As SQL. ConfigError: there is no such level."""
    if level is None:
        return ""
    words = level.upper().replace("_", " ").replace("-", " ")
    if words not in ISOLATION:
        raise ConfigError(f"isolation is one of {', '.join(map(str.lower, ISOLATION))}, not {level!r}")
    return f" ISOLATION LEVEL {words}"


def _is_read(query: TableQuery | Native) -> bool:
    """Whether running it again changes nothing."""
    return isinstance(query, TableQuery) or shape(str(query.text)) == "rows"
