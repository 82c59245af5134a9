"""A table read in parts at the same time, all of them of one exported snapshot.

Each part is a stretch of the table's pages, and is read on a connection of its own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from dk_notebook.backends.base import TableQuery
from dk_notebook.backends.postgres.connections.pool import Loan, Pool
from dk_notebook.backends.postgres.connections.undo import undo
from dk_notebook.backends.postgres.errors import translating
from dk_notebook.backends.postgres.reading.scan import opened
from dk_notebook.backends.postgres.statements.table_query import Selecting, selecting
from dk_notebook.backends.sql.names import quote
from dk_notebook.errors import ConfigError
from dk_notebook.frames.stream import ArrowStream
from dk_notebook.runtime.operations import Operation

AHEAD = 4
"""Batches that are there before the readers wait."""

_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
# The table and everything that inherits from it, partitions too: what has pages of its own.
_PLACES = """
WITH RECURSIVE family AS (
    SELECT $1::oid AS oid UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN family f ON i.inhparent = f.oid
)
SELECT n.nspname, c.relname, pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::int AS pages
FROM family f JOIN pg_catalog.pg_class c ON c.oid = f.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' ORDER BY c.oid
"""


@dataclass(frozen=True)
class Part:
    """Some pages of one table."""

    table: str
    """Quoted."""
    first: int
    end: int | None
    """The page after the last; None: to the end of the table, wherever that is."""

    @property
    def condition(self) -> str:
        """As SQL."""
        least = f"ctid >= '({self.first},0)'::tid"
        return least if self.end is None else f"{least} AND ctid < '({self.end},0)'::tid"


def parts_of(tables: list[tuple[str, int]], count: int) -> list[Part]:
    """About ``count`` parts of equal size, of tables given as (quoted name, pages); at least one a table.

    >>> [(part.table, part.first, part.end) for part in parts_of([("a", 10), ("b", 0)], 2)]
    [('a', 0, 5), ('a', 5, None), ('b', 0, None)]
    """
    size = max(-(-sum(pages for _, pages in tables) // count), 1)
    found: list[Part] = []
    for table, pages in tables:
        starts = list(range(0, max(pages, 1), size))
        ends: list[int | None] = [*starts[1:], None]
        found += [Part(table, first, end) for first, end in zip(starts, ends, strict=True)]
    return found


async def opened_in_parts(
    loan: Loan, pool: Pool, query: TableQuery, operation: Operation, *, batch_rows: int | None
) -> ArrowStream:
    """The rows of a table, in no order, read on as many connections as the pool has free, ``partitions`` at most.

    ConfigError: an order or a limit, which parts do not have; what is no table with pages.
    """
    if query.query.order or query.query.max_rows is not None or query.query.skip:
        raise ConfigError("partitions= reads in no order and to the end: leave order_by= and limit= out")
    stack = AsyncExitStack()
    try:
        with translating():
            await loan.connection.execute(_BEGIN)
            stack.push_async_callback(_end, loan)
            chosen = await selecting(loan.connection, query, locked=True)
            snapshot = await loan.connection.fetchval("SELECT pg_catalog.pg_export_snapshot()")
            places = await loan.connection.fetch(_PLACES, chosen.entry.oid)
        if not places:
            raise ConfigError(f"partitions= is for tables; {query.table!r} is a {chosen.entry.kind}")
        tables = [(f"{quote(row['nspname'])}.{quote(row['relname'])}", row["pages"]) for row in places]
        waiting = deque(parts_of(tables, query.partitions))
        loans = [loan]
        for _ in range(min(query.partitions, len(waiting), pool.spare + 1) - 1):
            other = await stack.enter_async_context(pool.lend(operation))
            with translating():
                await other.connection.execute(f"{_BEGIN}; SET TRANSACTION SNAPSHOT '{snapshot}'")
            stack.push_async_callback(_end, other)
            loans.append(other)
        return await _Parts.begun(loans, waiting, chosen, operation, batch_rows, stack)
    except BaseException:
        await stack.aclose()
        raise


async def _end(loan: Loan) -> None:
    if not loan.connection.is_closed():
        await undo(loan.connection)


class _Parts(ArrowStream):
    """The streams of all parts as one."""

    def __init__(self, schema: pa.Schema, batches: AsyncGenerator[pa.RecordBatch, None], close: Callable[[], Any]):
        super().__init__(schema, batches)
        self._close = close

    @classmethod
    async def begun(
        cls,
        loans: list[Loan],
        waiting: deque[Part],
        chosen: Selecting,
        operation: Operation,
        batch_rows: int | None,
        stack: AsyncExitStack,
    ) -> _Parts:
        """The stream, of which the first part is described, so that its schema is known."""
        ready: asyncio.Queue[pa.RecordBatch | BaseException | None] = asyncio.Queue(AHEAD)

        async def stream_of(loan: Loan, part: Part) -> ArrowStream:
            statement = chosen.statement(part.table, part.condition)
            return await opened(loan, statement, operation, limit=None, batch_rows=batch_rows)

        async def read(loan: Loan, stream: ArrowStream | None) -> None:
            try:
                while stream is not None or waiting:
                    current = stream or await stream_of(loan, waiting.popleft())
                    stream = None
                    try:
                        async for batch in current:
                            await ready.put(batch)
                    finally:
                        await current.aclose()
            except Exception as error:  # noqa: BLE001 (handed to the one who reads)
                await ready.put(error)
            else:
                await ready.put(None)

        first = await stream_of(loans[0], waiting.popleft())
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(read(loan, first if loan is loans[0] else None), name="part") for loan in loans]

        async def close() -> None:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await stack.aclose()

        async def batches() -> AsyncGenerator[pa.RecordBatch, None]:
            for _ in tasks:
                while (item := await ready.get()) is not None:
                    if isinstance(item, BaseException):
                        raise item
                    yield item

        return cls(first.schema, batches(), close)

    async def aclose(self) -> None:
        """See `ArrowStream.aclose`."""
        await super().aclose()
        await self._close()
