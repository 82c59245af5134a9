"""What is in flight: each call's label, start, deadline and progress, and the ways to stop it."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Self

from dk_notebook.errors import DeadlineExceeded, OutcomeUnknown, QueryError
from dk_notebook.runtime.parts import Parts

TICK = 0.2
"""Seconds between two wake-ups of a user's own loop while an operation is in flight on it."""

DEADLINE_GRACE = 0.4
"""Seconds that work gets to end after its deadline, before it is cut off."""
CANCEL_GRACE = 1.0
"""Seconds that work gets to end after `cancel`, before it is cut off."""

watchers: ContextVar[list[Operation] | None] = ContextVar("dk_notebook_watchers", default=None)
"""Where a bridge to another thread collects the operations that it waits for, to draw and to abort them."""

_ids = itertools.count(1)
_running: dict[int, Operation] = {}
_ticking: dict[asyncio.AbstractEventLoop, _Ticks] = {}


class Operation:
    """One call of a user, from its start to its end: ``with operation:`` around all of it.

    ``timeout`` is in seconds and counts from here, over every `step`. ``draw`` is called now and then with the
    operation, in the thread that waits for it, and once more when it is done.
    """

    def __init__(
        self,
        label: str,
        *,
        connection: str | None = None,
        timeout: float | None = None,
        draw: Callable[[Operation], None] | None = None,
    ) -> None:
        self.id = next(_ids)
        self.label = label
        self.connection = connection
        self.started = time.monotonic()
        self.timeout = timeout
        self.deadline = None if timeout is None else self.started + timeout
        self.rows = 0
        self.bytes = 0
        self.total_rows: int | None = None
        self.read = 0
        """Bytes of the store's files that were read; what is left out of a file counts as read with the rest of it."""
        self.total_read: int | None = None
        """The size of all of these files; None: nobody counts them."""
        self.parts = Parts()
        """Where its time goes."""
        self.done = False
        self.unheard = False
        """The store was told to stop and may not have heard it: the work may go on there."""
        self._ended: float | None = None
        self._draw = draw
        self._drawn_here = False
        self._cancelled = False
        self._aborted = False
        self._steps: set[Step] = set()
        self._aborts: list[Callable[[], None]] = []

    @property
    def seconds(self) -> float:
        """Since the start; until the end, once it is done."""
        return (self._ended or time.monotonic()) - self.started

    def __enter__(self) -> Self:
        _running[self.id] = self
        watched = watchers.get()
        if watched is not None:
            watched.append(self)
        return self

    def __exit__(self, *exc_info: object) -> None:
        _running.pop(self.id, None)
        self.parts.turn(None)
        self._ended = time.monotonic()
        self.done = True
        if self._drawn_here:
            self.draw()
        if self.unheard and watchers.get() is None:  # else the one who waits says so
            asyncio.get_running_loop().call_soon(warn_unheard, repr(self.label))

    def count(self, rows: int, bytes: int = 0) -> None:  # noqa: A002 (the unit is its best name)
        """Rows and bytes that have come through since the last call."""
        self.rows += rows
        self.bytes += bytes
        self.parts.rows_came()

    def draw(self) -> None:
        """Show the progress, in the thread that waits."""
        if self._draw is not None:
            self._draw(self)

    def step(self) -> Step:
        """One stretch of awaiting, ``async with operation.step():``."""
        return Step(self)

    def _stopped(self) -> DeadlineExceeded | QueryError:
        if self._cancelled:
            return QueryError(f"cancelled after {self.seconds:.1f} s: {self.label}", code="cancelled")
        return DeadlineExceeded(
            f"not done within {self.timeout:g} s: {self.label}", hint="a larger timeout= gives it more time"
        )

    def cancel(self) -> None:
        """Stop it, from any thread: QueryError (code "cancelled") where it is waited for."""
        self._cancelled = True
        for step in list(self._steps):
            step.tell()

    @contextmanager
    def abortable(self, callback: Callable[[], None]) -> Iterator[None]:
        """Inside the block a hard abort calls ``callback``, from any thread; it must be quick and never raise."""
        self.add_abort(callback)
        try:
            yield
        finally:
            self.remove_abort(callback)

    def add_abort(self, callback: Callable[[], None]) -> None:
        """The beginning of an `abortable` block."""
        self._aborts.append(callback)
        if self._aborted:  # between two such blocks
            callback()

    def remove_abort(self, callback: Callable[[], None]) -> None:
        """Its end."""
        self._aborts.remove(callback)

    def abort(self) -> None:
        """Cut it off where a cancel is not answered: the server is deaf, or the user does not want to wait."""
        if self.done:
            return
        self._aborted = True
        with ExitStack() as stack:  # all of them, even if one should raise
            for callback in list(self._aborts):
                stack.callback(callback)


