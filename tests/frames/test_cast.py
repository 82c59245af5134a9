"""Arrow to Arrow, exactly: a value arrives as it was, or its row is named."""

from __future__ import annotations

import datetime as dt
import math
import time
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dk_notebook.errors import ConversionError
from dk_notebook.frames.cast import cast_collecting, cast_exact, inexact_rows
from dk_notebook.frames.fits import limits

pytestmark = pytest.mark.unit

SOME = settings(max_examples=40, deadline=None)

UTC = dt.UTC
NOON = dt.datetime(2024, 7, 1, 12)
D = Decimal


def cast(values, source, target):
    return cast_exact(pa.array(values, source), target, column="c")


FITS = [
    ([1, None, 127], pa.int64(), pa.int8(), [1, None, 127]),
    ([255], pa.uint8(), pa.int16(), [255]),
    ([2**60, None], pa.int64(), pa.float64(), [2.0**60, None]),
    ([2**24], pa.int64(), pa.float32(), [2.0**24]),
    ([5, None], pa.int64(), pa.decimal128(3, 2), [D("5.00"), None]),
    ([2**64 - 1], pa.uint64(), pa.decimal128(20, 0), [D(2**64 - 1)]),
    ([2**63 - 1], pa.int64(), pa.decimal256(76, 38), [D(2**63 - 1)]),
    ([0, 1, None], pa.int64(), pa.bool_(), [False, True, None]),
    ([True, None], pa.bool_(), pa.int16(), [1, None]),
    ([1.0, -0.0, None], pa.float64(), pa.int8(), [1, 0, None]),
    ([1.5, math.inf, None], pa.float64(), pa.float32(), [1.5, math.inf, None]),
    ([0.1], pa.float32(), pa.float64(), [0.10000000149011612]),
    ([1.1, None, 1e3], pa.float64(), pa.decimal128(10, 2), [D("1.10"), None, D("1000.00")]),
    ([1.1], pa.float32(), pa.decimal128(10, 2), [D("1.10")]),
    ([D("1.230"), None], pa.decimal128(10, 3), pa.decimal128(10, 2), [D("1.23"), None]),
    ([D("1.23")], pa.decimal256(76, 38), pa.decimal128(3, 2), [D("1.23")]),
    ([D("7.00")], pa.decimal128(10, 2), pa.int8(), [7]),
    ([D("1.10"), D(2**60), None], pa.decimal128(22, 2), pa.float64(), [1.1, 2.0**60, None]),
    (["1", "+7", "-0", "007", None], pa.string(), pa.int64(), [1, 7, 0, 7, None]),
    (["1.5", "1e3", ".5", "5.", "inf", None], pa.string(), pa.float64(), [1.5, 1000.0, 0.5, 5.0, math.inf, None]),
    (["0.1"], pa.string(), pa.float64(), [0.1]),
    (["1.10", "-2", "1e2", None], pa.string(), pa.decimal128(10, 2), [D("1.10"), D(-2), D(100), None]),
    ([f"{0:090}1.50{0:090}", "0e500", "1e-2"], pa.string(), pa.decimal128(10, 2), [D("1.50"), D(0), D("0.01")]),
    (["true", "F", "1", "no", None], pa.string(), pa.bool_(), [True, False, True, False, None]),
    (["2024-02-29", None], pa.string(), pa.date32(), [dt.date(2024, 2, 29), None]),
    (["2024-07-01", "2024-07-01 12:00:00.5"], pa.string(), pa.timestamp("us"),
     [NOON.replace(hour=0), NOON.replace(microsecond=500_000)]),
    (["2024-07-01T14:00:00+02:00"], pa.string(), pa.timestamp("us", "UTC"), [NOON.replace(tzinfo=UTC)]),
    (["23:59:59.5", "01:02", None], pa.string(), pa.time64("us"), [dt.time(23, 59, 59, 500_000), dt.time(1, 2), None]),
    (["a", None], pa.large_string(), pa.string(), ["a", None]),
    (["a"], pa.string_view(), pa.string(), ["a"]),
    ([b"ab", None], pa.binary(), pa.binary(2), [b"ab", None]),
    ([b"ab"], pa.binary(2), pa.binary(), [b"ab"]),
    ([NOON, None], pa.timestamp("ns"), pa.timestamp("s"), [NOON, None]),
    ([dt.datetime(9999, 1, 1)], pa.timestamp("s"), pa.timestamp("us"), [dt.datetime(9999, 1, 1)]),
    ([NOON.replace(tzinfo=UTC)], pa.timestamp("us", "Europe/Vienna"), pa.timestamp("us", "UTC"),
     [NOON.replace(tzinfo=UTC)]),
    ([dt.date(2024, 1, 1), None], pa.date32(), pa.timestamp("us"), [dt.datetime(2024, 1, 1), None]),
    ([dt.datetime(2024, 1, 1), None], pa.timestamp("ns"), pa.date32(), [dt.date(2024, 1, 1), None]),
    ([dt.time(1, 2)], pa.time64("us"), pa.time32("s"), [dt.time(1, 2)]),
    ([dt.timedelta(1), None], pa.duration("us"), pa.duration("s"), [dt.timedelta(1), None]),
    ([dt.timedelta(0, 1), None], pa.duration("us"), pa.month_day_nano_interval(),
     [pa.MonthDayNano([0, 0, 10**9]), None]),
    ([None, None], pa.null(), pa.list_(pa.int8()), [None, None]),
    ([None], pa.float64(), pa.binary(), [None]),
    ([[1, None], None, []], pa.list_(pa.int64()), pa.list_(pa.int8()), [[1, None], None, []]),
    ([[1, 2], None], pa.list_(pa.int64()), pa.list_(pa.float32(), 2), [[1.0, 2.0], None]),
    ([[1, 2], None], pa.list_(pa.int64(), 2), pa.list_(pa.int64()), [[1, 2], None]),
    ([{"a": 1, "b": "2"}, None], pa.struct({"a": pa.int64(), "b": pa.string()}),
     pa.struct({"b": pa.int8(), "a": pa.int8()}), [{"a": 1, "b": 2}, None]),
    ([[("k", 1)], None], pa.map_(pa.string(), pa.int64()), pa.map_(pa.string(), pa.int8()), [[("k", 1)], None]),
]  # fmt: skip


