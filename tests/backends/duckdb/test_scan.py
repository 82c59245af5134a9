import asyncio
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from dk_notebook.backends.base import Native, TableQuery
from dk_notebook.errors import NO_RESULT, ConfigError, ConversionError, NotFound, QueryError
from dk_notebook.frames.types import labels_of, marked
from dk_notebook.records.query import Query
from dk_notebook.runtime.workers import in_worker

pytestmark = pytest.mark.duckdb


async def read(place, text, params=None, **how):
    return await place.read(Native(text=text, params=params, **how))


@pytest.mark.parametrize(
    ("expression", "arrow", "value"),
    [
        ("170141183460469231731687303715884105::hugeint", pa.decimal128(38, 0), "170141183460469231731687303715884105"),
        ("uuid '5855e605-da30-473b-812d-fd3608d4634d'", pa.string(), "5855e605-da30-473b-812d-fd3608d4634d"),
        ("'12:30:00+02'::timetz", pa.string(), "12:30:00+02"),
        ("'10101'::bit", pa.string(), "10101"),
        ("union_value(a := 1)", pa.string(), "1"),
        ("12345678901234567890123456789012345678901234567890::bignum", pa.string(), "1234567890" * 5),
        ("timestamptz '2024-01-01 00:00:00+02'", pa.timestamp("us", "UTC"), "2023-12-31 22:00:00+00:00"),
        ("timestamp_ns '2024-01-01 00:00:00.123456789'", pa.timestamp("ns"), "2024-01-01 00:00:00.123456789"),
        ("[1.5, 2]::float[2]", pa.list_(pa.float32()), "[1.5, 2.0]"),
        ("[{'a': '1'::bit}]", pa.list_(pa.struct({"a": pa.string()})), "[{'a': '1'}]"),
        ("null", pa.string(), "None"),
    ],
)
async def test_types_that_arrow_lacks_come_as_declared(place, expression, arrow, value):
    table = await read(place, f"select {expression} as x")
    assert table.schema.field("x").type == arrow
    assert str(table.column("x")[0].as_py()) == value


@pytest.mark.parametrize(
    ("expression", "mark"),
    [
        ("1::decimal(10, 2)", "stored"),
        ("sum(1::decimal(10, 2))", "computed"),
        ("sum(1)", "computed"),
        ("1::double", None),
    ],
)
async def test_decimals_say_whether_they_were_computed(place, expression, mark):
    table = await read(place, f"select {expression} as x")
    assert marked(table.schema.field("x"), "dk.decimal") == mark


async def test_an_enum_has_all_labels_in_their_order_even_when_empty(place):
    table = await read(place, "select 'b'::enum('c', 'b', 'a') as x where false")
    column = table.schema.field("x")
    assert (column.type.ordered, labels_of(column)) == (True, ["c", "b", "a"])


async def test_several_columns_of_one_name_keep_their_name_and_place(place):
    table = await read(place, "select 1 as a, '1'::bit as a, 3 as a", limit=1)
    assert table.column_names == ["a", "a", "a"]
    assert [column[0].as_py() for column in table.columns] == [1, "1", 3]


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("timestamp 'infinity'", "infinity"),
        ("timestamptz '-infinity'", "infinity"),
        ("timestamp_ns 'infinity'", "infinity"),
        ("date 'infinity'", "infinity"),
        ("date '20000-01-01'", "year"),
        ("time '24:00:00'", "24:00:00"),
        ("[timestamp 'infinity']", "infinity"),
        ("{'a': date '20000-01-01'}", "year"),
        ("170141183460469231731687303715884105727::hugeint", "39 digits"),
        ("340282366920938463463374607431768211455::uhugeint", "39 digits"),
        ("200000000000000000000000000000000000000::uhugeint", "39 digits"),
    ],
)
async def test_what_arrow_would_change_in_silence_is_an_error_with_the_cast_to_write(place, expression, reason):
    with pytest.raises(ConversionError, match=reason) as raised:
        await read(place, f"select {expression} as x")
    assert raised.value.column == "x"
    assert 'CAST("x" AS varchar)' in str(raised.value)


async def test_the_row_of_such_a_value_is_counted_from_the_first(place):
    text = "select case when i = 300001 then date 'infinity' else date '2024-01-01' end as x from range(400000) t(i)"
    with pytest.raises(ConversionError) as raised:
        await read(place, text)
    assert raised.value.position == 300_001


