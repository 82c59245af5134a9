import asyncio

import asyncpg
import pytest

from dk_notebook.errors import ConfigError, Conflict, NotFound, QueryError
from tests.backends.postgres.writing import rows, shown, write

pytestmark = pytest.mark.postgres


# --- what is there ---------------------------------------------------------------------------------------------------


async def test_a_schema_that_is_not_there_is_not_found(connection):
    with pytest.raises(NotFound):
        await write(connection, {"a": [1]}, "nosuch.t")


async def test_a_view_takes_no_rows(connection):
    await connection.execute("create view v as select 1 as a")
    for mode in ("append", "replace", "truncate"):
        with pytest.raises(ConfigError, match="is a view"):
            await write(connection, {"a": [1]}, "v", mode=mode)


async def test_a_partitioned_table_takes_rows_in_every_mode_but_replace(connection):
    await connection.execute(
        "create table t (a int primary key, b int) partition by range (a);"
        "create table t1 partition of t for values from (0) to (10)"
    )
    await write(connection, {"a": [1, 2], "b": [1, 2]}, mode="append")
    await write(connection, {"a": [2], "b": [3]}, mode="upsert", key=("a",))
    assert await rows(connection) == [(1, 1), (2, 3)]
    for table in ("t", "t1"):
        with pytest.raises(QueryError, match="partition") as raised:
            await write(connection, {"a": [1], "b": [1]}, table, mode="replace")
        assert "truncate" in str(raised.value)
    await write(connection, {"a": [5], "b": [5]}, mode="truncate")
    assert await rows(connection) == [(5, 5)]


async def test_a_row_without_a_partition_is_named(connection):
    await connection.execute(
        "create table t (a int) partition by range (a); create table t1 partition of t for values from (0) to (10)"
    )
    with pytest.raises(QueryError, match="row 1: no partition"):
        await write(connection, {"a": [1, 10]}, mode="append")


async def test_a_temporary_table_is_filled_and_replaced(connection):
    await connection.execute("create temp table t (a int)")
    await write(connection, {"a": [1]}, mode="append")
    await write(connection, {"b": [2]}, mode="replace")
    assert await rows(connection) == [(2,)]
    assert await connection.fetchval("select relpersistence from pg_class where oid = 't'::regclass") == b"t"


async def test_a_table_under_row_security_is_filled_by_insert(connection, schema):
    await connection.execute(
        f"create table t (a int); alter table t enable row level security; create policy p on t using (a < 5);"
        f"create role r_{schema}; grant usage on schema {schema} to r_{schema}; grant all on t to r_{schema};"
        f"set role r_{schema}"
    )
    try:
        await write(connection, {"a": [1]}, mode="append")
        with pytest.raises(QueryError, match="row-level security"):
            await write(connection, {"a": [9]}, mode="append")
        assert await shown(connection) == ["1"]
    finally:
        await connection.execute(f"reset role; drop owned by r_{schema}; drop role r_{schema}")


async def test_no_right_is_the_words_of_the_server(connection, schema):
    await connection.execute(
        f"create table t (a int); create role r_{schema}; grant usage on schema {schema} to r_{schema};"
        f"grant select on t to r_{schema}; set role r_{schema}"
    )
    try:
        with pytest.raises(QueryError, match="permission denied"):
            await write(connection, {"a": [1]}, mode="append")
        with pytest.raises(QueryError, match="must be owner"):
            await write(connection, {"a": [1]}, mode="replace")
    finally:
        await connection.execute(f"reset role; drop owned by r_{schema}; drop role r_{schema}")


async def test_the_right_to_insert_is_enough_to_append(connection, schema):
    await connection.execute(
        f"create table t (a int); create role r_{schema}; grant usage on schema {schema} to r_{schema};"
        f"grant insert on t to r_{schema}; set role r_{schema}"
    )
    try:
        await write(connection, {"a": [1]}, mode="append")
    finally:
        await connection.execute(f"reset role; drop owned by r_{schema}; drop role r_{schema}")
    assert await shown(connection) == ["1"]


