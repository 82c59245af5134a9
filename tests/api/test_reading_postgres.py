"""Reading, as users type it, on PostgreSQL."""

from __future__ import annotations

import warnings
from decimal import Decimal
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import dk_notebook as dk
from dk_notebook.frames.columns import PANDAS_3

pytestmark = pytest.mark.postgres

TEXT = "str" if PANDAS_3 else "object"


# --- enums, arrays, json, intervals ---------------------------------------------------------------------------------


def test_an_enum_is_an_ordered_category_of_all_labels(pg: dk.Connection) -> None:
    pg.execute("create type mood as enum ('sad', 'ok', 'happy'); create table t (m mood)")
    pg.execute("insert into t values ('happy'), (null)")
    for frame in (pg.read_table("t"), pg.read_query("select m from t limit 0"), *pg.iter_table("t", chunk_rows=1)):
        assert list(frame["m"].cat.categories) == ["sad", "ok", "happy"]
        assert frame["m"].cat.ordered


def test_an_enum_is_compared_in_the_stores_order(pg: dk.Connection) -> None:
    pg.execute("create type mood as enum ('sad', 'ok', 'happy')")
    frame = pg.read_query("select unnest(enum_range(null::mood)) as m")
    assert frame.loc[frame["m"] > "sad", "m"].to_list() == ["ok", "happy"]


def test_json_is_left_as_text_on_request(pg: dk.Connection) -> None:
    frame = pg.read_query("select '{\"b\":  1}'::json as j, '{\"b\":  1}'::jsonb as b", json="text")
    assert frame.loc[0].to_list() == ['{"b":  1}', '{"b": 1}']
    assert {str(dtype) for dtype in frame.dtypes} == {TEXT}


def test_json_null_is_none_like_null(pg: dk.Connection) -> None:
    assert pg.read_query("select 'null'::jsonb as j")["j"].to_list() == [None]


def test_an_interval_can_be_added_to_a_timestamp(pg: dk.Connection) -> None:
    frame = pg.read_query("select '1 month 2 days 03:04:05.000006'::interval as i")
    assert pd.Timestamp("2024-01-31") + frame["i"][0] == pd.Timestamp("2024-03-02 03:04:05.000006")


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("'infinity'::timestamp", "infinity"),
        ("'-infinity'::timestamptz", "infinity"),
        ("'infinity'::date", "infinity"),
        ("'24:00:00'::time", "24:00:00"),
        ("'0044-03-15 BC'::date", "year"),
        ("'NaN'::numeric", "NaN"),
        ("'{{1,2},{3,4}}'::int4[]", "dimension"),
    ],
)
def test_what_no_frame_holds_names_column_and_row_and_the_cast(pg: dk.Connection, sql: str, reason: str) -> None:
    with pytest.raises(dk.ConversionError, match=reason) as raised:
        pg.read_query(f"select case when i = 2 then {sql} end as odd from generate_series(0, 2) i")
    assert (raised.value.column, raised.value.position) == ("odd", 2)
    assert "odd::text" in str(raised.value) or "cast" in str(raised.value)


# --- decimals ---------------------------------------------------------------------------------------------------------

MONEY = "create table money (few numeric(15,2), many numeric(18,2), any_scale numeric)"


@pytest.fixture
def money(pg: dk.Connection) -> dk.Connection:
    pg.execute(MONEY)
    pg.execute("insert into money values (1.10, 9999999999999999.99, 2.50)")
    return pg


@pytest.mark.parametrize(
    ("decimals", "dtypes"),
    [
        ("auto", ["float64", "decimal128(18, 2)[pyarrow]", "object"]),
        ("exact", ["decimal128(15, 2)[pyarrow]", "decimal128(18, 2)[pyarrow]", "object"]),
        ("float", ["float64"] * 3),
        ("string", [TEXT] * 3),
    ],
)
def test_decimals_are_shown_as_asked(money: dk.Connection, decimals: Any, dtypes: list[str]) -> None:
    assert [str(dtype) for dtype in money.read_table("money", decimals=decimals).dtypes] == dtypes