@pytest.mark.parametrize("text", ["create table t (a int)", "select 1; select 2"])
async def test_what_only_execute_runs_is_told_by_its_code(place, text):
    with pytest.raises(QueryError) as caught:
        await read(place, text)
    assert caught.value.code == NO_RESULT


async def test_nothing_runs_when_the_statement_is_refused(place):
    await place.execute("create table t (a int)")
    for text in ("insert into t values (1)", "create table u (a int)", "copy (select 1) to 'x.csv'", "set threads = 1"):
        with pytest.raises(QueryError, match="no query"):
            await read(place, text)
    with pytest.raises(QueryError, match=r"2 statements.*dk\.execute"):
        await read(place, "insert into t values (1); select 1")
    with pytest.raises(NotFound):
        await read(place, "from u")
    assert (await read(place, "from t")).num_rows == 0


@pytest.mark.parametrize(
    "text",
    [
        "insert into t values (9) returning a",
        "show tables",
        "describe t",
        "summarize t",
        "explain select 1",
        "pragma table_info('t')",
        "pivot t on a",
        "from t -- a comment at the end",
        "with x as (select 1) select * from x;",
    ],
)
async def test_every_statement_with_result_columns_is_a_query(place, text):
    await place.execute("create table t (a int); insert into t values (1)")
    assert (await read(place, text, limit=1)).num_rows == 1


async def test_text_that_says_returning_is_not_a_returning_clause(place):
    await place.execute("create table t (a varchar)")
    with pytest.raises(QueryError, match="no query"):
        await read(place, "insert into t values ('returning') -- returning")


PARAMETERS = [
    ("select $1 + $2", [1, 2], 3),
    ("select :a || :b", {"a": "x", "b": "y"}, "xy"),
    ("select count(*) from range(5) t(i) where i in :ids", {"ids": [1, 2, 9]}, 2),
    ("select count(*) from range(5) t(i) where i in (:ids)", {"ids": np.array([1, 2])}, 2),
    ("select count(*) from range(5) t(i) where i not in :ids", {"ids": [1]}, 4),
    ("select count(*) from range(5) t(i) where i in :ids", {"ids": []}, 0),
    ("select count(*) from range(5) t(i) where i not in :ids", {"ids": []}, 5),
    ("select count(*) from range(5) t(i) where i = any(:ids)", {"ids": [1, 2]}, 2),
    ("select :a::json ->> 'k'", {"a": {"k": "v"}}, "v"),
    ("select :a is null", {"a": float("nan")}, True),
    ("select :a is null", {"a": pd.NaT}, True),
    ("select :a::varchar", {"a": pd.Timestamp("2024-01-01 00:00:00.123456789")}, "2024-01-01 00:00:00.123456789"),
    ("select ':a' || :a", {"a": "'; drop table t; --"}, ":a'; drop table t; --"),
    ("select :a = 0.1", {"a": np.float64(0.1)}, True),
]


@pytest.mark.parametrize(("text", "params", "value"), PARAMETERS, ids=lambda part: str(part)[:40])
async def test_parameters_are_bound_as_the_values_they_are(place, text, params, value):
    assert (await read(place, text, params)).column(0)[0].as_py() == value


async def test_a_timedelta_that_an_interval_cannot_hold_is_refused(place):
    with pytest.raises(ConfigError, match="microseconds"):
        await read(place, "select :a", {"a": pd.Timedelta(1, "ns")})


@pytest.mark.parametrize("limit", [None, 1])
async def test_a_mistake_is_shown_in_the_callers_own_text_whatever_was_put_around_it(place, limit):
    hidden = "(select chr(97 + :longname::int) || 'ecret' as b)"
    text = f"select :longname as a,\n       b::int as x, '1'::bit as y\nfrom {hidden}"
    with pytest.raises(QueryError) as raised:
        await read(place, text, {"longname": 1}, limit=limit)
    assert text[raised.value.position - 1 :].startswith("b::int")
    assert "LINE 2" in str(raised.value)
    assert "becret" not in raised.value.message


async def test_a_table_in_another_schema_or_database_is_read_by_its_full_name(place, tmp_path):
    await place.execute('create schema "odd.one"; create table "odd.one"."T" as select 1 as a')
    await place.execute(f"attach '{tmp_path / 'other.duckdb'}' as other; create table other.main.t as select 2 as a")
    assert await place.rows(table='"odd.one".T') == [{"a": 1}]
    assert await place.rows(table="other.main.t") == [{"a": 2}]


