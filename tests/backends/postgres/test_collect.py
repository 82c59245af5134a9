import time

import asyncpg
import pandas as pd
import pyarrow as pa
import pytest

from dk_notebook.backends.postgres.writing.bisect_rows import failing_rows
from dk_notebook.errors import QueryError
from tests.backends.postgres.writing import column, rows, shown, write

pytestmark = pytest.mark.postgres


def told(report):
    return [(row.position, row.column) for row in report.rejected]


async def test_every_kind_of_bad_row_is_found_in_one_pass(connection):
    await connection.execute(
        "create table parent (id int primary key); insert into parent values (1);"
        "create table t (id int primary key, n smallint check (n < 100), u int unique, p int references parent,"
        " x text not null, i inet)"
    )
    await connection.execute("insert into t values (50, 1, 500, 1, 'x', null)")
    good = {"id": 1, "n": 1.0, "u": 1, "p": 1, "x": "x", "i": "10.0.0.1"}
    changes = [
        {},
        {"n": 1.5},  # no whole number
        {"n": 271.0},  # CHECK
        {"id": 50},  # in the table already
        {"id": 1},  # in the data before
        {"u": 500},  # another unique index
        {"p": 7},  # no such parent
        {"x": None},  # NOT NULL
        {"i": "10.0.0.256"},  # which only the server can read
        {},
    ]
    frame = pd.DataFrame([{**good, "id": 10 + n, "u": 100 + n, **change} for n, change in enumerate(changes)])
    frame.loc[[0, 4], "id"] = 10
    report = await write(connection, frame, mode="append", errors="collect")
    assert told(report) == [(1, "n"), (2, "n"), (3, "id"), (4, "id"), (5, "u"), (6, "p"), (7, "x"), (8, "i")]
    assert report.rows == 2
    assert [row[0] for row in await rows(connection)] == [10, 19, 50]


async def test_reasons_hold_no_values(connection):
    await connection.execute("create table t (id int primary key, n int check (n < 100), i inet)")
    await connection.execute("insert into t values (31415, 1)")
    frame = pd.DataFrame({"id": [31415, 27182, 27182, 3], "n": [1, 16180, 2, 3], "i": [None, None, None, "141421"]})
    report = await write(connection, frame, mode="append", errors="collect")
    assert len(report.rejected) == 3
    assert not any(value in str(report.rejected) for value in ("31415", "27182", "16180", "141421"))


async def test_the_first_of_two_rows_with_one_key_goes_in(connection):
    await connection.execute("create table t (id int primary key, n int)")
    report = await write(connection, {"id": [5, 5, 6], "n": [1, 2, 3]}, mode="append", errors="collect")
    assert told(report) == [(1, "id")]
    assert await rows(connection) == [(5, 1), (6, 3)]


async def test_a_key_that_is_freed_by_a_bad_row_goes_to_the_next(connection):
    await connection.execute("create table t (id int primary key, n int check (n < 100))")
    report = await write(connection, {"id": [5, 5], "n": [271, 2]}, mode="append", errors="collect")
    assert told(report) == [(0, "n")]
    assert await rows(connection) == [(5, 2)]


async def test_with_a_key_what_is_there_is_skipped_and_what_comes_twice_rejected(connection):
    await write(connection, {"id": [1], "n": [1]}, mode="ignore", key=("id",))
    data = pa.table({"id": pa.array([1, 2, 2, None], pa.int64()), "n": [9, 2, 3, 4]})
    report = await write(connection, data, mode="ignore", key=("id",), errors="collect")
    assert (report.rows, report.skipped, told(report)) == (1, 1, [(2, "id"), (3, "id")])
    assert await rows(connection) == [(1, 1), (2, 2)]


async def test_upsert_collects_too(connection):
    await connection.execute("create table t (id int primary key, n int check (n < 100)); insert into t values (1, 1)")
    report = await write(connection, {"id": [1, 2, 3], "n": [5, 271, 7]}, mode="upsert", key=("id",), errors="collect")
    assert told(report) == [(1, "n")]
    assert await rows(connection) == [(1, 5), (3, 7)]


