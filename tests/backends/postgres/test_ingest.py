import asyncpg
import pandas as pd
import pyarrow as pa
import pytest

from dk_notebook.backends.base import TableWrite
from dk_notebook.backends.postgres.writing.plan import planned
from dk_notebook.errors import ConfigError, Conflict, ConversionError, QueryError
from tests.backends.postgres.writing import column, rows, shown, write

pytestmark = pytest.mark.postgres


# --- columns ---------------------------------------------------------------------------------------------------------


async def test_columns_that_fill_themselves_may_be_left_out(connection):
    await connection.execute(
        "create table t (id int generated always as identity, a int, d int default 7,"
        " g int generated always as (a * 2) stored)"
    )
    await write(connection, {"a": [1, 2]}, mode="append")
    assert await rows(connection) == [(1, 1, 7, 2), (2, 2, 7, 4)]


@pytest.mark.parametrize("how", ["always", "by default"])
@pytest.mark.parametrize("mode", ["append", "upsert"])
async def test_an_identity_column_takes_the_values_of_the_data(connection, how, mode):
    await connection.execute(f"create table t (id int generated {how} as identity primary key, a int)")
    await write(connection, {"id": [10], "a": [1]}, mode=mode, key=("id",) if mode == "upsert" else ())
    assert await rows(connection) == [(10, 1)]


async def test_a_generated_column_takes_no_values(connection):
    await connection.execute("create table t (a int, g int generated always as (a * 2) stored)")
    with pytest.raises(ConfigError, match="generated column"):
        await write(connection, {"a": [1], "g": [2]}, mode="append")


async def test_a_dropped_column_is_none(connection):
    await connection.execute("create table t (a int, gone text, b int); alter table t drop column gone")
    await write(connection, {"b": [2], "a": [1]}, mode="append")
    assert await rows(connection) == [(1, 2)]


async def test_an_extra_column_and_a_missing_one_are_both_listed(connection):
    await connection.execute("create table t (id int, n int, d int default 1)")
    with pytest.raises(ConfigError, match=r'not in the table: "other"; not in the data: "n"'):
        await write(connection, {"id": [1], "other": [1]}, mode="append")


async def test_names_that_differ_in_capitals_are_two_columns(connection):
    await write(connection, {"a": [1], "A": [2]})
    assert await rows(connection) == [(1, 2)]


async def test_keywords_and_blanks_are_names(connection):
    await write(connection, {"select": [1], "ordinary name": [2], 'q"': [3]}, '"a.b"')
    assert await rows(connection, '"a.b"') == [(1, 2, 3)]


async def test_a_name_that_the_server_would_cut_is_refused(connection):
    with pytest.raises(ConversionError, match="64 bytes"):
        await write(connection, {"ä" * 32: [1]})
    with pytest.raises(ConfigError, match="64 bytes"):
        await write(connection, {"a": [1]}, "t" * 64)


async def test_a_column_called_like_our_own_is_a_column(connection):
    await write(connection, {"dk_row": [1], "c0": [2]}, mode="upsert", key=("dk_row",))
    await write(connection, {"dk_row": [1], "c0": [3]}, mode="upsert", key=("dk_row",))
    assert await rows(connection) == [(1, 3)]


async def test_null_in_a_column_that_is_not_null_names_the_row(connection):
    await connection.execute("create table t (a int not null)")
    with pytest.raises(ConversionError) as raised:
        await write(connection, {"a": [1, None]}, mode="append")
    assert (raised.value.column, raised.value.position) == ("a", 1)


# --- keys ------------------------------------------------------------------------------------------------------------


async def test_upsert_takes_a_unique_index_of_several_columns(connection):
    await connection.execute("create table t (a int, b text, n int, unique (b, a))")
    await write(connection, {"a": [1, 1], "b": ["x", "y"], "n": [1, 2]}, mode="upsert", key=("a", "b"))
    await write(connection, {"n": [3], "b": ["y"], "a": [1]}, mode="upsert", key=("a", "b"))
    assert await rows(connection) == [(1, "x", 1), (1, "y", 3)]


async def test_upsert_of_keys_alone_changes_nothing(connection):
    await write(connection, {"id": [1, 2]}, mode="upsert", key=("id",))
    report = await write(connection, {"id": [2, 3]}, mode="upsert", key=("id",))
    assert await rows(connection) == [(1,), (2,), (3,)]
    assert report.rows == 1


