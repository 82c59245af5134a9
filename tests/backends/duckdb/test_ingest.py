import asyncio
import decimal
import uuid

import pandas as pd
import pyarrow as pa
import pytest

from dk_notebook.backends.base import TableWrite
from dk_notebook.errors import ConfigError, Conflict, ConversionError, QueryError
from dk_notebook.frames.source import as_stream

pytestmark = pytest.mark.duckdb


async def write(place, data, table="t", **how):
    async with place.session() as session:
        rows = as_stream(data)
        try:
            return await session.ingest(TableWrite(table=table, **how), rows)
        finally:
            await rows.aclose()


async def declared(place, table="t"):
    async with place.session() as session:
        return dict(zip(*(await session.columns(table)).select(["column", "type"]).to_pydict().values(), strict=True))


async def test_a_frame_gets_the_columns_of_the_type_table(place):
    frame = pd.DataFrame(
        {
            "int8": pd.Series([1, 2], dtype="Int8"),
            "uint64": pd.Series([1, 2], dtype="uint64"),
            "bool": pd.Series([True, None], dtype="boolean"),
            "float": [0.5, None],
            "text": ["a", None],
            "category": pd.Categorical(["y", "x"], ["x", "y", "z"]),
            "naive": pd.to_datetime(["2024-01-01", None]).astype("datetime64[us]"),
            "aware": pd.to_datetime(["2024-01-01", None]).tz_localize("Europe/Berlin").astype("datetime64[us, UTC]"),
            "exact": pd.to_datetime(["2024-01-01 00:00:00.000000001", None]),
            "money": [decimal.Decimal("1.25"), None],
            "delta": pd.to_timedelta(["1s", None]).astype("timedelta64[us]"),
            "dict": [{"a": 1}, None],
            "bytes": [b"x", None],
            "nothing": [None, None],
        }
    )
    await write(place, frame)
    types = await declared(place)
    assert types == {
        "int8": "TINYINT",
        "uint64": "UBIGINT",
        "bool": "BOOLEAN",
        "float": "DOUBLE",
        "text": "VARCHAR",
        "category": "ENUM('x', 'y', 'z')",
        "naive": "TIMESTAMP",
        "aware": "TIMESTAMP WITH TIME ZONE",
        "exact": "TIMESTAMP_NS",
        "money": "DECIMAL(3,2)",
        "delta": "INTERVAL",
        "dict": "JSON",
        "bytes": "BLOB",
        "nothing": "VARCHAR",
    }


async def test_types_say_what_a_new_column_is(place):
    await place.execute("create type mood as enum ('sad', 'happy')")
    frame = pd.DataFrame({"n": [1], "m": ["happy"], "u": [str(uuid.uuid4())], "d": [1.5]})
    await write(place, frame, types={"n": "smallint", "m": "mood", "u": "uuid", "d": "decimal(10, 2)"})
    assert list((await declared(place)).values()) == ["SMALLINT", "ENUM('sad', 'happy')", "UUID", "DECIMAL(10,2)"]


@pytest.mark.parametrize("types", [{"a": "nosuchtype"}, {"b": "int"}, {"a": "int); drop table x; --"}, {"a": "enum"}])
async def test_a_type_that_is_none_is_a_bad_argument(place, types):
    with pytest.raises(ConfigError, match="types="):
        await write(place, pd.DataFrame({"a": [1]}), types=types)


async def test_types_beside_a_table_that_exists_may_only_repeat_what_is_declared(place):
    await write(place, pd.DataFrame({"a": [1]}), types={"a": "smallint"})
    await write(place, pd.DataFrame({"a": [1]}), types={"a": "smallint"}, mode="append")
    with pytest.raises(ConfigError, match="declares SMALLINT"):
        await write(place, pd.DataFrame({"a": [1]}), types={"a": "bigint"}, mode="append")


@pytest.mark.parametrize(
    ("declared", "good", "bad"),
    [
        ("enum('x', 'y')", "x", "z"),
        ("uuid", str(uuid.UUID(int=7)), "no uuid"),
        ("json", '{"a": 1}', "{"),
        ("bit", "101", "102"),
        ("timetz", "12:00:00+02", "noon"),
        ("bignum", "1" * 50, "many"),
        ("tinyint", "5", "300"),
        ("date", "2024-02-29", "2023-02-29"),
    ],
)
async def test_text_goes_into_a_column_of_another_type_exactly_or_not_at_all(place, declared, good, bad):
    await place.execute(f"create table t (a {declared})")
    assert (await write(place, pd.DataFrame({"a": [good, None]}), mode="append")).rows == 2
    with pytest.raises(ConversionError) as raised:
        await write(place, pd.DataFrame({"a": [good, None, bad]}), mode="append")
    assert (raised.value.column, raised.value.position) == ("a", 2)
    assert bad not in str(raised.value) or bad in declared
    assert len(await place.rows(table="t")) == 2


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        ("uuid", 7),
        ("interval", "1 day"),
        ("bit", 1.5),
        ("smallint", 70_000),
        ("integer", 1.5),
        ("decimal(10, 2)", 1.239),
        ("timestamp", "2024-01-01 00:00:00.0000001"),
        ("boolean", 2),
        ("hugeint", 1.5),
    ],
)
async def test_a_value_that_the_column_cannot_hold_is_an_error(place, declared, value):
    await place.execute(f"create table t (a {declared})")
    with pytest.raises(ConversionError) as raised:
        await write(place, pd.DataFrame({"a": [value]}), mode="append")
    assert raised.value.column == "a"
    assert await place.rows(table="t") == []


