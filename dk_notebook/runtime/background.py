"""The background event loop: one daemon thread a process, started on first use, and its ends."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import time
from collections.abc import Coroutine
from typing import Any, Protocol

from dk_notebook.errors import ConnectionFailed
from dk_notebook.runtime import pools
from dk_notebook.runtime.pools import LAST


class Waited(Protocol):
    """A call that somebody waits for."""

    def begin(self) -> None:
        """Start it, on the loop's thread."""

    def lose(self, cause: BaseException | None) -> None:
        """Tell the one who waits that the loop has ended."""


class Background:
    """The thread, its loop, and the calls that run there."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        pools.leave_to_me(self.loop)
        self.ended = False
        self._calls: set[Waited] = set()
        # Reentrant: the finalizer of a forgotten iterator posts, and may run while this thread submits.
        self._lock = threading.RLock()
        self.thread = threading.Thread(target=self._serve, name="dk_notebook loop", daemon=True)
        try:
            self.thread.start()
        except BaseException:  # no more threads
            self.loop.close()
            raise

    def submit(self, call: Waited) -> bool:
        """Whether the loop has taken the call; False: it has ended."""
        with self._lock:  # so that a call is either refused here or told by `_serve`
            if self.ended:
                return False
            self._calls.add(call)
            self.loop.call_soon_threadsafe(call.begin)
            return True

    def finished(self, call: Waited) -> None:
        """Forget a call."""
        self._calls.discard(call)

    def post(self, callback: Any, *args: Any) -> None:
        """Run a callback on the loop's thread, if it still serves."""
        with self._lock:
            if not self.ended:
                self.loop.call_soon_threadsafe(callback, *args)

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        cause: BaseException | None = None
        try:
            self.loop.run_forever()
        except BaseException as error:
            cause = error
            raise
        finally:
            with self._lock:
                self.ended = True
                calls = list(self._calls)
            for call in calls:
                call.lose(cause)
            self._wind_down()

    def _wind_down(self) -> None:
        # Nobody is left to read what asyncio says of tasks that do not end.
        self.loop.set_exception_handler(lambda loop, context: None)  # noqa: ARG005 (its form)
        try:
            self._finish(_cancel_tasks())
            self._finish(pools.close_all(self.loop, LAST))
        finally:
            self.loop.close()

    def _finish(self, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            self.loop.run_until_complete(coroutine)
        finally:
            coroutine.close()


async def _cancel_tasks() -> None:
    me = asyncio.current_task()
    tasks = [task for task in asyncio.all_tasks() if task is not me and task.get_name() != pools.KEEPER]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=LAST)


class _State:
    """What is one a process. A forked child has a new one."""

    def __init__(self) -> None:
        self.background: Background | None = None
        self.closing = False
        # Reentrant: a finalizer may begin a call while this thread starts the loop.
        self.lock = threading.RLock()


_state = _State()
_abandoned: list[_State] = []
_registered = False


def serving() -> Background:
    """The background loop; started on first use, and again if its thread has died."""
    global _registered
    with _state.lock:
        if _state.closing:
            raise ConnectionFailed("the interpreter is ending: nothing new is begun")
        if _state.background is None or _state.background.ended:
            if not _registered:
                atexit.register(_end)
                _registered = True
            _state.background = Background()
        return _state.background


def is_here() -> bool:
    """Whether this is the background loop's own thread."""
    background = _state.background
    return background is not None and threading.current_thread() is background.thread


def is_closing() -> bool:
    """Whether the interpreter ends."""
    return _state.closing


def _end() -> None:
    """At exit: cancel what runs, close the pools on their own loop, stop. Nothing waits for long, nothing prints."""
    _state.closing = True
    background = _state.background
    if background is not None:
        until = time.monotonic() + 2 * LAST + 0.2
        background.post(background.loop.stop)
        background.thread.join(until - time.monotonic())
    pools.terminate_all()


def _forget() -> None:
    """In a forked child: the parent's loop is left untouched; the first call starts afresh."""
    global _state
    _abandoned.append(_state)  # freeing it would close sockets that the parent uses
    _state = _State()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