async def test_the_hint_for_a_missing_index_can_be_run(connection):
    await connection.execute('create table "My t" ("an id" int, n int)')
    with pytest.raises(ConfigError) as raised:
        await write(connection, {"an id": [1], "n": [1]}, "My t", mode="upsert", key=("an id",))
    await connection.execute(raised.value.hint)
    await write(connection, {"an id": [1], "n": [1]}, "My t", mode="upsert", key=("an id",))
    assert await rows(connection, '"My t"') == [(1, 1)]


async def test_a_duplicate_key_names_both_rows_and_no_value(connection):
    with pytest.raises(Conflict, match="the rows 1 and 3 share it") as raised:
        await write(connection, {"id": [10, 271, 12, 271]}, mode="upsert", key=("id",))
    assert "271" not in str(raised.value)


async def test_keys_are_compared_as_the_column_does(connection):
    await connection.execute("create table t (a inet primary key)")
    with pytest.raises(Conflict, match="rows 0 and 1"):
        await write(connection, {"a": ["10.0.0.1", "10.0.0.1/32"]}, mode="ignore", key=("a",))


async def test_a_key_with_a_collation_of_its_own_is_a_key(connection):
    await connection.execute('create table t (a text collate "C" primary key)')
    await write(connection, {"a": ["x", "X"]}, mode="upsert", key=("a",))
    assert await rows(connection) == [("X",), ("x",)]


async def test_a_rule_that_an_upsert_breaks_names_the_row(connection):
    await connection.execute("create table t (id int primary key, n int check (n < 100))")
    with pytest.raises(QueryError, match=r"row 3: new row .* violates check constraint") as raised:
        await write(connection, {"id": [1, 2, 3, 4, 5], "n": [1, 2, 3, 271, 272]}, mode="upsert", key=("id",))
    assert "271" not in str(raised.value)
    assert await rows(connection) == []


async def test_a_rule_that_an_append_breaks_names_the_row(connection):
    await connection.execute("create table t (n int check (n < 100))")
    with pytest.raises(QueryError, match="row 1: new row"):
        await write(connection, {"n": [1, 271]}, mode="append")


# --- the rest --------------------------------------------------------------------------------------------------------


async def test_the_frames_of_an_iterator_are_one_write(connection):
    report = await write(connection, (pd.DataFrame({"a": [number]}) for number in range(5)))
    assert report.rows == 5


async def test_an_empty_frame_makes_the_table(connection):
    report = await write(connection, pd.DataFrame({"a": pd.Series([], dtype="int64")}))
    assert (report.rows, await shown(connection)) == (0, [])


async def test_one_row_may_be_very_long(connection):
    await write(connection, column(["x", "y" * 20_000_000, "z"], pa.string()))
    assert await connection.fetchval("select max(length(a)) from t") == 20_000_000


async def test_many_columns_are_one_row(connection):
    await write(connection, {f"c{number}": [number] for number in range(1000)})
    assert len(await connection.fetchrow("select * from t")) == 1000


async def test_text_that_the_database_cannot_encode_is_refused_in_its_words(connection, postgres_database, schema):
    await connection.execute("create database latin template template0 encoding latin1 locale 'C'")
    try:
        latin = await asyncpg.connect(postgres_database.rpartition("/")[0] + "/latin")
        with pytest.raises(ConversionError, match="no equivalent in encoding") as raised:
            await write(latin, {"a": ["ä", "你"]})
        assert raised.value.position == 1
        assert "0xe4" not in str(raised.value)
        await latin.close()
    finally:
        await connection.execute("drop database latin with (force)")


async def test_a_plan_of_an_upsert_shows_its_statements(connection):
    schema = pa.schema({"id": pa.int64(), "n": pa.int64()})
    plan = await planned(connection, TableWrite(table="t", mode="upsert", key=("id",)), schema)
    assert plan.statements == (
        'CREATE TABLE "t" ("id" bigint, "n" bigint, PRIMARY KEY ("id"))',
        'INSERT INTO "t" ("id", "n") ON CONFLICT ("id") DO UPDATE SET "n" = excluded."n" ...',
    )
    assert [column.nullable for column in plan.columns] == [False, True]


async def test_a_plan_of_a_replace_shows_how_the_tables_change_places(connection):
    await connection.execute("create table t (a int)")
    plan = await planned(connection, TableWrite(table="t", mode="replace"), pa.schema({"a": pa.string()}))
    assert [statement.split(" ")[0] for statement in plan.statements] == ["CREATE", "INSERT", "DROP", "ALTER"]
    assert await shown(connection) == []
