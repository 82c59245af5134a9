"""Several hosts: the primary is lost, a standby takes its place, and the pool finds it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from dk_notebook.errors import ConnectionFailed
from dk_notebook.testing.place import Place
from dk_notebook.testing.services.postgres import PostgresServer
from tests.backends.postgres.behind import is_whole, opened, read

pytestmark = pytest.mark.postgres


@pytest.fixture
def standby(own_postgres_server: PostgresServer) -> Iterator[PostgresServer]:
    with own_postgres_server.standby() as other:
        yield other


@pytest_asyncio.fixture
async def place(own_postgres_server: PostgresServer, standby: PostgresServer) -> AsyncIterator[Place]:
    ports = f"{standby.port},{own_postgres_server.port}"
    async with opened(
        own_postgres_server.url, host="127.0.0.1,127.0.0.1", port=ports, target_session_attrs="read-write"
    ) as place:
        yield place


async def port(place: Place) -> int:
    (row,) = await read(place, "select inet_server_port() as port")
    number: int = row["port"]
    return number


async def test_reads_and_writes_go_on_at_the_standby_that_was_promoted(
    place: Place, own_postgres_server: PostgresServer, standby: PostgresServer
) -> None:
    await place.write({"a": [1]})
    before = await port(place)
    reading = asyncio.create_task(read(place, "select 1 as a from pg_sleep(1)"))
    await asyncio.sleep(0.2)
    await asyncio.to_thread(own_postgres_server.stop)
    with pytest.raises(ConnectionFailed, match="is not read-write"):  # the read was tried once more, too early
        await reading
    standby.promote()
    assert (before, await port(place)) == (own_postgres_server.port, standby.port)
    await place.write({"a": [2]}, mode="append")
    assert sorted(row["a"] for row in await place.rows()) == [1, 2]
    assert await is_whole(place)


async def test_a_read_under_way_goes_on_at_the_new_primary_where_that_is_there(
    place: Place, own_postgres_server: PostgresServer, standby: PostgresServer
) -> None:
    reading = asyncio.create_task(read(place, "select inet_server_port() as port from pg_sleep(1)"))
    await asyncio.sleep(0.2)
    await asyncio.to_thread(standby.promote)
    await asyncio.to_thread(own_postgres_server.stop, at_once=True)
    assert await reading == [{"port": standby.port}]