async def test_null_in_a_column_that_is_not_null_names_the_row(place):
    await place.execute("create table t (a int not null)")
    with pytest.raises(ConversionError, match="NOT NULL") as raised:
        await write(place, pd.DataFrame({"a": pd.array([1, None], "Int32")}), mode="append")
    assert raised.value.position == 1


async def test_an_interval_with_nanoseconds_is_refused(place):
    for values in (pa.array([1001], pa.duration("ns")), pa.array([(0, 0, 1001)], pa.month_day_nano_interval())):
        with pytest.raises(ConversionError, match="microseconds"):
            await write(place, pa.table({"a": values}))


async def test_columns_with_defaults_and_generated_ones_may_be_left_out(place):
    await place.execute("create sequence s; create table t (id int default nextval('s'), a int, b int default 7, "
                        "c int generated always as (a + 1))")  # fmt: skip
    await write(place, pd.DataFrame({"a": [1, 2]}), mode="append")
    assert [tuple(row.values()) for row in await place.rows(table="t")] == [(1, 1, 7, 2), (2, 2, 7, 3)]
    with pytest.raises(ConfigError, match='not in the data: "a"'):
        await write(place, pd.DataFrame({"b": [1]}), mode="append")
    with pytest.raises(ConfigError, match="generated"):
        await write(place, pd.DataFrame({"a": [1], "c": [1]}), mode="append")


async def test_an_extra_column_and_a_missing_one_are_both_listed(place):
    await place.execute("create table t (a int, b int)")
    with pytest.raises(ConfigError, match='not in the table: "x"; not in the data: "b"'):
        await write(place, pd.DataFrame({"a": [1], "x": [1]}), mode="append")


async def test_names_that_differ_in_capitals_only_are_refused(place):
    with pytest.raises(ConfigError, match="tell"):
        await write(place, pd.DataFrame({"a": [1], "A": [2]}))


async def test_a_dependent_view_keeps_its_table(place):
    await place.execute('create table t (a int); create view "x AS y" as select a from main.t')
    with pytest.raises(QueryError, match="x AS y") as raised:
        await write(place, pd.DataFrame({"b": [1]}), mode="replace")
    assert "truncate" in raised.value.hint
    await write(place, pd.DataFrame({"a": [5]}), mode="truncate")
    assert await place.rows(table="x AS y") == [{"a": 5}]


async def test_a_referenced_table_cannot_be_replaced(place):
    await place.execute("create table t (a int primary key); create table u (a int references t(a))")
    with pytest.raises(QueryError):
        await write(place, pd.DataFrame({"a": [1]}), mode="replace")


async def test_a_view_takes_no_rows(place):
    await place.execute("create view t as select 1 as a")
    with pytest.raises(Conflict, match="view"):
        await write(place, pd.DataFrame({"a": [1]}))
    for mode in ("append", "replace", "truncate"):
        with pytest.raises(ConfigError, match="view"):
            await write(place, pd.DataFrame({"a": [1]}), mode=mode)


async def test_readers_see_the_old_or_the_new_while_a_table_is_replaced(place):
    await write(place, pa.table({"v": [0] * 1000}))
    seen = set()
    running = True

    async def look():
        while running:
            rows = await place.rows(table="t")
            seen.add((len(rows), len({row["v"] for row in rows})))

    reader = asyncio.create_task(look())
    for version in range(1, 6):
        await write(place, pa.table({"v": [version] * 1000}), mode="replace")
    running = False
    await reader
    assert seen == {(1000, 1)}


async def test_upsert_takes_a_unique_index_of_several_columns(place):
    await place.execute("create table t (a int, b int, c int); create unique index i on t (b, a)")
    for number in (1, 2):
        await write(place, pd.DataFrame({"a": [1], "b": [1], "c": [number]}), mode="upsert", key=("a", "b"))
    assert await place.rows(table="t") == [{"a": 1, "b": 1, "c": 2}]


async def test_upsert_of_keys_alone_changes_nothing(place):
    for _ in range(2):
        await write(place, pd.DataFrame({"a": [1, 2]}), mode="upsert", key=("a",))
    assert len(await place.rows(table="t")) == 2


async def test_the_hint_for_a_missing_index_can_be_run(place):
    await place.execute('create table "odd name" (a int, "b c" int)')
    frame = pd.DataFrame({"a": [1], "b c": [1]})
    with pytest.raises(ConfigError) as raised:
        await write(place, frame, "odd name", mode="upsert", key=("b c",))
    await place.execute(raised.value.hint)
    assert (await write(place, frame, "odd name", mode="upsert", key=("b c",))).rows == 1


