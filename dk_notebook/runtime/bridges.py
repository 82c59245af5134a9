"""Async iterators and context managers of the background loop, for threads that block."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from dk_notebook.runtime.interrupts import Bell
from dk_notebook.runtime.thread import Call, run

T = TypeVar("T")


class _Items(Generic[T]):
    """The side of the loop: one task owns the async iterator, so that it begins, goes on and ends in one context."""

    def __init__(self, source: AsyncIterator[T], buffer: int) -> None:
        self.source = source
        self.ready: deque[T] = deque()
        self.room = asyncio.Semaphore(buffer)
        self.bell: Bell | None = None

    async def produce(self) -> None:
        try:
            await self.room.acquire()
            async for item in self.source:
                self.ready.append(item)
                del item  # the consumer alone decides how long it lives
                if self.bell is not None:
                    self.bell.ring()
                await self.room.acquire()
        finally:
            await self.close()

    async def close(self) -> None:
        """Close the source, where it can be closed."""
        aclose = getattr(self.source, "aclose", None)
        if aclose is not None:
            await aclose()


class iterate(Iterator[T]):  # noqa: N801 (called like a function)
    """The items of an async iterator, for a thread that blocks: at most ``buffer`` ahead of the consumer.

    Starts with the first item. Leaving it early, by ``close``, a ``with`` block or by forgetting it, closes the
    source; so does whatever interrupts the wait.
    """

    def __init__(self, source: AsyncIterator[T], *, buffer: int = 2) -> None:
        self._over = False
        self._items = _Items(source, buffer)
        self._call: Call[None] | None = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        if self._over:
            raise StopIteration
        try:
            return self._next()
        except BaseException:
            # Also for an interrupt a moment before or after the wait: its traceback keeps this object alive.
            self.close()
            raise

    def _next(self) -> T:
        items, call = self._items, self._call
        if call is None:
            call = self._call = Call(items.produce(), name="iterating")
            items.bell = call.bell
        call.wait(lambda: bool(items.ready) or call.done)
        if items.ready:
            call.post(items.room.release)
            return items.ready.popleft()
        self._over = True
        call.result()
        raise StopIteration

    def close(self) -> None:
        """End early: the source is closed before this returns."""
        if self._over:
            return
        self._over = True
        if self._call is not None:
            self._call.stop()
        elif not isinstance(self._items.source, AsyncGenerator):  # one that has not begun holds nothing
            run(self._items.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __del__(self) -> None:
        # Forgotten: told to stop, not waited for; a finalizer may run anywhere.
        if not self._over and self._call is not None:
            self._call.cancel()


class enter(Generic[T]):  # noqa: N801 (called like a function)
    """A ``with`` block around an async context manager that is entered and left in one task of the background loop.

    What the block raises is thrown into the manager, which may swallow it.
    """

    def __init__(self, manager: AbstractAsyncContextManager[T, bool | None]) -> None:
        self._manager = manager
        self._call: Call[bool] | None = None
        self._entered = False
        self._value: Any = None
        self._leave: asyncio.Future[BaseException | None] | None = None

    async def _hold(self) -> bool:
        """Whether the manager swallowed what the block raised."""
        thrown: BaseException | None = None
        self._leave = asyncio.get_running_loop().create_future()
        async with self._manager as self._value:
            self._entered = True
            if self._call is not None:
                self._call.bell.ring()
            thrown = await self._leave
            if thrown is not None:
                raise thrown
        return thrown is not None

    def __enter__(self) -> T:
        call = self._call = Call(self._hold(), name="entering")
        call.wait(lambda: self._entered or call.done)
        if not self._entered:
            call.result()
        value: T = self._value
        return value

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        call = self._call
        if call is None:
            raise RuntimeError("left without having been entered")
        call.post(self._go, error)
        call.wait(lambda: call.done)
        try:
            return call.result()
        except BaseException as raised:
            if raised is error:
                return False  # Python raises it again, with its own traceback
            raise

    def _go(self, error: BaseException | None) -> None:
        if self._leave is not None and not self._leave.done():
            self._leave.set_result(error)
