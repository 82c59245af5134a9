"""The background event loop, and `run`, the bridge to it for threads that block (`bridges` has two more).

One daemon thread a process, started on first use. While somebody waits on the main thread, Ctrl-C raises
KeyboardInterrupt, whatever the signal handler was before: in a cell with a top-level ``await`` ipykernel installs one
that does nothing as long as the thread blocks.
"""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from dk_notebook.errors import BlockingCallInLoop, ConnectionFailed, QueryError
from dk_notebook.runtime import operations, pools, workers

T = TypeVar("T")

SLICE = 0.1
"""Seconds between two looks at the loop thread and the progress, while waiting."""
GRACE = 1.0
"""Seconds that a cancelled call gets to end on the server too."""
LAST = 0.5
"""Seconds for each step of ending at exit."""


class _Background:
    """The thread and its loop."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._serve, name="dk_notebook loop", daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            if not self.loop.is_closed():
                self.loop.close()

    @property
    def alive(self) -> bool:
        return self.thread.is_alive() and not self.loop.is_closed()


_background: _Background | None = None
_lock = threading.Lock()
_registered = False
_closing = False
_abandoned: list[Any] = []


def loop() -> asyncio.AbstractEventLoop:
    """The background loop; started on first use, and again if its thread has died."""
    return _serving().loop


def _serving() -> _Background:
    global _background, _registered
    with _lock:
        if _closing:
            raise ConnectionFailed("the interpreter is ending: nothing new is begun")
        if _background is None or not _background.alive:
            _background = _Background()
        if not _registered:
            _registered = True
            atexit.register(_end)
            os.register_at_fork(after_in_child=_forget)
        return _background


# --- one call ---------------------------------------------------------------------------------------------------


class Call(Generic[T]):
    """A coroutine on the background loop, seen from the thread that waits for it."""

    def __init__(self, coroutine: Coroutine[Any, Any, T], *, name: str) -> None:
        try:
            if _background is not None and threading.current_thread() is _background.thread:
                raise BlockingCallInLoop(
                    f"{name} blocks, and was called on the background loop, which would wait for itself",
                    hint="await the async method of the same name with an 'a' before it",
                )
            self._background = _serving()
        except BaseException:
            coroutine.close()
            raise
        self._coroutine = coroutine
        self._task: asyncio.Task[T] | None = None
        self._refused = False
        self._context = contextvars.copy_context()
        self.watched: list[operations.Operation] = []
        self._context.run(operations.watchers.set, self.watched)
        self.done = threading.Event()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Where it runs."""
        return self._background.loop

    def start(self) -> None:
        """Hand the coroutine over to the loop."""
        self._background.loop.call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        if self._refused:
            return
        self._task = self._background.loop.create_task(self._coroutine, context=self._context)
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[T]) -> None:
        if not task.cancelled():
            task.exception()  # the one who waits has it, or has gone
        self.done.set()

    def wait(self, event: threading.Event) -> None:
        """Until ``event``: at once when it comes, in slices meanwhile. Raises what interrupts the wait."""
        while not event.wait(SLICE):
            self.look()

    def look(self) -> None:
        """What a waiting thread does between two slices: notice a dead loop, draw the progress."""
        if not self._background.alive and not self.done.is_set():
            raise ConnectionFailed("the background loop has ended; the next call starts a new one")
        for operation in self.watched:
            operation.draw()

    def result(self) -> T:
        """What the coroutine returned or raised; the call is done."""
        for operation in self.watched:
            operation.draw()
        if self._task is None or self._task.cancelled():
            raise QueryError("the call was cancelled while it ran", code="cancelled")
        return self._task.result()

    def stop(self) -> None:
        """Cancel, wait for the end on the server too; on a second Ctrl-C, or after a second, cut it off."""
        try:
            self.cancel()
            ended = self.done.wait(GRACE)
        except KeyboardInterrupt:
            ended = self.done.is_set()
        if not ended and self._background.alive:
            for operation in self.watched:
                operation.abort()
                warnings.warn(
                    f"{operation.label!r} did not answer the cancel and was cut off: it may still run on the server",
                    RuntimeWarning,
                    stacklevel=2,
                )
        for operation in self.watched:
            operation.draw()

    def cancel(self) -> None:
        """Cancel, from any thread, without waiting."""
        try:
            self._background.loop.call_soon_threadsafe(self._cancel)
        except RuntimeError:  # the loop is closed: its tasks have ended
            self._coroutine.close()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
            return
        self._refused = True
        self._coroutine.close()
        self.done.set()


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """What ``coroutine`` returns or raises, run on the background loop while the calling thread waits.

    Whatever interrupts the wait cancels it there. BlockingCallInLoop on the loop's own thread.
    """
    call = Call(coroutine, name="this function")
    with interruptible():
        try:
            call.start()
            call.wait(call.done)
        except BaseException:
            call.stop()
            raise
    return call.result()


@contextmanager
def interruptible() -> Iterator[None]:
    """Inside the block SIGINT raises KeyboardInterrupt, on the main thread; then the old handler is back."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is None:
        yield
        return
    before = signal.signal(signal.SIGINT, _raise)
    # Twice: an interrupt can arrive between the end of the block and the restoring.
    try:
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
    finally:
        signal.signal(signal.SIGINT, before)


def _raise(signum: int, frame: object) -> None:  # noqa: ARG001 (the form of a signal handler)
    raise KeyboardInterrupt


# --- the ends: of the interpreter, and of the parent after a fork -----------------------------------------------


def _end() -> None:
    """At exit: cancel what runs, close the pools on their own loop, stop. Nothing waits for long, nothing prints."""
    global _closing
    _closing = True
    background = _background
    if background is not None and background.alive:
        _settle(background, lambda task: task.get_name() != pools.KEEPER)
        _settle(background, lambda task: task.get_name() == pools.KEEPER)
        background.loop.call_soon_threadsafe(background.loop.stop)
        background.thread.join(LAST)
    pools.terminate_all()


def _settle(background: _Background, chosen: Callable[[asyncio.Task[Any]], bool]) -> None:
    """Cancel the chosen tasks of the loop and give them a moment."""
    settled = threading.Event()

    async def settle() -> None:
        me = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not me and chosen(task)]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=LAST)
        settled.set()

    asyncio.run_coroutine_threadsafe(settle(), background.loop)
    until = time.monotonic() + 2 * LAST
    while not settled.wait(SLICE) and background.alive and time.monotonic() < until:
        pass


def _forget() -> None:
    """In a forked child: the parent's loop, pools and threads are left untouched; the first call starts afresh."""
    global _background, _lock
    _lock = threading.Lock()
    _abandoned.append(_background)  # freeing it would close sockets that the parent uses
    _background = None
    pools.forget()
    workers.forget()
    operations.forget()
