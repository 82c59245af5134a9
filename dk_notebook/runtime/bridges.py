"""Async iterators and context managers of the background loop, for threads that block."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from dk_notebook.runtime.thread import SLICE, Call, interruptible

T = TypeVar("T")


class _End:
    """The last thing that an iteration hands over: why it ended."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class _Items(Generic[T]):
    """The side of the loop: one task owns the async iterator, so that it begins, goes on and ends in one context."""

    def __init__(self, source: AsyncIterator[T], buffer: int) -> None:
        self._source = source
        self.ready: queue.SimpleQueue[T | _End] = queue.SimpleQueue()
        self.room = asyncio.Semaphore(buffer)

    async def produce(self) -> None:
        error: BaseException | None = None
        try:
            await self.room.acquire()
            async for item in self._source:
                self.ready.put(item)
                del item  # the consumer alone decides how long it lives
                await self.room.acquire()
        except BaseException as raised:
            error = raised
            raise
        finally:
            try:
                if isinstance(self._source, AsyncGenerator):
                    await self._source.aclose()
            finally:
                self.ready.put(_End(error))


class iterate(Iterator[T]):  # noqa: N801 (called like a function)
    """The items of an async iterator, for a thread that blocks: at most ``buffer`` ahead of the consumer.

    Starts with the first item. Leaving it early, by ``close``, a ``with`` block or by forgetting it, closes the
    source; so does whatever interrupts the wait.
    """

    def __init__(self, source: AsyncIterator[T], *, buffer: int = 2) -> None:
        self._items = _Items(source, buffer)
        self._call: Call[None] | None = None
        self._over = False
        self._source = source

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
        with interruptible():
            try:
                if self._call is None:
                    self._call = Call(self._items.produce(), name="iterating")
                    self._call.start()
                item = self._taken(self._call)
            except BaseException:
                self._over = True
                if self._call is not None:
                    self._call.stop()
                raise
        if not isinstance(item, _End):
            self._call.loop.call_soon_threadsafe(self._items.room.release)
            return item
        self._over = True
        self._call.wait(self._call.done)
        self._call.result()
        raise StopIteration

    def _taken(self, call: Call[None]) -> T | _End:
        while True:
            try:
                return self._items.ready.get(timeout=SLICE)
            except queue.Empty:
                call.look()

    def close(self) -> None:
        """End early: the source is closed before this returns."""
        if self._over:
            return
        self._over = True
        if self._call is not None:
            with interruptible():
                self._call.stop()

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
        self._call: Call[bool] = Call(self._hold(), name="entering")
        self._entered = threading.Event()
        self._value: Any = None
        self._leave: asyncio.Future[BaseException | None] | None = None

    async def _hold(self) -> bool:
        """Whether the manager swallowed what the block raised."""
        thrown: BaseException | None = None
        self._leave = asyncio.get_running_loop().create_future()
        async with self._manager as self._value:
            self._entered.set()
            thrown = await self._leave
            if thrown is not None:
                raise thrown
        return thrown is not None

    def __enter__(self) -> T:
        with interruptible():
            try:
                self._call.start()
                while not self._entered.wait(0 if self._call.done.is_set() else SLICE):
                    if self._call.done.is_set():
                        self._call.result()
                    self._call.look()
            except BaseException:
                self._call.stop()
                raise
        value: T = self._value
        return value

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        with interruptible():
            try:
                self._call.loop.call_soon_threadsafe(self._go, error)
                self._call.wait(self._call.done)
            except BaseException:
                self._call.stop()
                raise
        try:
            return self._call.result()
        except BaseException as raised:
            if raised is error:
                return False  # Python raises it again, with its own traceback
            raise

    def _go(self, error: BaseException | None) -> None:
        if self._leave is not None and not self._leave.done():
            self._leave.set_result(error)
