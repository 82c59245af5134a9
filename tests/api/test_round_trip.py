"""Frames drawn at random, into a store and back."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dk_notebook as dk

pytestmark = pytest.mark.duckdb

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
DAYS = st.dates(dt.date(1, 1, 1), dt.date(9999, 12, 31))
MOMENTS = st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31))
COLUMNS = {
    "Int8": st.integers(-(2**7), 2**7 - 1),
    "Int64": st.integers(-(2**63), 2**63 - 1),
    "UInt64": st.integers(0, 2**64 - 1),
    "boolean": st.booleans(),
    "str": TEXT,
    "bytes": st.binary(max_size=8),
    "date32[pyarrow]": DAYS,
    "datetime64[us]": MOMENTS,
    "datetime64[us, UTC]": MOMENTS,
}


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    rows = draw(st.integers(0, 6))
    names = draw(st.lists(TEXT.filter(str.strip), min_size=1, max_size=4, unique_by=str.casefold))
    columns = {}
    for name in names:
        kind = draw(st.sampled_from(sorted(COLUMNS)))
        values = draw(st.lists(st.none() | COLUMNS[kind], min_size=rows, max_size=rows))
        columns[name] = pd.Series(values, dtype="object" if kind in ("bytes", "str") else kind)
    return pd.DataFrame(columns)


def plain(frame: pd.DataFrame) -> list[list[object]]:
    return [[None if pd.isna(value) else value for value in frame[name]] for name in frame.columns]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames())
def test_a_frame_comes_back_from_the_store(shop: dk.Connection, frame: pd.DataFrame) -> None:
    shop.write_table(frame, "t", mode="replace")
    back = shop.read_table("t")
    assert list(back.columns) == list(frame.columns)
    assert plain(back) == plain(frame)
