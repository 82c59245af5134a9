"""The statements that users were promised for PostgreSQL, run as they are written; only the address is the server's."""

from __future__ import annotations

from typing import Any

import pytest

from dk_notebook import AsyncDatabase, Query, Record
from dk_notebook.backends.postgres import AsyncPostgresDatabase
from dk_notebook.testing.services.postgres import PostgresAddress
from tests.backends.quick_start_page import CONFIG, PARALLEL, RESILIENT, EveryStore, Page

pytestmark = pytest.mark.postgres

EXAMPLE = """
async def postgres_example():
    db = await AsyncDatabase.create("postgres", {
        "host": "localhost",
        "database": "mydb",
        "user": "user",
        "password": "pass",
        "min_connections": 10,
        "max_connections": 20
    })
    await db.create(Record({"data": "test"}))   # prepared statements, automatically

    async with db.transaction():                # real BEGIN ... COMMIT; an exception rolls both back
        await db.update(id1, record1)
        await db.update(id2, record2)
    await db.close()
"""


@pytest.fixture
def database(postgres_database: str) -> str:
    return postgres_database.rpartition("/")[2]


@pytest.fixture
def page(postgres_server: PostgresAddress, database: str, monkeypatch: pytest.MonkeyPatch) -> Page:
    # The dictionary of the page has neither user nor password: they come from elsewhere, as everywhere.
    monkeypatch.setenv("PGUSER", postgres_server.user)
    monkeypatch.setenv("PGPASSWORD", postgres_server.password)
    return Page(
        {
            '"host": "localhost"': f'"host": {postgres_server.host!r}, "port": {postgres_server.port}',
            '"database": "mydb"': f'"database": {database!r}',
            '"user": "user"': f'"user": {postgres_server.user!r}',
            '"password": "pass"': f'"password": {postgres_server.password!r}',
        }
    )


async def test_the_example_stores_and_updates_in_one_transaction(page: Page) -> None:
    names = await page.run(CONFIG)
    async with await AsyncDatabase.create("postgres", names["config"]) as db:
        await db.clear()
        await db.create_batch([Record({"n": 1}, id="one"), Record({"n": 2}, id="two")])
        names.update(id1="one", record1=Record({"n": 10}), id2="two", record2=Record({"n": 20}))
        await page.run(EXAMPLE)
        await names["postgres_example"]()
        assert await db.count(Query().filter("n", ">=", 10)) == 2
        assert await db.count(Query().filter("data", "=", "test")) == 1


async def test_an_exception_in_the_example_rolls_both_back(page: Page) -> None:
    names = await page.run(CONFIG)
    async with await AsyncDatabase.create("postgres", names["config"]) as db:
        await db.clear()
        await db.create(Record({"n": 1}, id="one"))
        names.update(id1="one", record1=Record({"n": 10}), id2="two", record2=Record({"n": {1, 2}}))
        await page.run(EXAMPLE)
        with pytest.raises(ValueError, match="n"):
            await names["postgres_example"]()
        assert (await db.read("one"))["n"] == 1  # type: ignore[index]  # it is there


async def test_a_thousand_creates_at_once_wait_for_twenty_connections(page: Page) -> None:
    await page.run(CONFIG)
    names = await page.run(PARALLEL)
    async with await AsyncDatabase.create("postgres", names["config"]) as db:
        made = await names["parallel_operations"](db, [{"n": number} for number in range(1_000)])
        assert len(set(made)) == 1_000
        assert [record["n"] for record in await db.read_batch(made) if record] == list(range(1_000))


async def test_a_resilient_create_outlives_the_end_of_all_connections(
    page: Page, postgres_server: PostgresAddress, database: str
) -> None:
    await page.run(CONFIG)
    names = await page.run(RESILIENT)
    async with await AsyncDatabase.create("postgres", names["config"]) as db:
        postgres_server.psql(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
            f"where application_name = 'dk_notebook' and datname = '{database}'"
        )
        record = Record({"name": "Alice"})
        assert await names["resilient_operation"](db, record) == record.id
        assert await db.read(record.id) == record


async def test_the_environment_that_the_page_exports_counts(
    page: Page, database: str, monkeypatch: pytest.MonkeyPatch, admin: Any
) -> None:
    monkeypatch.setenv("POSTGRES_POOL_MIN_SIZE", "10")
    monkeypatch.setenv("POSTGRES_POOL_MAX_SIZE", "20")
    names = await page.run(CONFIG)
    del names["config"]["postgres"]["pool"]
    async with await AsyncDatabase.create("postgres", names["config"]):
        ours = "select count(*) from pg_stat_activity where application_name = 'dk_notebook' and datname = $1"
        assert await admin.fetchval(ours, database) == 10


class TestPage(EveryStore):
    backend, kind = "postgres", AsyncPostgresDatabase
