"""`run`, the bridge to the background loop for threads that block (`bridges` has two more).

While somebody waits on the main thread, Ctrl-C raises KeyboardInterrupt, whatever the signal handler was before: in a
cell with a top-level ``await`` ipykernel installs one that does nothing as long as the thread blocks.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from dk_notebook.errors import BlockingCallInLoop, ConnectionFailed, QueryError
from dk_notebook.frames import notices
from dk_notebook.runtime import background, operations
from dk_notebook.runtime.interrupts import Bell, Interrupts

T = TypeVar("T")

SLICE = 0.1
"""Seconds between two looks at the loop thread and the progress, while waiting."""
GRACE = 1.0
"""Seconds that a cancelled call gets to end on the server too."""
CUT = 0.2
"""Seconds that a call gets to end after it was cut off."""


def loop() -> asyncio.AbstractEventLoop:
    """The background loop; started on first use, and again if its thread has died."""
    return background.serving().loop


class Call(Generic[T]):
    """A coroutine on the background loop, seen from the thread that waits for it."""

    def __init__(self, coroutine: Coroutine[Any, Any, T], *, name: str) -> None:
        self.bell = Bell()
        self.done = False
        self._stopped = False
        self.watched: list[operations.Operation] = []
        self._name = name
        self._coroutine = coroutine
        self._task: asyncio.Task[tuple[Any, BaseException | None]] | None = None
        self._home: background.Background | None = None
        self._value: Any = None
        self._error: BaseException | None = None
        self._context = contextvars.copy_context()
        self._context.run(operations.watchers.set, self.watched)
        self._notices = notices.held_in(self._context)

    # --- on the loop's thread -----------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start the task."""
        if not self.done and self._home is not None:
            self._task = self._home.loop.create_task(self._contained(), name=self._name, context=self._context)
            self._task.add_done_callback(self._ended)

    async def _contained(self) -> tuple[Any, BaseException | None]:
        # Whatever it raises is for the one who waits: a KeyboardInterrupt thrown into a context manager, or the
        # SystemExit of a callback, would end the loop and with it everybody's calls.
        try:
            return await self._coroutine, None
        except BaseException as error:  # noqa: BLE001
            return None, error

    def _ended(self, task: asyncio.Task[tuple[Any, BaseException | None]]) -> None:
        self._task = None  # freed here: asyncio's clean-up must not meet a signal on the main thread
        self._coroutine.close()  # cancelled before it began, it would be "never awaited"
        outcome = (None, asyncio.CancelledError()) if task.cancelled() else task.result()
        if not self.done:  # else it was lost, and somebody has been told so
            self._value, self._error = outcome
            self._finish()

    def _finish(self) -> None:
        if self._home is not None:
            self._home.finished(self)
        self.done = True
        self.bell.ring()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def lose(self, cause: BaseException | None) -> None:
        """The loop has ended: so has this, for the one who waits."""
        if not self.done:
            self._error = ConnectionFailed("the background loop has ended; the next call starts a new one")
            self._error.__cause__ = cause
            self._finish()

    # --- on the thread that waits -------------------------------------------------------------------------------

    def wait(self, ready: Callable[[], bool]) -> None:
        """Until ``ready()``, which is asked when the bell rings; submits the call first.

        KeyboardInterrupt on Ctrl-C, or what drawing raises: by then the call was cancelled, and has ended or was cut
        off. What the call warned of so far is told here.
        """
        interrupts = Interrupts(self.bell)
        try:
            self._refuse_on_loop()
            with interrupts:
                try:
                    self._submit()
                    self._wait(ready, interrupts)
                except BaseException as error:
                    self._stop(interrupts)
                    notices.tell_beside(error, self._notices)
                    raise
        finally:
            if self._home is None:
                self._coroutine.close()
        if interrupts.count:  # between the last look and the restoring of the handler
            self.stop()
            raise KeyboardInterrupt
        self._tell()

    def is_done(self) -> bool:
        """Whether the coroutine has ended."""
        return self.done

    def _tell(self) -> None:
        """Warn of what the call has kept for that; once it is done, also of what may go on without it."""
        if self._error is None:
            notices.tell(self._notices)
        else:
            notices.tell_beside(self._error, self._notices)
        if self.done and (unheard := [operation for operation in self.watched if operation.unheard]):
            self._warn(unheard)

    def _refuse_on_loop(self) -> None:
        if background.is_here():
            raise BlockingCallInLoop(
                f"{self._name} blocks, and was called on the background loop, which would wait for itself",
                hint="await the async method of the same name with an 'a' before it",
            )

    def _submit(self) -> None:
        while self._home is None:
            home = background.serving()
            self._home = home  # first: the call may have ended when `submit` returns
            if not home.submit(self):
                self._home = None  # its thread ended just now

    def _wait(self, ready: Callable[[], bool], interrupts: Interrupts) -> None:
        while not ready():
            if not self.bell.wait(SLICE):
                with interrupts.raising():
                    self._look()
            if interrupts.count:
                raise KeyboardInterrupt
        if self.done:
            with interrupts.raising():
                self.draw()

    def _look(self) -> None:
        """Between two slices: notice a thread that ended without a word, draw the progress."""
        if self._home is not None and not self._home.thread.is_alive():
            self.lose(None)
        self.draw()

    def draw(self) -> None:
        """Show how far the operations of this call are."""
        for operation in self.watched:
            operation.draw()

    def result(self) -> T:
        """What the coroutine returned or raised; the call is done."""
        error = self._error
        try:
            if error is not None and background.is_closing():
                # Only daemon threads wait now. They must end, to free what they hold, and have nobody to tell:
                # of this error alone `threading` prints nothing.
                raise SystemExit from error
            if isinstance(error, asyncio.CancelledError):
                raise QueryError("cancelled while it ran", code="cancelled") from error
            if error is not None:
                raise error
            value: T = self._value
            return value
        finally:
            del error  # its traceback holds this frame
            self._error = self._value = None

    def stop(self) -> None:
        """Cancel, wait for the end on the server too; on a second Ctrl-C, or after a second, cut it off."""
        if background.is_here():
            self.cancel()
            return
        with Interrupts(self.bell) as interrupts:
            self._stop(interrupts)
        if interrupts.count:
            raise KeyboardInterrupt
        notices.tell(self._notices)

    def _stop(self, interrupts: Interrupts) -> None:
        if self._home is None or self._stopped:
            return
        self._stopped = True
        told = interrupts.count
        self.cancel()
        self._until_done(GRACE, lambda: interrupts.count > told)
        if not self.done:
            for operation in self.watched:
                operation.abort()
            self._until_done(CUT, lambda: False)
            self._warn(self.watched)
        elif unheard := [operation for operation in self.watched if operation.unheard]:
            self._warn(unheard)
        self.draw()

    def _warn(self, cut: list[operations.Operation]) -> None:
        for operation in cut:
            operation.unheard = False  # said, and to be said once
        operations.warn_unheard(", ".join(repr(operation.label) for operation in cut) or self._name, stacklevel=4)

    def _until_done(self, seconds: float, enough: Callable[[], bool]) -> None:
        until = time.monotonic() + seconds
        while not (self.done or enough()) and (left := until - time.monotonic()) > 0:
            self.bell.wait(min(left, SLICE))

    def cancel(self) -> None:
        """Cancel, from any thread, without waiting."""
        self.post(self._cancel)

    def post(self, callback: Callable[..., object], *args: Any) -> None:
        """Run a callback on the loop of this call, if that still serves."""
        if self._home is not None:
            self._home.post(callback, *args)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """What ``coroutine`` returns or raises, run on the background loop while the calling thread waits.

    Whatever interrupts the wait cancels it there. BlockingCallInLoop on the loop's own thread.

    >>> run(asyncio.sleep(0, "done"))
    'done'
    """
    call: Call[T] | None = None
    try:
        call = Call(coroutine, name=getattr(coroutine, "__qualname__", "this function"))
        call.wait(call.is_done)
        return call.result()
    finally:
        if call is None:  # interrupted that early
            coroutine.close()