@pytest.mark.parametrize(("values", "source", "target", "expected"), FITS, ids=[f"{f[1]} to {f[2]}" for f in FITS])
def test_what_fits_arrives(values, source, target, expected):
    result = cast(values, source, target)
    result.validate(full=True)
    assert (result.type, result.to_pylist()) == (target, expected)


LOST = [
    ([1, 128], pa.int64(), pa.int8()),
    ([1, -1], pa.int64(), pa.uint64()),
    ([1, 2**53 + 1], pa.int64(), pa.float64()),
    ([1, 2**64 - 1], pa.uint64(), pa.float64()),
    ([1, 2**24 + 1], pa.int64(), pa.float32()),
    ([1, 100], pa.int64(), pa.decimal128(3, 1)),
    ([1, 2], pa.int64(), pa.bool_()),
    ([1, 1], pa.int64(), pa.string()),
    ([1.0, 1.5], pa.float64(), pa.int64()),
    ([1.0, 2.0**63], pa.float64(), pa.int64()),
    ([1.0, math.nan], pa.float64(), pa.int64()),
    ([1.0, 1.1], pa.float64(), pa.float32()),
    ([1.0, 1e300], pa.float64(), pa.float32()),
    ([1.1, 1.239], pa.float64(), pa.decimal128(10, 2)),
    ([1.1, 1e20], pa.float64(), pa.decimal128(10, 2)),
    ([1.0, 6.5437507690159466e-43], pa.float64(), pa.decimal128(1, 0)),
    (["1", "0." + "0" * 50 + "1"], pa.string(), pa.decimal128(1, 0)),
    (["1", "0." + "0" * 150 + "1"], pa.string(), pa.decimal128(1, 0)),
    (["1", "9" * 150], pa.string(), pa.decimal256(76, 0)),
    ([1.0, 3.9500369856364576e-216], pa.float64(), pa.decimal128(10, 2)),
    ([1.0, 1.797693134862316e307], pa.float64(), pa.decimal128(10, 2)),
    ([1.1, math.inf], pa.float64(), pa.decimal128(10, 2)),
    ([D("1.23"), D("1.239")], pa.decimal128(10, 3), pa.decimal128(10, 2)),
    ([D("1.23"), D("100.00")], pa.decimal128(10, 2), pa.decimal128(3, 2)),
    ([D("1.00"), D("1.50")], pa.decimal128(10, 2), pa.int64()),
    ([D(1), D(2**53 + 1)], pa.decimal128(38, 0), pa.float64()),
    ([D("1.5"), D("1.1")], pa.decimal128(2, 1), pa.int64()),
    (["1", "1.0"], pa.string(), pa.int64()),
    (["1", "0x1F"], pa.string(), pa.int64()),
    (["1", " 1"], pa.string(), pa.int64()),
    (["1", ""], pa.string(), pa.int64()),
    (["1", "300"], pa.string(), pa.int8()),
    (["1", "1.0000000000000000001"], pa.string(), pa.float64()),
    (["1", "1e999"], pa.string(), pa.float64()),
    (["1", "1_0"], pa.string(), pa.float64()),
    (["1", "1.239"], pa.string(), pa.decimal128(10, 2)),
    (["1", "nan"], pa.string(), pa.decimal128(10, 2)),
    (["true", "maybe"], pa.string(), pa.bool_()),
    (["2024-02-29", "2023-02-29"], pa.string(), pa.date32()),
    (["2024-02-29", "2024-02-28 12:00"], pa.string(), pa.date32()),
    (["2024-02-29", "2024-02-29T00:00:00Z"], pa.string(), pa.timestamp("us")),
    (["2024-02-29T00:00:00Z", "2024-02-29"], pa.string(), pa.timestamp("us", "UTC")),
    (["2024-02-29", "2024-02-29 00:00:00.0000001"], pa.string(), pa.timestamp("us")),
    (["10:00", "24:00"], pa.string(), pa.time64("us")),
    (["10:00", "10:00:00.0000001"], pa.string(), pa.time64("us")),
    (["a", "b"], pa.string(), pa.binary()),
    ([b"ab", b"abc"], pa.binary(), pa.binary(2)),
    ([NOON, NOON.replace(microsecond=1)], pa.timestamp("us"), pa.timestamp("ms")),
    ([NOON, dt.datetime(9999, 1, 1)], pa.timestamp("us"), pa.timestamp("ns")),
    ([dt.datetime(2024, 1, 1), NOON], pa.timestamp("us"), pa.date32()),
    ([dt.date(2024, 1, 1), dt.date(9999, 1, 1)], pa.date32(), pa.timestamp("ns")),
    ([dt.time(1), dt.time(1, 2, 3, 4)], pa.time64("us"), pa.time32("s")),
    ([dt.timedelta(0), dt.timedelta(0, 0, 1)], pa.duration("us"), pa.duration("s")),
    ([[1], [1, 300]], pa.list_(pa.int64()), pa.list_(pa.int8())),
    ([[1, 2], [1]], pa.list_(pa.int64()), pa.list_(pa.int64(), 2)),
    ([{"a": 1}, {"a": 300}], pa.struct({"a": pa.int64()}), pa.struct({"a": pa.int8()})),
    ([[("k", 1)], [("k", 300)]], pa.map_(pa.string(), pa.int64()), pa.map_(pa.string(), pa.int8())),
]