def test_decimals_as_text_have_the_declared_digits(money: dk.Connection) -> None:
    assert money.read_table("money", decimals="string").loc[0].to_list() == ["1.10", "9999999999999999.99", "2.5"]


def test_decimals_without_scale_have_no_padding(money: dk.Connection) -> None:
    assert str(money.read_table("money")["any_scale"][0]) == "2.5"


def test_computed_decimals_are_floats_without_a_word_where_they_are_small(money: dk.Connection) -> None:
    frame = money.read_query("select sum(few) as s, avg(few) as a, max(few) * 2 as d from money")
    assert {str(dtype) for dtype in frame.dtypes} == {"float64"}


BEYOND = "select i, 9007199254740993 + i::numeric as total, sum(i) over () as small from generate_series(0, 5) i"


def test_a_computed_whole_number_beyond_2_to_the_53_is_warned_of_once_a_column(pg: dk.Connection) -> None:
    with pytest.warns(UserWarning, match=r"'total' is computed.*exact") as caught:
        assert len(list(pg.iter_query(BEYOND, chunk_rows=2))) == 3
    assert len(caught) == 1


@pytest.mark.parametrize("rows", [5, 100_000], ids=["at once", "in a worker"])
def test_the_warning_points_at_the_callers_line(pg: dk.Connection, rows: int) -> None:
    query = BEYOND.replace("5) i", f"{rows}) i")
    with pytest.warns(UserWarning, match="'total'") as caught:
        pg.read_query(query)
    with pytest.warns(UserWarning, match="'total'") as iterated:
        next(pg.iter_query(query))
    assert {one.filename for one in (*caught, *iterated)} == {__file__}


@pytest.mark.parametrize("rows", [5, 100_000], ids=["at once", "in a worker"])
async def test_the_warning_points_at_the_line_that_awaits(pg: dk.Connection, rows: int) -> None:
    with pytest.warns(UserWarning, match="'total'") as caught:
        await pg.aread_query(BEYOND.replace("5) i", f"{rows}) i"))
    assert [one.filename for one in caught] == [__file__]


def test_exact_keeps_every_digit_of_it_and_does_not_warn(pg: dk.Connection) -> None:
    total = pg.read_query(BEYOND, decimals="exact")["total"]
    assert total.to_list()[:2] == [Decimal(2**53 + 1), Decimal(2**53 + 2)]


def test_the_connection_may_say_how_decimals_are_shown(postgres_database: str) -> None:
    with dk.connect(postgres_database, name="exact", decimals="exact") as connection:
        frame = connection.read_query("select 1.5::numeric(3,1) as a, sum(n) as s from (values (1.25)) v(n)")
        assert [str(frame[name].dtype) for name in ("a", "s")] == ["decimal128(3, 1)[pyarrow]", "object"]


def test_the_sum_of_stored_decimals_is_right_to_the_last_digit(pg: dk.Connection) -> None:
    pg.execute("create table t as select 0.1::numeric(3,1) as a from generate_series(1, 3)")
    assert pg.read_query("select sum(a) as s from t", decimals="exact")["s"].to_list() == [Decimal("0.3")]


# --- types that are read as their text --------------------------------------------------------------------------------

BOX = "'((0,0),(1,1))'::box"


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        (BOX, "(1,1),(0,0)"),
        (f"array[{BOX}, null, {BOX}]", "{(1,1),(0,0);NULL;(1,1),(0,0)}"),
        ("array[array['(1,2)'::point]]::text", '{{"(1,2)"}}'),
        ("row(1, 'a b')", '(1,"a b")'),
        ("'10.0.0.0/8'::cidr", "10.0.0.0/8"),
        ("to_tsvector('simple', 'a b')", "'a':1 'b':2"),
        ("numrange(1.5, null)", "[1.5,)"),
        ("'pg_class'::regclass", "pg_class"),
        ("5::oid", "5"),
    ],
)
def test_a_type_that_frames_lack_is_its_text(pg: dk.Connection, sql: str, shown: str) -> None:
    assert pg.read_query(f"select {sql} as v")["v"].to_list() == [shown]