async def test_a_duplicate_key_names_both_rows_and_no_value(place):
    with pytest.raises(Conflict, match="rows 0 and 2") as raised:
        await write(place, pd.DataFrame({"a": [31415, 2, 31415]}), mode="upsert", key=("a",))
    assert "31415" not in str(raised.value)


COLLECTED = """
    create table parent (p int primary key);
    insert into parent values (1), (2);
    create table t (
        id int primary key, n tinyint not null, e enum('x', 'y'), p int references parent(p),
        lo int, hi int default 10, u int unique, check (lo < hi)
    );
    insert into t values (7, 7, 'x', 1, 1, 2, 70);
"""


async def test_collect_finds_every_kind_of_bad_row_in_one_pass(place):
    await place.execute(COLLECTED)
    frame = pd.DataFrame(
        {
            "id": [1, 2, 3, 4, 5, 6, 7, 8, 8],
            "n": [1, None, 300, 4, 5, 6, 7, 8, 9],
            "e": ["x", "x", "x", "z", "x", "x", "x", "y", "y"],
            "p": [1, 1, 1, 1, 99, 1, 1, None, 2],
            "lo": [1, 1, 1, 1, 1, 11, 1, None, 1],
            "u": [1, 2, 3, 4, 5, 6, 7, 70, 9],
        }
    ).astype({"n": "Float64", "p": "Int64", "lo": "Int64"})
    report = await write(place, frame, mode="append", errors="collect")
    told = [(row.position, row.column) for row in report.rejected]
    assert told == [(1, "n"), (2, "n"), (3, "e"), (4, "p"), (5, "lo, hi"), (6, "id"), (7, "u")]
    assert (report.rows, [row["id"] for row in await place.rows(table="t")]) == (2, [7, 1, 8])
    assert all(row.reason for row in report.rejected)


async def test_collect_with_a_key_skips_what_is_there_and_rejects_what_comes_twice(place):
    await write(place, pd.DataFrame({"a": [1], "b": [1]}), mode="ignore", key=("a",))
    report = await write(
        place, pd.DataFrame({"a": [1, 2, 2], "b": [5, 6, 7]}), mode="ignore", key=("a",), errors="collect"
    )
    assert (report.rows, report.skipped, [row.position for row in report.rejected]) == (1, 1, [2])


async def test_a_big_collect_keeps_every_good_row(place):
    await place.execute("create table t (a int primary key, b tinyint)")
    data = pa.table({"a": range(400_000), "b": [1000 if row % 100_000 == 3 else 1 for row in range(400_000)]})
    report = await write(place, data, mode="append", errors="collect")
    assert [row.position for row in report.rejected] == [3, 100_003, 200_003, 300_003]
    assert report.rows == 399_996
    assert len(await place.rows(table="t")) == 399_996


async def test_a_write_inside_of_a_transaction_goes_with_it(place):
    async with place.session() as session:
        with pytest.raises(ZeroDivisionError):
            async with session.transaction():
                await session.ingest(TableWrite(table="t"), as_stream(pd.DataFrame({"a": [1]})))
                raise ZeroDivisionError
        async with session.transaction():
            await session.ingest(TableWrite(table="t"), as_stream(pd.DataFrame({"a": [1]})))
    assert await place.rows(table="t") == [{"a": 1}]


async def test_a_column_called_like_our_own_is_a_column(place):
    frame = pd.DataFrame({"dk_row": [5, 6], "c0": [1, 2], "rowid": [3, 4]})
    await write(place, frame, mode="upsert", key=("dk_row",))
    assert sorted(tuple(row.values()) for row in await place.rows(table="t")) == [(5, 1, 3), (6, 2, 4)]


async def test_an_iterator_of_frames_is_one_write(place):
    report = await write(place, (pd.DataFrame({"a": [number]}) for number in range(5)))
    assert (report.rows, len(await place.rows(table="t"))) == (5, 5)


async def test_an_empty_frame_makes_the_table(place):
    frame = pd.DataFrame({"a": pd.Series([], dtype="Int16"), "c": pd.Categorical([], ["x", "y"])})
    assert (await write(place, frame)).rows == 0
    assert await declared(place) == {"a": "SMALLINT", "c": "ENUM('x', 'y')"}


async def test_the_frames_of_a_failed_write_are_closed_and_the_session_works(place):
    async with place.session() as session:
        with pytest.raises(ConversionError):
            await session.ingest(TableWrite(table="t", types={"a": "tinyint"}), as_stream(pd.DataFrame({"a": [1000]})))
        report = await session.ingest(TableWrite(table="t"), as_stream(pd.DataFrame({"a": [1000]})))
    assert report.rows == 1


async def test_a_plan_of_an_upsert_shows_its_statements(place):
    async with place.session() as session:
        plan = await session.plan(TableWrite(table="t", mode="upsert", key=("a",)), pa.schema({"a": pa.int8()}))
    assert plan.statements[0] == 'CREATE TABLE "t" ("a" TINYINT, PRIMARY KEY ("a"))'
    assert "ON CONFLICT" in plan.statements[1]
    assert not plan.columns[0].nullable
