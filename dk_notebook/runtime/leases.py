"""Leases of a pool, counted: so many at once, first come, first served."""

from __future__ import annotations

import asyncio
import time
from collections import deque
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
        self._free = max_size
        # In the order in which they came; none waits while one is free.
        self._waiting: deque[asyncio.Future[None]] = deque()
        # In the order in which they began. An operation may hold several.
        self._holders: dict[object, tuple[float, Operation]] = {}

    @property
    def waiting(self) -> int:
        """Who waits for one now."""
        return len(self._waiting)

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

    def at_once(self, operation: Operation) -> object | None:
        """A lease as of `take`; None where one must be waited for."""
        if not self._free:
            return None
        self._free -= 1
        return self._held(operation)

    async def take(self, operation: Operation) -> object:
        """One lease; `give_back` takes what this gives."""
        lease = self.at_once(operation)
        if lease is not None:
            return lease
        await self._wait(operation)
        return self._held(operation)

    def _held(self, operation: Operation) -> object:
        lease = object()
        self._holders[lease] = time.monotonic(), operation
        operation.parts.placed()
        return lease

    def give_back(self, lease: object) -> None:
        """The end of a lease."""
        _, operation = self._holders.pop(lease)
        operation.parts.left()
        self._release()

    def _release(self) -> None:
        """Hand a lease to the one who waits longest, or keep it for who comes next."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    async def _wait(self, operation: Operation) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        kept = False
        try:
            with operation.parts.waiting():
                async with asyncio.timeout(self.timeout) as scope:
                    await turn
            kept = True
        except TimeoutError:
            if scope.expired():
                raise self._exhausted() from None
            raise
        finally:
            if not kept:
                self._withdraw(turn)

    def _withdraw(self, turn: asyncio.Future[None]) -> None:
        """Wait no more. A turn that came in the moment of the cancel is the next one's."""
        if turn in self._waiting:
            self._waiting.remove(turn)
        elif not turn.cancelled():
            self._release()

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
