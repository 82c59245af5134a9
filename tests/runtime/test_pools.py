"""One open store per loop and settings."""

from __future__ import annotations

import asyncio
import gc
from typing import Any, ClassVar, Self

import pytest

from dk_notebook.errors import ConnectionFailed
from dk_notebook.runtime import pools
from dk_notebook.runtime.leases import PoolStatus
from dk_notebook.runtime.thread import run

pytestmark = pytest.mark.unit


class Fake:
    """A store that remembers what was opened and closed."""

    name: ClassVar[str] = "fake"
    opened: ClassVar[list[Fake]] = []
    failures: ClassVar[int] = 0

    def __init__(self, config: Any) -> None:
        self.config = config
        self.loop = asyncio.get_running_loop()
        self.closed_on: asyncio.AbstractEventLoop | None = None
        self.terminated = False

    @classmethod
    async def open(cls, config: Any) -> Self:
        await asyncio.sleep(0.01)
        if cls.failures:
            cls.failures -= 1
            raise ConnectionFailed("refused")
        pool = cls(config)
        cls.opened.append(pool)
        return pool

    async def close(self) -> None:
        await asyncio.sleep(0)
        self.closed_on = asyncio.get_running_loop()

    def terminate(self) -> None:
        self.terminated = True

    def status(self) -> PoolStatus:
        return PoolStatus(1, 1, 0, 1, 0, 1, 0, 0)


@pytest.fixture(autouse=True)
def fresh() -> None:
    Fake.opened = []
    Fake.failures = 0


def fakes_open() -> int:
    """Other tests leave pools of their own on the background loop."""
    return len([kind for kind, *_ in pools.status() if kind is Fake])


async def acquire(config: str = "a", owner: object = "me") -> Any:
    return await pools.acquire(Fake, config, owner=owner)


def test_fifty_first_calls_share_one_pool() -> None:
    async def fifty() -> set[int]:
        found = {id(pool) for pool in await asyncio.gather(*(acquire() for _ in range(50)))}
        await pools.release(owner="me")
        return found

    assert len(asyncio.run(fifty())) == 1
    assert len(Fake.opened) == 1


def test_two_loops_have_two_pools() -> None:
    async def one() -> Any:
        return await acquire()

    first, second = run(one()), asyncio.run(one())
    assert first is not second
    run(pools.release(owner="me"))


def test_other_settings_are_another_pool() -> None:
    async def two() -> bool:
        return await acquire("a") is await acquire("b")

    assert asyncio.run(two()) is False


def test_a_failed_open_reaches_all_who_waited_and_is_tried_again() -> None:
    Fake.failures = 1

    async def story() -> tuple[list[Any], Any]:
        failed = await asyncio.gather(acquire(), acquire(), return_exceptions=True)
        return failed, await acquire()

    failed, pool = asyncio.run(story())
    assert [type(error) for error in failed] == [ConnectionFailed, ConnectionFailed]
    assert pool.config == "a"


def test_the_last_owner_closes_the_pool_and_not_the_first() -> None:
    async def story() -> list[bool]:
        pool = await acquire(owner="one")
        await acquire(owner="two")
        await pools.release(owner="one")
        before = pool.closed_on is not None
        await pools.release(owner="two")
        return [before, pool.closed_on is not None]

    assert asyncio.run(story()) == [False, True]


def test_what_an_owner_has_is_at_hand_until_it_is_released() -> None:
    def at_hand(config: str) -> Any:
        return pools.owned(Fake, config, owner="me")

    async def story() -> list[Any]:
        found = [at_hand("a")]
        found += [await acquire("a"), at_hand("a"), at_hand("b")]
        await pools.release(owner="me")
        return [*found, at_hand("a")]

    before, pool, *after = asyncio.run(story())
    assert (before, after) == (None, [pool, None, None])


def test_a_pool_that_another_closed_is_not_at_hand() -> None:
    async def story() -> Any:
        await acquire("a")
        await pools.close_all(asyncio.get_running_loop(), 1)
        return pools.owned(Fake, "a", owner="me")

    assert asyncio.run(story()) is None


def test_fifty_runs_in_a_row_leave_nothing_open() -> None:
    for _ in range(50):
        asyncio.run(acquire())
    assert all(pool.closed_on is pool.loop for pool in Fake.opened)
    assert fakes_open() == 0


def test_a_loop_that_is_closed_without_cancelling_its_tasks_only_loses_its_sockets() -> None:
    loop = asyncio.new_event_loop()
    pool = loop.run_until_complete(acquire())
    loop.close()
    del loop
    assert fakes_open() == 0
    gc.collect()
    assert pool.terminated


def test_a_loop_that_stood_still_while_its_pool_was_released_opens_the_next_one() -> None:
    """As in a terminal's IPython, whose loop runs only while a cell awaits."""
    loop = asyncio.new_event_loop()
    loop.run_until_complete(pools.acquire(Fake, "stands", owner="a"))
    run(pools.release(owner="a"))
    again = loop.run_until_complete(pools.acquire(Fake, "stands", owner="b"))
    loop.run_until_complete(asyncio.sleep(0.01))
    assert ([one.closed_on for one in Fake.opened], again) == ([loop, None], Fake.opened[1])
    loop.run_until_complete(pools.release(owner="b"))
    loop.close()


def test_a_cancelled_first_caller_does_not_take_the_pool_from_the_others() -> None:
    async def story() -> Any:
        first = asyncio.create_task(acquire())
        await asyncio.sleep(0)
        second = asyncio.create_task(acquire())
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert asyncio.run(story()).config == "a"
