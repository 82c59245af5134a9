"""The result of a query as binary COPY: blocks come off the wire while earlier ones are decoded in worker threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dk_notebook.backends.postgres.connections.message_heads import unwatch
from dk_notebook.backends.postgres.errors import translating
from dk_notebook.backends.postgres.reading.decoding import BrokenBlock, Decoder, Undecodable, decoder
from dk_notebook.backends.postgres.statements.statement import HEAD, TAIL
from dk_notebook.backends.postgres.types import Reading
from dk_notebook.backends.sql.names import quote
from dk_notebook.backends.sql.sent import Sent
from dk_notebook.errors import ConnectionFailed, ConversionError, QueryError
from dk_notebook.runtime.workers import in_worker

BLOCK = 2_000_000
"""Bytes that are gathered before they are decoded at once."""
SMALL = 100_000
"""Bytes that are decoded on the spot: a worker would cost more than the work."""
PAUSE = 0.0005
"""Seconds without looking at the socket after less than `SMALL` bytes came, in a result that is not small: the server
sends 8 kB at a time, and waking up for each takes as long as all the rest. Meanwhile the kernel gathers them."""
NUDGE = 0.05
"""Seconds in which data come from a server that is sending."""
AHEAD = 3
"""Blocks that are decoded, or wait to be taken, before the server has to wait."""


class _Stopped(Exception):
    """Nobody wants the rest."""


class CopyOut:
    """A COPY under way: `next` gives its batches in order. Must be closed before the connection does anything else."""

    def __init__(self, connection: Any, sent: Sent, readings: Sequence[Reading]) -> None:
        self.schema = pa.schema([one.field for one in readings])
        self._connection = connection
        self._sent = sent
        self._readings = readings
        self._decoder: Decoder = decoder([one.format for one in readings])
        self._shapes = [_shape(one) for one in readings]
        self._ready: asyncio.Queue[asyncio.Future[pa.RecordBatch] | pa.RecordBatch | None] = asyncio.Queue(AHEAD)
        self._error: BaseException | None = None
        self._rows = 0
        self._came = 0
        self._ended = self._stopping = False
        self._on_wire = False
        """The server may have more to say, and nobody is busy with what it said."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="copy out")

    async def next(self) -> pa.RecordBatch | None:
        """The next batch, which has rows; None at the end.

        QueryError, ConnectionFailed: what the server says. ConversionError: a value that Arrow cannot hold.
        """
        while not self._ended:
            item = await self._ready.get()
            if item is None:
                self._ended = True
                await asyncio.wait([self._task])
                if self._error is not None:
                    raise self._error
                return None
            try:
                batch = item if isinstance(item, pa.RecordBatch) else await item
            except Undecodable as error:
                raise self._unreadable(error) from error
            except BrokenBlock as error:
                self._connection.terminate()  # whatever comes next from there cannot be trusted
                raise ConnectionFailed(f"the server sent what is no table: {error.reason}") from error
            self._rows += batch.num_rows
            if batch.num_rows:
                return batch
        return None

    async def aclose(self) -> None:
        """End it: the server is told to stop, and what is still being decoded is dropped."""
        self._ended = True
        try:
            await self._stop()
        except BaseException:  # told twice to stop: nobody waits for the server any more
            self._task.cancel()
            self._connection.terminate()
            raise
        left: list[asyncio.Future[pa.RecordBatch]] = []
        while not self._ready.empty():
            item = self._ready.get_nowait()
            if isinstance(item, asyncio.Future):
                item.cancel()
                left.append(item)
        await asyncio.gather(*left, return_exceptions=True)

    async def _stop(self) -> None:
        # asyncpg does not tell the server when data come in the very moment of a cancel; it does when the one who
        # takes the data raises.
        self._stopping = True
        if self._on_wire:
            await asyncio.wait([self._task], timeout=NUDGE)
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._connection.is_closed():
            # Cancelled between two blocks, asyncpg leaves the transport paused and never hears that the COPY is over.
            self._connection._transport.resume_reading()
        protocol = self._connection._protocol
        if self._on_wire and not (self._connection.is_closed() or protocol._is_cancelling()):
            protocol._request_cancel()

    async def _run(self) -> None:
        parts: list[bytes] = []
        size = 0

        async def take(data: bytes) -> None:
            self._on_wire = False
            await gather(data)
            self._on_wire = True

        async def gather(data: bytes) -> None:
            nonlocal size
            if self._stopping:
                raise _Stopped
            parts.append(data)
            size += len(data)
            if size >= BLOCK:
                await self._decode(parts)
                parts.clear()
                size = 0
            if len(data) < SMALL < self._came:
                await asyncio.sleep(PAUSE)
            self._came += len(data)
            if self._came > SMALL:
                unwatch(self._connection)

        try:
            with translating(self._sent):
                self._on_wire = True
                await self._connection.copy_from_query(
                    self._sent.sent.removeprefix(HEAD).removesuffix(TAIL), output=take, format="binary"
                )
                self._on_wire = False
            if parts:
                await self._decode(parts)
        except _Stopped:
            return
        except Exception as error:  # noqa: BLE001 (handed to the one who reads)
            self._error = error
            self._on_wire = False
        await self._ready.put(None)

    async def _decode(self, parts: list[bytes]) -> None:
        block = b"".join(parts)
        if len(block) <= SMALL and self._ready.empty():
            ready: asyncio.Future[pa.RecordBatch] = asyncio.get_running_loop().create_future()
            try:
                ready.set_result(self._batch(block))
            except (Undecodable, BrokenBlock) as error:
                ready.set_exception(error)
            await self._ready.put(ready)
            return
        work = asyncio.get_running_loop().create_task(in_worker(self._batch, block), name="decode")
        try:
            await self._ready.put(work)
        except asyncio.CancelledError:
            work.cancel()
            raise

    def _batch(self, block: bytes) -> pa.RecordBatch:
        rows, arrays = self._decoder.decode(block)
        if not arrays:
            return pa.RecordBatch.from_struct_array(pa.array([{}] * rows, pa.struct([])))
        columns = [shape(array) for shape, array in zip(self._shapes, arrays, strict=True)]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def _unreadable(self, error: Undecodable) -> ConversionError:
        field = self._readings[error.column].field
        return ConversionError(
            error.reason,
            column=field.name,
            position=self._rows + error.row,
            source=self._readings[error.column].format,
            target=str(field.type),
            hint=f"cast it in the query, as in CAST({quote(field.name) if field.name else 'it'} AS text)",
        )


def _shape(reading: Reading) -> Callable[[pa.Array], pa.Array]:
    """What makes of a decoded array the column that the caller gets."""
    target, labels = reading.field.type, reading.labels
    if labels is None:
        return lambda array: array
    known = pa.array(labels, pa.string())

    def numbered(array: pa.Array) -> pa.Array:
        indices = pc.index_in(array, value_set=known)
        if indices.null_count > array.null_count:
            raise QueryError(
                f"the labels of the enum of {reading.field.name!r} were altered meanwhile", hint="run it again"
            )
        return pa.DictionaryArray.from_arrays(indices.cast(target.index_type), known, ordered=True)

    return numbered
