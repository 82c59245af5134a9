"""Where the time of a read goes: four parts that follow each other, each a stretch of the wall clock.

pool
    From asking for a connection until there is one: waiting for a place in the pool, and opening the connection (or
    the pool) where none is idle. Where a place is taken for each request (S3), also the time in which the read has no
    place and waits for one.
server
    From there until the first rows are here: describing, planning and running the query, and the way there and back.
    DuckDB has no server; its engine in this process is meant. Small results come with their first rows.
transfer
    From the first rows until the last ones: the rest of the bytes, as Arrow tables. What decodes them works in other
    threads meanwhile, so that it counts as far as somebody waits for it.
conversion
    Making the frame of the Arrow tables.

At any moment one part has the time at most, so that none is counted twice. What is in no part is giving the connection
back, the way to the background loop, and what the caller does between two frames of `iter_query`. Booking a change of
part takes less than a microsecond, and a read has half a dozen of them: it is always on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, get_args

Part = Literal["pool", "server", "transfer", "conversion"]
PARTS: tuple[Part, ...] = get_args(Part)
"""In the order in which they follow each other."""

_ASKING: tuple[Part, ...] = ("server", "transfer")
"""The parts in which requests may have to wait for a place again."""


class Parts:
    """The seconds of each part of one operation. Used on the operation's own loop.

    >>> parts = Parts()
    >>> parts.turn("server"); parts.rows_came(); parts.turn(None)
    >>> [part for part, seconds in parts.seconds.items() if seconds > 0]
    ['server', 'transfer']
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self.seconds: dict[Part, float] = dict.fromkeys(PARTS, 0.0)
        self._part: Part | None = None
        self._since = 0.0
        self._waiting = self._held = 0

    def turn(self, part: Part | None) -> None:
        """From now on the time goes there; None: nowhere."""
        now = self._clock()
        before = self._part
        if before is not None:
            if before in _ASKING and self._waiting and not self._held:
                before = "pool"
            self.seconds[before] += now - self._since
        self._since = now
        self._part = part

    @contextmanager
    def during(self, part: Part | None) -> Iterator[None]:
        """The time of the block goes there, and after it to where it went before."""
        before = self._part
        self.turn(part)
        try:
            yield
        finally:
            self.turn(before)

    def rows_came(self) -> None:
        """Rows are here: if they are the first ones, the server's part is over."""
        if self._part == "server":
            self.turn("transfer")

    # --- places in the pool -----------------------------------------------------------------------------------------

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """A block that waits for a place."""
        self._book()
        self._waiting += 1
        try:
            yield
        finally:
            self._book()
            self._waiting -= 1

    def placed(self) -> None:
        """It has a place; several, where it was called more often than `left`."""
        if self._waiting:  # else places tell nothing of where the time goes
            self._book()
        self._held += 1

    def left(self) -> None:
        """It gave a place back."""
        if self._waiting:
            self._book()
        self._held -= 1

    def _book(self) -> None:
        """Add the time since the last change to where it went."""
        self.turn(self._part)
