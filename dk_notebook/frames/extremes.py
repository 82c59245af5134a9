"""What a store may hold and Arrow's types cannot say: infinity, 24:00:00, years outside 1-9999."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dk_notebook.errors import ConversionError
from dk_notebook.frames.types import kind

_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_EPOCH = dt.date(1970, 1, 1)
_FIRST = (dt.date.min - _EPOCH).days
_LAST = (dt.date.max - _EPOCH).days
_DAY = 86_400


def refuse_unrepresentable(batch: pa.RecordBatch | pa.Table, *, position: int = 0) -> None:
    """Nothing, if Python can say every date and time; else ConversionError with the row and the cast to write.

    Costs one pass for the smallest and largest value a column. ``position``: the row of the batch's first.
    """
    for column, values in zip(batch.schema, batch.columns, strict=True):
        limits = _limits(column.type)
        if limits is None:
            continue
        ticks = values.cast(pa.int64()) if column.type.bit_width == 64 else values.cast(pa.int32()).cast(pa.int64())
        ends = pc.min_max(ticks)
        low, high = ends["min"].as_py(), ends["max"].as_py()
        if low is None or (limits[0] <= low and high <= limits[1]):
            continue
        row = _first_outside(ticks, *limits)
        raise ConversionError(
            _reason(ticks[row].as_py(), column.type),
            column=column.name,
            position=position + row,
            source=str(column.type),
            hint=f'cast it in the query, as in CAST("{column.name}" AS varchar)',
        )


def _limits(arrow: pa.DataType) -> tuple[int, int] | None:
    """The smallest and the largest tick of a type that is fine."""
    match kind(arrow):
        case "timestamp":
            second = _SECOND[arrow.unit]
            # 64-bit nanoseconds do not reach year 1 or 9999; only their ends, infinity, are refused.
            low, high = _FIRST * _DAY * second, (_LAST + 1) * _DAY * second - 1
            return max(low, -(2**63) + 1), min(high, 2**63 - 2)
        case "date":
            per_day = _DAY * 1000 if pa.types.is_date64(arrow) else 1
            return _FIRST * per_day, (_LAST + 1) * per_day - 1
        case "time":
            return 0, _DAY * _SECOND[arrow.unit] - 1
    return None


def _first_outside(ticks: Any, low: int, high: int) -> int:
    outside = pc.or_(pc.less(ticks, low), pc.greater(ticks, high)).fill_null(False)
    return int(np.flatnonzero(outside.to_numpy(zero_copy_only=False))[0])


def _reason(tick: int, arrow: pa.DataType) -> str:
    if kind(arrow) == "time":
        return "the time 24:00:00, or later"
    ends = {2 ** (arrow.bit_width - 1) - 1, -(2 ** (arrow.bit_width - 1)), -(2 ** (arrow.bit_width - 1)) + 1}
    return "infinity" if tick in ends else "a year outside 1-9999"
