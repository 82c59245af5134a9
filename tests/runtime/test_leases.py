"""Leases of a pool."""

from __future__ import annotations

import asyncio

import pytest

from dk_notebook.errors import PoolTimeout
from dk_notebook.runtime.leases import Leases
from dk_notebook.runtime.operations import Operation

pytestmark = pytest.mark.unit


async def test_who_waits_too_long_is_told_who_holds_the_leases() -> None:
    leases = Leases(1, timeout=0.05)
    async with leases.lease(Operation("select 1")):
        with pytest.raises(PoolTimeout, match=r"1 of 1 in use, 1 waiting; the oldest, 'select 1', for"):
            async with leases.lease(Operation("select 2")):
                pass
    assert (leases.in_use, leases.waiting) == (0, 0)


async def test_first_come_first_served() -> None:
    leases, order = Leases(1, timeout=5), []

    async def work(number: int) -> None:
        async with leases.lease(Operation(str(number))):
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(work(number) for number in range(20)))
    assert order == list(range(20))


@pytest.mark.parametrize("first", ["the lease comes back", "the waiter is cancelled"])
async def test_a_waiter_that_is_cancelled_as_its_turn_comes_leaves_the_lease(first: str) -> None:
    leases = Leases(1, timeout=5)
    held = await leases.take(Operation("holds it"))
    waiter, next_one = (asyncio.create_task(leases.take(Operation("waits"))) for _ in range(2))
    await asyncio.sleep(0)
    if first == "the lease comes back":
        leases.give_back(held)
        waiter.cancel()
    else:
        waiter.cancel()
        leases.give_back(held)
    leases.give_back(await next_one)
    assert (leases.waiting, leases.at_once(Operation("comes later")) is None) == (0, False)


async def test_who_comes_late_takes_no_lease_from_who_waits() -> None:
    leases = Leases(1, timeout=5)
    held = await leases.take(Operation("holds it"))
    waiter = asyncio.create_task(leases.take(Operation("waits")))
    await asyncio.sleep(0)
    leases.give_back(held)
    assert leases.at_once(Operation("comes late")) is None
    leases.give_back(await waiter)


async def test_cancelled_waiters_lose_nothing() -> None:
    leases = Leases(2, timeout=5)

    async def work() -> None:
        async with leases.lease(Operation("work")):
            await asyncio.sleep(0.001)

    for pause in range(30):
        tasks = [asyncio.create_task(work()) for _ in range(10)]
        await asyncio.sleep(pause / 5000)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert (leases.in_use, leases.waiting) == (0, 0)
    async with leases.lease(Operation("a")), leases.lease(Operation("b")):
        assert leases.in_use == 2
