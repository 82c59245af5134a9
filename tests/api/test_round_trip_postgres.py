"""Frames drawn at random, into PostgreSQL and back; or refused, by name, before there is a table."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dk_notebook as dk
from tests.api.test_round_trip import TEXT, frames

pytestmark = pytest.mark.postgres

DRAWN = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
SCALARS = st.booleans() | st.integers(-(2**53), 2**53) | TEXT
MORE = {
    "Decimal": st.decimals(allow_nan=False, allow_infinity=False, places=5, min_value=-(10**20), max_value=10**20),
    "float64": st.floats(allow_nan=False),
    "float32": st.floats(allow_nan=False, width=32),
    "time": st.times(),
    "numbers": st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=3),
    "texts": st.lists(st.none() | TEXT, max_size=3),
    "dict": st.dictionaries(TEXT, st.none() | SCALARS | st.lists(SCALARS, max_size=2), max_size=3),
}
PLAIN = {"Decimal", "time", "numbers", "texts", "dict"}
BAD: dict[str, list[Any]] = {
    # values that no column of PostgreSQL holds, among good ones of their kind
    "text": ["a\0", "\0", "\ud800", "a\udfff"],
    "Decimal": [Decimal("Infinity"), Decimal("1e-80"), Decimal("1e77")],
    "datetime": [pd.Timestamp("2024-01-01 00:00:00.000000001")],
    "time": [dt.time(1, tzinfo=dt.UTC)],
    "list": [["a\0"], ["\ud800"]],
    "dict": [{"a": "\0"}, {"a": {"b": ["\ud800"]}}, {"a": float("inf")}, {1: 1}, {"a": {1}}],
}
GOOD: dict[str, Any] = {
    "text": "a",
    "Decimal": Decimal(1),
    "datetime": pd.Timestamp("2024-01-01"),
    "time": dt.time(1),
    "list": ["a"],
    "dict": {},
}


@st.composite
def wider_frames(draw: st.DrawFn) -> pd.DataFrame:
    rows = draw(st.integers(0, 6))
    columns = {}
    for name in draw(st.lists(TEXT.filter(str.strip), min_size=1, max_size=3, unique=True)):
        kind = draw(st.sampled_from(sorted(MORE)))
        values = draw(st.lists(st.none() | MORE[kind], min_size=rows, max_size=rows))
        columns[name] = pd.Series(values, dtype="object" if kind in PLAIN else kind)
    return pd.DataFrame(columns)


@st.composite
def bad_frames(draw: st.DrawFn) -> tuple[pd.DataFrame, str, int]:
    """A frame with a bad value, and its place."""
    rows = draw(st.integers(1, 5))
    kind = draw(st.sampled_from(sorted(BAD)))
    place = draw(st.integers(0, rows - 1))
    values = draw(st.lists(st.sampled_from([GOOD[kind], None]), min_size=rows, max_size=rows))
    values[place] = draw(st.sampled_from(BAD[kind]))
    name = draw(TEXT.filter(str.strip))
    column = pd.Series(values, dtype=object)
    first = pd.Series(range(rows))
    return pd.DataFrame({f"{name} too": first, name: column}), name, place


def plain(frame: pd.DataFrame) -> list[list[object]]:
    return [[_plain(value) for value in frame[name]] for name in frame.columns]


def _plain(value: Any) -> object:
    if hasattr(value, "tolist") and not isinstance(value, (str, bytes)):
        value = value.tolist()
    if isinstance(value, (list, dict)):
        return value
    return None if pd.isna(value) else value


@DRAWN
@given(frames() | wider_frames())
def test_a_frame_comes_back_from_a_new_table(pg: dk.Connection, frame: pd.DataFrame) -> None:
    frame.dk.to_backend("pg", "t", mode="replace")
    back = pg.read_table("t", decimals="exact")
    assert list(back.columns) == list(frame.columns)
    assert plain(back) == plain(frame)


@DRAWN
@given(frames())
def test_a_frame_is_added_to_its_own_table_as_it_went_into_it(pg: dk.Connection, frame: pd.DataFrame) -> None:
    frame.dk.to_backend("pg", "t", mode="replace")
    frame.dk.to_backend("pg", "t", mode="append")
    back = pg.read_table("t", decimals="exact")
    assert plain(back) == [2 * values for values in plain(frame)]


@DRAWN
@given(frames())
def test_collecting_takes_every_row_of_a_good_frame(pg: dk.Connection, frame: pd.DataFrame) -> None:
    report = frame.dk.to_backend("pg", "t", mode="replace", errors="collect")
    assert (report.rows, report.rejected) == (len(frame), ())
    assert plain(pg.read_table("t", decimals="exact")) == plain(frame)


@DRAWN
@given(bad_frames())
def test_a_bad_value_is_named_and_there_is_no_table(pg: dk.Connection, drawn: tuple[pd.DataFrame, str, int]) -> None:
    frame, name, place = drawn
    with pytest.raises(dk.ConversionError) as raised:
        frame.dk.to_backend("pg", "t")
    assert (raised.value.column, raised.value.position, raised.value.label) == (name, place, place)
    assert pg.tables().empty
