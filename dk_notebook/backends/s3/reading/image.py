"""A file of the store in memory, of which only the parts are there that were asked for.

Arrow reads it without a call into Python: its threads, which are not Python's, may outlive the interpreter. The rest
of the file is address space that nobody has touched, and takes no memory.
"""

from __future__ import annotations

import asyncio
import mmap
from collections.abc import Iterable, Sequence
from typing import Any, Final

import pyarrow as pa

from dk_notebook.backends.s3.datasets.listing import File
from dk_notebook.backends.s3.objects import Objects
from dk_notebook.errors import Conflict, NotFound, QueryError

TAIL: Final = 64 << 10
"""Bytes at the end of a file that are read to find its columns; mostly they are all that is needed for that."""
HOLE: Final = 128 << 10
"""Bytes between two parts that are read with them: a request costs as much."""
LONGEST: Final = 8 << 20
"""Bytes of a request, so that a large part comes in several at once."""
NEARLY: Final = 0.9
"""The share of a file from which on it is read whole: what one request brings is used as it is, without a copy."""

# Of this process alone: what is shared with others costs twice as much to fill.
_OURS: Final[Any] = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
_MAGIC: Final = b"PAR1"


class Traffic:
    """What was read of a table."""

    def __init__(self) -> None:
        self.requests = self.bytes = 0


class Image:
    """A file, with the parts that are there."""

    def __init__(self, objects: Objects, file: File, traffic: Traffic) -> None:
        self.file = file
        self._objects = objects
        self._traffic = traffic
        self._memory: Any = None
        self._there: list[tuple[int, int]] = []

    @property
    def buffer(self) -> pa.Buffer:
        """The whole file; where nothing was read it is zeros. What is read afterwards is in it, too."""
        return pa.py_buffer(self._filled()).slice(0, self.file.size)

    def _filled(self) -> Any:
        if self._memory is None:
            self._memory = mmap.mmap(-1, max(self.file.size, 1), **_OURS)
        return self._memory

    def of_own(self) -> Image:
        """The same file once more, of which nothing is there: so that it goes when its rows were read."""
        return Image(self._objects, self.file, self._traffic)

    def has(self, parts: Iterable[tuple[int, int]]) -> bool:
        """Whether nothing of these parts is missing."""
        return not missing(parts, self._there)

    def take_over(self, other: Image) -> None:
        """Have what is there of another image of the file."""
        for start, stop in other._there:
            if missing([(start, stop)], self._there):
                self._filled()[start:stop] = other._memory[start:stop]
                self._there.append((start, stop))

    def forget(self) -> None:
        """Begin anew with nothing; buffers that were given keep what they have."""
        self._memory, self._there = None, []

    async def fetch(self, parts: Iterable[tuple[int, int]]) -> None:
        """Have these parts there, each from its first byte up to (not with) its last.

        Conflict: the file is gone, or another one, since it was listed. Other errors: `Objects.get_ranges`.
        """
        wanted = missing(parts, self._there)
        if not wanted:
            return
        size = self.file.size
        if self._memory is None and size <= LONGEST and sum(stop - start for start, stop in wanted) >= NEARLY * size:
            wanted = [(0, size)]
        try:
            found = await self._objects.get_ranges(self.file.key, wanted, etag=self.file.etag)
        except NotFound as error:
            raise Conflict(
                f"s3://{self._objects.bucket}: {self.file.key!r} was replaced while it was read", code=error.code
            ) from error
        for (start, stop), data in zip(wanted, found, strict=True):
            if self._memory is None and (start, stop) == (0, size):
                self._memory = data
            else:
                self._filled()[start:stop] = data
            self._there.append((start, stop))
            self._traffic.requests += 1
            self._traffic.bytes += stop - start

    async def fetch_footer(self) -> None:
        """Have the description of a Parquet file there. QueryError: it is none."""
        size = self.file.size
        await self.fetch([(max(size - TAIL, 0), size)])
        end = bytes(self._filled()[max(size - 8, 0) : size])
        if size < 12 or end[4:] != _MAGIC:
            raise QueryError(f"{self.file.path!r} is no Parquet file")
        start = size - 8 - int.from_bytes(end[:4], "little")
        if start < 4:
            raise QueryError(f"{self.file.path!r} is no whole Parquet file")
        await self.fetch([(start, size)])

    async def fetch_all(self) -> None:
        """Have the whole file there."""
        await self.fetch([(0, self.file.size)])


def missing(parts: Iterable[tuple[int, int]], there: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """What to read for these parts: what lies close together as one, what is long as several, without what is there.

    >>> missing([(0, 10), (20, 30), (900_000, 900_010)], [(20, 1_000_000)])
    [(0, 10)]
    """
    wanted: list[tuple[int, int]] = []
    for start, stop in sorted(parts):
        if stop <= start or any(first <= start and stop <= last for first, last in there):
            continue
        if wanted and start - wanted[-1][1] <= HOLE:
            wanted[-1] = wanted[-1][0], max(wanted[-1][1], stop)
        else:
            wanted.append((start, stop))
    return [(begin, min(begin + LONGEST, stop)) for start, stop in wanted for begin in range(start, stop, LONGEST)]


async def all_of(tasks: Iterable[Any]) -> list[Any]:
    """What these give, all at once; the first error ends the others."""
    first: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(task) for task in tasks]
    except BaseExceptionGroup as errors:
        first = errors.exceptions[0]
    if first is not None:
        raise first  # out here it has no group as its context, for which IPython draws everything
    return [task.result() for task in running]
