"""Writing: a stream of rows into a table, all of it or nothing, in one transaction."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from dk_notebook.backends.base import Rejected, TableWrite, WriteReport
from dk_notebook.backends.duckdb import catalog
from dk_notebook.backends.duckdb.errors import rolled_back
from dk_notebook.backends.duckdb.fit import Fit, fitted
from dk_notebook.backends.duckdb.frames_in_sql import unregistered
from dk_notebook.backends.duckdb.plan import Intent, conflict_clause, intent
from dk_notebook.backends.duckdb.staging import Staging
from dk_notebook.backends.sql.names import quote
from dk_notebook.errors import NotFound
from dk_notebook.frames.stream import ArrowStream
from dk_notebook.runtime.operations import Operation

CHUNK_ROWS = 250_000
CHUNK_BYTES = 64_000_000
"""Batches are gathered up to one of these before they are handed to DuckDB: one INSERT each."""
CHUNK = "dk_chunk"
"""The name under which a chunk is registered on the session's own cursor."""

Run = Callable[[Callable[[], Any]], Awaitable[Any]]


@dataclass(eq=False)
class Ingest:
    """One write. Its steps run on worker threads (``run_``), the stream is read on the loop in between."""

    cursor: Any
    target: TableWrite
    operation: Operation
    run_: Run
    rejected: list[Rejected] = field(default_factory=list)
    rows: int = 0
    """Rows taken from the stream."""
    written: int = 0
    bytes: int = 0
    _fits: list[Fit] = field(default_factory=list)
    _staging: Staging | None = None
    _quoted: str = ""

    async def run(self, data: ArrowStream, *, inside: bool) -> WriteReport:
        """The report. ``inside``: the caller has a transaction open, which then decides."""
        started = time.monotonic()
        meant: Intent = await self.run_(lambda: self._begun(data.schema, inside=inside))
        try:
            await self.run_(lambda: self._prepared(meant, data.schema))
            async for chunk in chunks(data):
                await self.run_(lambda chunk=chunk: self._inserted(chunk))  # type: ignore[misc]  # bound at once
                self.operation.count(chunk.num_rows, chunk.nbytes)
            await self.run_(lambda: self._finished(meant))
            if not inside:
                await self._committed()
        except BaseException:
            if not inside:
                await asyncio.shield(self.run_(lambda: rolled_back(self.cursor)))
            raise
        return WriteReport(
            table=self.target.table,
            mode=self.target.mode,
            rows=self.written,
            skipped=self.rows - len(self.rejected) - self.written if self.target.mode == "ignore" else 0,
            rejected=tuple(sorted(self.rejected, key=lambda row: row.position)),
            seconds=time.monotonic() - started,
            bytes=self.bytes,
        )

    async def _committed(self) -> None:
        """Commit; once it is on its way, a cancel waits for it, so that the report and the table agree."""
        commit = asyncio.ensure_future(self.run_(self.cursor.commit))
        try:
            await asyncio.shield(commit)
        except asyncio.CancelledError:
            await asyncio.wait([commit])
            raise

    # --- on worker threads --------------------------------------------------------------------------------------

    def _begun(self, schema: pa.Schema, *, inside: bool) -> Intent:
        meant = intent(self.cursor, self.target, schema)
        if not inside:
            self.cursor.begin()
        return meant

    def _prepared(self, meant: Intent, schema: pa.Schema) -> None:
        for statement in meant.ddl:
            self.cursor.execute(statement)
        entry = meant.existing or catalog.find(self.cursor, self.target.table)
        if entry is None:
            raise NotFound(f"the table {self.target.table!r} vanished while it was written")
        self._fits = fitted(schema, entry)
        self._quoted = entry.quoted
        if meant.key or self.target.errors == "collect":
            self._staging = Staging(self.cursor, entry, self._fits, meant, number=self.operation.id)

    def _inserted(self, chunk: pa.Table) -> None:
        """Cast one chunk and hand it to DuckDB."""
        first, self.rows = self.rows, self.rows + chunk.num_rows
        self.bytes += chunk.nbytes
        rows = pa.array(np.arange(first, self.rows))
        columns = [_whole(column) for column in chunk.columns]
        if self.target.errors == "collect":
            arrays, rows = self._accepted(columns, rows, first)
        else:
            arrays = [fit.cast(column, first) for fit, column in zip(self._fits, columns, strict=True)]
        names = [fit.alias for fit in self._fits]
        self.cursor.register(CHUNK, pa.Table.from_arrays([rows, *arrays], ["dk_row", *names]))
        try:
            refused = self._refused()
            if self._staging is not None:
                self._staging.take(CHUNK, refused)
            else:
                self.written += self._appended()
        finally:
            unregistered(self.cursor, CHUNK)

    def _accepted(self, columns: list[pa.Array], rows: pa.Array, first: int) -> tuple[list[pa.Array], pa.Array]:
        """The rows that fit; the others are noted."""
        bad: dict[int, Rejected] = {}
        arrays = []
        for fit, column in zip(self._fits, columns, strict=True):
            array, unfit = fit.collected(column)
            arrays.append(array)
            for row, reason in unfit:
                bad.setdefault(row, Rejected(position=first + row, column=fit.source.name, reason=reason))
        if not bad:
            return arrays, rows
        self.rejected += bad.values()
        kept = np.ones(len(rows), bool)
        kept[list(bad)] = False
        mask = pa.array(kept)
        return [array.filter(mask) for array in arrays], rows.filter(mask)

    def _refused(self) -> set[int]:
        """The rows of the chunk that DuckDB's own casts would refuse: raised about, or noted."""
        refused: set[int] = set()
        for fit in self._fits:
            if not fit.checked:
                continue
            found = self.cursor.execute(f"SELECT dk_row FROM {CHUNK} WHERE {fit.refused} ORDER BY ALL").fetchall()
            for (row,) in found:
                reason = f"not a value of {fit.column.kind.id}"
                if self.target.errors == "raise":
                    raise fit.error(reason, row)
                if row not in refused:
                    self.rejected.append(Rejected(position=row, column=fit.source.name, reason=reason))
                refused.add(row)
        return refused

    def _appended(self) -> int:
        names = ", ".join(quote(fit.column.name) for fit in self._fits)
        values = ", ".join(fit.expression for fit in self._fits)
        insert = f"INSERT INTO {self._quoted} ({names}) SELECT {values} FROM {CHUNK}"
        count: int = self.cursor.execute(insert).fetchone()[0]
        return count

    def _finished(self, meant: Intent) -> None:
        """What lies in the staging table goes where it belongs."""
        if self._staging is None:
            return
        self.rejected += self._staging.checked(self.target.errors)
        clause = conflict_clause([fit.column.name for fit in self._fits], meant.key, self.target.mode)
        self.written = self._staging.moved(clause)


async def chunks(data: ArrowStream) -> AsyncIterator[pa.Table]:
    """The stream in pieces that are worth an INSERT each."""
    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    async for batch in data:
        waiting.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows >= CHUNK_ROWS or size >= CHUNK_BYTES:
            yield pa.Table.from_batches(waiting, data.schema)
            waiting, rows, size = [], 0, 0
    if waiting:
        yield pa.Table.from_batches(waiting, data.schema)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
