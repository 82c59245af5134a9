"""Values that a format has no words for, though it has words for others of their type."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dk_notebook.frames.types import kind

Bad = Iterator[tuple[int, str]]
"""Rows, and why each cannot be written."""

NO_NUMBER: Final = "JSON has no word for NaN and infinity"
NO_YEAR: Final = "text has years from 1 to 9999 only"
LONGEST: Final = 512
"""Bytes of a folder's name. A key has 1,024 at most, and goes on."""
TOO_LONG: Final = f"too long for the name of a folder, which has {LONGEST} bytes at most"

_EPOCH: Final = dt.date(1970, 1, 1)
_DAYS: Final = ((dt.date.min - _EPOCH).days, (dt.date.max - _EPOCH).days)
_TICKS: Final = {"s": 86_400, "ms": 86_400 * 10**3, "us": 86_400 * 10**6, "ns": 86_400 * 10**9}
_FIRST_NS: Final = -(2**63) + 10**9
"""Arrow's readers stumble over the very first nanoseconds that a timestamp has."""


def unsayable(array: Any, form: str) -> Bad:
    """The rows that hold something, however deep, that files of that format cannot hold.

    >>> list(unsayable(pa.array([[1.0], [float("nan")]]), "jsonl"))
    [(1, 'JSON has no word for NaN and infinity')]
    """
    if form != "parquet":
        yield from ((int(row), reason) for reason, rows in _found(array, form) for row in rows)


def unsayable_folders(array: Any) -> Bad:
    """The rows whose value makes no name of a folder."""
    plain = array.dictionary_decode() if kind(array.type) == "dictionary" else array
    match kind(plain.type):
        case "text":
            size = pc.binary_length(plain)
            if (pc.max(size).as_py() or 0) * 3 <= LONGEST:
                return
            for row, text in enumerate(plain.to_pylist()):
                if text is not None and len(quote(text, safe="")) > LONGEST:
                    yield row, TOO_LONG
        case _:
            yield from unsayable(array, "csv")


Found = Iterator[tuple[str, np.ndarray[Any, Any]]]


def _found(array: Any, form: str) -> Found:
    match kind(array.type):
        case "float" if form == "jsonl":
            yield NO_NUMBER, _false(pc.is_finite(array))
        case "date":
            days = array.cast(pa.date32()).cast(pa.int32())
            yield NO_YEAR, _outside(days, *_DAYS)
        case "timestamp":
            step = _TICKS[array.type.unit]
            low, high = _DAYS[0] * step, (_DAYS[1] + 1) * step - 1
            if array.type.unit == "ns":
                low, high = _FIRST_NS, 2**63 - 1
            yield NO_YEAR, _outside(array.cast(pa.int64()), low, high)
        case "dictionary":
            codes = array.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
            for reason, places in _found(array.dictionary, form):
                yield reason, np.flatnonzero(np.isin(codes, places))
        case "list":
            lengths = pc.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False)
            yield from _in_lists(lengths, array.flatten(), form)
        case "map":
            offsets = array.offsets.to_numpy()
            first, count = int(offsets[0]), int(offsets[-1] - offsets[0])
            for items in (array.keys, array.items):
                yield from _in_lists(np.diff(offsets), items.slice(first, count), form)
        case "struct":
            for part in array.flatten():
                yield from _found(part, form)


def _in_lists(lengths: np.ndarray[Any, Any], items: Any, form: str) -> Found:
    """The rows that hold those of the items; ``lengths``: how many items each row has."""
    for reason, places in _found(items, form):
        if len(places):
            yield reason, np.unique(np.searchsorted(np.cumsum(lengths), places, side="right"))


def _false(good: Any) -> np.ndarray[Any, Any]:
    """The rows where it is false; NULL is neither."""
    if pc.all(good).as_py() is not False:
        return np.empty(0, np.int64)
    return np.flatnonzero(~good.fill_null(True).to_numpy(zero_copy_only=False))


def _outside(numbers: Any, low: int, high: int) -> np.ndarray[Any, Any]:
    ends = pc.min_max(numbers)
    if ends["min"].as_py() is None or (ends["min"].as_py() >= low and ends["max"].as_py() <= high):
        return np.empty(0, np.int64)
    return _false(pc.and_(pc.greater_equal(numbers, low), pc.less_equal(numbers, high)))