def warn_unheard(labels: str, stacklevel: int = 2) -> None:
    """Say of what was cut off that it may go on."""
    warnings.warn(
        f"{labels} did not answer the cancel and was cut off: it may still run on the server",
        RuntimeWarning,
        stacklevel=stacklevel,
    )


def _says_stopped(error: Exception) -> bool:
    """Whether it says so, or what is worth more: that nobody knows what was done."""
    return isinstance(error, DeadlineExceeded | OutcomeUnknown) or (
        isinstance(error, QueryError) and error.code == "cancelled"
    )


class Step:
    """One stretch of awaiting: ends with DeadlineExceeded at the deadline, with QueryError after `Operation.cancel`.

    Work that does not end soon after that is cut off (`Operation.abort`). Steps may follow each other in different
    tasks, run side by side or lie within each other. A user's own loop is woken every 0.2 s meanwhile: ipykernel's
    SIGINT handler only queues a callback, which a sleeping loop would run when the store answers.
    """

    __slots__ = ("_cancels", "_expired", "_loop", "_operation", "_over", "_task", "_ticks", "_timers")

    def __init__(self, operation: Operation) -> None:
        self._operation = operation
        self._timers: list[asyncio.TimerHandle] = []
        self._expired = self._over = False
        self._ticks: _Ticks | None = None

    async def __aenter__(self) -> None:
        operation = self._operation
        if operation._cancelled:
            raise operation._stopped()
        self._loop = loop = asyncio.get_running_loop()
        # As asyncio.timeout does it, which takes as long as all the rest of a step.
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a step is a stretch of a task")
        self._task, self._cancels = task, task.cancelling()
        if operation.deadline is not None:
            when = loop.time() + operation.deadline - time.monotonic()
            self._timers.append(loop.call_at(when, self._stop))
            self._cut_off_at(when + DEADLINE_GRACE)
        if watchers.get() is None:
            self._ticks = _Ticks.of(loop)
            self._ticks.steps.add(self)
        operation._steps.add(self)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        if not self._expired:
            return
        # Else somebody else cancels the task too, and that it is told.
        ours = self._task.uncancel() <= self._cancels
        if kind is asyncio.CancelledError and ours:
            raise self._operation._stopped() from None
        # Drivers make errors of their own of a cancellation; an inner step has said it already.
        if isinstance(error, Exception) and not _says_stopped(error):
            raise self._operation._stopped() from error

    def tell(self) -> None:
        """End it, from any thread."""
        try:
            self._loop.call_soon_threadsafe(self._expire)
        except RuntimeError:  # the loop was closed meanwhile: nothing waits there any more
            return

    def _expire(self) -> None:
        # On the loop's own thread: the step may have ended, or be ending, since `tell`.
        if not self._over and not self._expired:
            self._stop()
            self._cut_off_at(self._loop.time() + CANCEL_GRACE)

    def _stop(self) -> None:
        if not self._expired:
            self._expired = True
            self._task.cancel()

    def _cut_off_at(self, when: float) -> None:
        self._timers.append(self._loop.call_at(when, self._operation.abort))

    def _end(self) -> None:
        self._over = True
        self._operation._steps.discard(self)
        for timer in self._timers:
            timer.cancel()
        if self._ticks is not None:
            self._ticks.steps.discard(self)


class _Ticks:
    """Wakes a loop while steps are under way on it, and draws there.

    One timer for all of them, which runs out a tick after the last one: a timer a step would cost more than the rest
    of a short one.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.steps: set[Step] = set()
        loop.call_later(TICK, self._tick)

    @staticmethod
    def of(loop: asyncio.AbstractEventLoop) -> _Ticks:
        """Those of a loop, on that loop."""
        ticks = _ticking.get(loop)
        if ticks is None:
            for other in [other for other in list(_ticking) if other.is_closed()]:
                _ticking.pop(other, None)
            ticks = _ticking[loop] = _Ticks(loop)
        return ticks

    def _tick(self) -> None:
        if not self.steps:
            _ticking.pop(self._loop, None)
            return
        self._loop.call_later(TICK, self._tick)  # first: drawing may fail
        with ExitStack() as stack:  # all of them, even if one should raise
            for operation in {step._operation for step in self.steps}:
                operation._drawn_here = True
                stack.callback(operation.draw)


def running() -> list[Operation]:
    """What is in flight, oldest first."""
    return sorted(_running.copy().values(), key=lambda operation: operation.id)


def cancel(id: int | None = None) -> int:  # noqa: A002 (the name in the public API)
    """Stop the operation of that id, or all; how many were told."""
    told = [operation for operation in running() if id is None or operation.id == id]
    for operation in told:
        operation.cancel()
    return len(told)


def _forget() -> None:
    """In a forked child: nothing of the parent's is in flight."""
    _running.clear()
    _ticking.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
