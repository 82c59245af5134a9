"""A thread that looks again and again, as long as somebody sees what it finds."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable

LAST = 0.5
"""Seconds that the thread gets to end when the interpreter does."""


class Ticker:
    """Calls ``look`` in a thread of its own; it tells the seconds until the next time."""

    def __init__(self, look: Callable[[], float], *, name: str) -> None:
        self._look = look
        self._name = name
        self._lock = threading.Lock()
        self._stopped: threading.Event | None = None
        """That of the thread that runs."""
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; while it runs: nothing."""
        with self._lock:
            if self._stopped is not None:
                return
            self._stopped = threading.Event()
            self._thread = threading.Thread(target=self._run, args=(self._stopped,), name=self._name, daemon=True)
            # A thread that speaks to the page while the kernel takes its sockets away would fail aloud.
            atexit.register(self._end)
            self._thread.start()

    def stop(self) -> None:
        """Look no more. From any thread; a look that is under way may still end."""
        with self._lock:
            if self._stopped is not None:
                self._stopped.set()
                self._stopped = None
                atexit.unregister(self._end)

    @property
    def runs(self) -> bool:
        """Whether it looks."""
        return self._stopped is not None

    def _end(self) -> None:
        thread = self._thread
        self.stop()
        if thread is not None:
            thread.join(LAST)

    def _run(self, stopped: threading.Event) -> None:
        pause = self._look()
        while not stopped.wait(pause):
            pause = self._look()
