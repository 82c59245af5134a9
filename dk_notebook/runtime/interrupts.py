"""Ctrl-C while a thread waits: noticed at once, and acted upon at one place only.

A handler that raises would do so between any two instructions: inside the locks of `threading.Event`, or between the
submission of a call and the wait for it. Ours counts and rings; the one who waits looks at the count.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self


class Bell:
    """Wakes the one thread that waits for it. Ringing twice before the wait is ringing once.

    >>> bell = Bell()
    >>> bell.ring()
    >>> bell.wait(1.0), bell.wait(0.0)
    (True, False)
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def ring(self) -> None:
        """Wake the waiter; from any thread, and from a signal handler."""
        try:
            self._lock.release()
        except RuntimeError:  # rung already
            return

    def wait(self, seconds: float) -> bool:
        """Whether it was rung within ``seconds``."""
        return self._lock.acquire(timeout=max(seconds, 0))


class Interrupts:
    """For the time of the block, on the main thread, SIGINT is counted and rings the bell; then all is as before.

    Elsewhere it does nothing: only the main thread gets signals. ``count`` stays readable after the block.
    """

    def __init__(self, bell: Bell) -> None:
        self.count = 0
        self._bell = bell
        self._raising = False
        self._before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            # None: a handler that was not installed from Python, which could not be put back.
            self._before = signal.getsignal(signal.SIGINT)
            if self._before is not None:
                signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _handle(self, signum: int, frame: object) -> None:  # noqa: ARG002 (the form of a signal handler)
        self.count += 1
        self._bell.ring()
        if self._raising:
            raise KeyboardInterrupt

    @contextmanager
    def raising(self) -> Iterator[None]:
        """Inside the block SIGINT raises at once: code of others runs, which looks at no count."""
        self._raising = True
        try:
            yield
        finally:
            self._raising = False
