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
