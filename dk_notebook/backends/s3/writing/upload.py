"""Files on their way to the store: some are encoded, in worker threads, while others are put."""

from __future__ import annotations

import asyncio
import os
from typing import Final

import pyarrow as pa

from dk_notebook.backends.s3.datasets.manifest import file_name
from dk_notebook.backends.s3.errors import Busy
from dk_notebook.backends.s3.objects import Objects
from dk_notebook.backends.s3.writing.encode import Encoding
from dk_notebook.backends.s3.writing.gather import Part
from dk_notebook.errors import QueryError
from dk_notebook.runtime.operations import Operation
from dk_notebook.runtime.workers import in_worker

ROOM: Final = 96 << 20
"""Bytes of files that are encoded or put at the same time; a single one may be larger."""
KEPT: Final = 8 << 20
"""Bytes of rows in folders after which memory that is free goes back to the system."""
BUNCH: Final = 32
SMALL: Final = 1 << 20
"""Files, and bytes, that are encoded in one go: a thread is not worth it for less."""
ENCODERS: Final = min(os.cpu_count() or 1, 8)


class Upload:
    """The files of one write. Each is put whole, by one request, under a name that nobody else has."""

    def __init__(
        self, objects: Objects, prefix: str, encoding: Encoding, write: str, operation: Operation, *, at_once: int
    ) -> None:
        self._objects = objects
        self._prefix = prefix
        self._encoding = encoding
        self._write = write
        self._operation = operation
        self._at_once = at_once
        self._encoders = asyncio.Semaphore(ENCODERS)
        self._encodes: set[asyncio.Task[None]] = set()
        self._puts: set[asyncio.Task[None]] = set()
        self._bunch: list[tuple[str, Part]] = []
        self._held = 0
        self._copied = 0
        self._files = 0
        self.number = 0
        """Of the next file: how many there were."""
        self.keys: list[str] = []
        """Of the files that were put, or may have been."""
        self.rows = 0
        """In the files that are there."""
        self.doubted = False
        """Whether a file may appear that nobody waits for any more."""

    async def put(self, part: Part) -> None:
        """Take a file, and begin with it once there is room for it. Raises what became of one before.

        Small files wait for some others, with which they go to a thread.
        """
        name = file_name(self._write, self.number, self._encoding.suffix)
        self.number += 1
        self._bunch.append((f"{self._prefix}{part.folder}{name}", part))
        if len(self._bunch) >= BUNCH or sum(each.size for _, each in self._bunch) >= SMALL:
            await self._begin()

    def check(self) -> None:
        """Nothing, or what became of one that failed already."""
        for task in self._running():
            if task.done():
                task.result()

    async def settled(self) -> None:
        """Wait for all of them. Raises what became of one."""
        await self._begin()
        while self._running():
            await self._some()

    async def abandon(self, *, answers: float) -> None:
        """Begin with nothing more, and end what runs; what becomes of it is told by nobody.

        ``answers``: seconds that the store gets to answer what was put already.
        """
        for task in self._encodes:
            task.cancel()
        await asyncio.gather(*self._encodes, return_exceptions=True)
        if self._puts:
            await asyncio.wait(self._puts, timeout=answers)
        for task in self._puts:
            task.cancel()
        await asyncio.gather(*self._puts, return_exceptions=True)

    def _running(self) -> set[asyncio.Task[None]]:
        return self._encodes | self._puts

    async def _begin(self) -> None:
        bunch, self._bunch = self._bunch, []
        size = sum(part.size for _, part in bunch)
        # Rows in folders are copies, and as much of them waits for more; others lie in the caller's frame.
        room = ROOM // 2 if any(part.folder for _, part in bunch) else ROOM
        while self._running() and (self._held + size > room or self._files >= self._at_once):
            await self._some()
        self._held += size
        self._files += len(bunch)
        self._encodes.add(asyncio.create_task(self._encoded(bunch)))

    async def _some(self) -> None:
        done, _ = await asyncio.wait(self._running(), return_when=asyncio.FIRST_COMPLETED)
        self._encodes -= done
        self._puts -= done
        for error in await asyncio.gather(*done, return_exceptions=True):
            if error is not None:
                raise error

    async def _encoded(self, bunch: list[tuple[str, Part]]) -> None:
        async with self._encoders:
            bodies = await in_worker(self._bodies, bunch)
        for (key, part), body in zip(bunch, bodies, strict=True):
            self._held += body.nbytes - part.size  # from now on it is the file that takes memory, not the rows
            rows = (part.table.num_rows, part.table.nbytes)
            self._puts.add(asyncio.create_task(self._stored(key, body, *rows)))

    def _bodies(self, bunch: list[tuple[str, Part]]) -> list[memoryview]:
        """The files. In a worker thread."""
        bodies = [self._encoding.encoded(part.table) for _, part in bunch]
        self._copied += sum(part.size for _, part in bunch if part.folder)
        if self._copied >= KEPT:
            # Arrow keeps for each thread what was freed, and rows in folders, being copies, make that as much again.
            self._copied = 0
            pa.default_memory_pool().release_unused()
        return bodies

    async def _stored(self, key: str, body: memoryview, rows: int, rows_bytes: int) -> None:
        self.keys.append(key)
        try:
            await self._objects.put(key, body, content_type=self._encoding.content_type)
        except (QueryError, Busy):
            raise
        except BaseException:
            self.doubted = True
            raise
        self._held -= body.nbytes
        self._files -= 1
        self.rows += rows
        self._operation.count(rows, rows_bytes)
