"""Many requests, or other work, at once, in bounded memory, the answers in order.

A few workers take one item after the other, so that an item costs no task of its own: with small objects the client's
processor is what the time goes to.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

AHEAD: Final = 8
"""Lists that are begun before the first one is taken. A list is a few megabytes."""


async def flow(
    lists: AsyncGenerator[Sequence[T], None],
    work: Callable[[T], Awaitable[R]],
    *,
    at_once: int,
    ahead: int = AHEAD,
) -> AsyncGenerator[list[R], None]:
    """What ``work`` gives for each item, list by list, in their order; ``at_once`` items at the same time.

    The first error of an item or of the source ends all others, and is raised. So does leaving early. Must be closed.
    """
    running = _Running(lists, work, at_once, ahead)
    try:
        while (done := await running.next()) is not None:
            yield done
    finally:
        await running.stop()


class Turns:
    """Turns of so many at once, not counting those whose beginning takes longer than ``seconds``.

    Belongs to one event loop.
    """

    def __init__(self, at_once: int, seconds: float) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._seconds = seconds

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Callable[[], None]]:
        """One of them, for the time of the block; to be told when the beginning is over."""
        await self._free.acquire()
        counted = True

        def pass_on() -> None:
            nonlocal counted
            if counted:
                counted = False
                self._free.release()

        timer = asyncio.get_running_loop().call_later(self._seconds, pass_on)
        try:
            yield timer.cancel
        finally:
            timer.cancel()
            pass_on()


class _List(Generic[T, R]):
    """Items under way, and what became of them."""

    __slots__ = ("items", "left", "results")

    def __init__(self, items: Sequence[T]) -> None:
        self.items = items
        self.results: list[Any] = [None] * len(items)
        self.left = len(items)


class _Running(Generic[T, R]):
    def __init__(
        self,
        lists: AsyncGenerator[Sequence[T], None],
        work: Callable[[T], Awaitable[R]],
        at_once: int,
        ahead: int,
    ) -> None:
        self._source = lists
        self._work = work
        self._at_once = at_once
        self._room = asyncio.Semaphore(ahead)
        self._news = asyncio.Event()
        self._lists: deque[_List[T, R]] = deque()
        self._todo: deque[tuple[_List[T, R], int]] = deque()
        self._workers = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = False
        self._failure: BaseException | None = None
        self._begin(self._feed())

    async def next(self) -> list[R] | None:
        """The results of the next list; None: there are no more."""
        while True:
            if self._failure is not None:
                raise self._failure
            if self._lists and not self._lists[0].left:
                self._room.release()
                return self._lists.popleft().results
            if self._ended and not self._lists:
                return None
            self._news.clear()
            await self._news.wait()

    async def stop(self) -> None:
        """End what is under way, and wait for it."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _feed(self) -> None:
        async with aclosing(self._source) as source:
            async for items in source:
                await self._room.acquire()
                made: _List[T, R] = _List(items)
                self._lists.append(made)
                if not items:
                    self._news.set()
                self._todo.extend((made, place) for place in range(len(items)))
                for _ in range(min(len(items), self._at_once - self._workers)):
                    self._workers += 1
                    self._begin(self._take())
        self._ended = True
        self._news.set()

    async def _take(self) -> None:
        """Work as long as there is any; more of it begins workers anew."""
        try:
            while self._todo:
                of, place = self._todo.popleft()
                of.results[place] = await self._work(of.items[place])
                of.left -= 1
                if not of.left:
                    self._news.set()
        finally:
            self._workers -= 1

    def _begin(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work, name="s3")
        self._tasks.add(task)
        task.add_done_callback(self._settled)

    def _settled(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failure = self._failure or error
            self._news.set()
