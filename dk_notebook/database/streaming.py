"""Streams of records: how they are read and written, and what came of it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

from dk_notebook.errors import ConfigError, ConversionError, DeadlineExceeded, DkError, NotFound, QueryError
from dk_notebook.records.document import Document
from dk_notebook.records.record import Record
from dk_notebook.runtime.workers import in_worker

T = TypeVar("T")

OnError = Callable[[Exception, Record], bool]


@dataclass(frozen=True)
class StreamConfig:
    """How a stream is read or written. ConfigError where a value cannot be used.

    >>> StreamConfig(batch_size=0)
    Traceback (most recent call last):
    dk_notebook.errors.ConfigError: batch_size is a number from 1 up, not 0
    """

    batch_size: int = 1000
    """Records of one store operation, at most."""
    prefetch: int = 2
    """Batches that are got ready while one is being used: read from the store, or taken from the source."""
    timeout: float | None = None
    """Seconds for one store operation; then DeadlineExceeded."""
    on_error: OnError | None = None
    """Asked about each record that cannot be read or written, with the exception: whether to go on without it. None:
    the exception is raised."""

    def __post_init__(self) -> None:
        for name, least in (("batch_size", 1), ("prefetch", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ConfigError(f"{name} is a number from {least} up, not {value!r}")
        timeout = self.timeout
        if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or timeout <= 0):
            raise ConfigError(f"timeout is a number of seconds above 0, not {timeout!r}")
        if self.on_error is not None and not callable(self.on_error):
            raise ConfigError("on_error is a function of an exception and a record")


@dataclass
class StreamResult:
    """What came of writing a stream. Each record that was taken from the source is counted once."""

    total_processed: int = 0
    successful: int = 0
    failed: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)
    """For each that failed: ``record_id``, ``error`` (one line), ``type``, ``index``. No values."""
    duration: float = 0.0
    """Seconds."""
    total_batches: int = 0
    failed_indices: list[int] = field(default_factory=list)
    """Their places in the source, from 0."""

    @property
    def success_rate(self) -> float:
        """Per cent."""
        return 100 * self.successful / self.total_processed if self.total_processed else 0.0

    def __str__(self) -> str:
        return (
            f"{self.successful:,} of {self.total_processed:,} records written in {self.duration:.2f} s "
            f"({self.total_batches:,} batches, {self.failed:,} failed)"
        )


@asynccontextmanager
async def limited(seconds: float | None, label: str) -> AsyncIterator[None]:
    """DeadlineExceeded when the block takes longer."""
    try:
        async with asyncio.timeout(seconds) as scope:
            yield
    except TimeoutError as error:
        if isinstance(error, DkError) or not scope.expired():
            raise
        raise DeadlineExceeded(f"not done within {seconds:g} s: {label}") from None


async def ahead(source: AsyncGenerator[T, None], count: int) -> AsyncGenerator[T, None]:
    """The items of a source, of which up to ``count`` are got ready while the consumer uses one.

    One task owns the source from its beginning to its end; leaving early ends it.
    """
    ready: deque[T] = deque()
    room = asyncio.Semaphore(count)
    news = asyncio.Event()

    async def produce() -> None:
        try:
            async with aclosing(source):
                await room.acquire()
                async for item in source:
                    ready.append(item)
                    news.set()
                    await room.acquire()
        finally:
            news.set()

    task = asyncio.create_task(produce(), name="reading ahead")
    try:
        while True:
            room.release()
            while not ready and not task.done():
                news.clear()
                await news.wait()
                if not ready:
                    await asyncio.sleep(0)  # the task sets it a moment before it is done
            if not ready:
                await task  # raises what it raised
                return
            yield ready.popleft()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])


async def batches(records: Iterable[T] | AsyncIterable[T], size: int) -> AsyncGenerator[list[T], None]:
    """Lists of ``size`` records. A source that is not in memory may block, and is read in a worker thread."""
    if isinstance(records, AsyncIterable):
        batch: list[T] = []
        async for record in records:
            batch.append(record)
            if len(batch) == size:
                yield batch
                batch = []
        if batch:
            yield batch
        return
    iterator: Iterator[T] = iter(records)
    in_memory = isinstance(records, (list, tuple))
    while True:
        batch = list(islice(iterator, size)) if in_memory else await in_worker(lambda: list(islice(iterator, size)))
        if not batch:
            return
        yield batch


class Writing:
    """One stream on its way into a store, batch by batch."""

    def __init__(self, config: StreamConfig, put: Callable[[list[Document]], Awaitable[object]]) -> None:
        self.result = StreamResult()
        self._config = config
        self._put = put
        self._started = time.monotonic()

    async def batch(self, records: list[Record]) -> bool:
        """Write these, and whether to go on. Raises what concerns more than single records."""
        first = self.result.total_processed
        self.result.total_batches += 1
        self.result.total_processed += len(records)
        good: list[tuple[int, Record, Document]] = []
        going = True
        for place, record in enumerate(records, first):
            try:
                good.append((place, record, record.document(position=place)))
            except ConversionError as error:
                going = self._failed(error, place, record)
                if not going:
                    self._untaken(first + len(records) - place - 1)
                    break
        going = await self._written(good) and going
        self.result.duration = time.monotonic() - self._started
        return going

    async def _written(self, records: list[tuple[int, Record, Document]]) -> bool:
        """Store these; where the store refuses one of them, halve until it is alone."""
        if not records:
            return True
        try:
            await self._put([document for _, _, document in records])
        except (ConversionError, QueryError) as error:
            of_all = isinstance(error, NotFound) or getattr(error, "code", None) == "cancelled"
            if self._config.on_error is None or of_all:
                raise
            if len(records) == 1:
                place, record, _ = records[0]
                return self._failed(error, place, record)
            half = len(records) // 2
            if await self._written(records[:half]):
                return await self._written(records[half:])
            self._untaken(len(records) - half)
            return False
        self.result.successful += len(records)
        return True

    def _untaken(self, count: int) -> None:
        """These were in a batch, and nothing was done with them."""
        self.result.total_processed -= count

    def _failed(self, error: Exception, place: int, record: Record) -> bool:
        """Whether to go on."""
        if self._config.on_error is None:
            raise error
        self.result.failed += 1
        self.result.failed_indices.append(place)
        self.result.errors.append(
            {
                "record_id": record.id,
                "error": str(error).partition("\n")[0],
                "type": type(error).__name__,
                "index": place,
            }
        )
        return bool(self._config.on_error(error, record))
