"""The records API as PostgreSQL sees it: its connections, its tables, and what is in them."""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import asyncpg
import psutil
import pytest
import pytest_asyncio

from dk_notebook import AsyncDatabase, Conflict, ConnectionFailed, PoolTimeout, Query, Record, StreamConfig
from dk_notebook.backends.postgres import documents
from dk_notebook.backends.postgres.config import PostgresConfig
from dk_notebook.testing.services.postgres import PostgresAddress, PostgresServer

pytestmark = pytest.mark.postgres

OURS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dk_notebook' AND datname = current_database()"


@pytest.fixture
def given(postgres_database: str, schema: str) -> dict[str, Any]:
    """The settings of a database with a schema of the test's own."""
    return {**PostgresConfig.from_url(postgres_database), "schema": schema}


@pytest_asyncio.fixture
async def db(given: dict[str, Any]) -> AsyncIterator[AsyncDatabase]:
    async with await AsyncDatabase.create("postgres", given) as database:
        yield database


async def eventually(admin: asyncpg.Connection, count: int) -> None:
    """When the server has so many connections of ours; fails after a few seconds."""
    async with asyncio.timeout(5):
        while await admin.fetchval(OURS) != count:  # noqa: ASYNC110 (the event is the server's)
            await asyncio.sleep(0.02)


# --- settings ---------------------------------------------------------------------------------------------------