@pytest.mark.parametrize(("values", "source", "target"), LOST, ids=[f"{f[0][1]!r} {f[1]} to {f[2]}" for f in LOST])
def test_what_does_not_fit_is_named(values, source, target):
    assert [row for row, _ in inexact_rows(pa.array([None, *values], source), target)][-1] == 2


@pytest.mark.parametrize(("values", "source", "target"), LOST, ids=[f"{f[0][1]!r} {f[1]} to {f[2]}" for f in LOST])
def test_what_does_not_fit_is_never_cast(values, source, target):
    with pytest.raises(ConversionError) as caught:
        cast(values, source, target)
    assert (caught.value.source, caught.value.target) == (str(source), str(target))


@pytest.mark.parametrize(("values", "source", "target"), LOST, ids=[f"{f[0][1]!r} {f[1]} to {f[2]}" for f in LOST])
def test_every_reason_is_said_without_the_value(values, source, target):
    (*_, (_, reason)) = inexact_rows(pa.array(values, source), target)
    assert reason
    assert str(values[1]) not in reason or str(values[1]) in ("1", "")


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (pa.timestamp("us"), pa.timestamp("us", "UTC")),
        (pa.timestamp("us", "UTC"), pa.timestamp("us")),
        (pa.timestamp("us", "UTC"), pa.date32()),
    ],
    ids=str,
)
def test_local_times_and_moments_are_not_mixed(source, target):
    with pytest.raises(ConversionError, match=r"(?s)zone.*Hint: df\['c'\]\.dt\.tz_"):
        cast([0], source, target)


def test_the_position_counts_from_where_the_batch_lies():
    with pytest.raises(ConversionError) as caught:
        cast_exact(pa.array([1, 300]), pa.int8(), column="c", position=1000)
    assert caught.value.position == 1001


