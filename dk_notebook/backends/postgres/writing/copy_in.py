"""Rows on their way into a table: pieces of a stream are encoded in worker threads while earlier ones are sent."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from typing import Any

import asyncpg
import pyarrow as pa

from dk_notebook.backends.postgres.statements.listening import Between, listening
from dk_notebook.backends.postgres.writing.encode import END, HEADER
from dk_notebook.backends.sql.chunks import chunks
from dk_notebook.frames.stream import ArrowStream
from dk_notebook.runtime.operations import Operation
from dk_notebook.runtime.workers import in_worker

PIECE = 2_000_000
"""Bytes of Arrow data that are encoded at once, about."""
ROWS = 65_536
"""Rows that are encoded at once at most."""
MESSAGE = 1_000_000
"""Bytes handed to the transport at once: it copies them, and the loop does nothing else meanwhile."""
AHEAD = 2
"""Pieces that are encoded, or being encoded, while one is sent."""

Encode = Callable[[pa.Table, int], bytes]
"""The rows of a piece as COPY takes them; the number is that of its first row."""

_ERROR = b"E"
_LINE = re.compile(r"^COPY .*?, line (?P<line>\d+)(?:, column (?P<column>[^\n]*))?$", re.M | re.S)


class Answer(Between):
    """What the server says before the rows have ended: nothing, unless it refuses them."""

    refused = False

    def seen(self, data: bytes) -> None:
        """An error is sent at once and by itself, so it is where the data begin."""
        self.refused = self.refused or data[:1] == _ERROR

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody takes rows any more."""
        self.refused = True
        super().connection_lost(exc)


class Stopped(Exception):
    """The rows ended early: the stream failed, or one of them cannot be sent. ``reason``: the error to raise.

    It has no text of its own: asyncpg may send that on to the server, with the values in it.
    """

    def __init__(self, reason: Exception) -> None:
        super().__init__()
        self.reason = reason


class CopyIn:
    """One COPY. `run` sends a stream; afterwards `rows` and `bytes` say what came."""

    def __init__(self, connection: Any, encode: Encode, operation: Operation) -> None:
        self._connection = connection
        self._encode = encode
        self._operation = operation
        self.rows = 0
        """Rows taken from the stream."""
        self.bytes = 0

    async def run(self, data: ArrowStream, schema: str | None, table: str, columns: Sequence[str]) -> int:
        """How many rows the server took, whose errors are raised as they come; `Stopped` holds those of the source."""
        with listening(self._connection, Answer) as answer:
            source = self._source(data, answer)
            try:
                status = await self._connection.copy_to_table(
                    table, schema_name=schema, columns=columns, format="binary", source=source
                )
            finally:
                await source.aclose()
        return int(status.rpartition(" ")[2])

    async def _source(self, data: ArrowStream, answer: Answer) -> AsyncGenerator[memoryview, None]:
        waiting: asyncio.Queue[asyncio.Task[bytes] | None] = asyncio.Queue(AHEAD)
        producer = asyncio.get_running_loop().create_task(self._produce(data, waiting), name="rows to send")
        try:
            yield memoryview(HEADER)
            while (piece := await waiting.get()) is not None:
                block = memoryview(await piece)
                for start in range(0, len(block), MESSAGE):
                    if answer.refused:  # asyncpg itself would send on to a server that does not listen any more
                        return
                    yield block[start : start + MESSAGE]
            await producer
            yield memoryview(END)
        except Exception as error:
            raise Stopped(error) from error
        finally:
            producer.cancel()
            left: list[asyncio.Task[Any]] = [producer]
            while not waiting.empty():
                piece = waiting.get_nowait()
                if piece is not None:
                    piece.cancel()
                    left.append(piece)
            await asyncio.gather(*left, return_exceptions=True)

    async def _produce(self, data: ArrowStream, waiting: asyncio.Queue[asyncio.Task[bytes] | None]) -> None:
        loop = asyncio.get_running_loop()
        try:
            async for chunk in chunks(data, rows=ROWS, size=PIECE):
                self.bytes += chunk.nbytes
                for piece, size in _pieces(chunk):
                    task = loop.create_task(in_worker(self._encode, piece, self.rows), name="encode")
                    self.rows += piece.num_rows
                    self._operation.count(piece.num_rows, size)
                    try:
                        await waiting.put(task)
                    except asyncio.CancelledError:
                        task.cancel()
                        raise
        finally:
            await waiting.put(None)


def place(error: asyncpg.PostgresError) -> tuple[int | None, str | None]:
    """The row, counted from 0, and the column of which the server complains, as far as it says."""
    found = _LINE.search(error.context or "")
    return (int(found["line"]) - 1, found["column"]) if found else (None, None)


def _pieces(chunk: pa.Table) -> Iterator[tuple[pa.Table, int]]:
    """Parts of about one size, with their bytes."""
    rows, size = chunk.num_rows, max(chunk.nbytes, 1)
    step = max(1, min(ROWS, rows * PIECE // size))
    for start in range(0, rows, step):
        piece = chunk.slice(start, step)
        yield piece, size * piece.num_rows // rows
