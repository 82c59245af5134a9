"""Many things at once, in order, in bounded memory, and nothing left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing

import pytest

from dk_notebook.backends.s3.flow import Turns, flow

pytestmark = pytest.mark.unit


class Source:
    """Lists of numbers, of which it counts how many were taken, and whether it was closed."""

    def __init__(self, lists: Sequence[Sequence[int]]) -> None:
        self.lists = lists
        self.taken = 0
        self.is_closed = False

    async def __call__(self) -> AsyncGenerator[Sequence[int], None]:
        try:
            for each in self.lists:
                self.taken += 1
                yield each
        finally:
            self.is_closed = True


class Work:
    """Gives the square, when it may; counts how many are under way."""

    def __init__(self, pause: Callable[[int], float] = lambda _: 0) -> None:
        self.pause = pause
        self.now = self.most = self.begun = 0

    async def __call__(self, number: int) -> int:
        self.begun += 1
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(self.pause(number))
        finally:
            self.now -= 1
        return number * number


async def results(source: Source, work: Callable[[int], Awaitable[int]], **how: int) -> list[list[int]]:
    async with aclosing(flow(source(), work, **{"at_once": 4, **how})) as found:
        return [each async for each in found]


async def test_results_come_in_order_whichever_was_done_first() -> None:
    slow_at_first = Work(lambda number: 0.02 if number < 3 else 0)
    found = await results(Source([[0, 1], [2], [], [3, 4, 5]]), slow_at_first)
    assert found == [[0, 1], [4], [], [9, 16, 25]]


async def test_nothing_gives_nothing() -> None:
    assert await results(Source([]), Work()) == []


@pytest.mark.parametrize("at_once", [1, 7])
async def test_so_many_are_under_way_at_once_and_not_more(at_once: int) -> None:
    work = Work()
    await results(Source([range(10)] * 5), work, at_once=at_once)
    assert (work.most, work.begun) == (at_once, 50)


async def test_a_list_does_not_wait_for_the_end_of_the_one_before() -> None:
    work = Work(lambda number: 0.05 if number == 0 else 0)
    source = Source([[0], [1], [2], [3]])
    async with aclosing(flow(source(), work, at_once=2)) as found:
        await anext(found)
        assert work.begun == 4


async def test_a_slow_consumer_holds_the_source() -> None:
    source, work = Source([[number] for number in range(100)]), Work()
    async with aclosing(flow(source(), work, at_once=4, ahead=3)) as found:
        await anext(found)
        await asyncio.sleep(0.02)
        assert (work.begun, source.taken) == (4, 5)


async def test_the_first_error_ends_all_others_and_is_raised() -> None:
    work = Work(lambda _: 60)

    async def failing(number: int) -> int:
        if number == 3:
            raise ValueError("three")
        return await work(number)

    source = Source([range(10)] * 100)
    with pytest.raises(ValueError, match="three"):
        await results(source, failing)
    assert (work.now, source.is_closed) == (0, True)


async def test_an_error_of_the_source_is_raised() -> None:
    async def broken() -> AsyncGenerator[list[int], None]:
        yield [1]
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        async with aclosing(flow(broken(), Work(), at_once=2)) as found:
            async for _ in found:
                pass


async def test_who_leaves_early_leaves_nothing_running() -> None:
    work, source = Work(lambda number: 0 if number == 0 else 60), Source([[0], [1, 2, 3], [4]])
    async with aclosing(flow(source(), work, at_once=4)) as found:
        assert await anext(found) == [0]
    assert (work.now, source.is_closed) == (0, True)
    assert len(asyncio.all_tasks()) == 1


async def test_who_is_cancelled_while_waiting_leaves_nothing_running() -> None:
    work, source = Work(lambda _: 60), Source([[1, 2, 3]])
    task = asyncio.create_task(results(source, work))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (work.now, source.is_closed) == (0, True)


# --- turns ------------------------------------------------------------------------------------------------------------


async def test_who_begins_slowly_stands_in_nobody_s_way() -> None:
    turns, never = Turns(2, seconds=0.02), asyncio.Event()

    async def slow() -> None:
        async with turns.turn():
            await never.wait()

    waiting = [asyncio.ensure_future(slow()) for _ in range(2)]
    await asyncio.sleep(0)
    async with asyncio.timeout(5), turns.turn():
        assert not any(each.done() for each in waiting)
    never.set()
    await asyncio.gather(*waiting)


async def test_who_has_begun_in_time_keeps_the_turn_to_its_end() -> None:
    turns, work = Turns(2, seconds=0.001), Work(lambda _: 0.005)

    async def one(number: int) -> None:
        async with turns.turn() as has_begun:
            has_begun()
            await work(number)

    await asyncio.gather(*map(one, range(9)))
    assert (work.most, work.begun) == (2, 9)
