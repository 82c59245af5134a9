"""Infinity, 24:00:00 and years outside 1-9999 are errors that say which cast to write."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

from dk_notebook.errors import ConversionError
from dk_notebook.frames.extremes import refuse_unrepresentable

pytestmark = pytest.mark.unit

DAY = 86_400


def batch(values, arrow) -> pa.RecordBatch:
    kind = pa.int32() if arrow.bit_width == 32 else pa.int64()
    return pa.record_batch({"c": pa.array(values, kind).cast(arrow)})


@pytest.mark.parametrize(
    ("tick", "arrow", "reason"),
    [
        (2**63 - 1, pa.timestamp("us"), "infinity"),
        (-(2**63), pa.timestamp("us", "UTC"), "infinity"),
        (-(2**63) + 1, pa.timestamp("us"), "infinity"),
        (2**63 - 1, pa.timestamp("ns"), "infinity"),
        (2**31 - 1, pa.date32(), "infinity"),
        (-(2**31), pa.date32(), "infinity"),
        (DAY * 10**6, pa.time64("us"), "24:00:00"),
        (253_402_300_800, pa.timestamp("s"), "a year outside 1-9999"),
        (-62_135_596_801, pa.timestamp("s"), "a year outside 1-9999"),
        (2_932_897, pa.date32(), "a year outside 1-9999"),
        (-719_163, pa.date32(), "a year outside 1-9999"),
    ],
    ids=str,
)
def test_what_python_cannot_say_names_its_row_and_the_cast(tick, arrow, reason):
    with pytest.raises(ConversionError, match=rf'(?s)row 12: .*{reason}.*CAST\("c" AS varchar\)'):
        refuse_unrepresentable(batch([None, 0, tick], arrow), position=10)


@pytest.mark.parametrize(
    "array",
    [
        pa.array([dt.datetime.min, dt.datetime.max, None], pa.timestamp("us")),
        pa.array([dt.date.min, dt.date.max, None]),
        pa.array([dt.time.min, dt.time.max, None]),
        pa.array([None], pa.timestamp("ns")),
        pa.array([], pa.date32()),
        pa.array(["infinity"]),
        pa.array([0], pa.date64()),
        pa.array([0], pa.time32("s")),
    ],
    ids=lambda array: str(array.type),
)
def test_the_first_and_the_last_day_are_fine(array):
    assert refuse_unrepresentable(pa.record_batch({"c": array})) is None
