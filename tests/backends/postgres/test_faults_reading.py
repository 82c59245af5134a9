"""A connection that is lost, or a table that is altered, while somebody reads; and readers who do not keep up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import psutil
import pyarrow as pa
import pytest
import pytest_asyncio

from dk_notebook.backends.base import Native, TableQuery
from dk_notebook.backends.postgres.reading import scan
from dk_notebook.errors import ConnectionFailed, QueryError
from dk_notebook.testing.place import Place
from dk_notebook.testing.services.postgres import PostgresAddress
from tests.backends.postgres.behind import ENDLESS, NUMBERS, SESSIONS, is_whole, kill, opened, read, running, until
from tests.services.proxy import FaultProxy

pytestmark = pytest.mark.postgres

SLEEP = "select pg_backend_pid() as pid from pg_sleep(0.7)"


@pytest_asyncio.fixture
async def place(postgres_database: str) -> AsyncIterator[Place]:
    async with opened(postgres_database) as place:
        yield place


# --- lost (P2)


async def test_a_read_that_was_killed_before_its_first_row_runs_once_more_unseen(place: Place, admin: Any) -> None:
    task = asyncio.create_task(read(place, SLEEP))
    first = await running(admin, "pg_sleep")
    await kill(admin, first)
    (row,) = await task
    assert row["pid"] != first


async def test_a_read_that_is_killed_twice_is_an_error_that_says_by_whom(place: Place, admin: Any) -> None:
    task = asyncio.create_task(read(place, SLEEP))
    for _ in range(2):
        await kill(admin, await running(admin, "pg_sleep"))
    with pytest.raises(ConnectionFailed, match="terminating connection due to administrator command"):
        await task
    assert await is_whole(place)


async def test_a_read_that_was_killed_after_rows_were_handed_out_is_an_error(place: Place, admin: Any) -> None:
    with pytest.raises(ConnectionFailed, match="lost: terminating connection due to administrator"):
        async with place.session() as session:
            stream = await session.scan(Native(text=ENDLESS))
            await anext(stream)
            await kill(admin, await running(admin, "generate_series"))
            async for _ in stream:
                pass
    assert await is_whole(place)


async def test_a_whole_result_of_which_nothing_was_handed_out_is_read_once_more(place: Place, admin: Any) -> None:
    text = f"select i, repeat('x', 50) as t from {NUMBERS} limit 1000000"
    async with place.session() as session:
        stream = await session.scan(Native(text=text))  # its first rows are here
        await kill(admin, await running(admin, "generate_series"))
        assert (await stream.read_all()).num_rows == 1_000_000


async def test_a_query_that_changes_data_is_never_run_again(place: Place, admin: Any) -> None:
    await place.execute("drop table if exists counted; create table counted (a int)")
    task = asyncio.create_task(read(place, "insert into counted select 1 from pg_sleep(0.7) returning a"))
    await kill(admin, await running(admin, "pg_sleep"))
    with pytest.raises(ConnectionFailed):
        await task
    assert await admin.fetchval("select count(*) from counted") == 0


async def test_a_select_whose_function_changed_data_does_it_once(proxied: str, proxy: FaultProxy, admin: Any) -> None:
    await admin.execute(
        "drop table if exists ups cascade; create table ups (a int); "
        "create or replace function count_up() returns int language sql as 'insert into ups values (1) returning 1'"
    )
    async with opened(proxied) as place:
        await read(place, "select 1 as a")
        task = asyncio.create_task(read(place, "select count_up() as a from pg_sleep(0.7)"))
        await running(admin, "pg_sleep")
        # The server runs it and commits; the reader hears nothing of it, and then that the connection is lost.
        proxy.silence("to_client")
        await until(lambda: admin.fetchval("select count(*) from ups"))
        proxy.cut()
        proxy.heal()
        with pytest.raises(ConnectionFailed):
            await task
        assert await admin.fetchval("select count(*) from ups") == 1


async def test_after_a_read_that_ran_again_the_session_can_write(place: Place, admin: Any) -> None:
    await place.execute("drop table if exists written; create table written (a int)")
    async with place.session() as session:
        task = asyncio.create_task(session.scan(Native(text=SLEEP)))
        await kill(admin, await running(admin, "pg_sleep"))
        await (await task).aclose()
        assert await session.execute(Native(text="insert into written values (1)")) == 1


async def test_the_loss_of_one_part_of_a_table_is_an_error_and_the_pool_is_whole(place: Place, admin: Any) -> None:
    await place.execute(
        "drop table if exists wide; "
        "create table wide as select i, repeat('x', 200) as t from generate_series(1, 400000) i"
    )
    with pytest.raises(ConnectionFailed):
        async with place.session() as session:
            stream = await session.scan(TableQuery(table="wide", partitions=2), batch_rows=1000)
            await anext(stream)
            pids = await admin.fetch(f"select pid {SESSIONS} and query like '%wide%' and state <> 'idle'")
            await kill(admin, pids[-1]["pid"])
            async for _ in stream:
                pass
    assert await is_whole(place)


# --- altered meanwhile (P9)


@pytest.fixture
def meanwhile(postgres_server: PostgresAddress, postgres_database: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Statements that others run, the next of them each time that a query was described and has not run yet."""
    database = postgres_database.rpartition("/")[2]
    statements: list[str] = []
    fill = scan.with_literals

    def filled(*arguments: Any) -> Any:
        if statements:
            postgres_server.psql(statements.pop(0), database=database)
        return fill(*arguments)

    monkeypatch.setattr(scan, "with_literals", filled)
    return statements


