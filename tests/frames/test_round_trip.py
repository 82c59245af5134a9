"""Frames drawn at random survive to_arrow and from_arrow, or an error names column and row."""

from __future__ import annotations

import datetime as dt
import json
import math
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dk_notebook.errors import ConversionError
from dk_notebook.frames.options import FrameOptions
from dk_notebook.frames.pandas import from_arrow, to_arrow

pytestmark = pytest.mark.unit

SOME = settings(max_examples=30, deadline=None)

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
TYPED = {
    "Int64": st.integers(-(2**63), 2**63 - 1),
    "UInt64": st.integers(0, 2**64 - 1),
    "Int8": st.integers(-128, 127),
    "boolean": st.booleans(),
    "float64": st.floats(allow_nan=False),
    "float32": st.floats(allow_nan=False, width=32),
    "datetime64[us]": st.datetimes(),
    "datetime64[us, UTC]": st.datetimes(timezones=st.just(dt.UTC)),
    "datetime64[ns]": st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1)),
    "str": TEXT,
    "category": st.sampled_from(["a", "b", "c"]),
}
OBJECTS = {
    "dates": st.dates(),
    "times": st.times(),
    "decimals": st.decimals(allow_nan=False, allow_infinity=False, places=5, min_value=-(10**20), max_value=10**20),
    "bytes": st.binary(max_size=4),
    "integers": st.integers(-(2**63), 2**63 - 1),
    "datetimes": st.datetimes(),
    "moments": st.datetimes(timezones=st.just(dt.UTC)),
    "timedeltas": st.timedeltas(dt.timedelta(-100_000), dt.timedelta(100_000)),
    "texts": TEXT,
    "documents": st.dictionaries(TEXT, JSON, max_size=3),
    "nested": st.lists(st.lists(st.integers(0, 9), max_size=2), min_size=1, max_size=3),
}


def objects(values) -> pd.Series:
    array = np.empty(len(values), dtype=object)
    for row, value in enumerate(values):
        array[row] = value
    return pd.Series(array, dtype=object)


def written(frame) -> pa.Table | None:
    """The frame as a table, or None where an error names the column."""
    try:
        return to_arrow(frame)
    except ConversionError as error:
        if error.column == "c":
            return None
        raise


@pytest.mark.parametrize("dtype", TYPED)
@SOME
@given(data=st.data())
def test_a_typed_column_comes_back_as_it_was(dtype, data):
    values = data.draw(st.lists(st.none() | TYPED[dtype], min_size=1, max_size=20))
    dtype = "object" if dtype == "str" and pd.__version__ < "3" else dtype
    series = pd.Series(values, dtype=dtype)
    back = from_arrow(to_arrow(pd.DataFrame({"c": series})))["c"]
    if dtype in ("object", "category") and series.isna().all():
        assert back.isna().all()
        return
    pd.testing.assert_series_equal(back, series, check_names=False)


@pytest.mark.parametrize("kind", OBJECTS)
@SOME
@given(data=st.data())
def test_a_column_of_objects_comes_back_with_the_same_values(kind, data):
    values = data.draw(st.lists(st.none() | OBJECTS[kind], min_size=1, max_size=20))
    table = to_arrow(pd.DataFrame({"c": objects(values)}))
    back = from_arrow(table, FrameOptions(decimals="exact"))["c"]
    found = [None if value is None or value is pd.NA or value is pd.NaT or value != value else value for value in back]
    assert found == values


@SOME
@given(st.lists(JSON, min_size=1, max_size=10))
def test_any_python_data_is_written_exactly_or_named(values):
    frame = pd.DataFrame({"c": objects(values)})
    table = written(frame)
    if table is None:
        return
    back = from_arrow(table, FrameOptions(json="parse"))["c"].tolist()
    assert [normal(value) for value in back] == [normal(value) for value in values]


def normal(value):
    """The value with pandas' missing ones as None and without numpy."""
    if isinstance(value, np.ndarray):
        return [normal(item) for item in value.tolist()]
    if isinstance(value, (list, dict)):
        return json.loads(json.dumps(value))
    if value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    return int(value) if isinstance(value, Decimal) else value


ANYTHING = st.one_of(
    st.none(), st.integers(), st.floats(), st.text(max_size=3), st.binary(max_size=3), st.dates(), st.times(),
    st.decimals(), st.datetimes(timezones=st.none() | st.just(dt.UTC)), st.complex_numbers(), st.booleans(),
    st.lists(st.integers() | st.text(max_size=2), max_size=2), st.timedeltas(), st.uuids(),
    st.just(pd.NA), st.just(pd.NaT), st.just(object()),
)  # fmt: skip


@SOME
@given(st.lists(ANYTHING, max_size=6))
def test_no_objects_at_all_break_more_than_a_conversion(values):
    table = written(pd.DataFrame({"c": objects(values)}))
    if table is not None:
        assert table.num_rows == len(values)
        table.validate(full=True)
