"""Who is in a transaction, who is not, and what becomes of it."""

from __future__ import annotations

import asyncio

import pytest

from dk_notebook import AsyncDatabase, ConfigError, Conflict, Database, QueryError, Record, Unsupported
from tests.database.conftest import with_transactions

pytestmark = with_transactions

ONE, TWO = Record({"n": 1}, id="one"), Record({"n": 2}, id="two")
SAVEPOINTS = ("postgres",)
"""The backends that can nest."""


async def test_both_updates_are_there_or_none(db: AsyncDatabase) -> None:
    await db.create_batch([ONE, TWO])
    with pytest.raises(ZeroDivisionError):
        async with db.transaction():
            await db.update("one", {"n": 10})
            await db.update("two", {"n": 20})
            raise ZeroDivisionError
    assert await db.read_batch(["one", "two"]) == [ONE, TWO]
    async with db.transaction():
        await db.update("one", {"n": 10})
        await db.update("two", {"n": 20})
    assert await db.count([("n", ">=", 10)]) == 2


async def test_reads_inside_see_what_was_written_inside(db: AsyncDatabase) -> None:
    async with db.transaction():
        await db.create(ONE)
        assert await db.read("one") == ONE
        assert [record async for record in db.stream_read()] == [ONE]


async def test_tasks_started_inside_join_and_take_turns(db: AsyncDatabase) -> None:
    with pytest.raises(ZeroDivisionError):
        async with db.transaction():
            await asyncio.gather(*(db.create({"n": n}) for n in range(20)))
            assert await db.count() == 20
            raise ZeroDivisionError
    assert await db.count() == 0


async def test_other_tasks_are_outside(db: AsyncDatabase) -> None:
    inside, done = asyncio.Event(), asyncio.Event()

    async def other() -> int:
        await inside.wait()
        count = await db.count()
        done.set()
        return count

    task = asyncio.create_task(other())
    async with db.transaction():
        await db.create(ONE)
        inside.set()
        await done.wait()
    assert (await task, await db.count()) == (0, 1)


async def test_another_database_on_the_same_store_is_outside(db: AsyncDatabase, settings: dict[str, object]) -> None:
    async with await AsyncDatabase.create(db.backend, settings) as other, db.transaction():
        await db.create(ONE)
        assert await other.count() == 0


async def test_a_task_that_outlives_the_block_gets_an_error(db: AsyncDatabase) -> None:
    over = asyncio.Event()

    async def late() -> str:
        await over.wait()
        return await db.create(TWO)

    async with db.transaction():
        task = asyncio.create_task(late())
        await db.create(ONE)
    over.set()
    with pytest.raises(QueryError, match="has ended"):
        await task
    assert await db.search() == [ONE]


async def test_work_that_is_under_way_at_the_end_belongs_to_it(db: AsyncDatabase) -> None:
    async with db.transaction():
        task = asyncio.create_task(db.create(ONE))
        await asyncio.sleep(0)  # it begins, and does not end
    assert await task == "one"
    assert await db.count() == 1


async def test_a_nested_block_is_a_savepoint_or_refused(db: AsyncDatabase) -> None:
    if db.backend in SAVEPOINTS:
        async with db.transaction():
            await db.create(ONE)
            with pytest.raises(ZeroDivisionError):
                async with db.transaction():
                    await db.create(TWO)
                    raise ZeroDivisionError
        assert await db.search() == [ONE]
    else:
        with pytest.raises(Unsupported, match="savepoints"):
            async with db.transaction(), db.transaction():
                raise AssertionError("there is no such thing here")


async def test_a_level_of_isolation_may_be_asked_for(db: AsyncDatabase) -> None:
    async with db.transaction(isolation="repeatable read"):
        await db.create(ONE)
    assert await db.count() == 1


async def test_an_unknown_level_is_an_error(db: AsyncDatabase) -> None:
    with pytest.raises(ConfigError, match="isolation"):
        async with db.transaction(isolation="total"):  # type: ignore[arg-type]  # that is the point
            raise AssertionError("there is no such level")


async def test_a_conflict_inside_undoes_the_block(db: AsyncDatabase) -> None:
    await db.create(ONE)
    with pytest.raises(Conflict):
        async with db.transaction():
            await db.create(TWO)
            await db.create(ONE)
    assert await db.search() == [ONE]


async def test_the_connection_is_given_back(db: AsyncDatabase) -> None:
    for _ in range(20):
        with pytest.raises(ZeroDivisionError):
            async with db.transaction():
                raise ZeroDivisionError
    assert await db.count() == 0


async def test_a_cancelled_block_is_undone(db: AsyncDatabase) -> None:
    async def block() -> None:
        async with db.transaction():
            await db.create(ONE)
            await asyncio.sleep(30)

    task = asyncio.create_task(block())
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await db.count() == 0


def test_the_blocking_face_has_the_same(blocking_db: Database) -> None:
    with pytest.raises(ZeroDivisionError), blocking_db.transaction() as inside:
        inside.create(ONE)
        assert blocking_db.read("one") == ONE
        raise ZeroDivisionError
    assert blocking_db.count() == 0
    with blocking_db.transaction():
        blocking_db.create(ONE)
        assert blocking_db.stream_write(iter([TWO])).successful == 1
    assert blocking_db.count() == 2
