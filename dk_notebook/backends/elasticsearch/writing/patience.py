"""How long, and how often, something is tried again that a busy server or a lost connection refused."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

FIRST = 0.1
"""Seconds before the second attempt, at most; twice as many before each one that follows."""
LONGEST = 5.0
GIVE_UP = 60.0
"""Seconds without any progress after which it is not tried again."""


class Patience:
    """The attempts at one thing."""

    def __init__(self, *, give_up: float = GIVE_UP) -> None:
        self._give_up = give_up
        self.progressed()

    def progressed(self) -> None:
        """A part of it was done: count from here."""
        self._attempts = 0
        self._until = time.monotonic() + self._give_up

    async def pause(self, stopping: asyncio.Event, *, asked: float | None = None) -> bool:
        """Wait before the next attempt; False: there shall be none, for lack of time or because others stop.

        ``asked``: the seconds that the server asks for. By chance it is less than it could be: those who failed
        together shall not come again together.
        """
        wait = min(FIRST * 2**self._attempts, LONGEST) * random.uniform(0.5, 1.0)  # noqa: S311 (no secret)
        self._attempts += 1
        wait = max(wait, asked or 0.0)
        if stopping.is_set() or time.monotonic() + wait > self._until:
            return False
        try:
            async with asyncio.timeout(wait):
                await stopping.wait()
        except TimeoutError:
            return True
        return False


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds of a ``Retry-After``, which says them, or a date; None where there is none that can be read.

    >>> retry_after({"retry-after": "3"}), retry_after({"retry-after": "soon"})
    (3.0, None)
    """
    said = headers.get("retry-after")
    if said is None:
        return None
    try:
        return max(float(said), 0.0)
    except ValueError:
        pass
    try:
        return max((parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None
