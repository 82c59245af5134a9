"""Settings: every spelling acts, and what does not act is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from dk_notebook import AsyncDatabase, ConfigError, ConnectionFailed, Database, PoolTimeout, Record
from dk_notebook.backends.duckdb import AsyncDuckDBDatabase
from dk_notebook.database.opening import opening

pytestmark = pytest.mark.duckdb


@pytest.mark.parametrize(
    "spelled",
    [
        {"pool": {"max_size": 3}},
        {"pool": {"maxsize": 3}},
        {"pool": {"max_connections": 3}},
        {"max_connections": 3},
        {"max_pool_size": 3},
        {"pool.max_size": 3},
        {"pool": {"max_size": 3, "max_connections": 5}},
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_the_size_of_the_pool_has_many_names(spelled: dict[str, Any], nested: bool) -> None:
    given = {"duckdb": spelled, "s3": {"bucket": "b"}} if nested else spelled
    assert opening("duckdb", given).config.pool.max_size == 3


async def test_the_size_of_the_pool_acts(tmp_path: Path) -> None:
    given = {"path": str(tmp_path / "a.duckdb"), "pool": {"max_size": 1, "timeout": 0.1}}
    async with await AsyncDatabase.create("duckdb", given) as db, db.transaction():
        with pytest.raises(PoolTimeout):
            await AsyncDatabase.create("duckdb", given)


@pytest.mark.parametrize("words", [("table", "schema"), ("table_name", "schema_name")])
async def test_the_table_and_its_schema_are_made(tmp_path: Path, words: tuple[str, str]) -> None:
    path = str(tmp_path / "a.duckdb")
    async with await AsyncDatabase.create("duckdb", {"path": path, words[0]: "Peo.ple", words[1]: "crm"}) as db:
        await db.create(Record({}, id="x"))
    with duckdb.connect(path) as connection:
        assert connection.execute('select id, data from crm."Peo.ple"').fetchall() == [("x", "{}")]


async def test_a_database_that_may_only_read_makes_nothing(tmp_path: Path) -> None:
    path = str(tmp_path / "a.duckdb")
    async with await AsyncDatabase.create("duckdb", {"path": path}) as db:
        await db.create(Record({}, id="x"))
    async with await AsyncDatabase.create("duckdb", {"path": path, "read_only": True}) as db:
        assert await db.exists("x")


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"tabel": "x"}, "'table'"),
        ({"pth": "x"}, "'path'"),
        ({"table": "a", "table_name": "b"}, "disagree"),
        ({"max_connections": 1, "max_pool_size": 2}, "disagree"),
        ({"postgres": {"host": "db"}}, "no part for 'duckdb'"),
        ({"duckdb": {}, "table": "x"}, "beside the part"),
        ({"pool": 5}, "mapping"),
        ("shop.duckdb", "mapping"),
    ],
)
def test_what_does_not_act_is_refused(wrong: Any, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        AsyncDatabase("duckdb", wrong)


@pytest.mark.parametrize("name", ["duckbd", None, 5])
async def test_an_unknown_backend_is_an_error(name: Any) -> None:
    with pytest.raises(ConfigError):
        await AsyncDatabase.create(name)


async def test_a_store_that_cannot_be_opened_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConnectionFailed):
        await AsyncDatabase.create("duckdb", {"path": str(tmp_path)})


async def test_the_older_way_in_makes_first_and_connects_later(tmp_path: Path) -> None:
    db = AsyncDuckDBDatabase({"duckdb": {"path": str(tmp_path / "a.duckdb")}})
    assert "not open" in repr(db)
    await db.connect()
    assert await db.create(Record({"n": 1}, id="x")) == "x"
    await db.close()


async def test_a_database_that_nobody_connected_opens_on_first_use(tmp_path: Path) -> None:
    db = AsyncDuckDBDatabase({"path": str(tmp_path / "a.duckdb")})
    assert await db.count() == 0
    await db.close()


async def test_from_backend_is_create(tmp_path: Path) -> None:
    async with await AsyncDatabase.from_backend("duckdb", {"path": str(tmp_path / "a.duckdb")}) as db:
        assert isinstance(db, AsyncDatabase)


def test_a_blocking_database_is_made_the_same_ways(tmp_path: Path) -> None:
    given = {"path": str(tmp_path / "a.duckdb")}
    for made in (Database.create("duckdb", given), Database.from_backend("duckdb", given), Database("duckdb", given)):
        with made as db:
            assert db.count() == 0


def test_a_repr_tells_where_and_whether(tmp_path: Path) -> None:
    path = str(tmp_path / "a.duckdb")
    with Database.create("duckdb", {"path": path}) as db:
        assert repr(db) == f"<Database duckdb, {path}, 'records': open>"
    assert repr(db).endswith("closed>")
