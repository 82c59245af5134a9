"""How many connections there are, where their owner does not tell."""

from __future__ import annotations

import time
from collections import deque
from typing import Literal

End = Literal["idle", "broken", "never"]
"""What becomes of a connection at the end of a request; ``never``: there was none."""


class Connections:
    """The connections of obstore, which tells nothing of them, as HTTP/1.1 makes them of the requests.

    A request takes an idle connection, or a new one; where it was not answered to its end, the connection is closed
    with it. Of idle ones the last is taken first; after ``idle_seconds`` they are closed.

    >>> found = Connections(idle_seconds=60)
    >>> found.take(); found.take(); found.give_back("idle"); found.give_back("broken"); found.take()
    >>> found.opened, found.reused, found.broken, found.idle
    (2, 1, 1, 0)
    """

    def __init__(self, *, idle_seconds: float) -> None:
        self.opened = self.reused = self.broken = 0
        self._idle_seconds = idle_seconds
        self._idle: deque[float] = deque()
        """Since when, the longest first."""

    @property
    def idle(self) -> int:
        """Open, and used by nobody."""
        before = time.monotonic() - self._idle_seconds
        while self._idle and self._idle[0] < before:
            self._idle.popleft()
        return len(self._idle)

    def take(self) -> None:
        """A request begins."""
        if self.idle:
            self._idle.pop()
            self.reused += 1
        else:
            self.opened += 1

    def give_back(self, end: End) -> None:
        """It ended."""
        if end == "idle":
            self._idle.append(time.monotonic())
        elif end == "broken":
            self.broken += 1
        else:
            self.opened -= 1
