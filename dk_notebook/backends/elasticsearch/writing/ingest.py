"""Frames into an index.

An index that the write makes is unmade when the write fails or is stopped: then nothing was written. Of rows that
were added to an index that was there before, those that the server took stay. So they are looked at before the first
is sent, as far as they are in memory: what no field can hold, a key that is not there or not unique. What only the
server can refuse is told with the number of rows that are in by then.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from dk_notebook.backends.base import Rejected, TableWrite, WriteReport
from dk_notebook.backends.elasticsearch import names
from dk_notebook.backends.elasticsearch.connections.client import BRIEF, Client
from dk_notebook.backends.elasticsearch.writing import alias, ids
from dk_notebook.backends.elasticsearch.writing.alias import Move
from dk_notebook.backends.elasticsearch.writing.bulk import Bulk
from dk_notebook.backends.elasticsearch.writing.declare import ID
from dk_notebook.backends.elasticsearch.writing.gather import Gathered, gathered
from dk_notebook.backends.elasticsearch.writing.intent import Intent
from dk_notebook.backends.elasticsearch.writing.pieces import Piece
from dk_notebook.backends.elasticsearch.writing.plan import intent
from dk_notebook.backends.elasticsearch.writing.refusals import left_by_a_stop, unwritten
from dk_notebook.backends.sql.chunks import kept, whole
from dk_notebook.backends.sql.targets import twice
from dk_notebook.errors import Conflict, ConversionError, DkError
from dk_notebook.frames import ndjson
from dk_notebook.frames.notices import warn_beside
from dk_notebook.frames.stream import ArrowStream
from dk_notebook.runtime.tasks import LAST_WORD, heard_out
from dk_notebook.runtime.workers import in_worker

ROWS = 5_000
"""Rows of a request at most."""
SIZE = 8 << 20
"""Bytes of Arrow that become lines at a time."""

ANSWERS = 0.3
UNMADE = 0.6
"""Seconds that the server gets, after a stop, to answer what is under way, and then to delete an index that the write
has made; it goes on deleting after them."""

TWICE = "the key is in the data twice"


async def ingested(client: Client, target: TableWrite, data: ArrowStream) -> WriteReport:
    """Write a stream; see `Session.ingest`."""
    started = time.monotonic()
    meant = await intent(client, target, data.schema)
    return await Ingest(client, meant, started).run(data)


@dataclass(eq=False)
class Ingest:
    """One write."""

    client: Client
    meant: Intent
    started: float
    rejected: list[Rejected] = field(default_factory=list)
    bytes: int = 0
    _beginning: str = field(default_factory=ids.drawn)
    _keys: Any = None
    """The ids of all rows, where a key gives them."""
    _made: bool = False
    """There is an index that this write has made."""
    _left_out: set[int] = field(default_factory=set)
    """Rows whose key is none, or another row's."""

    @property
    def _raises(self) -> bool:
        return self.meant.target.errors == "raise"

    async def run(self, data: ArrowStream) -> WriteReport:
        """The report, once the rows can be searched for."""
        total = getattr(data, "total_rows", None)
        if total is None and not self.meant.key:
            return await self._written(data)
        async with gathered(data, in_memory=total is not None) as rows:
            await in_worker(self._looked_at, rows)
            return await self._written(_iterated(rows))

    # --- before -------------------------------------------------------------------------------------------------------

    def _looked_at(self, rows: Gathered) -> None:
        """Raise what can be known of rows before one is sent; keep their ids."""
        found, first = [], 0
        for batch in rows.batches():
            if self._raises:
                self._converted(batch, first)
            if self.meant.key:
                found.append(self._ids_of(batch, first))
            first += batch.num_rows
        if self.meant.key:
            self._keys = pa.chunked_array(found, pa.string())
            self._check_unique()

    def _ids_of(self, batch: pa.RecordBatch, first: int) -> Any:
        keys, bad = ids.of_key([batch.column(batch.schema.get_field_index(name)) for name in self.meant.key])
        name = ", ".join(self.meant.key)
        for row, reason in bad:
            if self._raises:
                source = str(batch.schema.field(self.meant.key[0]).type)
                raise ConversionError(reason, column=name, position=first + row, source=source, target=ID)
            self._reject(first + row, name, reason)
        return keys

    def _check_unique(self) -> None:
        rows, earlier = ids.repeated(self._keys)
        if len(rows) and self._raises:
            raise twice(self.meant.key, int(earlier[0]), int(rows[0]))
        for row in rows:
            self._reject(int(row), ", ".join(self.meant.key), TWICE)

    def _reject(self, row: int, column: str, reason: str) -> None:
        if row not in self._left_out:
            self._left_out.add(row)
            self.rejected.append(Rejected(position=row, column=column, reason=reason))

    # --- the write ----------------------------------------------------------------------------------------------------

    async def _written(self, batches: AsyncIterator[pa.RecordBatch]) -> WriteReport:
        try:
            await self._prepared()
        except BaseException:
            if self._made:
                await self._unmade()
            raise
        meant = self.meant
        move = Move(self.client, meant.swap) if meant.swap is not None else None
        bulk = Bulk(
            self.client,
            meant.index,
            action=meant.action,
            drawn=not meant.key,
            alone=meant.made,
            held_in=None if meant.there is None else meant.there.name,
            columns=[fit.source.name for fit in meant.fits],
            stop_at_refusal=self._raises,
        )
        try:
            await self._sent(bulk, batches)
            await self._searchable()
            if move is not None:
                await move.run()
        except BaseException as error:
            unmade = self._made and (move is None or move.outcome in ("not begun", "refused"))
            await bulk.abandon(answers=ANSWERS)
            if unmade:
                await self._unmade()
            elif move is not None and move.outcome == "unknown":
                self.client.operation.unheard = True
            elif isinstance(error, asyncio.CancelledError) and not meant.made:
                await self._left(bulk, error)
            raise
        if meant.swap is not None:
            await alias.delete_old(self.client, meant.swap)
        return self._report(bulk)

    async def _prepared(self) -> None:
        """The index, with the fields that are needed. Conflict: somebody else made it meanwhile."""
        meant = self.meant
        if meant.swap is not None:
            await self._created_as_next()
        elif meant.made:
            await self._created()
        elif meant.mapping and meant.there is not None:
            await self.client.json("PUT", names.path(meant.there.name, "_mapping"), body=meant.mapping, repeatable=True)

    async def _created_as_next(self) -> None:
        """The index of a ``replace``, under the number after the one that another write has taken just now.

        That may be a write that was stopped while the server, late, still made its index.
        """
        try:
            await self._created()
        except Conflict:
            columns = pa.schema([fit.source for fit in self.meant.fits])
            self.meant = await intent(self.client, self.meant.target, columns)
            await self._created()

    async def _created(self) -> None:
        """The index. Who stops it meanwhile waits for the answer, which says whether there is one to unmake."""
        body = {"mappings": self.meant.mapping}
        asked = asyncio.ensure_future(self.client.json("PUT", names.path(self.meant.index), body=body))
        try:
            await heard_out(asked)
        except asyncio.CancelledError:
            if asked.done():
                self._made = asked.exception() is None
            else:
                self.client.operation.unheard = True
                self._tell_to_delete(asked)
            raise
        self._made = True

    async def _sent(self, bulk: Bulk, batches: AsyncIterator[pa.RecordBatch]) -> None:
        """Send all rows. Raises what ends the write, with the number of rows that are in by then."""
        first = 0
        try:
            async for batch in batches:
                self.bytes += batch.nbytes
                for start, part in _parts(batch):
                    for piece in await in_worker(self._pieces, part, first + start):
                        await bulk.put(piece)
                first += batch.num_rows
                if bulk.over:
                    break
        except DkError as error:
            await bulk.settled()
            await self._shown(bulk)
            raise unwritten(bulk, self.meant, error) from error
        await bulk.settled()
        if bulk.failure is not None or (self._raises and (bulk.refused or bulk.unknown)):
            await self._shown(bulk)
            raise unwritten(bulk, self.meant, bulk.failure, report=self._report(bulk)) from bulk.failure

    async def _searchable(self) -> None:
        """Let searches see the rows. A user who may write only waits for the index's own refresh."""
        await self.client.raw("POST", names.path(self.meant.index, "_refresh"), allowed=(403,), repeatable=True)

    async def _shown(self, bulk: Bulk) -> None:
        """Let searches see what is in of a write that failed, if that can be."""
        if bulk.written and not self.meant.made:
            with contextlib.suppress(DkError, TimeoutError):
                async with asyncio.timeout(LAST_WORD):
                    await self._searchable()

    async def _left(self, bulk: Bulk, error: BaseException) -> None:
        """Say of a stopped write what is in, and let searches see it."""
        if told := left_by_a_stop(bulk, self.meant):
            warn_beside(error, told)
            await self.client.farewell("POST", names.path(self.meant.index, "_refresh"), seconds=UNMADE)

    async def _unmade(self) -> None:
        """Delete the index that this write has made. A server that is late with it still hears of it."""
        deleting = self._tell_to_delete()
        await asyncio.wait([deleting], timeout=BRIEF if self.client.operation.unheard else UNMADE)
        if not deleting.done():
            self.client.operation.unheard = True

    def _tell_to_delete(self, made: asyncio.Future[Any] | None = None) -> asyncio.Task[None]:
        """Have the index deleted, whoever waits for it; ``made``: once the server says that there is one."""

        async def delete() -> None:
            if made is not None:
                await made
            await self.client.raw("DELETE", names.path(self.meant.index), allowed=range(400, 600))

        return self.client.cluster.tell_late(delete, name=f"delete {self.meant.index}")

    # --- on worker threads --------------------------------------------------------------------------------------------

    def _converted(self, batch: pa.RecordBatch, first: int) -> list[Any]:
        """The columns as they are written. ConversionError names the first row that has a value that is not."""
        arrays = []
        worst: tuple[int, ConversionError] | None = None
        for fit in self.meant.fits:
            values, bad = fit.convert(batch.column(batch.schema.get_field_index(fit.source.name)))
            arrays.append(values)
            if bad and (worst is None or bad[0][0] < worst[0]):
                worst = bad[0][0], fit.error(bad[0][1], first + bad[0][0])
        if worst is not None:
            raise worst[1]
        return arrays

    def _pieces(self, batch: pa.RecordBatch, first: int) -> list[Piece]:
        """The rows of a part of a batch, as they are sent."""
        rows = pa.array(np.arange(first, first + batch.num_rows))
        if self._raises:
            arrays = self._converted(batch, first)
        else:
            arrays, rows = self._good(batch, first)
        fits = self.meant.fits
        if self._keys is not None:
            keys = whole(self._keys.slice(first, batch.num_rows))
            keys = keys if len(rows) == batch.num_rows else keys.take(pa.array(rows.to_numpy() - first))
        else:
            keys = ids.numbered(self._beginning, rows)
        if not len(rows):
            return []
        update = self.meant.action == "update"
        columns = [fit.source.with_type(array.type) for fit, array in zip(fits, arrays, strict=True)]
        sources = ndjson.documents(columns, arrays, len(rows), nulls=update)
        lines = ndjson.lines(*_actions(self.meant.action, keys, sources))
        return list(Piece.of(lines, keys, rows.to_numpy()).parts())

    def _good(self, batch: pa.RecordBatch, first: int) -> tuple[list[Any], Any]:
        """The columns of the rows that go in, and their numbers; the others are noted."""
        found = [fit.convert(batch.column(batch.schema.get_field_index(fit.source.name))) for fit in self.meant.fits]
        known = self._left_out
        out = [(row, "") for row in range(batch.num_rows) if first + row in known] if known else []
        # The rows that were left out before go first, and are not told twice.
        arrays, rows, told = kept(
            [pa.nulls(batch.num_rows), *(array for array, _ in found)],
            ["", *(fit.source.name for fit in self.meant.fits)],
            [out, *(bad for _, bad in found)],
            first,
        )
        self.rejected += [each for each in told if each.position not in known]
        return arrays[1:], rows

    # --- after --------------------------------------------------------------------------------------------------------

    def _report(self, bulk: Bulk) -> WriteReport:
        rejected = [
            *self.rejected,
            *(Rejected(position=each.position, column=each.column, reason=each.reason) for each in bulk.refused),
            *(Rejected(position=row, column=None, reason=UNKNOWN) for row in bulk.unknown),
            *(Rejected(position=row, column=None, reason=UNSENT) for row in bulk.unsent),
        ]
        return WriteReport(
            table=self.meant.target.table,
            mode=self.meant.target.mode,
            rows=bulk.written,
            skipped=len(bulk.skipped),
            rejected=tuple(sorted(rejected, key=lambda row: row.position)),
            seconds=time.monotonic() - self.started,
            bytes=self.bytes,
            outcome="unknown" if bulk.unknown else "ok" if bulk.failure is None else "failed",
            notes=self.meant.notes,
        )


