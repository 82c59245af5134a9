"""Writing: a stream of rows into a table, all of it or nothing, in one transaction."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from dk_notebook.backends.base import Rejected, TableWrite, WriteReport
from dk_notebook.backends.duckdb import catalog
from dk_notebook.backends.duckdb.errors import rolled_back
from dk_notebook.backends.duckdb.fit import Fit, fitted
from dk_notebook.backends.duckdb.frames_in_sql import unregistered
from dk_notebook.backends.duckdb.plan import Intent, added, intent
from dk_notebook.backends.duckdb.staging import Staging
from dk_notebook.backends.sql.chunks import chunks, kept, whole
from dk_notebook.backends.sql.targets import insert_into
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
            async for chunk in chunks(data, rows=CHUNK_ROWS, size=CHUNK_BYTES):
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
        columns = [whole(column) for column in chunk.columns]
        if self.target.errors == "collect":
            arrays, rows = self._accepted(columns, first)
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

    def _accepted(self, columns: list[pa.Array], first: int) -> tuple[list[pa.Array], pa.Array]:
        """The rows that fit; the others are noted."""
        collected = [fit.collected(column) for fit, column in zip(self._fits, columns, strict=True)]
        names = [fit.source.name for fit in self._fits]
        arrays, rows, told = kept([array for array, _ in collected], names, [bad for _, bad in collected], first)
        self.rejected += told
        return arrays, rows

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
        values = ", ".join(fit.expression for fit in self._fits)
        insert = f"{insert_into(self._quoted, [fit.column.name for fit in self._fits])} SELECT {values} FROM {CHUNK}"
        count: int = self.cursor.execute(insert).fetchone()[0]
        return count

    def _finished(self, meant: Intent) -> None:
        """What lies in the staging table goes where it belongs."""
        if self._staging is None:
            return
        self.rejected += self._staging.checked(self.target.errors)
        clause = added([fit.column.name for fit in self._fits], meant.key, self.target.mode)
        self.written = self._staging.moved(clause)
