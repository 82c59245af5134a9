"""Each fault that the proxy makes, as a client sees it and as the server does."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator

import asyncpg
import pytest

from dk_notebook.testing.services.postgres import PostgresAddress
from tests.services.proxy import FaultProxy

pytestmark = pytest.mark.postgres

Connection = asyncpg.Connection
LOST = (ConnectionResetError, asyncpg.ConnectionDoesNotExistError)


@pytest.fixture
def proxy(postgres_server: PostgresAddress) -> Iterator[FaultProxy]:
    with FaultProxy(postgres_server) as running:
        yield running


@pytest.fixture
async def client(proxy: FaultProxy) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(proxy.url, timeout=10)
    yield connection
    connection.terminate()
    await asyncio.sleep(0.05)  # for its socket to close


@pytest.fixture
async def observer(postgres_url: str) -> AsyncIterator[Connection]:
    """A connection of its own, straight to the server."""
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


@pytest.fixture
async def change(proxy: FaultProxy, client: Connection, observer: Connection) -> AsyncIterator[Connection]:
    """A transaction with a row in it, up to its COMMIT."""
    await observer.execute("drop table if exists dk_test_commits; create table dk_test_commits (a int)")
    await client.execute("begin; insert into dk_test_commits values (1)")
    yield client
    proxy.cut()  # what is left of the transaction holds its locks
    await observer.execute("drop table dk_test_commits")


async def rows(observer: Connection) -> int:
    return await observer.fetchval("select count(*) from dk_test_commits")


async def soon(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 5
    while not condition():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.02)
    return True


async def runs(observer: Connection, process: int) -> bool:
    """Whether the server has that session."""
    return await observer.fetchval("select exists (select from pg_stat_activity where pid = $1)", process)


async def gone(observer: Connection, process: int) -> bool:
    end = time.monotonic() + 5
    while await runs(observer, process):
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.02)
    return True


async def test_unharmed_all_passes_both_ways(client: Connection) -> None:
    text = "x" * 3_000_000
    assert await client.fetchval("select $1 || 'y'", text) == text + "y"


async def test_it_counts_the_connections_it_accepted(proxy: FaultProxy, client: Connection) -> None:
    other = await asyncpg.connect(proxy.url)
    await other.close()
    assert (proxy.accepted, len(proxy.links)) == (2, 2)


async def test_what_is_open_now_is_told_apart_from_what_was(proxy: FaultProxy, client: Connection) -> None:
    other = await asyncpg.connect(proxy.url)
    await other.close()
    assert await soon(lambda: proxy.open_links == proxy.links[:1])


# --- cut


async def test_a_reset_ends_the_query_under_way(proxy: FaultProxy, client: Connection) -> None:
    query = asyncio.create_task(client.fetchval("select pg_sleep(20)"))
    await asyncio.sleep(0.1)
    proxy.cut()
    with pytest.raises(LOST):
        await query


def test_a_reset_is_rst(proxy: FaultProxy) -> None:
    with socket.create_connection((proxy.host, proxy.port)) as raw:
        raw.settimeout(5)
        wait_for_link(proxy)
        proxy.cut("reset")
        with pytest.raises(ConnectionResetError):
            raw.recv(1)


def test_an_end_is_fin(proxy: FaultProxy) -> None:
    with socket.create_connection((proxy.host, proxy.port)) as raw:
        raw.settimeout(5)
        wait_for_link(proxy)
        proxy.cut("end")
        assert raw.recv(1) == b""


async def test_after_a_cut_the_server_has_no_session_left(
    proxy: FaultProxy, client: Connection, observer: Connection
) -> None:
    process = client.get_server_pid()
    proxy.cut()
    assert await gone(observer, process)


async def test_one_connection_can_be_cut_alone(proxy: FaultProxy, client: Connection) -> None:
    other = await asyncpg.connect(proxy.url)
    proxy.links[0].cut()
    assert await other.fetchval("select 1") == 1
    await other.close()


def wait_for_link(proxy: FaultProxy) -> None:
    end = time.monotonic() + 5
    while not proxy.links and time.monotonic() < end:
        time.sleep(0.01)


# --- silence


@pytest.mark.parametrize("direction", ["to_client", "to_server", "both"])
async def test_silence_lets_a_query_wait_for_ever(proxy: FaultProxy, client: Connection, direction: str) -> None:
    proxy.silence(direction)
    assert not await answers(client)


async def test_silence_towards_the_client_lets_the_server_do_its_work(proxy, change, observer) -> None:
    proxy.silence("to_client")
    await answers(change, "commit")
    assert await rows(observer) == 1


async def test_silence_towards_the_server_keeps_the_query_from_it(proxy, change, observer) -> None:
    proxy.silence("to_server")
    await answers(change, "commit")
    assert await rows(observer) == 0


async def test_silence_hides_that_the_server_is_gone(proxy: FaultProxy, client, observer) -> None:
    proxy.silence("to_client")
    process = client.get_server_pid()
    await observer.execute("select pg_terminate_backend($1)", process)
    await gone(observer, process)
    await asyncio.sleep(0.1)
    assert not client.is_closed()


async def test_silence_hides_that_the_client_is_gone(proxy: FaultProxy, client, observer) -> None:
    process = client.get_server_pid()
    proxy.silence("to_server")
    client.terminate()
    await asyncio.sleep(0.3)
    assert await runs(observer, process)


async def test_what_was_held_back_arrives_when_it_is_healed(proxy: FaultProxy, client: Connection) -> None:
    proxy.silence()
    query = asyncio.create_task(client.fetchval("select 1"))
    await asyncio.sleep(0.1)
    proxy.heal()
    assert await query == 1


async def test_silence_holds_for_connections_to_come(proxy: FaultProxy) -> None:
    proxy.silence()
    with pytest.raises(TimeoutError):
        await asyncpg.connect(proxy.url, timeout=0.3)


async def test_one_connection_can_be_silenced_alone(proxy: FaultProxy, client: Connection) -> None:
    other = await asyncpg.connect(proxy.url)
    proxy.links[0].silence()
    assert (await answers(client), await other.fetchval("select 1")) == (False, 1)
    await other.close()


async def answers(client: Connection, query: str = "select 1", seconds: float = 0.3) -> bool:
    """Whether an answer comes; the query goes on waiting, until the fixture ends its connection."""
    task = asyncio.create_task(client.execute(query))
    done, _ = await asyncio.wait([task], timeout=seconds)
    if not done:
        client.terminate()
        with contextlib.suppress(Exception):
            await task
    return bool(done)


# --- slow


async def test_a_slow_answer_takes_as_long_as_its_bytes_say(proxy: FaultProxy, client: Connection) -> None:
    proxy.slow(20_000)
    start = time.monotonic()
    await client.fetchval("select repeat('x', 10_000)")
    assert 0.4 < time.monotonic() - start < 5


async def test_one_byte_a_second_is_no_answer(proxy: FaultProxy, client: Connection) -> None:
    proxy.slow(1)
    assert not await answers(client, seconds=1)


async def test_a_slow_connection_is_quick_again_when_it_is_healed(proxy: FaultProxy, client: Connection) -> None:
    proxy.slow(1)
    query = asyncio.create_task(client.fetchval("select 1"))
    await asyncio.sleep(0.2)
    proxy.heal()
    async with asyncio.timeout(5):
        assert await query == 1


# --- garbage, deaf, refused


async def test_garbage_is_no_answer(proxy: FaultProxy, client: Connection) -> None:
    proxy.garble()
    assert not await answers(client)


async def test_garbage_can_be_chosen(proxy: FaultProxy, client: Connection) -> None:
    proxy.garble(b"C\x00\x00\x00\x0cNOTHING\x00Z\x00\x00\x00\x05I")  # "done" and "ready", where a row was due
    assert await client.execute("select 1") == "NOTHING"


def test_garbage_takes_the_place_of_the_first_answer(proxy: FaultProxy) -> None:
    proxy.garble()
    with socket.create_connection((proxy.host, proxy.port)) as raw:
        raw.settimeout(5)
        raw.sendall(b"\x00\x00\x00\x08\x04\xd2\x16\x2f")  # "do you speak TLS?"
        assert raw.recv(100)[:5] == b"\x00\xff\xff\xff\xff"


async def test_a_deaf_server_accepts_and_never_answers(proxy: FaultProxy) -> None:
    proxy.deafen()
    with pytest.raises(TimeoutError):
        await asyncpg.connect(proxy.url, timeout=0.3)
    assert (proxy.accepted, proxy.links) == (1, [])


async def test_a_closed_port_refuses_at_once(proxy: FaultProxy) -> None:
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        await asyncpg.connect(proxy.url, timeout=5)


async def test_a_closed_port_keeps_the_open_connections(proxy: FaultProxy, client: Connection) -> None:
    proxy.refuse()
    assert await client.fetchval("select 1") == 1


async def test_a_closed_port_opens_again_when_it_is_healed(proxy: FaultProxy) -> None:
    proxy.refuse()
    proxy.heal()
    await (await asyncpg.connect(proxy.url)).close()


# --- COMMIT


async def test_cut_before_commit_nothing_is_there(proxy: FaultProxy, change, observer) -> None:
    proxy.at_next_commit("cut_before")
    process = change.get_server_pid()
    with pytest.raises(LOST):
        await change.execute("COMMIT")
    assert (await gone(observer, process), await rows(observer)) == (True, 0)


async def test_cut_after_commit_all_is_there(proxy: FaultProxy, change, observer) -> None:
    proxy.at_next_commit("cut_after")
    with pytest.raises(LOST):
        await change.execute("COMMIT;")
    assert await rows(observer) == 1


async def test_a_swallowed_reply_to_commit_is_waited_for_and_all_is_there(proxy, change, observer) -> None:
    proxy.at_next_commit("swallow")
    assert (await answers(change, "commit"), await rows(observer)) == (False, 1)


async def test_a_commit_at_the_end_of_several_statements_is_seen(proxy: FaultProxy, change, observer) -> None:
    proxy.at_next_commit("cut_before")
    with pytest.raises(LOST):
        await change.execute("insert into dk_test_commits values (2); commit;")
    assert await rows(observer) == 0


async def test_a_transaction_of_asyncpg_commits_with_a_commit_that_is_seen(proxy: FaultProxy, client) -> None:
    async with client.transaction():
        await client.execute("select 'commit'")
    assert proxy.commits == 1


async def test_the_fault_meets_one_commit_and_not_the_next(proxy: FaultProxy, change, observer) -> None:
    proxy.at_next_commit("cut_before")
    with contextlib.suppress(*LOST):
        await change.execute("commit")
    other = await asyncpg.connect(proxy.url)
    await other.execute("begin; insert into dk_test_commits values (1)")
    await other.execute("commit")
    await other.close()
    assert await rows(observer) == 1


# --- cancel


async def test_a_cancel_goes_through_and_is_counted(proxy: FaultProxy, client: Connection) -> None:
    with pytest.raises(TimeoutError):
        await client.execute("select pg_sleep(20)", timeout=0.2)
    assert (await client.fetchval("select 1"), proxy.cancels) == (1, 1)


@pytest.mark.parametrize("answered", [True, False])
async def test_a_lost_cancel_leaves_the_query_running(proxy: FaultProxy, client, observer, answered: bool) -> None:
    proxy.lose_cancels(answered=answered)
    query = asyncio.create_task(client.execute("select pg_sleep(20)"))
    await asyncio.sleep(0.1)
    query.cancel()
    await soon(lambda: proxy.cancels == 1)
    await asyncio.sleep(0.2)  # enough for one that got through
    state = "select state from pg_stat_activity where pid = $1"
    assert (proxy.cancels, await observer.fetchval(state, client.get_server_pid())) == (1, "active")
    client.terminate()
    await asyncio.gather(query, return_exceptions=True)
    await asyncio.sleep(0.1)  # for the socket of the cancel to close
