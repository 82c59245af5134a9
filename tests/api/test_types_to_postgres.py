"""The table of types from pandas to a new table of PostgreSQL, as users write it: declared, and back."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import dk_notebook as dk

pytestmark = pytest.mark.postgres

NAN = float("nan")
NAIVE, AWARE = "timestamp without time zone", "timestamp with time zone"
NOON = dt.datetime(2024, 1, 1, 12)


def series(values: list[Any], dtype: Any = object) -> pd.Series[Any]:
    return pd.Series(values, dtype=dtype)


ROWS: list[tuple[str, pd.Series[Any], str, list[str | None]]] = [
    # what it is, the column, the type that is declared, and what the server then shows
    ("int8", series([-128, 127], "int8"), "smallint", ["-128", "127"]),
    ("int16", series([-(2**15)], "int16"), "smallint", ["-32768"]),
    ("int32", series([2**31 - 1], "int32"), "integer", ["2147483647"]),
    ("int64", series([2**53 + 1], "int64"), "bigint", ["9007199254740993"]),
    ("uint8", series([255], "uint8"), "smallint", ["255"]),
    ("uint32", series([2**32 - 1], "uint32"), "bigint", ["4294967295"]),
    ("uint64", series([2**64 - 1], "uint64"), "numeric(20,0)", ["18446744073709551615"]),
    ("Int64", series([2**53 + 1, None], "Int64"), "bigint", ["9007199254740993", None]),
    ("bool", series([True, False], "bool"), "boolean", ["true", "false"]),
    ("boolean", series([True, None], "boolean"), "boolean", ["true", None]),
    ("float32", series([0.1, NAN], "float32"), "real", ["0.1", None]),
    ("float64", series([0.1, NAN, np.inf], "float64"), "double precision", ["0.1", None, "Infinity"]),
    ("Float64", series([5e-324, None], "Float64"), "double precision", ["5e-324", None]),
    ("text", series(["a", None, NAN]), "text", ["a", None, None]),
    ("string", series(["\\N", pd.NA], "string"), "text", ["\\N", None]),
    ("string[pyarrow]", series(["", None], "string[pyarrow]"), "text", ["", None]),
    ("category", pd.Series(pd.Categorical(["b", None], categories=["b", "a"])), "text", ["b", None]),
    ("category of ints", pd.Series(pd.Categorical([7, None], categories=[8, 7])), "bigint", ["7", None]),
    ("naive", pd.Series(pd.to_datetime(["2024-01-01", None])), NAIVE, ["2024-01-01 00:00:00", None]),
    ("aware", pd.Series(pd.to_datetime(["2024-07-01"]).tz_localize("Europe/Oslo")), AWARE, ["2024-06-30 22:00:00+00"]),
    ("ns that us hold", series([1_000, pd.NaT], "datetime64[ns]"), NAIVE, ["1970-01-01 00:00:00.000001", None]),
    ("date", series([dt.date(1, 1, 1), None]), "date", ["0001-01-01", None]),
    ("time", series([dt.time(23, 59, 59, 999_999), None]), "time without time zone", ["23:59:59.999999", None]),
    ("Decimal", series([Decimal("1.10"), Decimal("-100"), None]), "numeric(5,2)", ["1.10", "-100.00", None]),
    ("wide Decimal", series([Decimal("9" * 40 + ".5")]), "numeric(41,1)", ["9" * 40 + ".5"]),
    ("ints that no int64 holds", series([2**64, -1]), "numeric(38,0)", ["18446744073709551616", "-1"]),
    ("timedelta", pd.Series(pd.to_timedelta(["1 day 00:00:00.000001", None])), "interval", ["24:00:00.000001", None]),
    ("DateOffset", series([pd.DateOffset(months=14, days=-3), None]), "interval", ["1 year 2 mons -3 days", None]),
    ("dict", series([{"a": [1, None]}, {}, None]), "jsonb", ['{"a": [1, null]}', "{}", None]),
    ("list of ints", series([[1, 2], [], None]), "bigint[]", ["{1,2}", "{}", None]),
    ("list of text", series([["a", None, ""], None]), "text[]", ['{a,NULL,""}', None]),
    ("list of timedelta", series([[dt.timedelta(1), None], [], None]), "interval[]", ["{24:00:00,NULL}", "{}", None]),
    ("list of dicts", series([[{"a": 1}], None]), "jsonb", ['[{"a": 1}]', None]),
    ("list of lists", series([[[1], [2, 3]], None]), "jsonb", ["[[1], [2, 3]]", None]),
    ("bytes", series([b"\0\xff", b"", None]), "bytea", ["\\x00ff", "\\x", None]),
    ("UUID", series([uuid.UUID(int=1), None]), "text", ["00000000-0000-0000-0000-000000000001", None]),
    ("nothing known", series([None, None]), "text", [None, None]),
    ("arrow date", series([dt.date(2024, 2, 29)], pd.ArrowDtype(pa.date32())), "date", ["2024-02-29"]),
    ("arrow decimal", series([Decimal("1.5")], pd.ArrowDtype(pa.decimal128(10, 2))), "numeric(10,2)", ["1.50"]),
    ("arrow list", series([[1.5, None]], pd.ArrowDtype(pa.list_(pa.float32()))), "real[]", ["{1.5,NULL}"]),
    ("arrow struct", series([{"a": 1}], pd.ArrowDtype(pa.struct({"a": pa.int8()}))), "jsonb", ['{"a": 1}']),
]  # fmt: skip


@pytest.mark.parametrize(("column", "declared", "shown"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_column_of_a_new_table_is_as_the_table_of_types_says(
    pg: dk.Connection, column: pd.Series[Any], declared: str, shown: list[str | None]
) -> None:
    column.to_frame("c").dk.to_backend("pg", "t")
    assert pg.columns("t")["type"].to_list() == [declared]
    found = pg.read_query('select c::text as "as text" from t', as_="arrow")
    assert found["as text"].to_pylist() == shown


def test_one_frame_of_all_the_columns_is_written_and_the_frame_stays_as_it_was(pg: dk.Connection) -> None:
    frame = pd.DataFrame({name: column for name, column, *_ in ROWS})
    before = frame.copy(deep=True)
    assert frame.dk.to_backend("pg", "t").rows == len(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_a_real_nan_of_arrow_and_polars_stays_nan(pg: dk.Connection) -> None:
    pg.write_table(pa.table({"f": [NAN, None]}), "t")
    pg.write_table(pl.DataFrame({"f": [NAN, None]}), "t", mode="append")
    assert pg.read_query("select f::text as f from t", as_="arrow")["f"].to_pylist() == ["NaN", None, "NaN", None]


# --- types= -----------------------------------------------------------------------------------------------------------


def test_a_category_is_an_enum_on_request_and_comes_back_as_it_was(pg: dk.Connection) -> None:
    frame = pd.DataFrame({"c": pd.Categorical(["big", None], categories=["small", "big"], ordered=True)})
    frame.dk.to_backend("pg", "t", types={"c": "enum"})
    pd.testing.assert_frame_equal(pg.read_table("t"), frame)


def test_the_type_of_an_enum_serves_again_when_its_table_is_replaced(pg: dk.Connection) -> None:
    frame = pd.DataFrame({"c": pd.Categorical(["big"], categories=["small", "big"])})
    for _ in range(2):
        frame.dk.to_backend("pg", "t", mode="replace", types={"c": "enum"})
    assert pg.columns("t")["type"].to_list() == ["t_c"]


def test_an_enum_of_something_without_categories_is_refused(pg: dk.Connection) -> None:
    with pytest.raises(dk.ConfigError, match="'c'"):
        pd.DataFrame({"c": ["a"]}).dk.to_backend("pg", "t", types={"c": "enum"})


@pytest.mark.parametrize(
    ("value", "wanted", "shown"),
    [
        (1.5, "numeric(10,2)", "1.50"),
        ("10.0.0.1", "inet", "10.0.0.1/32"),
        ("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("[1,5)", "int4range", "[1,5)"),
        ('{"a":  1}', "json", '{"a":  1}'),
        (7, "smallint", "7"),
        ("abc", "varchar(3)", "abc"),
    ],
)
def test_types_rule_over_what_would_be_made(pg: dk.Connection, value: Any, wanted: str, shown: str) -> None:
    pd.DataFrame({"c": [value]}).dk.to_backend("pg", "t", types={"c": wanted})
    assert pg.read_query("select c::text from t")["c"].to_list() == [shown]


@pytest.mark.parametrize(
    "text",
    [
        "nope",
        "int); drop table u; --",
        "int, d int",
        "int default 7",
        "int -- x",
        "",
        "int[](",
        "text collate",
        "a.b.c.d",
    ],
)
def test_what_is_no_type_is_refused_and_nothing_is_made(pg: dk.Connection, text: str) -> None:
    pg.execute("create table u (n int)")
    with pytest.raises(dk.ConfigError, match="'c'"):
        pd.DataFrame({"c": [1]}).dk.to_backend("pg", "t", types={"c": text})
    assert pg.tables()["table"].to_list() == ["u"]


# --- what is refused --------------------------------------------------------------------------------------------------


def test_nanoseconds_are_refused_with_the_row_and_nothing_is_made(pg: dk.Connection) -> None:
    frame = pd.DataFrame({"at": pd.to_datetime([1_000, 1], unit="ns")}, index=["first", "second"])
    with pytest.raises(dk.ConversionError) as raised:
        frame.dk.to_backend("pg", "t")
    assert (raised.value.column, raised.value.position, raised.value.label) == ("at", 1, "second")
    assert "df['at'].dt.floor(\"us\")" in str(raised.value)
    assert pg.tables().empty


REFUSED: dict[str, tuple[pd.DataFrame, str]] = {
    "mixed": (pd.DataFrame({"c": [1, None, "x"]}, dtype=object), r"'c'.*int .first in row 0., str .first in row 2."),
    "a zone or none": (pd.DataFrame({"c": [NOON, NOON.astimezone(dt.UTC)]}, dtype=object), "'c'.*row 0.*row 1"),
    "complex": (pd.DataFrame({"c": [1 + 2j]}), "'c'.*complex"),
    "period": (pd.DataFrame({"c": pd.period_range("2024", periods=1, freq="D")}), "'c'.*period"),
    "interval": (pd.DataFrame({"c": pd.interval_range(0, 1)}), "'c'.*interval"),
    "set": (pd.DataFrame({"c": [{1}]}), "'c'.*set"),
    "NUL": (pd.DataFrame({"c": ["a", "a\0b"]}), "'c', row 1"),
    "NUL in a list": (pd.DataFrame({"c": [["a"], ["a\0b"]]}), "'c', row 1"),
    "NUL in a dict": (pd.DataFrame({"c": [{"a": 1}, {"a": "\0"}]}), "'c', row 1"),
    "ns in a list": (pd.DataFrame({"c": [[], [pd.Timedelta(1)]]}), "'c', row 1"),
    "surrogate": (pd.DataFrame({"c": ["a", "\ud800"]}, dtype=object), "'c', row 1"),
    "duplicate names": (pd.DataFrame([[1, 2]], columns=["c", "c"]), "c"),
    "empty name": (pd.DataFrame({"": [1]}), "name"),
    "number as a name": (pd.DataFrame({7: [1]}), "7"),
    "MultiIndex": (pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])), "a"),
    "a name of 64 bytes": (pd.DataFrame({"é" * 32: [1]}), "64 bytes"),
    "infinity in a dict": (pd.DataFrame({"c": [{}, {"a": np.inf}]}), "'c', row 1"),
    "Decimal infinity": (pd.DataFrame({"c": [Decimal(1), Decimal("Infinity")]}), "'c', row 1"),
    "time with a zone": (pd.DataFrame({"c": [dt.time(1, tzinfo=dt.UTC)]}), "'c', row 0"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_carried_is_refused_by_name_and_nothing_is_made(pg: dk.Connection, what: str) -> None:
    frame, told = REFUSED[what]
    with pytest.raises(dk.ConversionError, match=told):
        frame.dk.to_backend("pg", "t")
    assert pg.tables().empty


@pytest.mark.parametrize("arrow", [pa.timestamp("s"), pa.timestamp("us", "UTC"), pa.date32()], ids=str)
def test_a_moment_that_python_has_not_is_no_document(pg: dk.Connection, arrow: pa.DataType) -> None:
    far = pa.array([None, 2**30 if arrow == pa.date32() else 2**60], pa.int32() if arrow == pa.date32() else pa.int64())
    with pytest.raises(dk.ConversionError, match=r"'c', row 1.*years 1 to 9999"):
        pg.write_table(pa.table({"c": far.cast(arrow)}), "t", types={"c": "jsonb"})
    assert pg.tables().empty


# --- there and back ---------------------------------------------------------------------------------------------------


def plain(frame: pd.DataFrame) -> dict[str, list[object]]:
    return {name: [None if pd.isna(value) else value for value in frame[name]] for name in frame.columns}


def test_extremes_come_back(pg: dk.Connection) -> None:
    frame = pd.DataFrame(
        {
            "big": series([2**63 - 1, -(2**63), None], "Int64"),
            "odd": series([2**53 + 1, None, -(2**53) - 1], "Int64"),
            "tiny": [5e-324, -0.0, 1.7976931348623157e308],
            "text": series(["", None, "quote \" and ' and\n\\N\n\\.\n"]),
            "price": series([Decimal("1.10"), Decimal("-99999999999999999.99"), None]),
            "day": series([dt.date(1, 1, 1), dt.date(9999, 12, 31), None]),
            "at": pd.to_datetime(["2024-01-02 03:04:05.678901", "1969-12-31", None], format="ISO8601").as_unit("us"),
            "zoned": pd.to_datetime(["2024-07-01 12:00", None, None]).tz_localize("UTC").as_unit("us"),
            "raw": series([b"\x00\xff", b"", None]),
        }
    )
    frame.dk.to_backend("pg", "t")
    back = pg.read_table("t", decimals="exact")
    assert np.signbit(back["tiny"][1])
    assert plain(back) == plain(frame)


@pytest.mark.parametrize("form", ["polars", "arrow", "reader", "frames", "lazy"])
def test_other_forms_of_data(pg: dk.Connection, form: str) -> None:
    table = pa.table({"n": [1, 2, 3]})
    data = {
        "polars": pl.DataFrame({"n": [1, 2, 3]}),
        "lazy": pl.LazyFrame({"n": [1, 2, 3]}),
        "arrow": table,
        "reader": table.to_reader(1),
        "frames": iter([pd.DataFrame({"n": [1, 2]}), pd.DataFrame({"n": [3]})]),
    }[form]
    assert pg.write_table(data, "t").rows == 3
    assert sorted(pg.read_table("t")["n"]) == [1, 2, 3]
