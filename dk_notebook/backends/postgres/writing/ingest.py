"""Writing: a stream of rows into a table, all of it or nothing, in one transaction."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import numpy as np
import pyarrow as pa

from dk_notebook.backends.base import Rejected, TableWrite, WriteReport
from dk_notebook.backends.postgres import catalog
from dk_notebook.backends.postgres.catalog import Entry
from dk_notebook.backends.postgres.errors import is_about_names, translated, translating
from dk_notebook.backends.postgres.writing.collect import Collecting
from dk_notebook.backends.postgres.writing.copy_in import CopyIn, Stopped, place
from dk_notebook.backends.postgres.writing.encode import encoded
from dk_notebook.backends.postgres.writing.fit import Fit, fitted
from dk_notebook.backends.postgres.writing.nanoseconds import notes_of
from dk_notebook.backends.postgres.writing.outcome import Change, Probe, rolled_back
from dk_notebook.backends.postgres.writing.plan import Intent, intent
from dk_notebook.backends.postgres.writing.staging import BadRow, Staging
from dk_notebook.backends.sql.chunks import kept, whole
from dk_notebook.backends.sql.targets import conflict_clause
from dk_notebook.errors import ConnectionFailed, DkError, NotFound
from dk_notebook.frames.stream import ArrowStream
from dk_notebook.runtime.operations import Operation


async def ingest(
    connection: Any, target: TableWrite, data: ArrowStream, operation: Operation, *, inside: bool, probe: Probe
) -> WriteReport:
    """Write the stream. ``inside``: the caller has a transaction open, which then decides.

    ``probe``: asks what became of a transaction whose connection was lost at COMMIT.
    """
    change = Change(connection, inside=inside, number=operation.id, probe=probe)
    return await Ingest(connection, target, operation, change).run(data)


@dataclass(eq=False)
class Ingest:
    """One write."""

    connection: Any
    target: TableWrite
    operation: Operation
    change: Change
    rejected: list[Rejected] = field(default_factory=list)
    written: int = 0
    _fits: Sequence[Fit] = ()
    _staging: Staging | None = None

    async def run(self, data: ArrowStream) -> WriteReport:
        """The report, after everything is done."""
        started = time.monotonic()
        try:
            with translating():
                await self.change.begin()
                copy = await self._filled(data)
                await self.change.ready()
        except BaseException as error:
            await asyncio.shield(self.change.rollback())
            if isinstance(error, Stopped):
                raise error.reason from error.reason.__cause__
            if isinstance(error, ConnectionFailed):
                raise rolled_back(error) from error
            raise
        with translating():
            await self.change.commit()
        return WriteReport(
            table=self.target.table,
            mode=self.target.mode,
            rows=self.written,
            skipped=copy.rows - len(self.rejected) - self.written if self.target.mode == "ignore" else 0,
            rejected=tuple(sorted(self.rejected, key=lambda row: row.position)),
            seconds=time.monotonic() - started,
            bytes=copy.bytes,
            notes=notes_of([(fit.source, fit.column.declared) for fit in self._fits]),
        )

    async def _filled(self, data: ArrowStream) -> CopyIn:
        """Everything but the COMMIT."""
        collecting = self.target.errors == "collect"
        meant = await self._begun(data.schema)
        entry = meant.existing or await catalog.find(self.connection, meant.filled)
        if entry is None:
            raise NotFound(f"the table {self.target.table!r} vanished while it was written")
        self._fits = await fitted(
            self.connection,
            data.schema,
            entry,
            key=meant.key,
            checked=collecting,
            said=self.target.types,
            made=meant.existing is None,
        )
        if meant.key or collecting or entry.guarded or any(fit.way.by_text for fit in self._fits):
            self._staging = Staging(self.connection, entry, self._fits, meant.key, number=self.operation.id)
        copy = CopyIn(self.connection, self._encoded, self.operation)
        if self._staging is None:
            names = [fit.column.name for fit in self._fits]
            self.written = await self._sent(copy, data, entry.schema, entry.name, names)
        else:
            await self._staged(self._staging, copy, data, entry, meant)
        for statement in meant.after:
            await self.connection.execute(statement)
        return copy

    async def _begun(self, schema: pa.Schema) -> Intent:
        """What is meant, when everything before the rows is done."""
        try:
            return await self._prepared(schema)
        except (asyncpg.DuplicateTableError, asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError) as error:
            if self.target.mode != "append" or not is_about_names(error):
                raise
        # Another session has made the table since it was looked for: now it is there, and rows are added to it.
        await self.change.rollback()
        await self.change.begin()
        return await self._prepared(schema)

    async def _prepared(self, schema: pa.Schema) -> Intent:
        meant = await intent(self.connection, self.target, schema, locked=True)
        for statement in meant.before:
            await self.connection.execute(statement)
        return meant

    async def _staged(self, staging: Staging, copy: CopyIn, data: ArrowStream, entry: Entry, meant: Intent) -> None:
        await staging.create()
        await self._sent(copy, data, await staging.schema(), staging.name, staging.columns)
        clause = conflict_clause([fit.column.name for fit in self._fits], meant.key, self.target.mode)
        if self.target.errors == "collect":
            collecting = Collecting(self.connection, entry, self._fits, meant.key, staging)
            self.written, rejected = await collecting.run(clause)
            self.rejected += rejected
        else:
            try:
                self.written = await staging.move(clause)
            except BadRow as bad:
                raise _with_row(translated(bad.error), bad.row) from bad.error
        await staging.drop()

    async def _sent(self, copy: CopyIn, data: ArrowStream, schema: str, table: str, columns: Sequence[str]) -> int:
        try:
            return await copy.run(data, schema, table, columns)
        except asyncpg.PostgresError as error:
            raise self._refused(error) from error

    def _refused(self, error: asyncpg.PostgresError) -> DkError:
        """The server's error about a row, with its place in the stream."""
        ours = translated(error)
        row, name = place(error)
        if row is None or self.rejected:  # where some rows were left out, the server counts the others
            return ours
        staged = self._staging is not None
        fit = next((fit for fit in self._fits if name == (fit.alias if staged else fit.column.name)), None)
        if (error.sqlstate or "").startswith("22") and fit is not None:
            return fit.error(ours.message, row)
        return _with_row(ours, row)

    def _encoded(self, piece: pa.Table, first: int) -> bytes:
        """A piece as rows of the COPY; in a worker thread."""
        columns = [whole(column) for column in piece.columns]
        if self.target.errors == "collect":
            found = [fit.converted(column) for fit, column in zip(self._fits, columns, strict=True)]
            names = [fit.source.name for fit in self._fits]
            arrays, rows, told = kept([array for array, _ in found], names, [bad for _, bad in found], first)
            self.rejected += told
        else:
            arrays = [fit.exact(column, first) for fit, column in zip(self._fits, columns, strict=True)]
            rows = pa.array(np.arange(first, first + piece.num_rows))
        jsonb = [fit.way.jsonb for fit in self._fits]
        if self._staging is not None:
            arrays, jsonb = [rows, *arrays], [False, *jsonb]
        return encoded(arrays, jsonb=jsonb)


def _with_row(error: DkError, row: int) -> DkError:
    error.message = f"row {row}: {error.message}"
    return error
