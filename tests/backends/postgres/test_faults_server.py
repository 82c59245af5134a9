"""What the server refuses: its words, code, position and hint; and the connection goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pyarrow as pa
import pytest
import pytest_asyncio

from dk_notebook.backends.base import Native, TableWrite
from dk_notebook.errors import DkError, PoolTimeout, QueryError
from dk_notebook.frames.source import as_stream
from dk_notebook.testing.place import Place
from tests.backends.postgres.behind import is_whole, opened, pid, read, until

pytestmark = pytest.mark.postgres


@pytest_asyncio.fixture
async def place(postgres_database: str) -> AsyncIterator[Place]:
    """One connection, so that it shows whether it goes on."""
    async with opened(postgres_database, pool={"max_size": 1}) as place:
        yield place


async def refused(place: Place, text: str, *, by: str = "read") -> QueryError:
    """The error; the connection must be the same afterwards."""
    before = await pid(place)
    with pytest.raises(QueryError) as raised:
        await (read(place, text) if by == "read" else place.execute(text))
    assert await pid(place) == before
    return raised.value


# --- words, code, position, hint (P8)


@pytest.mark.parametrize("by", ["read", "execute"])
async def test_a_mistake_has_code_position_and_the_servers_words(place: Place, by: str) -> None:
    error = await refused(place, "select 1 frm t", by=by)
    assert (error.code, error.position, 'syntax error at or near "t"' in error.message) == ("42601", 13, True)


async def test_the_servers_hint_is_passed_on(place: Place) -> None:
    error = await refused(place, "select lower(array[1])")
    assert (error.code, "argument types" in (error.hint or "")) == ("42883", True)


async def test_a_statement_timeout_is_the_servers_word(place: Place) -> None:
    error = await refused(place, "set statement_timeout = '100ms'; select pg_sleep(5)", by="execute")
    assert (error.code, "statement timeout" in error.message) == ("57014", True)


async def test_a_statement_timeout_of_the_settings_ends_a_read(postgres_database: str) -> None:
    async with opened(postgres_database, pool={"max_size": 1}, options="-c statement_timeout=200ms") as place:
        error = await refused(place, "select pg_sleep(5)")
    assert (error.code, "statement timeout" in error.message) == ("57014", True)


async def test_a_lock_timeout_is_the_servers_word(place: Place, admin: Any) -> None:
    await place.execute("drop table if exists locked; create table locked (a int)")
    async with admin.transaction():
        await admin.execute("lock table locked")
        error = await refused(place, "set lock_timeout = '100ms'; insert into locked values (1)", by="execute")
    assert (error.code, "lock timeout" in error.message) == ("55P03", True)


async def test_one_of_two_in_a_deadlock_goes_on_and_the_other_is_told(postgres_database: str) -> None:
    async with opened(postgres_database) as place:
        await place.execute(
            "drop table if exists dead; create table dead as select i, 0 as n from (values (1), (2)) v(i)"
        )
        met = asyncio.Barrier(2)

        async def both(first: int, second: int) -> None:
            async with place.session() as session, session.transaction():
                await session.execute(Native(text=f"update dead set n = n + 1 where i = {first}"))
                await met.wait()
                await session.execute(Native(text=f"update dead set n = n + 1 where i = {second}"))

        one, other = await asyncio.gather(both(1, 2), both(2, 1), return_exceptions=True)
        error = one or other
        assert isinstance(error, QueryError)
        assert ((one is None) != (other is None), error.code, "deadlock" in error.message) == (True, "40P01", True)
        assert error.hint == "See server log for query details."
        assert await is_whole(place)


async def test_a_disk_that_is_full_for_a_query_is_the_servers_word(place: Place) -> None:
    text = (
        "set temp_file_limit = '1MB'; select count(*) from (select i from generate_series(1, 3000000) i order by -i) s"
    )
    error = await refused(place, text, by="execute")
    assert (error.code, "temp_file_limit" in error.message) == ("53400", True)


NO_ROOM = """
language plpgsql as $$ begin
raise exception 'could not extend file: No space left on device' using errcode = 'disk_full';
end $$
"""


@pytest.mark.parametrize("mode", ["append", "replace", "upsert"])
async def test_a_write_that_the_server_has_no_room_for_leaves_the_old_contents(
    postgres_database: str, mode: Any
) -> None:
    """Staged rows count as temporary; into the table itself, a trigger stands for the disk that is full."""
    async with opened(postgres_database, pool={"max_size": 1}) as place:
        await place.write({"a": [1, 2]}, key=("a",), mode="upsert")
        await place.execute(
            f"create or replace function no_room() returns trigger {NO_ROOM};"
            f"create or replace function no_disk() returns event_trigger {NO_ROOM};"
            f"create trigger no_room before insert on {place.table} for each row execute function no_room()"
        )
        if mode == "replace":  # the new table
            await place.execute("create event trigger no_disk on ddl_command_end execute function no_disk()")
        before = await pid(place)
        try:
            with pytest.raises(DkError, match="No space left"):
                async with place.session() as session:
                    target = TableWrite(table=place.table, mode=mode, key=("a",) if mode == "upsert" else ())
                    await session.ingest(target, as_stream(pa.table({"a": [3]})))
        finally:
            await place.execute("drop event trigger if exists no_disk")
        assert ([row["a"] for row in await place.rows()], await pid(place)) == ([1, 2], before)


# --- an exhausted pool (P7)


async def test_who_waits_too_long_is_told_on_time_and_takes_nothing_along(postgres_database: str) -> None:
    async with opened(postgres_database, pool={"max_size": 1, "timeout": 0.4}) as place:
        async with place.session():
            begun = time.monotonic()
            outcomes = await asyncio.gather(*(read(place, "select 1") for _ in range(5)), return_exceptions=True)
            seconds = time.monotonic() - begun
        assert ({type(each) for each in outcomes}, 0.35 < seconds < 1.8) == ({PoolTimeout}, True)
        assert await is_whole(place)


async def test_waiters_come_in_the_order_in_which_they_began(postgres_database: str) -> None:
    async with opened(postgres_database, pool={"max_size": 2}) as place:
        await is_whole(place)  # both are open: connecting takes now less, now more time
        came: list[int] = []

        async def work(number: int) -> None:
            async with place.session() as session:
                came.append(number)
                await session.execute(Native(text="select pg_sleep(0.01)"))

        await asyncio.gather(*(work(number) for number in range(30)))
        assert came == list(range(30))


async def test_a_waiter_that_is_cancelled_loses_nothing_and_lets_the_next_one_in(postgres_database: str) -> None:
    async with opened(postgres_database, pool={"max_size": 1}) as place:
        async with place.session():
            waiting = [asyncio.create_task(read(place, f"select {number} as a")) for number in range(4)]
            await until(lambda: asyncio.sleep(0, place.backend.status().waiting == 4))
            waiting[0].cancel()
            waiting[2].cancel()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert outcomes[1::2] == [[{"a": 1}], [{"a": 3}]]
        assert await is_whole(place)


async def test_cancelled_in_the_moment_of_its_turn_a_waiter_loses_nothing(postgres_database: str) -> None:
    async with opened(postgres_database, pool={"max_size": 1}) as place:
        for turns in range(12):
            async with place.session():
                task = asyncio.create_task(read(place, "select 1 as a"))
                await asyncio.sleep(0)
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert await is_whole(place)
