"""What a widget asks of stores: on the background loop, so that the kernel is free, and the newest question counts."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

from dk_notebook.errors import DeadlineExceeded
from dk_notebook.frames import notices
from dk_notebook.runtime import background, operations
from dk_notebook.runtime.workers import in_worker

T = TypeVar("T")

TIMEOUT = 20.0
"""Seconds that a store gets to answer."""


class Question:
    """A place of a widget that waits for an answer. ``lock`` is the widget's."""

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self._number = 0
        """Of the newest question."""
        self._task: asyncio.Task[None] | None = None
        self._settled = threading.Event()
        self._settled.set()

    def ask(
        self, find: Callable[[], Awaitable[T]], show: Callable[[T], None], fail: Callable[[Exception], None]
    ) -> None:
        """Await ``find()`` on the background loop; ``show`` or ``fail`` gets what comes of it, under the lock.

        They run in a worker thread, and only if nothing newer was asked: then the work for this one is ended.
        """
        with self._lock:
            self._number += 1
            self._settled.clear()
            _post(self._begin, partial(self._asked, self._number, find, show, fail))

    def drop(self) -> None:
        """Nothing more is shown of what was asked."""
        with self._lock:
            asked = not self._settled.is_set()
            self._number += 1
            self._settled.set()
        if asked:
            _post(self._stop)

    def wait(self, seconds: float) -> bool:
        """Whether nothing is on its way, or comes within so many seconds."""
        return self._settled.wait(seconds)

    # --- on the loop's thread ---

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _begin(self, asked: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._stop()
        # No cell waits for this, so none is to be told of what it warns of, nor of a cancel that was not heard.
        context = contextvars.Context()
        context.run(operations.watchers.set, [])
        notices.held_in(context)
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(asked(), name="dk_notebook widget", context=context)

    async def _asked(
        self,
        number: int,
        find: Callable[[], Awaitable[T]],
        show: Callable[[T], None],
        fail: Callable[[Exception], None],
    ) -> None:
        outcome: Callable[[], None]
        try:
            async with asyncio.timeout(TIMEOUT):
                outcome = partial(show, await find())
        except TimeoutError as error:
            outcome = partial(fail, error if str(error) else DeadlineExceeded(f"no answer within {TIMEOUT:g} s"))
        except Exception as error:  # noqa: BLE001 (a driver's too: it is shown)
            outcome = partial(fail, error)
        await in_worker(self._told, number, outcome)  # a page with a frame takes its time

    def _told(self, number: int, outcome: Callable[[], None]) -> None:
        with self._lock:
            if number == self._number:
                try:
                    outcome()
                finally:
                    self._settled.set()


def _post(callback: Callable[..., None], *args: Any) -> None:
    if not background.is_closing():  # else nobody is left to be shown anything
        background.serving().post(callback, *args)
