"""Parameter values become plain Python objects, whatever library they come from."""

from __future__ import annotations

import enum
import uuid
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from dk_notebook.backends.sql.values import plain
from dk_notebook.errors import ConfigError

pytestmark = pytest.mark.unit


class Colour(enum.Enum):
    RED = "red"


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.int64(3), 3),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.float64(0.1), 0.1),
        (np.float32(0.1), 0.10000000149011612),
        (np.longdouble(0.5), 0.5),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.bytes_(b"a"), b"a"),
        (np.array(3), 3),
        (np.datetime64("2024-01-02"), datetime(2024, 1, 2)),
        (np.datetime64("2024-01-02T03:04:05.000000006"), pd.Timestamp("2024-01-02T03:04:05.000000006")),
        (pd.Timestamp("2024-01-02", tz="UTC"), datetime(2024, 1, 2, tzinfo=UTC)),
        (uuid.UUID(int=10), "00000000-0000-0000-0000-00000000000a"),
        (Colour.RED, "red"),
        (Text("a"), "a"),
        (bytearray(b"a"), b"a"),
        (Decimal("1.10"), Decimal("1.10")),
        (pa.scalar(3, pa.int8()), 3),
        (pa.scalar("a").cast(pa.dictionary(pa.int8(), pa.string())), "a"),
        (pa.scalar(1, pa.timestamp("ns")), pd.Timestamp(1)),
    ],
)
def test_a_scalar_is_its_python_value(value: object, expected: object) -> None:
    result = plain(value)
    assert (result, isinstance(result, type(expected))) == (expected, True)


@pytest.mark.parametrize(
    "value",
    [
        None,
        float("nan"),
        np.nan,
        np.float32("nan"),
        pd.NaT,
        pd.NA,
        np.datetime64("NaT", "ns"),
        np.timedelta64("NaT", "ns"),
        Decimal("NaN"),
    ],
)
def test_what_is_missing_is_none(value: object) -> None:
    assert plain(value) is None


@pytest.mark.parametrize(
    "value",
    [
        [1, 2],
        (1, 2),
        range(1, 3),
        {2, 1},
        np.array([1, 2]),
        pd.Series([1, 2]),
        pd.Index([1, 2]),
        pd.array([1, 2], dtype="Int64"),
        pl.Series([1, 2]),
        pa.array([1, 2]),
        pa.chunked_array([[1], [2]]),
        pa.scalar([1, 2]),
        iter([1, 2]),
        {1: "a", 2: "b"}.keys(),
    ],
)
def test_what_is_like_a_list_is_a_list_of_python_values(value: object) -> None:
    result = plain(value)
    assert (result, {type(element) for element in result}) == ([1, 2], {int})


def test_missing_elements_of_a_list_are_none() -> None:
    assert plain(pd.Series([1.5, np.nan])) == [1.5, None]


def test_nulls_of_an_arrow_array_are_none() -> None:
    assert plain(pa.array([1, None, float("nan")])) == [1, None, None]


def test_a_category_is_its_labels() -> None:
    assert plain(pd.Series(["a", "b"], dtype="category")) == ["a", "b"]


def test_a_mapping_is_json() -> None:
    value = {"ä": [np.int64(1), float("nan"), Decimal("0.1"), datetime(2024, 1, 2)], 2: {"b": True}}
    assert plain(value) == '{"ä": [1, null, 0.1, "2024-01-02T00:00:00"], "2": {"b": true}}'


@pytest.mark.parametrize("value", [float("inf"), b"a", Decimal("0.12345678901234567890123"), object()])
def test_json_refuses_what_it_cannot_hold(value: object) -> None:
    with pytest.raises(ConfigError, match="JSON cannot hold"):
        plain({"a": value})
