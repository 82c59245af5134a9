"""Reading from a real server: every type as it is declared, and what cannot be carried named."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
import pytest_asyncio

from dk_notebook.backends.base import Native, TableQuery
from dk_notebook.backends.postgres import BACKEND
from dk_notebook.backends.postgres.config import PostgresConfig
from dk_notebook.errors import ConfigError, ConversionError, NotFound, QueryError, Unsupported
from dk_notebook.frames.types import DECIMAL, JSON, labels_of, marked
from dk_notebook.records.query import Query
from dk_notebook.testing.place import Place

pytestmark = pytest.mark.postgres

UTC = dt.UTC
US, USZ = pa.timestamp("us"), pa.timestamp("us", "UTC")

# SQL of a value, the Arrow type of its column, the value
VALUES: list[tuple[str, pa.DataType, Any]] = [
    ("'-32768'::int2", pa.int16(), -32768),
    ("'-2147483648'::int4", pa.int32(), -(2**31)),
    ("'9223372036854775807'::int8", pa.int64(), 2**63 - 1),
    ("true", pa.bool_(), True),
    ("'1.5'::float4", pa.float32(), 1.5),
    ("'-1.7976931348623157e308'::float8", pa.float64(), -1.7976931348623157e308),
    ("'infinity'::float8", pa.float64(), float("inf")),
    ("'12345678.90'::numeric(10,2)", pa.decimal128(10, 2), Decimal("12345678.90")),
    ("1.1::numeric", pa.decimal256(76, 38), Decimal("1.1")),
    ("'Grüße 🎈'::text", pa.string(), "Grüße 🎈"),
    ("''::text", pa.string(), ""),
    (r"'\N'::text", pa.string(), r"\N"),
    (r"'\.'::text", pa.string(), r"\."),
    (r"E'a\nb\t\'\"'::text", pa.string(), "a\nb\t'\""),
    ("'ab'::char(5)", pa.string(), "ab   "),
    ("'ab'::varchar(5)", pa.string(), "ab"),
    ("'a'::\"char\"", pa.string(), "a"),
    ("'pg_class'::name", pa.string(), "pg_class"),
    ("'pg_class'::regclass", pa.string(), "pg_class"),
    ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", pa.string(), "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("'10.0.0.1'::inet", pa.string(), "10.0.0.1"),
    ("'10.0.0.0/8'::cidr", pa.string(), "10.0.0.0/8"),
    ("'08:00:2b:01:02:03'::macaddr", pa.string(), "08:00:2b:01:02:03"),
    ("'101'::bit(3)", pa.string(), "101"),
    ("'(1,2)'::point", pa.string(), "(1,2)"),
    ("'[1,5)'::int4range", pa.string(), "[1,5)"),
    ("'{[1,5)}'::int4multirange", pa.string(), "{[1,5)}"),
    ("'23:59:59+01'::timetz", pa.string(), "23:59:59+01"),
    ("'12345'::oid", pa.string(), "12345"),
    ("row(1, 'a')", pa.string(), "(1,a)"),
    (r"'\x00ff'::bytea", pa.binary(), b"\x00\xff"),
    ("'0001-01-01'::date", pa.date32(), dt.date(1, 1, 1)),
    ("'9999-12-31'::date", pa.date32(), dt.date(9999, 12, 31)),
    ("'23:59:59.999999'::time", pa.time64("us"), dt.time(23, 59, 59, 999999)),
    ("'2024-02-29 23:59:59.999999'::timestamp", US, dt.datetime(2024, 2, 29, 23, 59, 59, 999999)),
    ("'1970-01-01 01:00:00+01'::timestamptz", USZ, dt.datetime(1970, 1, 1, tzinfo=UTC)),
    ("'1 year 2 mons 3 days 00:00:00.000005'::interval", pa.month_day_nano_interval(), pa.MonthDayNano([14, 3, 5000])),
    ("'{\"a\": [1, null]}'::jsonb", pa.string(), '{"a": [1, null]}'),
    ("'{\"b\":1}'::json", pa.string(), '{"b":1}'),
    ("array[1, null, 3]", pa.list_(pa.int32()), [1, None, 3]),
    ("'{}'::int8[]", pa.list_(pa.int64()), []),
    ("array['a,b', '\"', null, '']", pa.list_(pa.string()), ["a,b", '"', None, ""]),
    ("array[1.5, 2.25]::numeric(5,2)[]", pa.list_(pa.decimal128(5, 2)), [Decimal("1.5"), Decimal("2.25")]),
    ("array['10.0.0.1'::inet]", pa.list_(pa.string()), ["10.0.0.1"]),
    ("array['2024-01-01'::date]", pa.list_(pa.date32()), [dt.date(2024, 1, 1)]),
    ("'[5:6]={1,2}'::int4[]", pa.list_(pa.int32()), [1, 2]),
    ("null::int4", pa.int32(), None),
    ("null", pa.string(), None),
]

REFUSED = [
    ("'infinity'::date", "infinity"),
    ("'-infinity'::timestamp", "infinity"),
    ("'infinity'::timestamptz", "infinity"),
    ("'24:00:00'::time", "24:00:00"),
    ("'0044-03-15 BC'::date", "year"),
    ("'10000-01-01'::timestamp", "year"),
    ("'NaN'::numeric", "NaN"),
    ("'infinity'::numeric", "infinity"),
    ("('1' || repeat('0', 50))::numeric", "digits"),
    ("1e-50::numeric", "digits"),
    ("array[[1, 2], [3, 4]]", "dimension"),
    ("'infinity'::interval", "infinity"),
]


@pytest_asyncio.fixture
async def place(config: PostgresConfig) -> AsyncIterator[Place]:
    backend = await BACKEND.open(config)
    place = Place(backend)
    yield place
    await place.execute(f"drop table if exists {place.table} cascade")
    await backend.close()


async def one(place: Place, text: str, **native: Any) -> pa.Table:
    return await place.read(Native(text=text, **native))


@pytest.mark.parametrize(("sql", "arrow", "value"), VALUES, ids=[sql for sql, _, _ in VALUES])
async def test_a_value_arrives_as_the_server_has_it(place: Place, sql: str, arrow: pa.DataType, value: Any) -> None:
    table = await one(place, f"select {sql} as v")
    assert (table.schema.field("v").type, table["v"].to_pylist()) == (arrow, [value])


@pytest.mark.parametrize(("sql", "arrow", "value"), VALUES, ids=[sql for sql, _, _ in VALUES])
async def test_an_empty_result_has_the_type_of_a_full_one(
    place: Place, sql: str, arrow: pa.DataType, value: Any
) -> None:
    table = await one(place, f"select {sql} as v limit 0")
    assert (table.schema.field("v").type, table.num_rows) == (arrow, 0)


@pytest.mark.parametrize(("sql", "reason"), REFUSED, ids=[sql for sql, _ in REFUSED])
async def test_what_arrow_cannot_hold_is_refused_with_column_and_row(place: Place, sql: str, reason: str) -> None:
    with pytest.raises(ConversionError, match=reason) as raised:
        await one(place, f"select case when i = 2 then {sql} end as v from generate_series(0, 2) i")
    assert (raised.value.column, raised.value.position) == ("v", 2)
    assert "cast it" in (raised.value.hint or "")


async def test_the_row_of_a_refused_value_is_counted_over_all_blocks(place: Place) -> None:
    days = "case when i = 400000 then 'infinity'::date else '2024-01-01' end"
    text = f"select {days} as d, repeat('x', 20) from generate_series(0, 500000) i"
    with pytest.raises(ConversionError) as raised:
        await one(place, text)
    assert raised.value.position == 400_000


async def test_a_stored_numeric_is_told_from_a_computed_one(place: Place) -> None:
    await place.execute(f"create table {place.table} (n numeric(10,2), w numeric)")
    table = await one(place, f"select n, w, n + 1 as computed from {place.table}")
    assert [marked(field, DECIMAL) for field in table.schema] == ["stored", "stored", "computed"]
    assert table.schema.field("n").type == pa.decimal128(10, 2)


async def test_an_enum_has_all_its_labels_in_the_servers_order(place: Place) -> None:
    await place.execute("drop type if exists size cascade; create type size as enum ('small', 'big', 'A')")
    table = await one(place, "select 'big'::size as s union all select null")
    field = table.schema.field("s")
    assert labels_of(field) == ["small", "big", "A"]
    assert (field.type, table["s"].to_pylist()) == (pa.dictionary(pa.uint8(), pa.string(), ordered=True), ["big", None])


async def test_a_label_that_was_added_is_known_at_once(place: Place) -> None:
    await place.execute("drop type if exists mood cascade; create type mood as enum ('sad')")
    await one(place, "select 'sad'::mood as m")
    await place.execute("alter type mood add value 'glad'")
    assert (await one(place, "select 'glad'::mood as m"))["m"].to_pylist() == ["glad"]


async def test_a_domain_is_read_as_what_it_is_made_of(place: Place) -> None:
    await place.execute("drop domain if exists positive cascade; create domain positive as int check (value > 0)")
    table = await one(place, "select 5::positive as p, array[1, 2]::positive[] as l")
    assert table.to_pydict() == {"p": [5], "l": [[1, 2]]}
    assert table.schema.types == [pa.int32(), pa.list_(pa.int32())]


async def test_json_is_marked(place: Place) -> None:
    table = await one(place, "select '{}'::jsonb as a, '{}'::json as b, '{}'::text as c")
    assert [marked(field, JSON) for field in table.schema] == ["1", "1", None]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("values (1), (2)", 2),
        ("table dk_scanned", 3),
        ("(select 1) union all (select 2)", 2),
        ("with a as (select 1 as x) select * from a", 1),
        ("with recursive a(n) as (select 1 union all select n + 1 from a where n < 4) select * from a", 4),
        ("select 1 -- a comment", 1),
        ("select 1 /* ; */ ;  -- the end", 1),
        ("insert into dk_scanned values (7), (8) returning a, a + 1", 2),
        ("update dk_scanned set a = a + 10 where a < 3 returning *", 2),
        ("delete from dk_scanned where a = 1 returning 'gone'", 1),
        ("with gone as (delete from dk_scanned returning a) select count(*) from gone", 1),
        ("with n(x) as materialized (insert into dk_scanned values (9) returning a), o as (select 1) (table n)", 1),
        ("merge into dk_scanned d using (values (1)) v(a) on d.a = v.a when matched then delete returning d.a", 1),
        ("show server_version", 1),
        ("explain select 1", 1),
        ("select", 1),
        ("select from dk_scanned", 3),
        ("select * from dk_scanned for update", 3),
    ],
)  # fmt: skip
async def test_every_kind_of_statement_that_has_rows_is_read(place: Place, text: str, rows: int) -> None:
    await place.execute("drop table if exists dk_scanned; create table dk_scanned (a int)")
    await place.execute("insert into dk_scanned values (1), (2), (3)")
    assert (await one(place, text)).num_rows == rows


@pytest.mark.parametrize(
    "text", ["create table dk_none (a int)", "delete from pg_class where false", "set work_mem = '1MB'", "begin",
             "do $$ begin end $$", "select 1 as a into dk_none"],
)  # fmt: skip
async def test_a_statement_without_columns_names_execute_and_does_not_run(place: Place, text: str) -> None:
    with pytest.raises(QueryError) as raised:
        await one(place, text)
    assert "dk.execute" in (raised.value.hint or "")
    assert (await one(place, "select to_regclass('dk_none') as t"))["t"].to_pylist() == [None]


async def test_a_statement_that_is_only_described_keeps_no_lock(place: Place) -> None:
    await place.execute(f"create table {place.table} (a int)")
    with pytest.raises(QueryError):
        await one(place, f"delete from {place.table}")
    assert await place.execute(f"alter table {place.table} add b int") == 0


async def test_names_that_repeat_are_read_by_their_places(place: Place) -> None:
    table = await one(place, 'select 1 as a, 2 as a, 3 as "weird "" name", 4 as "select"')
    assert table.schema.names == ["a", "a", 'weird " name', "select"]
    assert [column.to_pylist() for column in table.columns] == [[1], [2], [3], [4]]


async def test_several_statements_are_refused_before_anything_runs(place: Place) -> None:
    with pytest.raises(QueryError, match="2 statements"):
        await one(place, "select 1; create table dk_none (a int)")


@pytest.mark.parametrize(
    ("text", "params", "position"),
    [
        ("select nope from pg_class", None, 7),
        ("select :long_name::int + nope", {"long_name": 1}, 25),
        ("select a from (select :x::int as a) t\nwhere nope = 1", {"x": 1}, 44),
        ("with t as (delete from nowhere returning a) select * from t", None, 23),
    ],
)
async def test_a_mistake_has_its_place_in_the_users_text(
    place: Place, text: str, params: dict[str, Any] | None, position: int
) -> None:
    with pytest.raises(NotFound) as raised:
        await one(place, text, params=params)
    assert (raised.value.query, raised.value.position) == (text, position)


async def test_a_table_that_was_probably_meant_is_named(place: Place) -> None:
    await place.execute(f"create table {place.table} (a int)")
    with pytest.raises(NotFound) as raised:
        await one(place, f"select * from {place.table}x")
    assert place.table in (raised.value.hint or "")


async def test_what_happens_while_it_runs_has_the_servers_words(place: Place) -> None:
    with pytest.raises(QueryError, match="division by zero") as raised:
        await one(place, "select 1 / (i - 200000) from generate_series(1, 300000) i")
    assert raised.value.code == "22012"
    assert (await one(place, "select 1 as a"))["a"].to_pylist() == [1]


async def test_a_call_with_a_type_that_the_driver_changes_is_refused_in_words(place: Place) -> None:
    await place.execute(
        "create or replace procedure dk_call(inout d timestamp) language plpgsql as $$ begin d := 'infinity'; end $$"
    )
    with pytest.raises(Unsupported, match="'d'"):
        await one(place, "call dk_call(now()::timestamp)")


async def test_a_dropped_column_is_none(place: Place) -> None:
    await place.execute(f"create table {place.table} (a int, b int, c int); alter table {place.table} drop b")
    assert (await place.read(TableQuery(table=place.table))).schema.names == ["a", "c"]


async def test_a_column_that_is_altered_between_two_reads_is_read_as_it_is_then(place: Place) -> None:
    await place.execute(f"create table {place.table} as select 1::float8 as a")
    text = f"select * from {place.table}"
    assert (await one(place, text)).schema.types == [pa.float64()]
    await place.execute(f"alter table {place.table} alter a type int8")
    table = await one(place, text)
    assert (table.schema.types, table["a"].to_pylist()) == ([pa.int64()], [1])


async def test_views_and_partitioned_tables_are_read(place: Place) -> None:
    await place.execute(
        f"create table {place.table} (a int) partition by range (a); "
        f"create table {place.table}_1 partition of {place.table} for values from (0) to (10); "
        f"create table {place.table}_2 partition of {place.table} for values from (10) to (20); "
        f"insert into {place.table} select generate_series(0, 19); "
        f"create view {place.table}_v as select * from {place.table}"
    )
    for table in (place.table, f"{place.table}_v"):
        assert (await place.read(TableQuery(table=table))).num_rows == 20
    assert (await place.read(TableQuery(table=place.table, partitions=3))).num_rows == 20


async def test_partitions_are_one_state_and_every_row_comes_once(place: Place) -> None:
    await place.execute(f"create table {place.table} as select i from generate_series(1, 200000) i")
    async with place.session() as session:
        stream = await session.scan(TableQuery(table=place.table, partitions=4), batch_rows=1000)
        rows = [*(await anext(stream)).column(0).to_pylist()]
        await place.execute(f"delete from {place.table}")
        rows += [value async for batch in stream for value in batch.column(0).to_pylist()]
    assert sorted(rows) == list(range(1, 200_001))


async def test_partitions_keep_to_the_conditions(place: Place) -> None:
    await place.execute(f"create table {place.table} as select i, i % 7 as k from generate_series(1, 50000) i")
    query = Query.of(where=[("k", "=", 3)], columns=["i"])
    table = await place.read(TableQuery(table=place.table, query=query, partitions=3))
    assert (table.num_rows, {value % 7 for value in table["i"].to_pylist()}) == (7143, {3})


async def test_partitions_have_no_order_and_say_so(place: Place) -> None:
    await place.execute(f"create table {place.table} as select 1 as a")
    with pytest.raises(ConfigError, match="partitions"):
        await place.read(TableQuery(table=place.table, query=Query().sort("a"), partitions=2))


async def test_partitions_left_early_give_all_connections_back(place: Place) -> None:
    await place.execute(f"create table {place.table} as select i from generate_series(1, 200000) i")
    async with place.session() as session:
        stream = await session.scan(TableQuery(table=place.table, partitions=4), batch_rows=100)
        await anext(stream)
        await stream.aclose()
        assert place.backend.status().in_use == 1
    assert place.backend.status().in_use == 0


async def test_partitions_are_for_tables(place: Place) -> None:
    await place.execute(f"create view {place.table}_w as select 1 as a")
    with pytest.raises(ConfigError, match="view"):
        await place.read(TableQuery(table=f"{place.table}_w", partitions=2))
