"""What JSON can hold, and what is refused in its name."""

from __future__ import annotations

import enum
import json
import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from dk_notebook.errors import ConversionError
from dk_notebook.records.document import plain
from dk_notebook.testing.drawn import DATA

pytestmark = pytest.mark.unit


class Size(enum.Enum):
    SMALL = "small"


@given(DATA)
def test_what_is_plain_stays_the_same_object(data: dict[str, Any]) -> None:
    assert plain(data) is data


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (date(2024, 1, 2), "2024-01-02"),
        (datetime(2024, 1, 2, 3, tzinfo=UTC), "2024-01-02T03:00:00+00:00"),
        (time(3, 4), "03:04:00"),
        (pd.Timestamp("2024-01-02 00:00:00.000000001"), "2024-01-02T00:00:00.000000001"),
        (np.datetime64("2024-01-02"), "2024-01-02T00:00:00"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Size.SMALL, "small"),
        (np.int64(5), 5),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.array([1, 2]), [1, 2]),
        (pd.Series([1.5]), [1.5]),
        ((1, (2,)), [1, [2]]),
        (range(2), [0, 1]),
        (pd.NaT, None),
        (pd.NA, None),
        (Decimal("5"), 5),
        (Decimal("0.1"), 0.1),
        (1e300, 1e300),
        (10**40, 10**40),
    ],
)
def test_other_values_become_those_of_json(value: Any, expected: Any) -> None:
    made = plain({"x": value})
    assert repr(made) == repr({"x": expected})
    assert json.loads(json.dumps(made)) == made


CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (float("nan"), "NaN"),
        (np.float32("nan"), "NaN"),
        (Decimal("NaN"), "NaN"),
        (float("-inf"), "infinity"),
        (Decimal("Infinity"), "infinity"),
        (Decimal("0.12345678901234567890"), "digits"),
        pytest.param(10**4300, "digits", id="long"),
        (b"raw", "no such type"),
        (bytearray(b"raw"), "no such type"),
        ({1}, "no such type"),
        (frozenset(), "no such type"),
        (timedelta(1), "no such type"),
        (1j, "no such type"),
        (object(), "no such type"),
        ((n for n in [1]), "no such type"),
        ("a\0", "NUL"),
        ("\ud800", "surrogate"),
        ({"a\0": 1}, "name"),
        ({5: 1}, "name"),
    ],
)
def test_what_json_does_not_have_is_refused_by_the_name_of_its_field(value: Any, reason: str) -> None:
    for data, path in (({"x": value}, "x"), ({"x": [{"y": value}]}, "x[0].y")):
        with pytest.raises(ConversionError, match=reason) as raised:
            plain(data, position=3)
        assert (raised.value.column, raised.value.position) == (path, 3)


def test_what_contains_itself_is_refused() -> None:
    with pytest.raises(ConversionError, match="itself"):
        plain({"x": CIRCLE})


def test_the_value_is_not_in_the_message() -> None:
    with pytest.raises(ConversionError) as raised:
        plain({"password": b"hunter2"})
    assert "hunter2" not in str(raised.value)
