"""What is tried again, how often, and until when."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Final

from dk_notebook.runtime.operations import Operation

FIRST: Final = 0.05
"""Seconds before the second attempt, at most; twice as many before each one that follows."""
LONGEST: Final = 2.0
ATTEMPTS: Final = 8
GIVE_UP: Final = 20.0
"""Seconds after which a request is not tried again."""

BUDGET: Final = 100.0
"""Attempts again that a store may cost at once, by all of its requests."""
REGAINED: Final = 2.0
"""Of them a second; and one by each request that goes well."""


class Budget:
    """What all requests to a store may spend on attempts again: a store that is down is not asked ever more.

    >>> budget = Budget(most=2)
    >>> [budget.spend() for _ in range(3)]
    [True, True, False]
    >>> budget.regain()
    >>> budget.spend()
    True
    """

    def __init__(self, most: float = BUDGET) -> None:
        self._most = self._left = most
        self._since = time.monotonic()

    def spend(self) -> bool:
        """One attempt; False: there is none left."""
        now = time.monotonic()
        self._left = min(self._left + (now - self._since) * REGAINED, self._most)
        self._since = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def regain(self) -> None:
        """A request went well."""
        if self._left < self._most:
            self._left = min(self._left + 1, self._most)


class Attempts:
    """The attempts at one request."""

    def __init__(self, operation: Operation, budget: Budget) -> None:
        self._budget = budget
        self._made = 1
        self._until = time.monotonic() + GIVE_UP
        if operation.deadline is not None:
            self._until = min(self._until, operation.deadline)

    async def another(self) -> bool:
        """Wait before the next one; False: there shall be none, for lack of time or because there were many.

        By chance the wait is shorter than it could be: those who failed together shall not come again together.
        """
        wait = min(FIRST * 2 ** (self._made - 1), LONGEST) * random.uniform(0.5, 1.0)  # noqa: S311 (no secret)
        if self._made >= ATTEMPTS or time.monotonic() + wait > self._until or not self._budget.spend():
            return False
        self._made += 1
        await asyncio.sleep(wait)
        return True
