"""Blocking work off the loop, in daemon threads of our own.

The threads of ThreadPoolExecutor are joined when the interpreter ends, whatever they do: a long query would hold it.
"""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import os
import queue
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Self, TypeVar

import pyarrow as pa

from dk_notebook.frames import notices
from dk_notebook.frames.stream import ArrowStream

T = TypeVar("T")

KEPT = 8
"""Idle threads that are kept for the next call."""
PATIENCE = 5.0
"""Seconds that an interrupted function gets to end before it is left to itself."""

FAREWELL = 0.5
"""Seconds that the interpreter waits at its end for workers that were interrupted, or let go of what they used."""

_idle: deque[_Worker] = deque()
_started: weakref.WeakSet[_Worker] = weakref.WeakSet()


class _Worker(threading.Thread):
    """A thread that takes jobs one by one, and waits among the idle ones in between."""

    def __init__(self) -> None:
        super().__init__(name="dk_notebook worker", daemon=True)
        self.jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def run(self) -> None:
        while True:
            self.jobs.get()()
            if len(_idle) >= KEPT:
                return
            _idle.append(self)


def _submit(job: Callable[[], None]) -> None:
    try:
        worker = _idle.pop()
    except IndexError:
        worker = _Worker()
        worker.start()
        _started.add(worker)
    worker.jobs.put(job)


def _settled() -> None:
    """Wait for the last jobs to end and to be let go of.

    A result is handed over before its job has returned. A program that ends in between would freeze the thread with
    what the job used, and drivers (nanobind's) then print what they call leaks. Where the thread is in one just then
    (DuckDB), it would be ended in the middle of C++, which ends the process with "terminate called".
    """
    until = time.monotonic() + FAREWELL
    while any(worker.is_alive() and worker not in _idle for worker in list(_started)) and time.monotonic() < until:
        time.sleep(0.001)


async def in_worker(function: Callable[..., T], *args: Any, interrupt: Callable[[], None] | None = None) -> T:
    """What ``function(*args)`` gives, run in a worker thread.

    When the waiting task is cancelled, ``interrupt`` is called every 50 ms until the function has ended (a single
    call can come before the function has begun what it should end); without it the function runs on, unseen.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()
    ended = asyncio.Event()
    context = contextvars.copy_context()
    warned = notices.held_in(context)

    def settle(value: T | None, error: BaseException | None) -> None:
        ended.set()
        if result.done():  # cancelled meanwhile
            return
        if error is None:
            result.set_result(value)  # type: ignore[arg-type]  # None only beside an error
        else:
            result.set_exception(error)

    def job() -> None:
        value, error = None, None
        try:
            value = context.run(function, *args)
        except BaseException as raised:  # noqa: BLE001 (handed to the one who waits, whatever it is)
            error = RuntimeError("StopIteration") if isinstance(raised, StopIteration) else raised
        try:
            loop.call_soon_threadsafe(settle, value, error)
        except RuntimeError:  # the loop was closed: nobody waits any more
            return

    _submit(job)
    try:
        value = await result
    except asyncio.CancelledError:
        if interrupt is not None:
            await _interrupted(ended, interrupt)
        raise
    notices.tell(warned)
    return value


async def _interrupted(ended: asyncio.Event, interrupt: Callable[[], None]) -> None:
    until = time.monotonic() + PATIENCE
    while not ended.is_set() and time.monotonic() < until:
        interrupt()
        # CancelledError: told twice; the function must still end before its session does.
        with suppress(TimeoutError, asyncio.CancelledError):
            async with asyncio.timeout(0.05):
                await ended.wait()


class Pulled:
    """The batches of an async stream, for a function that runs in a worker thread and reads them one by one.

    ``loop`` is where the stream lives. ``stop`` may be called from any thread and ends a read that waits. An error of
    the stream is kept in ``error``: libraries in between often wrap what they were given.
    """

    def __init__(self, stream: ArrowStream, loop: asyncio.AbstractEventLoop) -> None:
        self._stream = stream
        self._loop = loop
        self._stopped = threading.Event()
        self._waiting: Any = None
        self.error: BaseException | None = None

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self

    def __next__(self) -> pa.RecordBatch:
        if self._stopped.is_set():
            raise RuntimeError("the source was stopped")
        self._waiting = asyncio.run_coroutine_threadsafe(self._next(), self._loop)
        if self._stopped.is_set():  # between the check and the submission
            self._waiting.cancel()
        try:
            batch = self._waiting.result()
        except BaseException as raised:
            self.error = raised
            raise
        if batch is None:
            raise StopIteration
        return batch

    async def _next(self) -> pa.RecordBatch | None:
        return await anext(self._stream, None)

    def stop(self) -> None:
        """End the iteration with an error, now."""
        self._stopped.set()
        if self._waiting is not None:
            self._waiting.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()


# At import: what is registered first is called last, when the loop has ended what the workers did.
atexit.register(_settled)

if hasattr(os, "register_at_fork"):  # the parent's threads do not exist in a child
    os.register_at_fork(after_in_child=_idle.clear)
    os.register_at_fork(after_in_child=_started.clear)
