"""Stops at any moment, without a kernel: nothing stays behind, in the process or on the server."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import nullcontext
from typing import Any

import pyarrow as pa
import pytest
import pytest_asyncio

from dk_notebook.backends.base import Native, TableQuery, TableWrite
from dk_notebook.errors import DeadlineExceeded, QueryError
from dk_notebook.frames.stream import ArrowStream
from dk_notebook.runtime.workers import KEPT
from dk_notebook.testing.place import Place
from dk_notebook.testing.services.postgres import PostgresServer
from tests.backends.postgres.behind import ENDLESS, idle, is_whole, opened, read, running
from tests.services.proxy import FaultProxy

pytestmark = pytest.mark.postgres


@pytest_asyncio.fixture
async def place(postgres_database: str, admin: Any) -> AsyncIterator[Place]:
    async with opened(postgres_database, pool={"max_size": 3, "timeout": 10}) as place:
        await place.write({"a": list(range(1000)), "t": ["text"] * 1000}, key=("a",), mode="upsert")
        yield place
        await admin.execute(f"drop table {place.table}")


async def rows() -> AsyncGenerator[pa.RecordBatch, None]:
    """Without an end."""
    while True:
        yield pa.record_batch({"a": list(range(20_000)), "t": ["other"] * 20_000})
        await asyncio.sleep(0)


SCHEMA = pa.schema({"a": pa.int64(), "t": pa.string()})


async def sleep(place: Place) -> None:
    await read(place, "select pg_sleep(60)")


async def read_much(place: Place) -> None:
    await read(place, ENDLESS)


async def read_little(place: Place) -> None:
    while True:
        await read(place, "select 1 as a")


async def execute(place: Place) -> None:
    while True:
        await place.execute("select 1; select pg_sleep(0.001)")


async def iterate(place: Place) -> None:
    async with place.session() as session:
        async for _ in await session.scan(Native(text=ENDLESS), batch_rows=500):
            await asyncio.sleep(0)


async def read_parts(place: Place) -> None:
    while True:
        async with place.session() as session:
            await (await session.scan(TableQuery(table=place.table, partitions=2))).read_all()


async def write(place: Place) -> None:
    async with place.session() as session:
        await session.ingest(TableWrite(table=place.table, mode="append"), ArrowStream(SCHEMA, rows()))


async def upsert(place: Place) -> None:
    """Who stops it at its COMMIT gets the report."""
    async with place.session() as session:
        data = ArrowStream.from_table(pa.table({"a": list(range(100)), "t": ["text"] * 100}))
        await session.ingest(TableWrite(table=place.table, mode="upsert", key=("a",)), data)


async def transact(place: Place) -> None:
    while True:
        async with place.session() as session, session.transaction(), session.transaction():
            await session.execute(Native(text=f"update {place.table} set t = 'text' where a = 1"))


WORK: list[Callable[[Place], Awaitable[None]]] = [
    sleep,
    read_much,
    read_little,
    execute,
    iterate,
    read_parts,
    write,
    upsert,
    transact,
]


async def test_five_hundred_stops_at_random_moments_leave_nothing_behind(place: Place, admin: Any) -> None:
    moments = random.Random(5)  # the same ones on every run
    tasks, threads = len(asyncio.all_tasks()), threading.active_count()
    for turn in range(250):
        pair = [asyncio.create_task(moments.choice(WORK)(place)) for _ in range(2)]
        await asyncio.sleep(moments.uniform(0, 0.03))
        begun = time.monotonic()
        for task in pair:
            task.cancel()
            await asyncio.sleep(moments.choice([0, 0, 0.001]))
        outcomes = await asyncio.gather(*pair, return_exceptions=True)
        assert {type(each) for each in outcomes} <= {asyncio.CancelledError, type(None)}, (turn, outcomes)
        assert time.monotonic() - begun < 2, turn
    assert await is_whole(place)
    assert await idle(admin, 2)
    assert await admin.fetchval(f"select count(*) from {place.table}") == 1000
    # Each connection may still be taking leave of one that was cut, and workers are kept for the next call.
    assert len(asyncio.all_tasks()) <= tasks
    assert threading.active_count() <= threads + KEPT


@pytest.mark.parametrize("work", WORK, ids=lambda work: work.__name__)
async def test_told_twice_to_stop_it_ends_at_once_and_nothing_is_lost(
    place: Place, admin: Any, work: Callable[[Place], Awaitable[None]]
) -> None:
    for moment in range(8):
        task = asyncio.ensure_future(work(place))
        await asyncio.sleep(0.005 * moment)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        ended, _ = await asyncio.wait([task], timeout=1)
        assert ended
        assert task.cancelled() or task.exception() is None
    assert await is_whole(place)
    assert await idle(admin, 2)


# --- who does not answer (I2)


@pytest.mark.parametrize("work", [sleep, read_much, iterate, write], ids=lambda work: work.__name__)
@pytest.mark.parametrize("fault", ["silence", "lose_cancels"])
async def test_a_stop_that_the_server_does_not_hear_is_over_within_two_seconds(
    proxied: str, proxy: FaultProxy, admin: Any, work: Callable[[Place], Awaitable[None]], fault: str
) -> None:
    async with opened(proxied) as place:
        await place.write({"a": [1], "t": ["x"]}, mode="replace")
        task = asyncio.ensure_future(work(place))
        await asyncio.sleep(0.3)
        getattr(proxy, fault)()
        begun = time.monotonic()
        task.cancel()
        said = (
            pytest.warns(RuntimeWarning, match="may still run on the server") if fault == "silence" else nullcontext()
        )
        with said:
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.sleep(0)
        assert time.monotonic() - begun < 2
        proxy.cut()
        proxy.heal()
        assert await is_whole(place)
        assert await idle(admin)
        await admin.execute(f"drop table {place.table}")


async def test_a_server_that_stands_still_holds_nobody_past_the_deadline(own_postgres_server: PostgresServer) -> None:
    async with opened(own_postgres_server.url) as place:
        await read(place, "select 1")
        own_postgres_server.suspend()
        begun = time.monotonic()
        with pytest.raises(DeadlineExceeded):
            await read(place, "select 1", timeout=0.5)
        assert time.monotonic() - begun < 5
        own_postgres_server.resume()
        assert await is_whole(place)


# --- what is stopped by others


async def test_an_operation_that_is_cancelled_by_its_id_says_so_and_the_connection_goes_on(
    place: Place, admin: Any
) -> None:
    async with place.session() as session:
        task = asyncio.create_task(session.scan(Native(text="select pg_sleep(60)")))
        await running(admin, "pg_sleep")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await session.execute(Native(text="select 1")) == 0


async def test_a_query_that_somebody_else_cancels_has_the_servers_words(place: Place, admin: Any) -> None:
    task = asyncio.create_task(read(place, "select pg_sleep(60)"))
    await admin.execute(f"select pg_cancel_backend({await running(admin, 'pg_sleep')})")
    with pytest.raises(QueryError, match="canceling statement due to user request") as raised:
        await task
    assert (raised.value.code, await is_whole(place)) == ("57014", True)