async def test_an_absent_table_has_a_near_one_in_the_hint(place):
    await place.execute("create table flights (a int)")
    with pytest.raises(NotFound) as raised:
        await place.rows(table="flihgts")
    assert raised.value.hint == "did you mean 'flights'?"


async def test_a_view_is_read_like_a_table(place):
    await place.execute("create view v as select i from range(3) t(i)")
    assert len(await place.rows(Query().filter("i", ">", 0), table="v")) == 2


async def test_two_results_of_one_session_are_not_open_at_the_same_time(place):
    async with place.session() as session:
        stream = await session.scan(Native(text="select * from range(3000000)"), batch_rows=1000)
        await anext(stream)
        with pytest.raises(QueryError, match="close"):
            await (await session.scan(Native(text="select 1"))).read_all()
        await stream.aclose()


@pytest.fixture
def visits(monkeypatch):
    """What the sessions had done on worker threads."""
    made = []

    def counted(function, **options):
        made.append(function)
        return in_worker(function, **options)

    monkeypatch.setattr("dk_notebook.backends.duckdb.session.in_worker", counted)
    return made


@pytest.mark.parametrize("rows", [0, 1, 999])
async def test_a_small_result_takes_one_visit_to_a_worker(place, visits, rows):
    assert (await read(place, f"from range({rows})")).num_rows == rows
    assert len(visits) == 1


async def test_of_a_large_result_no_more_than_the_first_batch_is_read_before_it_is_asked_for(place, visits):
    async with place.session() as session:
        stream = await session.scan(Native(text="from range(100000)"), batch_rows=2048)
        assert session.operation.rows == 0
        first = await anext(stream)
        assert (first.num_rows, len(visits)) == (2048, 1)
        await anext(stream)
        assert len(visits) == 2
        await stream.aclose()


async def test_a_short_batch_is_not_taken_for_the_end(place):
    # DuckDB hands on the groups of a union as they are.
    text = " union all ".join(f"(from range({rows}))" for rows in (3, 5000, 1, 7000))
    async with place.session() as session:
        stream = await session.scan(Native(text=text), batch_rows=4096)
        assert sum([batch.num_rows async for batch in stream]) == 12004


async def test_a_result_belongs_to_the_state_it_began_with(place):
    await place.execute("create table t as select i from range(500000) s(i)")
    async with place.session() as session:
        stream = await session.scan(TableQuery(table="t"), batch_rows=10_000)
        count = (await anext(stream)).num_rows
        await place.execute("delete from t")
        async for batch in stream:
            count += batch.num_rows
    assert count == 500_000


MEMORY = """
    import asyncio, os, resource
    from dk_notebook.backends.base import Native
    from dk_notebook.backends.duckdb import BACKEND
    from dk_notebook.backends.duckdb.config import DuckDBConfig
    from dk_notebook.testing.place import Place

    async def main():
        backend = await BACKEND.open(DuckDBConfig())
        place, rows = Place(backend), 0
        await place.read(Native(text="select i from range(1000000) t(i)"), batch_rows=100_000)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        async with place.session() as session:
            query = Native(text="select i, i * 2 as b, hash(i) as c from range(30000000) t(i)")
            stream = await session.scan(query, batch_rows=100_000)
            async for batch in stream:
                rows += batch.num_rows
                if rows == 5_000_000:
                    await asyncio.sleep(1)  # a slow consumer
        print(rows, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
        await backend.close()
    asyncio.run(main())
"""


def test_thirty_million_rows_go_through_in_little_memory():
    code = textwrap.dedent(MEMORY)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=110, check=True)
    rows, grown = map(int, done.stdout.split())
    assert rows == 30_000_000
    assert grown < 300


async def test_an_interrupt_ends_the_very_query_and_no_other(place):
    slow = "select count(*) from range(10000000000) t(i) where i % 7 = 3"

    async def run(text):
        async with place.session() as session:
            return (await (await session.scan(Native(text=text))).read_all()).num_rows

    first, second = asyncio.create_task(run(slow)), asyncio.create_task(run("select * from range(20000000)"))
    await asyncio.sleep(0.05)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await second == 20_000_000
