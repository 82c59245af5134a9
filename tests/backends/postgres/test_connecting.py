"""Opening a connection: what is refused says so at once, and where. On a real server."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from dk_notebook.backends.postgres.config import PostgresConfig
from dk_notebook.backends.postgres.connections.connecting import code_of, connect
from dk_notebook.errors import ConnectionFailed
from dk_notebook.testing.services.postgres import PostgresAddress
from tests.backends.postgres.conftest import settings

pytestmark = pytest.mark.postgres

SECRET = "hunter2hunter2"


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of somebody who takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed() -> int:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


async def refused(config: PostgresConfig) -> tuple[ConnectionFailed, float]:
    """The error, and the seconds until it came."""
    begun = time.monotonic()
    with pytest.raises(ConnectionFailed) as raised:
        await connect(config)
    return raised.value, time.monotonic() - begun


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"password": SECRET}, "password authentication failed"),
        ({"database": "no_such_database"}, "does not exist"),
        ({"user": "nobody_of_that_name", "password": SECRET}, "password authentication failed"),
    ],
)
async def test_a_wrong_login_is_refused_at_once_with_its_place(
    postgres_url: str, wrong: dict[str, Any], words: str
) -> None:
    config = settings(postgres_url, **wrong)
    error, seconds = await refused(config)
    assert words in error.message
    assert seconds < 5
    (address,) = config.addresses()
    assert all(each in error.message for each in (str(address), repr(config.database), repr(config.user)))
    assert SECRET not in str(error)


async def test_a_closed_port_is_refused_at_once(postgres_url: str, closed: int) -> None:
    error, seconds = await refused(settings(postgres_url, port=closed))
    assert "connection refused" in error.message
    assert seconds < 5


async def test_a_server_that_never_answers_is_given_up_in_time(postgres_url: str, silent: int) -> None:
    error, seconds = await refused(settings(postgres_url, port=silent, connect_timeout=0.5))
    assert "no answer within 0.5 s" in error.message
    assert seconds < 5


async def test_a_host_that_does_not_exist_says_so(postgres_url: str) -> None:
    error, _ = await refused(settings(postgres_url, host="no-such-host.invalid", connect_timeout=5))
    assert "no-such-host.invalid" in error.message


async def test_the_first_of_several_hosts_that_answers_is_taken(postgres_server: PostgresAddress, closed: int) -> None:
    config = settings(postgres_server.url, host="127.0.0.1,127.0.0.1", port=f"{closed},{postgres_server.port}")
    connection = await connect(config)
    assert await connection.fetchval("SELECT inet_server_port()") == postgres_server.port
    await connection.close()


async def test_of_several_hosts_each_says_why_not(postgres_url: str, closed: int, silent: int) -> None:
    config = settings(postgres_url, host="127.0.0.1,127.0.0.1", port=f"{closed},{silent}", connect_timeout=0.3)
    error, _ = await refused(config)
    assert "connection refused" in error.message
    assert "no answer" in error.message


@pytest.mark.parametrize("wanted", ["primary", "read-write", "any", "prefer-standby"])
async def test_a_primary_is_what_was_asked_for(postgres_url: str, wanted: str) -> None:
    connection = await connect(settings(postgres_url, target_session_attrs=wanted))
    assert await connection.fetchval("SELECT 1") == 1
    await connection.close()


@pytest.mark.parametrize("wanted", ["standby", "read-only"])
async def test_a_primary_is_not_what_was_asked_for(postgres_url: str, wanted: str) -> None:
    error, _ = await refused(settings(postgres_url, target_session_attrs=wanted))
    assert f"is not {wanted}" in error.message


async def test_the_code_of_a_refusal_is_known(postgres_url: str) -> None:
    error, _ = await refused(settings(postgres_url, password=SECRET))
    assert code_of(error) == "28P01"


async def test_a_cancelled_attempt_leaves_no_socket(postgres_url: str, silent: int) -> None:
    task = asyncio.create_task(connect(settings(postgres_url, port=silent)))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_socket_is_told_how_long_a_server_may_be_silent(postgres_url: str) -> None:
    said = {"keepalives_idle": 61, "keepalives_interval": 7, "keepalives_count": 4, "tcp_user_timeout": 21_000}
    connection = await connect(settings(postgres_url, **said))
    place = connection._transport.get_extra_info("socket")
    names = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
    told = [place.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in names]
    connection.terminate()
    assert told == [61, 7, 4, 21_000]


async def test_a_silent_server_may_be_left_alone(postgres_url: str) -> None:
    connection = await connect(settings(postgres_url, keepalives=False))
    asks = connection._transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    connection.terminate()
    assert asks == 0


async def test_hosts_in_a_random_order_are_all_tried_first_some_day(
    postgres_server: PostgresAddress, closed: int
) -> None:
    url = f"postgresql://{postgres_server.user}@127.0.0.1:{postgres_server.port},127.0.0.1:{closed}/no_such_database"
    config = settings(url, password=postgres_server.password, load_balance_hosts="random")
    firsts = set()
    for _ in range(40):
        error, _ = await refused(config)
        firsts.add(error.message.index(f":{closed},") < error.message.index(f":{postgres_server.port},"))
    assert firsts == {True, False}


async def test_the_name_of_an_endpoint_reaches_the_server_which_has_none(postgres_url: str) -> None:
    error, _ = await refused(settings(postgres_url, options="endpoint=ep-1"))
    assert "invalid command-line argument" in error.message