async def test_a_trigger_may_refuse_a_row(connection):
    await connection.execute(
        "create table t (a int); create function no() returns trigger language plpgsql as "
        "$$ begin if new.a = 2 then raise 'not two'; end if; return new; end $$;"
        "create trigger no before insert on t for each row execute function no()"
    )
    report = await write(connection, {"a": [1, 2, 3]}, mode="append", errors="collect")
    assert [(row.position, row.reason) for row in report.rejected] == [(1, "not two")]


async def test_a_domain_refuses_rows(connection):
    await connection.execute("create domain positive as int check (value > 0); create table t (a positive)")
    report = await write(connection, {"a": [1, -1, 3]}, mode="append", errors="collect")
    assert [row.position for row in report.rejected] == [1]


async def test_into_a_new_table_conversions_are_collected(connection):
    report = await write(connection, {"a": [1.0, 1.5]}, types={"a": "int"}, errors="collect")
    assert told(report) == [(1, "a")]
    assert await shown(connection) == ["1"]


async def test_replace_collects_too(connection):
    await write(connection, {"a": ["old"]})
    report = await write(connection, {"a": ["1", "x"]}, mode="replace", types={"a": "int"}, errors="collect")
    assert told(report) == [(1, "a")]
    assert await shown(connection) == ["1"]


async def test_all_rows_may_be_bad(connection):
    await connection.execute("create table t (a int check (a < 0))")
    report = await write(connection, {"a": list(range(100))}, mode="append", errors="collect")
    assert (report.rows, len(report.rejected)) == (0, 100)


async def test_no_row_may_come(connection):
    await connection.execute("create table t (a int)")
    report = await write(connection, column([], pa.int64()), mode="append", errors="collect")
    assert (report.rows, report.rejected) == (0, ())


RAISES = (
    "create table t (a int); create function no() returns trigger language plpgsql as "
    "$$ begin raise 'not this one' using detail = 'the row is ' || new::text, hint = 'not ' || new.a; end $$;"
    "create trigger no before insert on t for each row execute function no()"
)


@pytest.mark.parametrize("spoken", [True, False], ids=["by the server", "by halves"])
async def test_of_what_a_trigger_says_the_message_is_told_and_not_the_detail(connection, monkeypatch, spoken):
    async def create(self):
        return False

    if not spoken:  # as on a server without PL/pgSQL for the user
        monkeypatch.setattr("dk_notebook.backends.postgres.writing.one_by_one.OneByOne.create", create)
    await connection.execute(RAISES)
    report = await write(connection, {"a": [4711]}, mode="append", errors="collect")
    assert [(row.column, row.reason) for row in report.rejected] == [(None, "not this one")]


async def test_an_error_of_a_trigger_says_all_that_its_author_says(connection):
    await connection.execute(RAISES)
    with pytest.raises(QueryError) as caught:
        await write(connection, {"a": [4711]}, mode="append")
    assert str(caught.value) == "row 0: not this one: the row is (4711)\nHint: not 4711"


async def test_a_row_for_which_there_is_no_partition_is_told_so(connection):
    await connection.execute("create table t (a int) partition by range (a)")
    await connection.execute("create table t1 partition of t for values from (0) to (10)")
    report = await write(connection, {"a": [1, 4711]}, mode="append", errors="collect")
    assert [(row.position, row.column, row.reason) for row in report.rejected] == [
        (1, None, 'no partition of relation "t" found for row')
    ]


async def test_an_error_that_no_row_is_to_blame_for_is_raised(connection):
    await connection.execute(
        "create table t (a int); create function no() returns trigger language plpgsql as "
        "$$ begin execute 'select * from nosuch'; end $$;"
        "create trigger no before insert on t for each row execute function no()"
    )
    with pytest.raises(QueryError, match="nosuch"):
        await write(connection, {"a": [1]}, mode="append", errors="collect")


