"""Pools by loop: shared within one, separate between them, and given back with the last handle."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dk_notebook import AsyncDatabase, ConfigError, Database, Record
from dk_notebook.runtime import pools


def open_pools() -> int:
    return len(pools.status())


async def test_one_loop_and_the_same_settings_are_one_pool(backend: str, settings: dict[str, Any]) -> None:
    before = open_pools()
    handles = [await AsyncDatabase.create(backend, settings) for _ in range(3)]
    assert open_pools() == before + 1
    for handle in handles[:-1]:
        await handle.close()
    assert await handles[-1].count() == 0
    await handles[-1].close()
    assert open_pools() == before


async def test_another_table_is_another_handle_of_the_same_pool(
    backend: str, settings: dict[str, Any], tables: tuple[str, str]
) -> None:
    before = open_pools()
    one, other = [await AsyncDatabase.create(backend, {**settings, "table": table}) for table in tables]
    assert open_pools() == before + 1
    await one.create(Record({}))
    assert await other.count() == 0
    await one.close()
    await other.close()


def test_each_loop_has_a_pool_of_its_own(backend: str, settings: dict[str, Any]) -> None:
    db = AsyncDatabase(backend, settings)
    for number in range(5):
        assert asyncio.run(db.create(Record({"n": number})))
    assert asyncio.run(db.count()) == 5
    asyncio.run(db.close())


def test_a_program_that_forgets_to_close_leaves_nothing(backend: str, settings: dict[str, Any]) -> None:
    async def main() -> str:
        db = await AsyncDatabase.create(backend, settings)
        return await db.create(Record({}))

    before = open_pools()
    for _ in range(10):
        asyncio.run(main())
    assert open_pools() == before


def test_the_blocking_face_and_an_awaited_one_do_not_meet(backend: str, settings: dict[str, Any]) -> None:
    with Database.create(backend, settings) as db:
        db.create(Record({}, id="x"))
        assert asyncio.run(db.awaited.exists("x"))
        assert db.exists("x")


async def test_an_open_that_fails_holds_nothing(backend: str, settings: dict[str, Any]) -> None:
    before = open_pools()
    with pytest.raises(ConfigError, match=r"NUL|\\x00"):
        await AsyncDatabase.create(backend, {**settings, "table": "a\0"})
    assert open_pools() == before