def test_the_statistics_of_the_server_are_read_whatever_their_type(pg: dk.Connection) -> None:
    pg.execute("create table t as select i % 3 as a from generate_series(1, 99) i; analyze t")
    found = pg.read_query("select * from pg_stats where tablename = :t", params={"t": "t"})
    assert sorted(found["most_common_vals"][0]) == sorted("{0,1,2}")


def test_an_array_of_such_a_type_is_a_list_of_texts(pg: dk.Connection) -> None:
    column = pg.read_query("select array['(1,2)'::point, null] as v", as_="arrow")["v"]
    assert column.to_pylist() == [["(1,2)", None]]


# --- the other arguments ----------------------------------------------------------------------------------------------

PEOPLE = "select * from (values (1, 'Ann', 1.5), (2, null, null)) v(id, name, size)"


def test_dtypes_cast_exactly(pg: dk.Connection) -> None:
    frame = pg.read_query(PEOPLE, dtypes={"id": "int8", "size": "float32", "name": "category"})
    assert [str(dtype) for dtype in frame.dtypes] == ["int8", "category", "float32"]


def test_a_dtype_that_cannot_hold_a_value_names_column_and_row(pg: dk.Connection) -> None:
    with pytest.raises(dk.ConversionError) as raised:
        pg.read_query("select i from generate_series(126, 129) i", dtypes={"i": "int8"})
    assert (raised.value.column, raised.value.position) == ("i", 2)


def test_columns_become_the_index(pg: dk.Connection) -> None:
    assert pg.read_query(PEOPLE, index=["name", "id"]).index.names == ["name", "id"]


def test_arrow_has_the_stores_types_exactly(pg: dk.Connection) -> None:
    pg.execute("create table t (n numeric(10,2), m numeric, j jsonb, at timestamptz, i interval)")
    kinds = [pa.decimal128(10, 2), pa.decimal256(76, 38), pa.string()]
    kinds += [pa.timestamp("us", "UTC"), pa.month_day_nano_interval()]
    assert pg.read_table("t", as_="arrow").schema.types == kinds


def test_polars_has_the_same_rows(pg: dk.Connection) -> None:
    frame = pg.read_query(PEOPLE, as_="polars")
    assert isinstance(frame, pl.DataFrame)
    assert frame["name"].to_list() == ["Ann", None]


def test_names_that_repeat_get_numbers_and_a_warning(pg: dk.Connection) -> None:
    with pytest.warns(UserWarning, match="a_1"):
        frame = pg.read_query("select 1 as a, 2 as a, 3 as b")
    assert frame.loc[0].to_dict() == {"a": 1, "a_1": 2, "b": 3}


def test_a_result_without_a_name_for_its_column_is_read(pg: dk.Connection) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(pg.read_query("select 1").columns) == ["?column?"]


def test_null_and_nan_are_both_nan_in_a_float_column(pg: dk.Connection) -> None:
    column = pg.read_query("select unnest(array['NaN', null, 'Infinity']::float8[]) as f")["f"]
    assert column.isna().to_list() == [True, True, False]


def test_null_and_nan_are_told_apart_in_arrow(pg: dk.Connection) -> None:
    column = pg.read_query("select unnest(array['NaN', null]::float8[]) as f", as_="arrow")["f"]
    assert column.is_null().to_pylist() == [False, True]


def test_null_is_not_the_empty_string(pg: dk.Connection) -> None:
    column = pg.read_query("select unnest(array['', null]) as s")["s"]
    assert (column[0], pd.isna(column[1])) == ("", True)