SIZES: list[dict[str, Any]] = [
    {"pool": {"min_size": 3, "max_size": 5}},
    {"pool": {"min_connections": 3, "maxsize": 5}},
    {"pool": {"min_pool_size": 3, "max_connections": 5}},
    {"pool": {"min_size": 3, "max_pool_size": 5}},
    {"min_connections": 3, "max_connections": 5},
    {"min_pool_size": 3, "max_pool_size": 5},
    {"min_size": 3, "max_size": 5},
    {"min_size": 3, "maxsize": 5},
    {"pool.min_size": 3, "pool.max_size": 5},
]


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("sizes", [*SIZES, {}], ids=str)
async def test_every_spelling_of_the_sizes_is_what_the_server_counts(
    given: dict[str, Any],
    admin: asyncpg.Connection,
    sizes: dict[str, Any],
    nested: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not sizes:
        monkeypatch.setenv("POSTGRES_POOL_MIN_SIZE", "3")
        monkeypatch.setenv("POSTGRES_POOL_MAX_SIZE", "5")
    settings = {"postgres": {**given, **sizes}, "s3": {"bucket": "b"}} if nested else {**given, **sizes}
    done = asyncio.Event()

    async def busy(db: AsyncDatabase) -> None:
        async with db.transaction():
            await db.count()
            await done.wait()

    async with await AsyncDatabase.create("postgres", settings) as db:
        assert await admin.fetchval(OURS) == 3
        tasks = [asyncio.create_task(busy(db)) for _ in range(8)]
        await eventually(admin, 5)
        await asyncio.sleep(0.1)
        assert await admin.fetchval(OURS) == 5
        done.set()
        await asyncio.gather(*tasks)
    await eventually(admin, 0)


@pytest.mark.parametrize("spelled", [{"pool": {"timeout": 0.2}}, {"pool.timeout": 0.2}])
async def test_the_time_to_wait_for_a_connection_acts(given: dict[str, Any], spelled: dict[str, Any]) -> None:
    settings = {**given, "max_connections": 1, **spelled}
    async with await AsyncDatabase.create("postgres", settings) as db, db.transaction():
        with pytest.raises(PoolTimeout, match=r"0\.2 s"):
            await AsyncDatabase.create("postgres", settings)


# --- loops ------------------------------------------------------------------------------------------------------


def test_fifty_programs_in_a_row_leave_no_connection(given: dict[str, Any], postgres_database: str) -> None:
    async def main(number: int) -> str:
        db = await AsyncDatabase.create("postgres", given)
        return await db.create(Record({"n": number}))

    async def left() -> int:
        admin = await asyncpg.connect(postgres_database)
        try:
            await eventually(admin, 0)
            count: int = await admin.fetchval(f'SELECT count(*) FROM "{given["schema"]}".records')
            return count
        finally:
            await admin.close()

    for number in range(50):
        asyncio.run(main(number))
    assert asyncio.run(left()) == 50


async def test_two_loops_have_two_pools(given: dict[str, Any], admin: asyncpg.Connection) -> None:
    settings = {**given, "min_connections": 2, "max_connections": 4}
    inside = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def other() -> None:
        async with await AsyncDatabase.create("postgres", settings) as db:
            await db.create(Record({}, id="other"))
            loop.call_soon_threadsafe(inside.set)
            while not await db.exists("ours"):  # noqa: ASYNC110 (the event is the other loop's)
                await asyncio.sleep(0.02)

    async with await AsyncDatabase.create("postgres", settings) as db:
        assert await admin.fetchval(OURS) == 2
        thread = asyncio.create_task(asyncio.to_thread(asyncio.run, other()))
        await inside.wait()
        assert await admin.fetchval(OURS) == 4
        assert await db.exists("other")
        await db.create(Record({}, id="ours"))
        await thread
        assert await admin.fetchval(OURS) == 2


# --- lost connections -------------------------------------------------------------------------------------------

KILL = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'dk_notebook'"


@pytest.mark.parametrize("verb", ["create", "read", "update", "upsert", "delete", "search", "count", "create_batch"])
async def test_idle_connections_that_the_server_killed_are_replaced_unseen(
    db: AsyncDatabase, postgres_server: PostgresAddress, postgres_database: str, verb: str
) -> None:
    await db.create(Record({"n": 1}, id="x"))
    arguments: dict[str, list[Any]] = {
        "create": [Record({})],
        "read": ["x"],
        "update": ["x", {"n": 2}],
        "upsert": ["x", {"n": 2}],
        "delete": ["x"],
        "search": [],
        "count": [],
        "create_batch": [[Record({}) for _ in range(500)]],
    }
    # Not awaited: the loop has not noticed anything when the database is asked.
    postgres_server.psql(f"{KILL} and datname = '{postgres_database.rpartition('/')[2]}'")
    assert await getattr(db, verb)(*arguments[verb])


async def test_a_standby_that_was_promoted_takes_over_unseen(own_postgres_server: PostgresServer) -> None:
    with own_postgres_server.standby() as standby:
        servers = (own_postgres_server, standby)
        settings = {
            "host": [server.host for server in servers],
            "port": [server.port for server in servers],
            "user": own_postgres_server.user,
            "password": own_postgres_server.password,
            "database": "postgres",
            "target_session_attrs": "primary",
        }
        async with await AsyncDatabase.create("postgres", settings) as db:
            record = Record({"n": 1}, id="x")
            await db.create(record)
            written = own_postgres_server.psql("select pg_current_wal_lsn()")
            async with asyncio.timeout(10):
                while standby.psql(f"select pg_last_wal_replay_lsn() >= '{written}'") != "t":  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            own_postgres_server.stop(at_once=True)
            standby.promote()
            assert await db.read("x") == record
            assert await db.update("x", {"n": 2})
            assert await db.count([("n", "=", 2)]) == 1


async def test_a_write_whose_connection_is_lost_under_way_is_not_repeated(
    db: AsyncDatabase, admin: asyncpg.Connection, schema: str
) -> None:
    await db.create(Record({"n": 1}, id="x"))
    async with admin.transaction():
        await admin.execute(f"SELECT FROM {schema}.records FOR UPDATE")
        writing = asyncio.create_task(db.update("x", {"n": 2}))
        waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'dk_notebook'"
        async with asyncio.timeout(5):
            while (pid := await admin.fetchval(waiting)) is None:  # noqa: ASYNC110 (the event is the server's)
                await asyncio.sleep(0.02)
        await admin.execute(f"SELECT pg_terminate_backend({pid}, 5000)")
        with pytest.raises(ConnectionFailed):
            await writing
    assert (await db.read("x")) == Record({"n": 1}, id="x")


# --- the table --------------------------------------------------------------------------------------------------


async def test_the_table_lies_in_public_unless_said_otherwise(
    given: dict[str, Any], admin: asyncpg.Connection, schema: str
) -> None:
    del given["schema"]
    name = f"t_{uuid.uuid4().hex[:12]}"
    options = f"-c search_path={schema}"
    async with await AsyncDatabase.create("postgres", {**given, "table_name": name, "options": options}) as db:
        await db.create(Record({}, id="x"))
    assert await admin.fetchval(f"SELECT id FROM public.{name}") == "x"


@pytest.mark.parametrize(("settings", "methods"), [({}, []), ({"index": True}, ["gin", "gin"])])
async def test_indexes_are_made_when_they_are_asked_for(
    given: dict[str, Any], admin: asyncpg.Connection, schema: str, settings: dict[str, Any], methods: list[str]
) -> None:
    for _ in range(2):
        async with await AsyncDatabase.create("postgres", {**given, "table": "x" * 63, **settings}) as db:
            await db.upsert(Record({"a": 1}, id="x"))
            assert await db.count([("a", "=", 1)]) == 1
    found = await admin.fetch(
        "SELECT am.amname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am am ON am.oid = c.relam "
        "WHERE c.relnamespace = $1::regnamespace AND NOT i.indisprimary",
        schema,
    )
    assert [name for (name,) in found] == methods


async def test_many_that_open_it_at_once_make_one_table(given: dict[str, Any]) -> None:
    settings = {**given, "schema": f"s_{uuid.uuid4().hex[:12]}", "index": True}
    databases = await asyncio.gather(*(AsyncDatabase.create("postgres", settings) for _ in range(16)))
    await databases[0].create(Record({}, id="x"))
    assert [await each.exists("x") for each in databases] == [True] * 16
    for each in databases:
        await each.close()


async def test_whoever_may_only_read_opens_what_is_there(given: dict[str, Any], db: AsyncDatabase) -> None:
    await db.create(Record({}, id="x"))
    async with await AsyncDatabase.create(
        "postgres", {**given, "options": "-c default_transaction_read_only=on"}
    ) as it:
        assert await it.exists("x")


async def test_row_security_holds_for_batches(
    db: AsyncDatabase, given: dict[str, Any], admin: Any, schema: str
) -> None:
    role = f"r_{uuid.uuid4().hex[:12]}"
    await admin.execute(
        f"create role {role} login password 'pw'; grant usage on schema {schema} to {role}; "
        f"grant select, insert on {schema}.records to {role}; alter table {schema}.records enable row level security; "
        f"create policy p on {schema}.records using (true) with check (data ->> 'owner' = current_user)"
    )
    own = [Record({"owner": role}) for _ in range(200)]
    async with await AsyncDatabase.create("postgres", {**given, "user": role, "password": "pw"}) as theirs:
        assert len(await theirs.create_batch(own)) == 200
    assert await db.count() == 200
    await admin.execute(f"drop owned by {role}; drop role {role}")


# --- what is in it ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("beside", [7, 10**30], ids=["a short integer", "a long integer"])
async def test_a_large_float_comes_back_as_one(db: AsyncDatabase, beside: int) -> None:
    data = {"x": 1e300, "y": [-1.5e16, 2.5e-300], "1e+300": '1e+300 "1e+300', "1e300": "1e300 1e16", "n": beside}
    await db.create(Record(data, id="one"))
    await db.create_batch([Record(data, id=f"{number}") for number in range(200)])
    found = await db.all()
    assert {repr(sorted(record.data.items())) for record in found} == {repr(sorted(data.items()))}


async def test_what_another_program_nested_deeper_than_a_fast_parser_goes_is_read(
    db: AsyncDatabase, admin: asyncpg.Connection, schema: str
) -> None:
    depth, before = 1_100, sys.getrecursionlimit()
    data = f'{{"a": {"[" * depth}{"]" * depth}}}'
    await admin.execute(f"INSERT INTO {schema}.records (id, data) VALUES ('deep', $1)", data)
    sys.setrecursionlimit(10_000)
    try:
        record = await db.read("deep")
    finally:
        sys.setrecursionlimit(before)
    assert record is not None
    inner = record["a"]
    for _ in range(depth - 1):
        (inner,) = inner
    assert inner == []


async def test_dates_are_text_and_metadata_without_anything_is_null(
    db: AsyncDatabase, admin: asyncpg.Connection, schema: str
) -> None:
    await db.create_batch([Record({"a": 1}, id="x"), Record({"a": 2}, {"b": 1}, id="y")])
    rows = await admin.fetch(f"SELECT id, data, metadata FROM {schema}.records ORDER BY id")
    shown = [(row["id"], json.loads(row["data"]), row["metadata"]) for row in rows]
    assert shown == [("x", {"a": 1}, None), ("y", {"a": 2}, '{"b": 1}')]


async def test_a_version_outlives_a_rewrite_of_the_table(
    db: AsyncDatabase, admin: asyncpg.Connection, schema: str
) -> None:
    await db.create_batch([Record({"n": number}, id=f"{number}") for number in range(3)])
    await db.delete("0")
    before = await db.read("2")
    await admin.execute(f"VACUUM FULL {schema}.records")
    assert before is not None
    assert await db.update("2", {"n": 20}, expected_version=before.version)


async def test_the_same_data_written_again_in_one_transaction_is_another_version(db: AsyncDatabase) -> None:
    await db.create(Record({"n": 1}, id="x"))
    async with db.transaction():
        await db.update("x", {"n": 1})
        first = await db.read("x")
        await db.update("x", {"n": 1})
        assert first is not None
        with pytest.raises(Conflict):
            await db.update("x", {"n": 2}, expected_version=first.version)


async def test_batches_that_change_the_same_records_in_other_orders_never_wait_for_each_other(
    db: AsyncDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "again", lambda _: False)  # a deadlock is not tried again
    records = [Record({"n": 0}, id=f"{number}") for number in range(300)]
    await db.create_batch(records)

    async def write(number: int) -> None:
        given = records if number % 2 else records[::-1]
        await db.update_batch([(record.id, {"n": number}) for record in given])
        await db.delete_batch([record.id for record in given])
        await db.upsert_batch([Record({"n": number}, id=record.id) for record in given])

    await asyncio.gather(*(write(number) for number in range(8)))
    assert await db.count() == 300


async def test_a_serializable_transaction_is_one(db: AsyncDatabase) -> None:
    def level_of(session: Any) -> Any:
        return session.connection.fetchval("SHOW transaction_isolation")

    seen = []
    for level in ("read committed", "repeatable read", "serializable"):
        async with db.transaction(isolation=level):  # type: ignore[arg-type]  # each is one of them
            seen.append(await db._sessions.call("look", level_of))
    assert seen == ["read committed", "repeatable read", "serializable"]


# --- streams ----------------------------------------------------------------------------------------------------


async def test_a_slow_consumer_holds_the_server_back(db: AsyncDatabase, admin: asyncpg.Connection) -> None:
    text = "x" * 10_000
    await db.create_batch([Record({"n": number, "text": f"{number}{text}"}) for number in range(20_000)])
    process = psutil.Process()
    before, most = process.memory_info().rss, 0
    count = 0
    async for _ in db.stream_read(Query().sort("n"), StreamConfig(batch_size=100)):
        count += 1
        if count % 1_000 == 0:
            most = max(most, process.memory_info().rss)
    assert count == 20_000
    assert most - before < 50_000_000  # of 200 MB


async def test_a_stream_that_is_left_gives_its_connection_back(given: dict[str, Any]) -> None:
    async with await AsyncDatabase.create("postgres", {**given, "max_connections": 1}) as db:
        await db.create_batch([Record({"n": number}) for number in range(5_000)])
        for _ in range(5):
            stream = db.stream_read(config=StreamConfig(batch_size=10))
            assert await anext(stream)
            await stream.aclose()
        assert await db.count() == 5_000


async def test_a_date_is_found_in_the_texts_that_may_spell_it(db: AsyncDatabase) -> None:
    await db.create_batch([Record({"day": f"2024-01-{number % 28 + 1:02}"}) for number in range(3_000)])
    assert await db.count(Query().filter("day", "=", date(2024, 1, 5))) == sum(n % 28 == 4 for n in range(3_000))
