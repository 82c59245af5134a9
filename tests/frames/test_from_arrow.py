"""Arrow to pandas: the dtype follows from the declared type, and the values are the store's."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from dk_notebook.errors import ConfigError, ConversionError
from dk_notebook.frames import types
from dk_notebook.frames.columns import PANDAS_3, dtype_of
from dk_notebook.frames.options import FrameOptions
from dk_notebook.frames.pandas import from_arrow

pytestmark = pytest.mark.unit

SAMPLES = {
    "null": [None, None],
    "boolean": [True, None, False],
    "integer": [1, None, 100],
    "float": [1.5, None, -0.0],
    "decimal": [Decimal("1.25"), None, Decimal(3)],
    "text": ["a", None, ""],
    "binary": [b"\x00\xff", None, b""],
    "date": [dt.date(2024, 2, 29), None, dt.date(1, 1, 1)],
    "time": [dt.time(23, 59, 59, 999_999), None, dt.time(0)],
    "timestamp": [dt.datetime(2024, 2, 29, 1, 2, 3), None, dt.datetime(1999, 1, 1)],
    "duration": [dt.timedelta(days=1, microseconds=1), None],
    "interval": [pa.MonthDayNano([1, 2, 3]), None],
    "dictionary": ["low", None, "high"],
    "list": [[1, 2], None, []],
    "struct": [{"a": 1}, None],
    "map": [[("k", 1)], None],
}


def one(values, arrow=None, **marks) -> pa.Table:
    """A table of one column named c."""
    array = values if isinstance(values, (pa.Array, pa.ChunkedArray)) else pa.array(values, arrow)
    return pa.table([array], schema=pa.schema([pa.field("c", array.type, metadata=marks or None)]))


def sample(row: types.Row, *, count: int | None = None) -> pa.Table:
    kind = types.kind(row.arrow)
    values = SAMPLES[kind][:count]
    if kind == "decimal":
        values = [None if value is None else round(value, min(row.arrow.scale, 2)) for value in values]
    if row.marks.get(types.JSON):
        values = ['{"a": 1}', None, "[1]"][:count]
    if kind == "timestamp" and row.arrow.tz:
        values = [None if value is None else value.replace(tzinfo=dt.UTC) for value in values]
    array = pa.array(values, pa.string()).dictionary_encode() if kind == "dictionary" else pa.array(values, row.arrow)
    array = array.cast(row.arrow) if kind == "dictionary" else array
    return pa.table([array], schema=pa.schema([row.field("c")]))


ROWS = [pytest.param(row, id=f"{row.arrow} {row.marks.get(types.DECIMAL, '')}") for row in types.ARROW_TO_PANDAS]


@pytest.mark.parametrize("row", ROWS)
def test_a_full_result_has_the_dtype_of_the_table(row):
    expected = row.pandas if PANDAS_3 or row.pandas2 is None else row.pandas2
    assert str(from_arrow(sample(row)).dtypes["c"]) == expected


@pytest.mark.parametrize("row", ROWS)
def test_an_empty_result_has_the_dtype_of_a_full_one(row):
    empty = pa.table([pa.chunked_array([], row.arrow)], schema=pa.schema([row.field("c")]))
    assert from_arrow(empty).dtypes["c"] == from_arrow(sample(row)).dtypes["c"]


@pytest.mark.parametrize("row", ROWS)
def test_a_chunk_of_nulls_has_the_dtype_of_a_full_one(row):
    nulls = pa.table([pa.nulls(2, row.arrow)], schema=pa.schema([row.field("c")]))
    assert from_arrow(nulls).dtypes["c"] == from_arrow(sample(row)).dtypes["c"]


@pytest.mark.parametrize("row", ROWS)
def test_a_column_without_null_has_the_dtype_of_one_with(row):
    assert from_arrow(sample(row, count=1)).dtypes["c"] == from_arrow(sample(row)).dtypes["c"]


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("backend", ["numpy_nullable", "pyarrow"])
def test_other_dtype_backends_are_as_independent_of_the_values(row, backend):
    options = FrameOptions(dtype_backend=backend)
    empty = pa.table([pa.chunked_array([], row.arrow)], schema=pa.schema([row.field("c")]))
    assert from_arrow(empty, options).dtypes["c"] == from_arrow(sample(row), options).dtypes["c"]


@pytest.mark.parametrize("row", ROWS)
def test_null_is_missing_in_every_dtype(row):
    assert from_arrow(sample(row))["c"].isna().tolist()[1:2] in ([True], [])


def test_the_name_of_a_dtype_is_known_without_rows():
    assert dtype_of(pa.field("c", pa.int16())) == "Int16"


def test_strings_share_arrow_s_memory():
    if PANDAS_3:
        table = one(pa.array(["a", "b"], pa.large_string()))
        held = from_arrow(table)["c"].array._pa_array
        assert held.chunk(0).buffers()[2].address == table["c"].chunk(0).buffers()[2].address
    else:
        assert from_arrow(one(["a", None]))["c"].tolist() == ["a", None]


@pytest.mark.parametrize(
    "array",
    [pa.array([1.0, 2.0]), pa.array([1, 2]), pa.array([0, 1], pa.timestamp("us")), pa.array([0, 1], pa.duration("us"))],
    ids=str,
)
def test_cells_can_be_assigned_to(array):
    frame = from_arrow(one(array))
    frame.loc[0, "c"] = frame.loc[1, "c"]
    assert frame["c"].nunique() == 1


def test_assigning_to_a_cell_leaves_the_arrow_table():
    table = one([1.0, 2.0])
    frame = from_arrow(table)
    frame.loc[0, "c"] = 9.0
    assert table["c"].to_pylist() == [1.0, 2.0]


def test_large_integers_keep_every_digit():
    assert from_arrow(one([2**63 - 1, None]))["c"].tolist()[0] == 2**63 - 1


def test_moments_keep_their_zone():
    moments = one(pa.array([0, None], pa.timestamp("us", "Europe/Vienna")))
    assert from_arrow(moments)["c"][0] == pd.Timestamp(0, tz="UTC")
    assert str(from_arrow(moments).dtypes["c"]) == "datetime64[us, Europe/Vienna]"


def test_an_offset_is_a_zone_too():
    moments = one(pa.array([0, None], pa.timestamp("us", "+02:00")))
    assert from_arrow(moments)["c"][0].isoformat() == "1970-01-01T02:00:00+02:00"


def test_an_interval_is_an_offset():
    assert from_arrow(one([pa.MonthDayNano([14, 3, 0])]))["c"][0] == pd.DateOffset(months=14, days=3, nanoseconds=0)


def test_a_chunk_knows_all_labels_in_the_store_s_order():
    field = types.mark_labels(pa.field("c", pa.dictionary(pa.int8(), pa.string())), ["s", "m", "l"])
    chunk = pa.array(["m", None]).dictionary_encode().cast(field.type)
    assert from_arrow(pa.table([chunk], schema=pa.schema([field])))["c"].cat.categories.tolist() == ["s", "m", "l"]


def test_chunks_with_other_dictionaries_are_one_category():
    chunks = pa.chunked_array([pa.array(v).dictionary_encode() for v in (["b", "a"], [None, "c", "a"])])
    assert from_arrow(one(chunks))["c"].tolist() == ["b", "a", np.nan, "c", "a"]


def test_an_undeclared_label_is_an_error():
    field = types.mark_labels(pa.field("c", pa.dictionary(pa.int32(), pa.string())), ["s"])
    with pytest.raises(ConversionError, match="label"):
        from_arrow(pa.table([pa.array(["x"]).dictionary_encode()], schema=pa.schema([field])))


def test_an_ordered_dictionary_is_an_ordered_category():
    array = pa.DictionaryArray.from_arrays(pa.array([0], pa.int8()), pa.array(["x", "y"]), ordered=True)
    assert from_arrow(one(array))["c"].cat.ordered


# --- documents --------------------------------------------------------------------------------------------------


def test_json_is_parsed():
    assert from_arrow(one(['{"a": [1]}', "3", '"t"'], **{types.JSON: "1"}))["c"].tolist() == [{"a": [1]}, 3, "t"]


def test_lists_of_one_length_stay_lists():
    assert from_arrow(one(["[1, 2]", "[3, 4]"], **{types.JSON: "1"}))["c"].tolist() == [[1, 2], [3, 4]]


def test_json_as_text_is_left():
    frame = from_arrow(one(['{"a":  1}'], **{types.JSON: "1"}), FrameOptions(json="text"))
    assert frame["c"].tolist() == ['{"a":  1}']


def test_a_struct_as_text_is_json():
    assert from_arrow(one([{"a": dt.date(2024, 1, 1)}]), FrameOptions(json="text"))["c"][0] == '{"a": "2024-01-01"}'


def test_a_map_is_a_dict():
    assert from_arrow(one([[("k", 1)]], pa.map_(pa.string(), pa.int8())))["c"][0] == {"k": 1}


def test_broken_json_names_its_row():
    with pytest.raises(ConversionError, match=r"column 'c', row 1: json: the text is no JSON"):
        from_arrow(one(["{}", "{"], **{types.JSON: "1"}))


# --- index and names --------------------------------------------------------------------------------------------


def test_columns_become_the_index():
    frame = from_arrow(pa.table({"a": [1], "b": ["x"], "c": [2]}), FrameOptions(index=["b", "a"]))
    assert (frame.index.names, list(frame.columns)) == (["b", "a"], ["c"])


def test_an_unknown_index_is_an_error_with_the_nearest_name():
    with pytest.raises(ConfigError, match=r"(?s)index= names 'ids'.*did you mean 'id'"):
        from_arrow(pa.table({"id": [1]}), FrameOptions(index="ids"))


def test_repeated_names_are_numbered_and_said():
    table = pa.table([[1], [2], [3]], names=["a", "a", "a_1"])
    with pytest.warns(UserWarning, match="'a' is now 'a_2'"):
        assert list(from_arrow(table).columns) == ["a", "a_2", "a_1"]


def test_a_table_without_columns_keeps_its_rows():
    assert from_arrow(pa.table({"a": [1, 2]}).select([])).shape == (2, 0)


# --- dtype_backend and dtypes -----------------------------------------------------------------------------------


def test_numpy_nullable_has_pandas_own_missing_value():
    frame = from_arrow(pa.table({"f": [1.5, None], "s": ["a", None]}), FrameOptions(dtype_backend="numpy_nullable"))
    assert [str(dtype) for dtype in frame.dtypes] == ["Float64", "string"]


def test_pyarrow_keeps_arrow_types():
    frame = from_arrow(pa.table({"i": [1], "s": ["a"]}), FrameOptions(dtype_backend="pyarrow"))
    assert all(isinstance(dtype, pd.ArrowDtype) for dtype in frame.dtypes)


def test_numpy_is_as_classic_pandas():
    table = pa.table({"i": [1, 2], "n": [1, None], "b": [True, None], "d": [dt.date(2024, 1, 1), None]})
    frame = from_arrow(table, FrameOptions(dtype_backend="numpy"))
    assert [str(dtype) for dtype in frame.dtypes] == ["int64", "float64", "object", "object"]


def test_numpy_refuses_to_round_an_integer_beside_null():
    with pytest.raises(ConversionError, match="column 'c', row 0"):
        from_arrow(one([2**53 + 1, None]), FrameOptions(dtype_backend="numpy"))


@pytest.mark.parametrize(
    ("array", "dtype"),
    [
        (pa.array([1, 2]), "int8"),
        (pa.array([1, None]), "float64"),
        (pa.array([1, None]), "Int32"),
        (pa.array(["1", "2"]), "int64"),
        (pa.array([1.0, None]), "Int64"),
        (pa.array([Decimal("1.1")]), "float64"),
        (pa.array(["a", None]), "category"),
        (pa.array(["a", None]), "string"),
        (pa.array([1, None]), "int16[pyarrow]"),
        (pa.array([0, None], pa.timestamp("us")), "datetime64[ns]"),
        (pa.array([0, None], pa.timestamp("us", "UTC")), "datetime64[ms, Europe/Paris]"),
        (pa.array([dt.date(2024, 1, 1), None]), "datetime64[s]"),
        (pa.array([1, None]), "object"),
    ],
    ids=str,
)
def test_dtypes_are_as_asked(array, dtype):
    frame = from_arrow(one(array), FrameOptions(dtypes={"c": dtype}))
    assert frame.dtypes["c"] == dtype


@pytest.mark.parametrize(
    ("array", "dtype", "row"),
    [
        (pa.array([1, None]), "int64", 1),
        (pa.array([1, 300]), "int8", 1),
        (pa.array([1.0, 1.5]), "Int64", 1),
        (pa.array(["1", "x"]), "float64", 1),
        (pa.array([True, None]), "bool", 1),
        (pa.array([0, 1], pa.timestamp("us")), "datetime64[s]", 1),
        (pa.array([2**53, 2**53 + 1]), "float64", 1),
    ],
    ids=str,
)
def test_dtypes_that_cannot_hold_a_value_name_its_row(array, dtype, row):
    with pytest.raises(ConversionError) as caught:
        from_arrow(one(array), FrameOptions(dtypes={"c": dtype}))
    assert caught.value.position == row


def test_dtypes_of_an_unknown_column_is_an_error():
    with pytest.raises(ConfigError, match="dtypes= names 'price'"):
        from_arrow(pa.table({"prices": [1]}), FrameOptions(dtypes={"price": "int64"}))


def test_a_dtype_that_pandas_does_not_know_is_an_error():
    with pytest.raises(ConfigError, match="intt"):
        from_arrow(pa.table({"a": [1]}), FrameOptions(dtypes={"a": "intt"}))
