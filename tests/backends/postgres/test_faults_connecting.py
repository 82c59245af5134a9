"""Servers that restart, refuse, fall silent, talk nonsense or have no place: what is seen of it, and when."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from dk_notebook.backends.base import Native
from dk_notebook.backends.postgres.connections import held
from dk_notebook.backends.postgres.connections import pool as pools
from dk_notebook.errors import ConnectionFailed, DeadlineExceeded, DkError, PoolTimeout, QueryError
from dk_notebook.testing.place import Place
from dk_notebook.testing.services.postgres import PostgresServer
from tests.backends.postgres.behind import is_whole, kill, opened, pid, read, running
from tests.services.proxy import FaultProxy

pytestmark = pytest.mark.postgres

SECRET = "hunter2hunter2"
LATE = 2.0
"""Seconds that an error may come after its time."""


async def failed(work: Awaitable[Any]) -> tuple[DkError, float]:
    """The error, and the seconds until it came."""
    begun = time.monotonic()
    with pytest.raises(DkError) as raised:
        await work
    return raised.value, time.monotonic() - begun


async def connected(url: str, **keywords: Any) -> None:
    async with opened(url, **keywords):
        raise AssertionError("it connected")


# --- restarted (P1)


async def test_a_server_that_restarts_under_an_idle_pool_twenty_times_is_not_noticed(
    own_postgres_server: PostgresServer,
) -> None:
    async with opened(own_postgres_server.url, pool={"min_size": 2}) as place:
        for turn in range(20):
            own_postgres_server.restart(at_once=bool(turn % 2))
            assert await asyncio.gather(*(read(place, "select 1 as a") for _ in range(3))) == [[{"a": 1}]] * 3
        assert await is_whole(place)


async def test_all_idle_connections_killed_at_once_are_replaced_unseen(postgres_database: str, admin: Any) -> None:
    async with opened(postgres_database, pool={"min_size": 2}) as place:
        await is_whole(place)
        await admin.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
            "where application_name = 'dk_notebook' and datname = current_database()"
        )
        assert await asyncio.gather(*(read(place, "select 1 as a") for _ in range(4))) == [[{"a": 1}]] * 4


async def test_idle_connections_that_went_silent_are_replaced_unseen(
    proxied: str, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held, "TRUSTED", -1.0)  # as if more than a second had gone by
    monkeypatch.setattr(pools, "ANSWER", 0.2)
    async with opened(proxied) as place:
        await is_whole(place)
        for link in proxy.open_links:
            link.silence()
        assert await read(place, "select 1 as a") == [{"a": 1}]
        assert await is_whole(place)


async def test_a_server_that_was_down_is_used_at_once_when_it_is_back(
    own_postgres_server: PostgresServer,
) -> None:
    async with opened(own_postgres_server.url, pool={"timeout": 1}) as place:
        own_postgres_server.stop()
        error, seconds = await failed(read(place, "select 1"))
        assert ("refused" in error.message, seconds < 1 + LATE) == (True, True)
        own_postgres_server.start()
        begun = time.monotonic()
        assert await read(place, "select 1 as a") == [{"a": 1}]
        assert time.monotonic() - begun < 5


# --- refused, deaf, silent, slow, garbage (P4)


@pytest.mark.parametrize("fault", ["refuse", "deafen", "silence", "garble", "slow"])
async def test_what_cannot_be_connected_to_is_an_error_in_time(proxied: str, proxy: FaultProxy, fault: str) -> None:
    break_(proxy, fault)
    error, seconds = await failed(connected(proxied, connect_timeout=0.5))
    assert (type(error), seconds < 0.5 + LATE) == (ConnectionFailed, True), (error, seconds)
    assert str(proxy.port) in error.message


@pytest.mark.parametrize("fault", ["deafen", "silence", "garble", "slow", "refuse"])
async def test_a_server_that_fails_between_two_calls_is_an_error_in_time_and_capacity_is_kept(
    proxied: str, proxy: FaultProxy, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held, "TRUSTED", -1.0)
    async with opened(proxied, connect_timeout=0.5) as place:
        await is_whole(place)
        break_(proxy, fault)
        proxy.cut()
        _, seconds = await failed(read(place, "select 1 as a"))
        assert seconds < 0.5 + LATE
        proxy.heal()
        assert await is_whole(place)


@pytest.mark.parametrize("fault", ["silence", "slow"])
async def test_a_server_that_falls_silent_during_a_read_is_given_up_at_the_deadline(
    proxied: str, proxy: FaultProxy, admin: Any, fault: str
) -> None:
    async with opened(proxied) as place:
        await read(place, "select 1")
        task = asyncio.create_task(read(place, "select pg_sleep(1), repeat('x', 10000)", timeout=2))
        begun = time.monotonic()
        await running(admin, "pg_sleep")
        break_(proxy, fault)
        with pytest.raises(DeadlineExceeded, match="not done within 2 s"):
            await task
        assert time.monotonic() - begun < 2 + LATE
        proxy.heal()
        assert await is_whole(place)


async def test_garbage_during_a_read_is_an_error_at_once(proxied: str, proxy: FaultProxy, admin: Any) -> None:
    async with opened(proxied) as place:
        await read(place, "select 1")
        task = asyncio.create_task(read(place, "select pg_sleep(1)", timeout=5))
        await running(admin, "pg_sleep")
        proxy.garble()
        with pytest.raises((ConnectionFailed, DeadlineExceeded)):
            await task
        proxy.heal()
        assert await is_whole(place)


async def test_a_write_to_a_server_that_falls_silent_is_given_up_at_the_deadline(
    proxied: str, proxy: FaultProxy
) -> None:
    async with opened(proxied) as place:
        await read(place, "select 1")
        proxy.silence()
        _, seconds = await failed(executed(place, "create table never (a int)", timeout=1))
        assert seconds < 1 + LATE
        proxy.heal()
        assert await is_whole(place)


async def executed(place: Place, text: str, **operation: Any) -> None:
    async with place.session(**operation) as session:
        await session.execute(Native(text=text))


def break_(proxy: FaultProxy, fault: str) -> None:
    """All that comes from now on meets the fault."""
    if fault == "slow":
        proxy.slow(1)
    else:
        getattr(proxy, fault)()


# --- no place, starting, stopping (P5)


@asynccontextmanager
async def full(server: PostgresServer, seconds: float) -> AsyncIterator[None]:
    """All places of the server are taken, for so long."""
    taken: list[Any] = []
    with contextlib.suppress(asyncpg.TooManyConnectionsError):
        while True:
            taken.append(await asyncpg.connect(server.url))

    async def leave() -> None:
        await asyncio.sleep(seconds)
        await asyncio.gather(*(each.close() for each in taken))

    leaving = asyncio.create_task(leave())
    yield
    await leaving


async def test_a_server_without_a_place_is_waited_for(own_postgres_server: PostgresServer) -> None:
    async with opened(own_postgres_server.url) as place, full(own_postgres_server, 0.7):
        assert await is_whole(place)


async def test_no_place_within_the_time_is_an_error_with_the_servers_reason(
    own_postgres_server: PostgresServer,
) -> None:
    async with opened(own_postgres_server.url, pool={"timeout": 0.6}) as place, full(own_postgres_server, 1.5):
        async with place.session():
            error, seconds = await failed(read(place, "select 1"))
        assert (type(error), "too many clients" in error.message) == (ConnectionFailed, True), error
        assert seconds < 0.6 + LATE


async def test_a_server_that_shuts_down_says_so_within_the_time(own_postgres_server: PostgresServer) -> None:
    """A smart shutdown: who is there may stay, nobody else may come."""
    async with opened(own_postgres_server.url, pool={"timeout": 0.5}) as place, place.session():
        os.kill(own_postgres_server.process_id, signal.SIGTERM)
        with pytest.raises(asyncpg.CannotConnectNowError):
            while True:
                await (await asyncpg.connect(own_postgres_server.url)).close()
        error, seconds = await failed(read(place, "select 1"))
    assert ("the database system is shutting down" in error.message, seconds < 0.5 + LATE) == (True, True), error


async def test_a_server_that_recovers_from_a_crash_is_waited_for(own_postgres_server: PostgresServer) -> None:
    """A backend that dies takes all others with it; until all is checked nobody may come."""
    async with opened(own_postgres_server.url, pool={"timeout": 20}) as place:
        os.kill(await pid(place), signal.SIGKILL)
        await asyncio.sleep(0.05)
        assert await read(place, "select 1 as a") == [{"a": 1}]
        assert await is_whole(place)


# --- what will not change by trying again (P6)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"password": SECRET}, "password authentication failed"),
        ({"database": "no_such_database"}, "does not exist"),
        ({"user": "may_not_log_in", "password": SECRET}, "not permitted to log in"),
        ({"user": "may_not_connect", "password": SECRET}, "permission denied for database"),
    ],
)
async def test_a_login_that_is_refused_is_tried_once_and_tells_no_secret(
    proxied: str, proxy: FaultProxy, admin: Any, wrong: dict[str, Any], words: str
) -> None:
    await roles(admin)
    error, seconds = await failed(connected(proxied, pool={"timeout": 5}, sslmode="disable", **wrong))
    assert (proxy.accepted, seconds < 4) == (1, True)
    assert (words in str(error), SECRET in f"{error!r} {error} {error.__cause__!r}") == (True, False), error


async def roles(admin: Any) -> None:
    for name, login in [("may_not_log_in", "nologin"), ("may_not_connect", "login")]:
        if not await admin.fetchval("select count(*) from pg_roles where rolname = $1", name):
            await admin.execute(f"create role {name} {login} password '{SECRET}'")
    database = await admin.fetchval("select current_database()")
    await admin.execute(f"revoke connect on database {database} from public")


async def test_no_right_on_a_table_is_the_servers_word_and_the_connection_goes_on(
    postgres_database: str, admin: Any
) -> None:
    if not await admin.fetchval("select count(*) from pg_roles where rolname = 'reads_nothing'"):
        await admin.execute(f"create role reads_nothing login password '{SECRET}'")
    database = await admin.fetchval("select current_database()")
    await admin.execute(f"grant connect on database {database} to reads_nothing")
    await admin.execute("drop table if exists closed; create table closed (a int)")
    async with opened(postgres_database, user="reads_nothing", password=SECRET) as place:
        first = await pid(place)
        with pytest.raises(QueryError, match="permission denied for table closed") as raised:
            await read(place, "select * from closed")
        assert (raised.value.code, await pid(place)) == ("42501", first)


async def test_a_pool_that_is_full_names_the_time_and_the_holder(postgres_database: str) -> None:
    async with opened(postgres_database, pool={"max_size": 1, "timeout": 0.3}) as place, place.session():
        error, seconds = await failed(read(place, "select 1"))
    assert (type(error), "'a test'" in error.message, 0.25 < seconds < 0.3 + LATE) == (PoolTimeout, True, True)


async def test_a_killed_session_of_a_role_leaves_the_pool_whole(postgres_database: str, admin: Any) -> None:
    async with opened(postgres_database) as place:
        await kill(admin, await pid(place))
        assert await is_whole(place)