async def test_a_big_collect_keeps_every_good_row(connection):
    await connection.execute("create table t (id int primary key, n int check (n % 1000 <> 7))")
    await connection.execute("insert into t select g * 2, 0 from generate_series(0, 9999) g")
    count = 100_000
    started = time.monotonic()
    report = await write(connection, {"id": range(count), "n": range(count)}, mode="append", errors="collect")
    bad = {n for n in range(count) if n % 1000 == 7 or (n < 20_000 and n % 2 == 0)}
    assert {row.position for row in report.rejected} == bad
    assert report.rows == count - len(bad)
    assert time.monotonic() - started < 60


async def test_without_a_language_on_the_server_the_rows_are_found_by_halving_alone(admin, postgres_database):
    await admin.execute("create database without_plpgsql")
    plain = await asyncpg.connect(postgres_database.rpartition("/")[0] + "/without_plpgsql")
    try:
        await plain.execute("drop extension plpgsql; create table t (a int check (a % 100 <> 7))")
        report = await write(plain, {"a": list(range(1000))}, mode="append", errors="collect")
    finally:
        await plain.close()
        await admin.execute("drop database without_plpgsql with (force)")
    assert [row.position for row in report.rejected] == list(range(7, 1000, 100))
    assert report.rows == 990


async def test_hostile_names_stay_names_where_the_server_inserts_row_by_row(connection):
    hostile = "dk_number'; $$ \" drop"
    quoted = hostile.replace('"', '""')
    await connection.execute(f'create table t ("{quoted}" int unique, dk_number int check (dk_number < 5), said int)')
    data = {hostile: [1, 2, 3], "dk_number": [1, 9, 3], "said": [1, 2, 3]}
    report = await write(connection, data, mode="append", errors="collect")
    assert told(report) == [(1, "dk_number")]
    assert await rows(connection) == [(1, 1, 1), (3, 3, 3)]


async def test_many_bad_rows_are_told_in_order(connection):
    await connection.execute("create table t (id int primary key, a int check (a % 2 = 0))")
    data = {"id": [n // 3 for n in range(3000)], "a": range(3000)}
    report = await write(connection, data, mode="append", errors="collect")
    good = {}
    for position, (key, value) in enumerate(zip(data["id"], data["a"], strict=True)):
        if value % 2 == 0:
            good.setdefault(key, position)
    assert [row.position for row in report.rejected] == sorted(set(range(3000)) - set(good.values()))
    assert await rows(connection) == sorted((key, data["a"][position]) for key, position in good.items())


# --- the search -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [[], [0], [7], [0, 1], [3, 4], [6, 7], list(range(8)), [1, 3, 5]], ids=str)
async def test_halving_finds_exactly_the_rows_that_fail_and_does_the_others_in_order(connection, bad):
    await connection.execute(
        f"create table t (place serial, a int check (not a = any(array{bad}::int[])));"
        "create table s as select generate_series(0, 7) as a"
    )
    async with connection.transaction():
        found = await failing_rows(
            connection,
            lambda low, high: f"insert into t (a) select a from s where a between {low} and {high} order by a",
            0,
            7,
        )
    assert [row for row, _ in found.failed] == bad
    assert found.affected == 8 - len(bad)
    done = [row[0] for row in await connection.fetch("select a from t order by place")]
    assert done == [row for row in range(8) if row not in bad]


async def test_the_search_for_the_first_stops_there(connection):
    await connection.execute(
        "create table t (a int check (a not in (3, 5))); create table s as select generate_series(0, 7) a"
    )
    async with connection.transaction():
        found = await failing_rows(
            connection,
            lambda low, high: f"insert into t select a from s where a between {low} and {high}",
            0,
            7,
            first=True,
        )
    assert [row for row, _ in found.failed] == [3]
    assert await shown(connection) == ["0", "1", "2"]
