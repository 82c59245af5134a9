"""Leases of a pool, counted: so many at once, first come, first served."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from dk_notebook.errors import PoolTimeout
from dk_notebook.runtime.operations import Operation


@dataclass(frozen=True)
class PoolStatus:
    """The figures of one pool. ``opened``, ``reused`` and ``broken`` count connections since it was opened."""

    size: int
    max_size: int
    in_use: int
    idle: int
    waiting: int
    opened: int
    reused: int
    broken: int


class Leases:
    """At most ``max_size`` at a time; who waits longer than ``timeout`` seconds gets PoolTimeout.

    Belongs to one event loop. A waiter that is cancelled takes no lease with it.
    """

    def __init__(self, max_size: int, timeout: float) -> None:
        self.max_size = max_size
        self.timeout = timeout
        self.waiting = 0
        self._slots = asyncio.Semaphore(max_size)
        # In the order in which they began. An operation may hold several.
        self._holders: dict[object, tuple[float, Operation]] = {}

    @property
    def in_use(self) -> int:
        """Leases that are held now."""
        return len(self._holders)

    @asynccontextmanager
    async def lease(self, operation: Operation) -> AsyncIterator[None]:
        """One lease for the time of the block."""
        lease = await self.take(operation)
        try:
            yield
        finally:
            self.give_back(lease)

    async def take(self, operation: Operation) -> object:
        """One lease; `give_back` takes what this gives."""
        if self._slots.locked():
            await self._wait(operation)
        else:
            await self._slots.acquire()
        lease = object()
        self._holders[lease] = time.monotonic(), operation
        operation.parts.placed()
        return lease

    def give_back(self, lease: object) -> None:
        """The end of a lease."""
        _, operation = self._holders.pop(lease)
        operation.parts.left()
        self._slots.release()

    async def _wait(self, operation: Operation) -> None:
        self.waiting += 1
        try:
            with operation.parts.waiting():
                async with asyncio.timeout(self.timeout) as scope:
                    await self._slots.acquire()
        except TimeoutError:
            if scope.expired():
                raise self._exhausted() from None
            raise
        finally:
            self.waiting -= 1

    def _exhausted(self) -> PoolTimeout:
        holder = ""
        for since, oldest in self._holders.values():
            holder = f"; the oldest, {oldest.label!r}, for {time.monotonic() - since:.1f} s"
            break
        return PoolTimeout(
            f"no connection became free within {self.timeout:g} s: {self.in_use} of {self.max_size} in use, "
            f"{self.waiting} waiting{holder}",
            hint="pool={'max_size': ...} allows more, pool={'timeout': ...} waits longer",
        )
