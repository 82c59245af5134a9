"""What one operation asks a store: each request in its turn, tried again where that helps, ended with the operation."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any, Final, TypeVar

from dk_notebook.backends.s3.connections.retries import Attempts
from dk_notebook.backends.s3.connections.store import Store
from dk_notebook.backends.s3.errors import AGAIN, Elsewhere
from dk_notebook.errors import ConnectionFailed, DkError
from dk_notebook.runtime.operations import Operation

T = TypeVar("T")

FOLLOWED: Final = 2
"""Regions to which a request is led, at most: two that name each other would lead it for ever."""


class Requests:
    """A store as one operation sees it. `cut` ends its requests from any thread."""

    def __init__(self, store: Store, operation: Operation) -> None:
        self.store = store
        self._operation = operation
        self._loop = asyncio.get_running_loop()
        self._running: set[asyncio.Timeout] = set()

    async def made(self, once: Callable[[], Awaitable[T]], *, bucket: str) -> T:
        """The answer to one request, which waits for its place in the pool, and is tried again where that helps.

        ``once`` makes one attempt; it must do no harm if the one before it was done, though nobody was told.
        """
        store = self.store
        attempts: Attempts | None = None
        followed = 0
        while True:
            if store.closed:
                raise ConnectionFailed(f"the connection to {store.config.location} was closed")
            try:
                answer = await self._placed(once)
            except AGAIN as error:
                failed: DkError = error
            except Elsewhere as error:
                followed += 1
                if followed > FOLLOWED or not await store.follow(bucket, error):
                    raise
                continue
            else:
                store.budget.regain()
                return answer
            attempts = attempts or Attempts(self._operation, store.budget)
            if not await attempts.another():
                raise failed

    async def _placed(self, once: Callable[[], Awaitable[T]]) -> T:
        """One attempt, in a place of the pool."""
        store = self.store
        async with store.leases.lease(self._operation):
            scope = asyncio.timeout(None)
            try:
                async with scope:
                    self._running.add(scope)
                    return await once()
            except TimeoutError as error:
                if scope.expired():
                    store.stopped_at = time.monotonic()
                    raise ConnectionFailed(f"{store.config.location}: the request was cut off") from error
                raise
            except asyncio.CancelledError:
                store.stopped_at = time.monotonic()
                raise
            finally:
                self._running.discard(scope)

    def cut(self) -> None:
        """End the requests that run, at once and from any thread."""
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._cut)

    def _cut(self) -> None:
        for scope in list(self._running):
            if not scope.expired():
                scope.reschedule(self._loop.time())


async def together(asking: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """What they all give, in their order; at the first error, that one, and the others are stopped."""
    tasks = [asyncio.ensure_future(each) for each in asking]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        if any(not task.done() for task in tasks):
            await asyncio.wait(tasks)