UNKNOWN = "the answer was lost: nobody can tell whether the row is in"
UNSENT = "not written: the write had ended"


async def _iterated(rows: Gathered) -> AsyncIterator[pa.RecordBatch]:
    batches = rows.batches()
    while (batch := await in_worker(next, batches, None)) is not None:
        yield batch


def _parts(batch: pa.RecordBatch) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The batch in parts for a request each: its rows, or its bytes, decide."""
    waiting = [(start, batch.slice(start, ROWS)) for start in range(0, batch.num_rows, ROWS)][::-1]
    while waiting:
        start, part = waiting.pop()
        if part.num_rows > 1 and part.nbytes > SIZE:
            half = part.num_rows // 2
            waiting += [(start + half, part.slice(half)), (start, part.slice(0, half))]
        else:
            yield start, part


def _actions(action: str, keys: Any, sources: Any) -> tuple[Any, Any]:
    """The two lines of each row: what to do, and with what."""
    quoted = ndjson.quoted(keys)
    if action == "update":
        return (
            ndjson.joined('{"update":{"_id":', quoted, ',"retry_on_conflict":3}}'),
            ndjson.joined('{"doc":', sources, ',"doc_as_upsert":true}'),
        )
    return ndjson.joined(f'{{"{action}":{{"_id":', quoted, "}}"), sources
