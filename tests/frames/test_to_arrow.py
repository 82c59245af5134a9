"""pandas to Arrow: exactly, or an error that names column, types and row. The frame stays as it was."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from dk_notebook.errors import ConversionError
from dk_notebook.frames import types
from dk_notebook.frames.pandas import to_arrow

pytestmark = pytest.mark.unit


def objects(*values) -> pd.Series:
    array = np.empty(len(values), dtype=object)
    for row, value in enumerate(values):
        array[row] = value
    return pd.Series(array, dtype=object)


def column(series, **arguments) -> tuple[pa.Field, list]:
    table = to_arrow(pd.DataFrame({"c": series}), **arguments)
    return table.schema.field("c"), table["c"].to_pylist()


VIENNA = ZoneInfo("Europe/Vienna")
NOON = dt.datetime(2024, 7, 1, 12)

EXACT = [
    (pd.Series([1, 2], dtype="int8"), pa.int8(), [1, 2]),
    (pd.Series([2**64 - 1], dtype="uint64"), pa.uint64(), [2**64 - 1]),
    (pd.Series([2**63 - 1, None], dtype="Int64"), pa.int64(), [2**63 - 1, None]),
    (pd.Series([1, None], dtype="UInt8"), pa.uint8(), [1, None]),
    (pd.Series([True, False]), pa.bool_(), [True, False]),
    (pd.Series([True, None], dtype="boolean"), pa.bool_(), [True, None]),
    (pd.Series([1.5, np.nan], dtype="float32"), pa.float32(), [1.5, None]),
    (pd.Series([1.5, np.nan, np.inf]), pa.float64(), [1.5, None, np.inf]),
    (pd.Series([1.5, np.nan], dtype="float16"), pa.float32(), [1.5, None]),
    (pd.Series([1.5, None], dtype="Float64"), pa.float64(), [1.5, None]),
    (pd.Series(["a", None]), pa.string(), ["a", None]),
    (pd.Series(["a", None], dtype="string"), pa.string(), ["a", None]),
    (pd.Series(["a", None], dtype="string[python]"), pa.string(), ["a", None]),
    (objects("a", None, np.nan, pd.NA), pa.string(), ["a", None, None, None]),
    (objects(None, np.nan), pa.null(), [None, None]),
    (pd.Series([NOON, None], dtype="datetime64[s]"), pa.timestamp("s"), [NOON, None]),
    (pd.Series([NOON, None], dtype="datetime64[us]"), pa.timestamp("us"), [NOON, None]),
    (pd.Series([NOON]).dt.as_unit("ns"), pa.timestamp("ns"), [pd.Timestamp(NOON)]),
    (objects(NOON, None), pa.timestamp("us"), [NOON, None]),
    (objects(NOON.replace(tzinfo=dt.UTC)), pa.timestamp("us", "UTC"), [NOON.replace(tzinfo=dt.UTC)]),
    (objects(NOON.replace(tzinfo=VIENNA)), pa.timestamp("us", "Europe/Vienna"), [NOON.replace(tzinfo=VIENNA)]),
    (objects(pd.Timestamp(1)), pa.timestamp("ns"), [pd.Timestamp(1)]),
    (objects(dt.datetime(9999, 12, 31)), pa.timestamp("us"), [dt.datetime(9999, 12, 31)]),
    (objects(dt.date(2024, 2, 29), None), pa.date32(), [dt.date(2024, 2, 29), None]),
    (objects(dt.time(1, 2, 3, 4), None), pa.time64("us"), [dt.time(1, 2, 3, 4), None]),
    (objects(dt.timedelta(1, 2, 3)), pa.duration("us"), [dt.timedelta(1, 2, 3)]),
    (objects(pd.Timedelta(5)), pa.duration("ns"), [pd.Timedelta(5)]),
    (objects(Decimal("1.50"), None), pa.decimal128(3, 2), [Decimal("1.50"), None]),
    (objects(Decimal("1E+3"), Decimal("0.01")), pa.decimal128(6, 2), [Decimal(1000), Decimal("0.01")]),
    (objects(b"\x00", None), pa.binary(), [b"\x00", None]),
    (objects(bytearray(b"a")), pa.binary(), [b"a"]),
    (objects(True, None), pa.bool_(), [True, None]),
    (objects(1, None), pa.int64(), [1, None]),
    (objects(np.int8(1), 2), pa.int64(), [1, 2]),
    (objects(2**64 - 1), pa.uint64(), [2**64 - 1]),
    (objects(2**64, -1), pa.decimal128(38, 0), [Decimal(2**64), Decimal(-1)]),
    (objects(2**63, -1), pa.decimal128(38, 0), [Decimal(2**63), Decimal(-1)]),
    (objects(10**40), pa.decimal256(76, 0), [Decimal(10**40)]),
    (objects(1.5, np.float32(2.5)), pa.float64(), [1.5, 2.5]),
    (objects([1, 2], None, []), pa.list_(pa.int64()), [[1, 2], None, []]),
    (objects(["a", None]), pa.list_(pa.string()), [["a", None]]),
    (objects([1, 2.5], [np.int8(3), None]), pa.list_(pa.float64()), [[1.0, 2.5], [3.0, None]]),
    (objects(np.array([1]), np.array([1.5])), pa.list_(pa.float64()), [[1.0], [1.5]]),
    (objects((1.5,)), pa.list_(pa.float64()), [[1.5]]),
    (objects(np.array([1, 2], "float32"), None), pa.list_(pa.float32()), [[1.0, 2.0], None]),
    (objects(pd.DateOffset(months=1, hours=2)), pa.month_day_nano_interval(), [pa.MonthDayNano([1, 0, 7200 * 10**9])]),
    (objects(uuid.UUID(int=1)), pa.string(), [str(uuid.UUID(int=1))]),
    (pd.Series([1, 0, 0], dtype=pd.SparseDtype("int64", 0)), pa.int64(), [1, 0, 0]),
    (pd.Series([1.5, float("nan")], dtype=pd.ArrowDtype(pa.float64())), pa.float64(), None),
    (pd.Series([[1]], dtype=pd.ArrowDtype(pa.list_(pa.int8()))), pa.list_(pa.int8()), [[1]]),
    (pd.Series([{"a": 1}], dtype=pd.ArrowDtype(pa.struct({"a": pa.int8()}))), pa.struct({"a": pa.int8()}), [{"a": 1}]),
]


@pytest.mark.parametrize(("series", "arrow", "values"), EXACT, ids=[f"{s.dtype} {t}" for s, t, _ in EXACT])
def test_a_column_arrives_exactly(series, arrow, values):
    field, found = column(series)
    assert field.type == arrow
    assert values is None or found == values


def test_a_zone_is_kept():
    field, values = column(pd.Series([pd.Timestamp(NOON, tz="Europe/Vienna"), None]).dt.as_unit("ms"))
    assert field.type == pa.timestamp("ms", "Europe/Vienna")
    assert values == [NOON.replace(tzinfo=VIENNA), None]


def test_both_sides_of_a_clock_change_stay_apart():
    twice = [dt.datetime(2024, 10, 27, 2, 30, tzinfo=VIENNA, fold=fold) for fold in (0, 1)]
    _, values = column(objects(*twice))
    assert values[1].timestamp() - values[0].timestamp() == 3600


def test_several_zones_are_one_moment_each_in_utc():
    moment = NOON.replace(tzinfo=VIENNA)
    field, values = column(objects(moment, moment.astimezone(dt.UTC)))
    assert field.type == pa.timestamp("us", "UTC")
    assert values[0] == values[1]


def test_a_category_keeps_all_labels_and_their_order():
    series = pd.Series(pd.Categorical(["b", None], categories=["b", "a", "c"], ordered=True))
    field, values = column(series)
    assert types.labels_of(field) == ["b", "a", "c"]
    assert (field.type.ordered, values) == (True, ["b", None])


def test_an_empty_category_is_a_dictionary_of_text():
    field, _ = column(pd.Series(pd.Categorical([None])))
    assert field.type.value_type == pa.string()


def test_a_str_enum_is_its_text():
    class Size(StrEnum):
        BIG = "big"

    assert column(objects(Size.BIG))[1] == ["big"]


def test_real_nan_stays_nan_in_arrow_backed_columns():
    data = pd.array(pa.array([float("nan"), None]), dtype=pd.ArrowDtype(pa.float64()))
    _, values = column(pd.Series(data))
    assert np.isnan(values[0])
    assert values[1] is None


# --- documents --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, {"b": None}]}, '{"a": [1, {"b": null}]}'),
        ([[1], [2]], "[[1], [2]]"),
        ([{"a": 1}], '[{"a": 1}]'),
        ([1, "a"], '[1, "a"]'),
        ([2**53 + 1, 0.5], "[9007199254740993, 0.5]"),
        ([10**400, 0.5], f"[1{'0' * 400}, 0.5]"),
        ({"a": np.float64("nan"), "b": np.int8(1), "c": pd.NA}, '{"a": null, "b": 1, "c": null}'),
        ({"a": np.array([[1, 2]])}, '{"a": [[1, 2]]}'),
        ({"ä": 10**30}, '{"ä": 1000000000000000000000000000000}'),
    ],
    ids=str,
)
def test_nested_data_is_json(value, text):
    field, values = column(objects(value, None))
    assert values == [text, None]
    assert types.is_document(field)


@pytest.mark.parametrize(
    "value",
    [{1: "a"}, {"a": {1, 2}}, {"a": float("inf")}, {"a": "\0"}, {"a": "\ud800"}, {"a": Decimal(1)}, {"a": b"x"}],
    ids=ascii,
)
def test_what_json_cannot_say_names_its_row(value):
    with pytest.raises(ConversionError) as caught:
        column(objects({}, None, value))
    assert (caught.value.column, caught.value.position) == ("c", 2)


# --- what no store can hold -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "series",
    [
        pd.Series([1j]),
        pd.Series(pd.period_range("2024", periods=2, freq="D")),
        pd.Series(pd.interval_range(0, 2)),
        pd.Series(pd.Categorical.from_codes([0], categories=pd.interval_range(0, 1))),
        objects(object()),
        objects(pd.Period("2024")),
        objects(1j),
        objects(Decimal("Infinity")),
        objects(dt.time(1, tzinfo=dt.UTC)),
        objects(10**80),
        objects(pd.offsets.MonthEnd()),
    ],
    ids=lambda series: f"{series.dtype} {type(series[0]).__name__}",
)
def test_what_no_store_holds_names_its_column(series):
    with pytest.raises(ConversionError, match="column 'c'"):
        column(series)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((None, 1, 2, "x"), r"int \(first in row 1\), str \(first in row 3\)"),
        ((1, 2.5), r"int \(first in row 0\), float \(first in row 1\)"),
        ((True, 1), r"bool \(first in row 0\), int \(first in row 1\)"),
        ((dt.date(2024, 1, 1), NOON), r"date \(first in row 0\), datetime \(first in row 1\)"),
        ((NOON, NOON.replace(tzinfo=dt.UTC)), r"without zone \(first in row 0\), datetime with zone \(first in row 1"),
        (("a", b"a"), r"str \(first in row 0\), bytes \(first in row 1\)"),
        (({}, "a"), r"dict \(first in row 0\), str \(first in row 1\)"),
    ],
    ids=str,
)
def test_mixed_objects_name_the_types_and_the_first_row_of_each(values, message):
    with pytest.raises(ConversionError, match=message):
        column(objects(*values))


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        pd.DataFrame([[1]], columns=[""]),
        pd.DataFrame([[1]], columns=[7]),
        pd.DataFrame([[1]], columns=[None]),
        pd.DataFrame([[1]], columns=["a\0"]),
        pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])),
    ],
    ids=lambda frame: ascii(list(frame.columns)),
)
def test_names_that_no_store_holds_are_errors(frame):
    with pytest.raises(ConversionError):
        to_arrow(frame)


@pytest.mark.parametrize("dtype", ["str", "object", "string[python]", "category", pd.ArrowDtype(pa.string())], ids=str)
def test_nul_in_text_names_the_cell(dtype):
    frame = pd.DataFrame({"c": pd.Series(["a", None, "b\0"], dtype=dtype, index=["x", "y", "z"])})
    with pytest.raises(ConversionError, match=r"column 'c', row 2 \(label 'z'\)"):
        to_arrow(frame)


def test_a_lone_surrogate_names_the_cell():
    with pytest.raises(ConversionError, match=r"column 'c', row 1 \(label 'z'\).*surrogate"):
        to_arrow(pd.DataFrame({"c": pd.Series(["a", "\ud800"], index=["x", "z"], dtype=object)}))


def test_nul_in_a_list_names_the_row():
    with pytest.raises(ConversionError, match="row 2"):
        column(objects(["a"], None, ["b", "\0"]))


def test_a_value_is_never_part_of_the_message():
    with pytest.raises(ConversionError) as caught:
        column(objects("secret", 12345))
    assert "secret" not in str(caught.value)


# --- the frame itself -------------------------------------------------------------------------------------------


def test_named_levels_are_written_in_front():
    frame = pd.DataFrame({"c": [1.0]}, index=pd.MultiIndex.from_tuples([("x", 2)], names=["a", "b"]))
    assert to_arrow(frame, index=True).to_pydict() == {"a": ["x"], "b": [2], "c": [1.0]}


def test_a_level_without_a_name_is_an_error():
    with pytest.raises(ConversionError, match="rename_axis"):
        to_arrow(pd.DataFrame({"c": [1]}), index=True)


def test_a_level_with_a_column_s_name_is_an_error():
    with pytest.raises(ConversionError, match="2 columns have this name"):
        to_arrow(pd.DataFrame({"c": [1]}, index=pd.Index([1], name="c")), index=True)


@pytest.mark.parametrize("series", [s for s, _, _ in EXACT[:40]], ids=lambda s: str(s.dtype))
def test_the_frame_is_left_as_it_was(series):
    frame = pd.DataFrame({"c": series}).set_axis([f"r{row}" for row in range(len(series))])
    before = frame.copy(deep=True)
    to_arrow(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_rows_follow_their_places_not_their_labels():
    frame = pd.DataFrame({"c": ["a", "b"]}, index=[1, 0])
    assert to_arrow(frame)["c"].to_pylist() == ["a", "b"]


def test_an_empty_frame_has_its_columns():
    assert to_arrow(pd.DataFrame({"a": pd.Series(dtype="Int8")})).schema == pa.schema({"a": pa.int8()})
