"""Upserts into a table so large that they go by MERGE, alone and beside another session."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest
import pytest_asyncio

from dk_notebook.backends.postgres.writing.merge import PLANNER
from dk_notebook.errors import Conflict, QueryError
from tests.backends.postgres.writing import write

pytestmark = pytest.mark.postgres

ROWS = 20_000
SECONDS = 30
OF_NO = "create function no() returns trigger language plpgsql as"


@pytest_asyncio.fixture
async def table(connection):
    """A table t of ROWS rows, with a key ``a`` from 1 on, and two columns of zeros."""
    await connection.execute(
        f"create table t as select a, 0 as n, 0 as others from generate_series(1, {ROWS}) as a;"
        "alter table t add primary key (a), alter others set default 0"
    )


@pytest.fixture
def statements(connection):
    """The first words of what the connection runs."""
    found: list[str] = []
    connection.add_query_logger(lambda query: found.append(query.query))
    return found


@pytest_asyncio.fixture
async def other(postgres_database, schema):
    """Another session, in a transaction."""
    connection = await asyncpg.connect(postgres_database, server_settings={"search_path": schema})
    await connection.execute("begin")
    yield connection
    await connection.close()


def merged(statements: list[str]) -> bool:
    """Whether the rows went by MERGE alone."""
    began, conflict = (any(text.startswith(word) for text in statements) for word in ("MERGE", "INSERT"))
    assert began or conflict
    return began and not conflict


async def upsert(connection, data: dict[str, list[object]], key: str = "a", **how):
    return await write(connection, data, mode="upsert", key=(key,), **how)


async def meanwhile(connection, admin, data: dict[str, list[object]], then: Callable[[], Awaitable[object]]):
    """The report of an upsert that had to wait for another session; ``then`` lets it go on."""
    waits = "select exists (select from pg_locks where pid = $1 and locktype = 'transactionid' and not granted)"
    writing = asyncio.create_task(upsert(connection, data))
    async with asyncio.timeout(SECONDS):
        while not await admin.fetchval(waits, connection.get_server_pid()):
            assert not writing.done()
            await asyncio.sleep(0.01)
        await then()
        return await writing


async def row(connection, key: int):
    return await connection.fetchrow("select n, others from t where a = $1", key)


async def test_rows_are_inserted_and_updated(connection, table, statements):
    report = await upsert(connection, {"a": [ROWS, 1, ROWS + 1], "n": [7, 8, 9]})
    assert merged(statements)
    assert report.rows == 3
    changed = await connection.fetch("select * from t where n <> 0 order by a")
    assert [*map(tuple, changed)] == [(1, 8, 0), (ROWS, 7, 0), (ROWS + 1, 9, 0)]


async def test_a_table_that_is_small_is_not_read_again_for_each_row(connection, statements):
    await connection.execute("create table t (a int primary key, n int)")
    await connection.execute("vacuum analyze t")
    await upsert(connection, {"a": [1, 2], "n": [1, 2]})
    assert not merged(statements)


# --- beside another session ------------------------------------------------------------------------------------------


async def test_a_key_that_another_session_inserts_meanwhile_is_updated(connection, table, other, admin, statements):
    await other.execute(f"insert into t values ({ROWS + 1}, 1, 5)")
    data = {"a": [1, ROWS + 1, ROWS + 2], "n": [7, 8, 9]}
    report = await meanwhile(connection, admin, data, lambda: other.execute("commit"))
    assert report.rows == 3
    assert not merged(statements)
    assert [tuple(await row(connection, key)) for key in data["a"]] == [(7, 0), (8, 5), (9, 0)]


async def test_a_key_that_another_session_takes_back_is_inserted(connection, table, other, admin, statements):
    await other.execute(f"insert into t values ({ROWS + 1}, 1, 5)")
    await meanwhile(connection, admin, {"a": [ROWS + 1], "n": [8]}, lambda: other.execute("rollback"))
    assert merged(statements)
    assert tuple(await row(connection, ROWS + 1)) == (8, 0)


async def test_what_another_session_changes_meanwhile_in_other_columns_stays(connection, table, other, admin):
    await other.execute("update t set n = 1, others = 5 where a = 2")
    await meanwhile(connection, admin, {"a": [1, 2, 3], "n": [7, 8, 9]}, lambda: other.execute("commit"))
    assert tuple(await row(connection, 2)) == (8, 5)


async def test_a_row_that_another_session_deletes_meanwhile_is_inserted(connection, table, other, admin):
    await other.execute("delete from t where a = 2")
    report = await meanwhile(connection, admin, {"a": [1, 2], "n": [7, 8]}, lambda: other.execute("commit"))
    assert report.rows == 2
    assert tuple(await row(connection, 2)) == (8, 0)


async def test_a_row_whose_key_another_session_changes_meanwhile_is_inserted(connection, table, other, admin):
    await other.execute("update t set a = -2, others = 5 where a = 2")
    await meanwhile(connection, admin, {"a": [1, 2], "n": [7, 8]}, lambda: other.execute("commit"))
    assert [tuple(await row(connection, key)) for key in (2, -2)] == [(8, 0), (0, 5)]


async def test_two_sessions_that_upsert_the_same_keys_both_succeed(connection, table, other, statements):
    await other.execute("rollback")
    keys = list(range(ROWS - 500, ROWS + 500))
    for number in range(3):
        new = [key + number * 500 for key in keys]
        await asyncio.gather(*(upsert(one, {"a": new, "n": [7] * len(keys)}) for one in (connection, other)))
    assert await connection.fetchval("select count(*) from t where n = 7") == 2000


# --- rows that are refused -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [2, ROWS + 1], ids=["known", "new"])
async def test_a_key_that_comes_twice_names_both_rows(connection, table, key):
    with pytest.raises(Conflict, match="the rows 1 and 2 share it"):
        await upsert(connection, {"a": [1, key, key], "n": [7, 8, 9]})
    assert not await connection.fetchval("select exists (select from t where n <> 0)")


async def test_a_rule_of_the_table_names_the_row(connection, table):
    await connection.execute("alter table t add check (n < 100)")
    with pytest.raises(QueryError, match="row 2: new row"):
        await upsert(connection, {"a": [1, 2, ROWS + 1], "n": [7, 8, 271]})


# --- the same as ON CONFLICT -----------------------------------------------------------------------------------------


async def test_columns_that_fill_themselves_do(connection, statements):
    await connection.execute(
        "create table t (id int generated always as identity primary key, a int, d int default 7,"
        " g int generated always as (a * 2) stored);"
        f"insert into t (a) select 1 from generate_series(1, {ROWS})"
    )
    await upsert(connection, {"id": [5, ROWS + 5], "a": [2, 3]}, key="id")
    assert merged(statements)
    found = await connection.fetch("select * from t where a <> 1 order by id")
    assert [*map(tuple, found)] == [(5, 2, 7, 4), (ROWS + 5, 3, 7, 6)]


async def test_columns_called_like_our_own_are_columns(connection, statements):
    await connection.execute(
        f"create table t as select a as c1, 0 as c0, 0 as s, 0 as t, 0 as dk_row from generate_series(1, {ROWS}) as a;"
        "alter table t add primary key (c1)"
    )
    await upsert(connection, {"c0": [1], "c1": [2], "s": [3], "t": [4], "dk_row": [5]}, key="c1")
    assert merged(statements)
    assert tuple(await connection.fetchrow("select c0, c1, s, t, dk_row from t where c1 = 2")) == (1, 2, 3, 4, 5)


async def test_a_trigger_on_insert_sees_every_row(connection, table, statements):
    await connection.execute(
        f"{OF_NO} 'begin new.n = new.n + 100; return new; end';"
        "create trigger no before insert on t for each row execute function no()"
    )
    await upsert(connection, {"a": [1, ROWS + 1], "n": [7, 8]})
    assert not merged(statements)
    assert [(await row(connection, key))["n"] for key in (1, ROWS + 1)] == [107, 108]


async def test_the_rows_of_a_table_that_inherits_are_no_rows_of_its_own(connection, table, statements):
    await connection.execute("create table child () inherits (t); insert into child values (-1, 0, 5)")
    await upsert(connection, {"a": [-1], "n": [8]})
    assert merged(statements)
    found = await connection.fetch("select n, others from t where a = -1 order by n")
    assert [*map(tuple, found)] == [(0, 5), (8, 0)]


async def test_a_key_with_a_collation_of_its_own_is_compared_by_the_index_alone(connection, statements):
    # One by which "x" is "X" needs ICU, which the server of the tests has not.
    await connection.execute(
        f'create table t as select a::text collate "C" as a, 0 as n from generate_series(1, {ROWS}) as a;'
        "alter table t add primary key (a)"
    )
    await upsert(connection, {"a": ["1", "x"], "n": [8, 9]})
    assert not merged(statements)
    assert await connection.fetchval("select array_agg(a order by n) from t where n <> 0") == ["1", "x"]


@pytest.mark.parametrize("new", [False, True], ids=["done", "undone"])
async def test_the_settings_of_the_callers_transaction_are_as_before(connection, table, new, statements):
    settings = "select " + ", ".join(f"current_setting('{name}')" for name in PLANNER)
    data = {"a": [ROWS + 1] * (1 + new), "n": [8] * (1 + new)}
    async with connection.transaction():
        await connection.execute("set local enable_mergejoin = off")
        before = await connection.fetchrow(settings)
        if new:
            with pytest.raises(Conflict):
                await upsert(connection, data, inside=True)
        else:
            await upsert(connection, data, inside=True)
        assert await connection.fetchrow(settings) == before
    assert merged(statements) is not new
