"""The pool: lent, checked, replaced, and never lost. On a real server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from dk_notebook.backends.postgres.config import PostgresConfig
from dk_notebook.backends.postgres.connections import held
from dk_notebook.backends.postgres.connections.pool import Loan, Pool
from dk_notebook.errors import ConnectionFailed, PoolTimeout
from dk_notebook.runtime.operations import Operation
from tests.under_way import within

pytestmark = pytest.mark.postgres

OURS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dk_notebook' AND datname = current_database()"


@asynccontextmanager
async def opened(config: PostgresConfig, **sizes: Any) -> AsyncIterator[Pool]:
    pool = Pool(replace(config, pool=replace(config.pool, **sizes)))
    await pool.open()
    try:
        yield pool
    finally:
        await pool.close()


@asynccontextmanager
async def lent(pool: Pool) -> AsyncIterator[Loan]:
    with Operation("a test") as operation:
        async with pool.lend(operation) as loan:
            yield loan


async def pid_of(loan: Loan) -> int:
    pid: int = await loan.connection.fetchval("SELECT pg_backend_pid()")
    return pid


async def eventually(admin: Any, count: int) -> None:
    """When the server has so many connections of ours; fails after a few seconds."""
    async with asyncio.timeout(5):
        while await admin.fetchval(OURS) != count:  # noqa: ASYNC110 (the event is the server's)
            await asyncio.sleep(0.02)


async def killed(admin: Any, pid: int) -> None:
    """When it is gone from the server."""
    await admin.execute(f"SELECT pg_terminate_backend({pid}, 5000)")


async def test_a_connection_is_used_again(config: PostgresConfig) -> None:
    async with opened(config) as pool:
        async with lent(pool) as loan:
            first = await pid_of(loan)
        async with lent(pool) as loan:
            assert await pid_of(loan) == first
        assert (pool.status().opened, pool.status().size) == (1, 1)


async def test_min_size_connections_are_open_at_once(config: PostgresConfig, admin: Any) -> None:
    async with opened(config, min_size=4, max_size=6) as pool:
        assert (await admin.fetchval(OURS), pool.status().idle) == (4, 4)


async def test_as_many_as_max_size_are_open_and_no_more(config: PostgresConfig, admin: Any) -> None:
    async with opened(config, max_size=3) as pool:

        async def hold() -> None:
            async with lent(pool) as loan:
                await loan.connection.execute("SELECT pg_sleep(0.1)")

        most = 0
        tasks = [asyncio.create_task(hold()) for _ in range(9)]
        while not all(task.done() for task in tasks):
            most = max(most, await admin.fetchval(OURS))
            await asyncio.sleep(0.01)
        assert most == 3


async def test_an_idle_connection_that_was_killed_is_replaced_unseen(config: PostgresConfig, admin: Any) -> None:
    async with opened(config) as pool:
        async with lent(pool) as loan:
            first = await pid_of(loan)
        await killed(admin, first)
        async with lent(pool) as loan:
            assert await pid_of(loan) != first
        assert pool.status().broken == 1


async def test_an_idle_connection_that_does_not_answer_is_replaced_unseen(
    config: PostgresConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held, "TRUSTED", -1.0)  # every idle connection is asked
    async with opened(config) as pool:
        async with lent(pool) as loan:
            first = await pid_of(loan)
        # Cut where only a write or a read finds out.
        loan.connection._transport.get_extra_info("socket").shutdown(2)
        async with lent(pool) as loan:
            assert await pid_of(loan) != first


async def test_a_minimum_is_filled_again_after_a_loss(config: PostgresConfig, admin: Any) -> None:
    async with opened(config, min_size=2, max_size=3) as pool:
        with pytest.raises(ConnectionFailed):
            async with lent(pool) as loan:
                await killed(admin, await pid_of(loan))
                raise ConnectionFailed("lost")
        await eventually(admin, 2)
        await within(5, lambda: pool.status().size == 2)  # the server knows of it first
        assert (pool.status().size, await admin.fetchval(OURS)) == (2, 2)


async def test_idle_connections_above_the_minimum_are_closed_in_time(config: PostgresConfig, admin: Any) -> None:
    async with opened(config, min_size=1, max_size=4, max_idle=0.2) as pool:

        async def hold() -> None:
            async with lent(pool) as loan:
                await loan.connection.execute("SELECT pg_sleep(0.05)")

        await asyncio.gather(*(hold() for _ in range(4)))
        await eventually(admin, 1)
        assert (await admin.fetchval(OURS), pool.status().size) == (1, 1)


async def test_a_connection_that_is_too_old_is_replaced_when_it_comes_back(config: PostgresConfig) -> None:
    async with opened(config, max_lifetime=0.1) as pool:
        async with lent(pool) as loan:
            first = await pid_of(loan)
            await asyncio.sleep(0.15)
        async with lent(pool) as loan:
            assert await pid_of(loan) != first
        assert pool.status().broken == 0


async def test_a_session_with_settings_of_its_own_is_cleaned(config: PostgresConfig) -> None:
    async with opened(config) as pool:
        async with lent(pool) as loan:
            first = await pid_of(loan)
            loan.held.dirty = True
            await loan.connection.execute("SET search_path = nowhere; CREATE TEMP TABLE mine (a int)")
        async with lent(pool) as loan:
            assert await pid_of(loan) == first
            assert await loan.connection.fetchval("SHOW search_path") == '"$user", public'
            assert await loan.connection.fetchval("SELECT to_regclass('mine')") is None


async def test_a_transaction_left_open_is_rolled_back(config: PostgresConfig) -> None:
    async with opened(config) as pool:
        async with lent(pool) as loan:
            await loan.connection.execute("BEGIN")
        async with lent(pool) as loan:
            assert not loan.connection.is_in_transaction()


async def test_a_cancelled_statement_ends_on_the_server_and_keeps_its_connection(
    config: PostgresConfig, admin: Any
) -> None:
    async with opened(config, max_size=1) as pool:

        async def sleep() -> None:
            async with lent(pool) as loan:
                await loan.connection.execute("SELECT pg_sleep(30)")

        task = asyncio.create_task(sleep())
        await asyncio.sleep(0.2)
        begun = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - begun < 5
        assert await admin.fetchval(f"{OURS} AND state = 'active'") == 0
        assert (pool.status().size, pool.status().broken) == (1, 0)


async def test_a_hundred_cancels_at_random_moments_lose_no_capacity(config: PostgresConfig) -> None:
    async with opened(config, max_size=2, timeout=5) as pool:

        async def work(seconds: float) -> None:
            async with lent(pool) as loan:
                await loan.connection.execute(f"SELECT pg_sleep({seconds})")

        for turn in range(100):
            tasks = [asyncio.create_task(work(0.001 * (turn % 7))) for _ in range(3)]
            await asyncio.sleep(0.0007 * (turn % 11))
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        async with lent(pool), lent(pool):
            assert pool.status().in_use == 2
        assert (pool.status().in_use, pool.status().waiting) == (0, 0)


async def test_a_waiter_is_told_in_time_who_has_the_connection(config: PostgresConfig) -> None:
    async with opened(config, max_size=1, timeout=0.2) as pool, lent(pool):
        with pytest.raises(PoolTimeout, match=r"1 of 1 in use.*'a test'"):
            async with lent(pool):
                raise AssertionError("there is only one")


async def test_closing_cancels_what_runs_and_leaves_nothing_on_the_server(config: PostgresConfig, admin: Any) -> None:
    async with opened(config) as pool:

        async def sleep() -> None:
            async with lent(pool) as loan:
                await loan.connection.execute("SELECT pg_sleep(30)")

        task = asyncio.create_task(sleep())
        await asyncio.sleep(0.2)
        await pool.close()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
        await eventually(admin, 0)
        assert await admin.fetchval(OURS) == 0


async def test_a_closed_pool_refuses_in_words(config: PostgresConfig) -> None:
    async with opened(config) as pool:
        await pool.close()
        with pytest.raises(ConnectionFailed, match="was closed"):
            async with lent(pool):
                raise AssertionError("it is closed")


async def test_connections_are_kept_alive_and_the_server_looks_for_dead_ones(config: PostgresConfig) -> None:
    async with opened(config) as pool, lent(pool) as loan:
        place = loan.connection._transport.get_extra_info("socket")
        assert place.getsockopt(1, 9) == 1  # SOL_SOCKET, SO_KEEPALIVE
        assert await loan.connection.fetchval("SHOW client_connection_check_interval") == "500ms"