def test_positions_run_through_the_chunks():
    chunks = pa.chunked_array([[1, 300], [2], [400]])
    assert [row for row, _ in inexact_rows(chunks, pa.int8())] == [1, 3]


def test_positions_are_those_of_a_slice():
    assert [row for row, _ in inexact_rows(pa.array([[300], [1], [300]]).slice(1), pa.list_(pa.int8()))] == [1]


def test_bad_values_are_null_beside_the_good_ones():
    values, bad = cast_collecting(pa.array([1.0, 1.5, 2.0]), pa.int8())
    assert (values.to_pylist(), [row for row, _ in bad]) == ([1, None, 2], [1])


def test_a_bad_label_is_bad_in_each_of_its_rows():
    labels = pa.array(["1", "x", "1", "x", None]).dictionary_encode()
    assert [row for row, _ in inexact_rows(labels, pa.int64())] == [1, 3]


def test_a_label_that_nobody_uses_is_no_fault():
    labels = pa.DictionaryArray.from_arrays(pa.array([0]), pa.array(["1", "x"]))
    assert cast_exact(labels, pa.int64(), column="c").to_pylist() == [1]


def test_a_dictionary_becomes_its_strings():
    labels = pa.array(["a", None]).dictionary_encode()
    assert cast_exact(labels, pa.string(), column="c").to_pylist() == ["a", None]


def test_strings_become_a_dictionary():
    target = pa.dictionary(pa.int8(), pa.string())
    result = cast(["a", "b", "a", None], pa.string(), target)
    assert (result.type, result.to_pylist()) == (target, ["a", "b", "a", None])


@pytest.mark.parametrize(
    ("value", "target"),
    [
        (1.5, pa.int64()),
        (300, pa.int8()),
        (1.239, pa.decimal128(10, 2)),
        (D("1.239"), pa.decimal128(10, 2)),
        ("x", pa.int64()),
        ("2024", pa.date32()),
        (dt.datetime(2024, 1, 1, 1), pa.date32()),
        (dt.datetime(2024, 1, 1, 0, 0, 0, 1), pa.timestamp("s")),
    ],
    ids=str,
)
def test_many_bad_values_are_found_in_time(value, target):
    array = pa.array([value]).take(pa.array(np.zeros(100_000, np.int64)))
    started = time.perf_counter()
    assert sum(1 for _ in inexact_rows(array, target)) == 100_000
    assert time.perf_counter() - started < 2


NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=8)
UNITS = st.sampled_from(["s", "ms", "us", "ns"])


@SOME
@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)))
def test_a_float_means_the_integer_that_it_came_from(values):
    bad = {row for row, _ in inexact_rows(pa.array(values, pa.int64()), pa.float64())}
    assert bad == {row for row, value in enumerate(values) if value is not None and int(float(value)) != value}


@SOME
@given(st.lists(st.none() | st.floats()), st.integers(1, 38), st.integers(0, 10))
def test_a_decimal_is_the_shortest_text_of_its_float(values, precision, scale):
    target = pa.decimal128(precision, min(scale, precision))
    result, bad = cast_collecting(pa.array(values, pa.float64()), target)
    rows = {row for row, _ in bad}
    for row, (value, found) in enumerate(zip(values, result.to_pylist(), strict=True)):
        if value is None:
            assert row not in rows
        elif not math.isfinite(value):
            assert row in rows
        else:
            number = Decimal(repr(value))
            fits = number.is_zero() or (
                _places(number) <= target.scale and number.adjusted() < target.precision - target.scale
            )
            assert (found == number) if fits else row in rows


def _places(number: Decimal) -> int:
    _, digits, exponent = number.as_tuple()
    text = "".join(map(str, digits))
    return max(0, -(exponent + len(text) - len(text.rstrip("0"))))


@SOME
@given(st.lists(st.none() | NUMBERS))
def test_decimals_become_floats_that_say_the_same(values):
    result, bad = cast_collecting(pa.array(values, pa.decimal128(38, 8)), pa.float64())
    rows = {row for row, _ in bad}
    for row, (value, found) in enumerate(zip(values, result.to_pylist(), strict=True)):
        if value is not None:
            said = value in (Decimal(repr(float(value))), Decimal(float(value)))
            assert said == (row not in rows)
            assert row in rows or found == float(value)