# A type that is not built in is asked for after the description, which ends the lock that the description took.
ALTERED = "drop table if exists altered; drop type if exists hue; create type hue as enum ('red'); {}"


@pytest.mark.parametrize(
    ("change", "columns"),
    [
        ("alter table altered drop column b", ["h"]),
        ("alter table altered alter column b type text", ["h", "b"]),
        ("alter table altered add column c int", ["h", "b"]),
    ],
)
async def test_ddl_between_description_and_run_is_met_by_one_more_run(
    place: Place, meanwhile: list[str], change: str, columns: list[str]
) -> None:
    await place.execute(ALTERED.format("create table altered as select 'red'::hue as h, 1 as b"))
    meanwhile.append(change)
    (row,) = await read(place, "select * from altered")
    assert list(row) == columns


async def test_a_table_that_goes_away_meanwhile_is_an_error_that_names_it(place: Place, meanwhile: list[str]) -> None:
    await place.execute(ALTERED.format("create table altered as select 'red'::hue as h"))
    meanwhile.append("drop table altered")
    with pytest.raises(QueryError, match="altered"):
        await read(place, "select * from altered")


async def test_ddl_under_a_cached_plan_of_a_call_is_not_seen(place: Place) -> None:
    call = "call answer(null)"
    await place.execute("create or replace procedure answer(inout a int) language sql as 'select 1'")
    first = await read(place, call)
    await place.execute(
        "drop procedure answer; create procedure answer(inout a text) language sql as $$ select 'one' $$"
    )
    assert (first, await read(place, call)) == ([{"a": 1}], [{"a": "one"}])


async def test_ddl_between_two_reads_inside_of_a_transaction_is_seen_by_the_second(place: Place) -> None:
    await place.execute("drop table if exists t; create table t as select 1 as a")
    async with place.session() as session, session.transaction():
        await (await session.scan(Native(text="select * from t"))).read_all()
        await session.execute(Native(text="alter table t add column b int"))
        table = await (await session.scan(Native(text="select * from t"))).read_all()
    assert table.column_names == ["a", "b"]


# --- not kept up with (D2)


async def test_a_reader_who_is_slow_makes_the_server_wait(place: Place, admin: Any) -> None:
    async with place.session() as session:
        stream = await session.scan(Native(text=ENDLESS))
        await anext(stream)
        waits = f"select wait_event = 'ClientWrite' {SESSIONS} and query like '%generate_series%' and state = 'active'"
        assert await until(lambda: admin.fetchval(waits))


async def test_a_reader_who_goes_away_frees_the_server_at_once(place: Place, admin: Any) -> None:
    async with place.session() as session:
        stream = await session.scan(Native(text=ENDLESS))
        await anext(stream)
        begun = time.monotonic()
        await stream.aclose()
        active = f"select not exists (select {SESSIONS} and state = 'active')"
        assert await until(lambda: admin.fetchval(active))
    assert time.monotonic() - begun < 5
    assert place.backend.status().broken == 0


async def test_a_result_larger_than_what_is_kept_has_a_flat_footprint(place: Place) -> None:
    process = psutil.Process()
    async with place.session() as session:
        stream = await session.scan(Native(text=f"{ENDLESS} limit 2000000"), batch_rows=100_000)
        await anext(stream)
        begun = process.memory_info().rss
        most = rows = 0
        async for batch in stream:
            rows += batch.num_rows
            most = max(most, process.memory_info().rss - begun)
            del batch
    assert (rows > 1_800_000, most < 150_000_000) == (True, True), (rows, most)
    assert pa.total_allocated_bytes() < 100_000_000
