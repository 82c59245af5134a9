"""Decimals: what they become is decided by how the column was declared."""

from __future__ import annotations

import warnings
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dk_notebook.frames import decimals, types
from dk_notebook.frames.options import FrameOptions
from dk_notebook.frames.pandas import from_arrow
from dk_notebook.frames.shape import to_frame

pytestmark = pytest.mark.unit

SOME = settings(max_examples=50, deadline=None)


def column(values, arrow, declared=None) -> pa.Table:
    array = pa.array([None if value is None else Decimal(value) for value in values], arrow)
    marks = {types.DECIMAL: declared} if declared else None
    return pa.table([array], schema=pa.schema([pa.field("c", array.type, metadata=marks)]))


def test_stored_money_of_fifteen_digits_is_a_float():
    assert from_arrow(column(["1.10", None], pa.decimal128(15, 2), "stored"))["c"].tolist()[0] == 1.1


@SOME
@given(st.integers(-(10**15) + 1, 10**15 - 1), st.integers(0, 15))
def test_fifteen_digits_survive_there_and_back(unscaled, scale):
    value = Decimal(f"{unscaled}e-{scale}")
    shown = decimals.to_float(pa.array([value], pa.decimal128(15, scale)))[0].as_py()
    assert Decimal(repr(shown)) == value


@SOME
@given(st.lists(st.none() | st.integers(-(10**38) + 1, 10**38 - 1), min_size=1), st.integers(0, 38))
def test_a_float_is_the_nearest_one(unscaled, scale):
    values = [None if number is None else Decimal(f"{number}e-{scale}") for number in unscaled]
    shown = decimals.to_float(pa.array(values, pa.decimal128(38, scale))).to_pylist()
    assert shown == [None if value is None else float(value) for value in values]


def test_a_slice_is_read_from_its_own_place():
    array = pa.array([Decimal("1.1"), Decimal("2.2"), None, Decimal("3.3")], pa.decimal128(5, 1)).slice(1)
    assert decimals.to_float(array).to_pylist() == [2.2, None, 3.3]


def test_wider_stored_decimals_stay_decimals():
    frame = from_arrow(column(["1.10"], pa.decimal128(20, 2), "stored"))
    assert frame["c"].tolist() == [Decimal("1.10")]


def test_numeric_without_scale_has_no_padding_zeros():
    frame = from_arrow(column(["1.5", "100", None, "0"], types.UNSCALED, "stored"))
    assert [str(value) for value in frame["c"]] == ["1.5", "100", "None", "0"]


def test_a_computed_column_is_a_float_without_a_word():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert from_arrow(column(["9007199254740992"], pa.decimal128(38, 0), "computed"))["c"][0] == 2.0**53


def test_a_computed_column_beyond_2_to_the_53_warns_once():
    table = column(["9007199254740993", "-9007199254740995"], pa.decimal128(38, 0), "computed")
    with pytest.warns(UserWarning, match=r"'c'.*decimals=\"exact\"") as caught:
        from_arrow(table)
    assert len(caught) == 1


def test_the_warning_points_at_the_caller():
    with pytest.warns(UserWarning, match="exact") as caught:
        from_arrow(column(["9007199254740993"], pa.decimal128(38, 0), "computed"))
    assert caught[0].filename == __file__


def test_chunks_of_one_result_warn_once():
    table = column(["9007199254740993"], pa.decimal128(38, 0), "computed")
    warned: set[str] = set()
    with pytest.warns(UserWarning, match="exact"):
        to_frame(table, warned=warned)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        to_frame(table, warned=warned)
    assert warned == {"c"}


@pytest.mark.parametrize("declared", ["stored", "computed"])
def test_exact_is_always_decimal(declared):
    table = column(["9007199254740993.10"], pa.decimal128(38, 2), declared)
    assert from_arrow(table, FrameOptions(decimals="exact"))["c"].tolist() == [Decimal("9007199254740993.10")]


@pytest.mark.parametrize("declared", ["stored", "computed"])
def test_float_is_always_float(declared):
    frame = from_arrow(column(["1.10"], pa.decimal128(38, 2), declared), FrameOptions(decimals="float"))
    assert str(frame.dtypes["c"]) == "float64"


def test_string_keeps_the_declared_scale():
    frame = from_arrow(column(["1.1", None], pa.decimal128(10, 2), "stored"), FrameOptions(decimals="string"))
    assert frame["c"].tolist()[0] == "1.10"


def test_string_of_a_small_number_has_no_exponent():
    frame = from_arrow(column(["0.0000001"], types.UNSCALED, "stored"), FrameOptions(decimals="string"))
    assert frame["c"][0] == "0.0000001"


def test_arrow_output_is_exact_unless_asked_otherwise():
    table = column(["9007199254740993"], pa.decimal128(38, 0), "computed")
    assert to_frame(table, FrameOptions(as_="arrow")).schema.field("c").type == pa.decimal128(38, 0)
    assert to_frame(table, FrameOptions(as_="arrow", decimals="float")).schema.field("c").type == pa.float64()
    assert to_frame(table, FrameOptions(as_="arrow", decimals="string"))["c"].to_pylist() == ["9007199254740993"]


@SOME
@given(st.decimals(allow_nan=False, allow_infinity=False, places=10))
def test_without_padding_is_the_same_number(value):
    assert decimals.without_padding(value) == value