@SOME
@given(st.lists(st.none() | st.floats().map(repr) | st.decimals().map(str) | st.text(max_size=5)))
def test_texts_become_floats_that_say_the_same(values):
    try:
        array = pa.array(values, pa.string())
    except UnicodeEncodeError:
        return
    result, bad = cast_collecting(array, pa.float64())
    rows = {row for row, _ in bad}
    for row, (text, found) in enumerate(zip(values, result.to_pylist(), strict=True)):
        if text is not None and row not in rows:
            if math.isfinite(found):
                assert Decimal(text) in (Decimal(repr(found)), Decimal(found))
            else:
                assert "n" in text.lower()


@SOME
@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)), UNITS, UNITS)
def test_times_keep_every_digit_between_units(values, source, target):
    units = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
    result, bad = cast_collecting(pa.array(values, pa.timestamp(source)), pa.timestamp(target))
    rows = {row for row, _ in bad}
    for row, (value, found) in enumerate(zip(values, result.cast(pa.int64()).to_pylist(), strict=True)):
        if value is not None:
            exact = Fraction(value * units[target], units[source])
            assert (row in rows) == (exact.denominator != 1 or not -(2**63) <= exact < 2**63)
            assert row in rows or found == exact


INTEGERS = [getattr(pa, f"{sign}int{width}")() for sign in ("", "u") for width in (8, 16, 32, 64)]


@SOME
@given(st.lists(st.none() | st.integers(-(2**64), 2**64)), st.sampled_from(INTEGERS), st.sampled_from(INTEGERS))
def test_integers_fit_where_they_are_within_the_limits(values, source, target):
    values = [value for value in values if value is None or limits(source)[0] <= value <= limits(source)[1]]
    bad = [row for row, _ in inexact_rows(pa.array(values, source), target)]
    low, high = limits(target)
    assert bad == [row for row, value in enumerate(values) if value is not None and not low <= value <= high]


@SOME
@given(st.lists(st.none() | st.floats() | st.integers(-(2**65), 2**65).map(float)), st.sampled_from(INTEGERS))
def test_floats_fit_integers_where_they_are_whole_and_within_the_limits(values, target):
    result, bad = cast_collecting(pa.array(values, pa.float64()), target)
    low, high = limits(target)
    rows = {row for row, _ in bad}
    for row, (value, found) in enumerate(zip(values, result.to_pylist(), strict=True)):
        fits = value is None or (math.isfinite(value) and value.is_integer() and low <= int(value) <= high)
        assert fits == (row not in rows)
        assert not fits or found == value


@SOME
@given(st.lists(st.none() | NUMBERS), st.integers(1, 38), st.integers(0, 12))
def test_decimals_fit_where_no_digit_is_lost(values, precision, scale):
    target = pa.decimal128(precision, min(scale, precision))
    result, bad = cast_collecting(pa.array(values, pa.decimal128(38, 8)), target)
    rows = {row for row, _ in bad}
    for row, (value, found) in enumerate(zip(values, result.to_pylist(), strict=True)):
        if value is not None:
            fits = not value or (_places(value) <= target.scale and value.adjusted() < target.precision - target.scale)
            assert fits == (row not in rows)
            assert not fits or found == value


@SOME
@given(st.lists(st.none() | NUMBERS), st.sampled_from(INTEGERS))
def test_decimals_fit_integers_where_they_are_whole(values, target):
    result, bad = cast_collecting(pa.array(values, pa.decimal128(38, 8)), target)
    low, high = limits(target)
    rows = {row for row, _ in bad}
    for row, (value, found) in enumerate(zip(values, result.to_pylist(), strict=True)):
        if value is not None:
            fits = value == value.to_integral_value() and low <= value <= high
            assert fits == (row not in rows)
            assert not fits or found == value


TEXTS = st.decimals(allow_nan=False, allow_infinity=False).map(str)


@SOME
@given(st.lists(st.none() | TEXTS), st.integers(1, 38), st.booleans())
def test_texts_fit_decimals_where_no_digit_is_lost(values, precision, written_out):
    target = pa.decimal128(precision, precision // 2)
    values = [value for value in values if value is None or abs(Decimal(value).adjusted()) < 500]
    texts = [f"{Decimal(value):f}" if value and written_out else value for value in values]
    result, bad = cast_collecting(pa.array(texts, pa.string()), target)
    rows = {row for row, _ in bad}
    for row, (text, found) in enumerate(zip(values, result.to_pylist(), strict=True)):
        if text is not None:
            number = Decimal(text)
            fits = not number or (number.adjusted() < precision - target.scale and _places(number) <= target.scale)
            assert fits == (row not in rows)
            assert not fits or found == number