# --- replace and truncate --------------------------------------------------------------------------------------------


async def test_a_dependent_view_keeps_its_table(connection):
    await connection.execute("create table t (a int); create view v as select a from t")
    with pytest.raises(QueryError, match="v depends on it") as raised:
        await write(connection, {"a": [1]}, mode="replace")
    assert "truncate" in str(raised.value)
    await write(connection, {"a": [1]}, mode="truncate")
    assert await rows(connection, "v") == [(1,)]


async def test_a_referenced_table_cannot_be_replaced(connection):
    await connection.execute("create table t (a int primary key); create table u (a int references t)")
    with pytest.raises(QueryError, match="foreign keys of u"):
        await write(connection, {"a": [1]}, mode="replace")


async def test_a_function_that_needs_the_table_keeps_it(connection):
    await connection.execute(
        "create table t (a int); insert into t values (1); create function f(t) returns int language sql return 1"
    )
    with pytest.raises(QueryError, match="cannot drop table t"):
        await write(connection, {"a": [2]}, mode="replace")
    assert await shown(connection) == ["1"]


async def test_a_replaced_table_is_called_as_before_and_nothing_else_is_left(connection, schema):
    await connection.execute("create table t (a int primary key)")
    await write(connection, {"a": ["x"]}, mode="replace")
    names = await connection.fetch("select relname from pg_class where relnamespace = $1::regnamespace", schema)
    types = await connection.fetch(
        "select typname from pg_type where typnamespace = $1::regnamespace and typtype = 'c'", schema
    )
    assert [name for (name,) in [*names, *types]] == ["t", "t"]


async def test_readers_see_the_old_or_the_new_while_a_table_is_replaced(connection, postgres_database, schema):
    await write(connection, {"a": [0] * 1000})
    reader = await asyncpg.connect(postgres_database, server_settings={"search_path": schema})
    seen = set()

    async def look():
        while True:
            seen.add(await reader.fetchrow("select min(a), max(a), count(*) from t"))

    looking = asyncio.create_task(look())
    for number in range(1, 11):
        await write(connection, {"a": [number] * 1000}, mode="replace")
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    await reader.close()
    assert all(low == high and count == 1000 for low, high, count in seen)
    assert len(seen) > 1


async def test_two_that_replace_one_table_come_after_each_other(connection, postgres_database, schema):
    await write(connection, {"a": [0]})
    other = await asyncpg.connect(postgres_database, server_settings={"search_path": schema})
    both = [write(each, {"a": [n] * 10_000}, mode="replace") for n, each in enumerate([connection, other])]
    await asyncio.gather(*both)
    await other.close()
    assert len(set(await shown(connection))) == 1


async def test_truncate_keeps_indexes_and_grants(connection):
    await connection.execute("create table t (a int unique); grant select on t to public; insert into t values (1)")
    await write(connection, {"a": [2]}, mode="truncate")
    assert await shown(connection) == ["2"]
    with pytest.raises(Conflict):
        await write(connection, {"a": [3, 3]}, mode="truncate")
    assert await shown(connection) == ["2"]


async def test_truncate_of_a_referenced_table_deletes_where_nothing_refers(connection):
    await connection.execute(
        "create table t (a int primary key); create table u (a int references t); insert into t values (1)"
    )
    await write(connection, {"a": [2]}, mode="truncate")
    await connection.execute("insert into u values (2)")
    with pytest.raises(QueryError, match="foreign key"):
        await write(connection, {"a": [3]}, mode="truncate")
    assert await shown(connection) == ["2"]


async def test_truncate_never_deletes_the_rows_of_other_tables(connection):
    await connection.execute(
        "create table t (a int primary key); create table u (a int references t on delete cascade);"
        "insert into t values (1); insert into u values (1)"
    )
    with pytest.raises(QueryError, match="would delete or change rows there"):
        await write(connection, {"a": [1]}, mode="truncate")
