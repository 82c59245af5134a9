"""What a declared type cannot hold although Arrow's can: lengths, ranges, steps, labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dk_notebook.backends.sql.chunks import rows_below_microseconds
from dk_notebook.backends.sql.targets import FINER_INTERVAL

WIDEST = 38
"""Digits of the decimals that pgpq sends."""
_HEAD = 4
"""What a modifier counts from, where it is a length or digits (VARHDRSZ of the server)."""
_NAME = 63
_FIRST_DAY = -2_440_588
_LAST_DAY = 2_145_042_905
"""4714-11-24 BC and 5874897-12-31, in days since 1970."""
_FIRST_MOMENT = -210_866_803_200_000_000
"""4714-11-24 BC, in microseconds since 1970; int64 ends before PostgreSQL's last moment."""
_DAY = 86_400_000_000
_MICROSECONDS = 6
"""Digits after the point of a second."""
_WHOLE = 0x7FFF
"""An interval of all fields; and of all digits, where it stands in the lower half: 0xFFFF."""

Unfit = Iterable[tuple[int, str]]


def digits(typmod: int) -> tuple[int, int] | None:
    """Precision and scale of a numeric, as declared; None: any.

    >>> digits((10 << 16 | 2) + 4), digits((2 << 16 | (-3 & 0x7FF)) + 4), digits(-1)
    ((10, 2), (2, -3), None)
    """
    if typmod < _HEAD:
        return None
    return (typmod - _HEAD) >> 16 & 0xFFFF, ((typmod - _HEAD & 0x7FF) ^ 0x400) - 0x400


def narrow_digits(declared: tuple[int, int]) -> bool:
    """Whether a decimal that pgpq sends has as many."""
    return max(map(abs, declared)) <= WIDEST


def whole_interval(typmod: int) -> bool:
    """Whether an interval has all its fields, so that nothing of a value is cut off."""
    return typmod < 0 or typmod >> 16 & _WHOLE == _WHOLE


def unfit(values: Any, name: str, typmod: int) -> Unfit:
    """The rows whose value is none of the type ``name`` with that modifier."""
    check = _CHECKS.get(name)
    return check(values, typmod) if check is not None and len(values) else ()


def unfit_intervals(source: Any, values: Any, typmod: int) -> Unfit:
    """The rows whose interval has more digits than the type; ``source``: as it came."""
    finer = set(rows_below_microseconds(source)) | set(rows_below_microseconds(values))
    found = [(row, FINER_INTERVAL) for row in sorted(finer)]
    precision = typmod & 0xFFFF
    if typmod >= 0 and precision < _MICROSECONDS:
        ticks = pa.array(interval_parts(values)["nanoseconds"] // 1000)
        found += _off_step(pc.if_else(values.is_valid(), ticks, None), precision)
    return found


def interval_parts(values: Any) -> np.ndarray[Any, Any]:
    """Months, days and nanoseconds of each row of an interval array; of NULL anything."""
    kind = np.dtype([("months", "<i4"), ("days", "<i4"), ("nanoseconds", "<i8")])
    held = values.buffers()[1]
    if held is None:
        return np.zeros(len(values), kind)
    return np.frombuffer(held, kind, len(values), values.offset * kind.itemsize)


def strangers(values: Any, labels: Sequence[str]) -> Unfit:
    """The rows whose text is no label of an enum."""
    known = pc.is_in(values, value_set=pa.array([*labels, None], pa.string()))
    return _rows(pc.invert(known), "no label of the enum")


def rows_of(items: Unfit, lists: Any) -> Iterator[tuple[int, str]]:
    """The rows of the lists that hold those items, which are counted over all of them."""
    bad = list(items)
    if bad:
        ends = np.cumsum(pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False))
        for item, reason in bad:
            yield int(np.searchsorted(ends, item, side="right")), reason


def _varchar(values: Any, typmod: int) -> Unfit:
    if typmod < _HEAD:
        return ()
    return _rows(pc.greater(pc.utf8_length(values), typmod - _HEAD), f"longer than {typmod - _HEAD} characters")


def _bpchar(values: Any, typmod: int) -> Unfit:
    # Blanks at the end are no part of such a value.
    return _varchar(pc.utf8_rtrim(values, " "), typmod)


def _name(values: Any, typmod: int) -> Unfit:  # noqa: ARG001 (a name has no modifier)
    return _rows(pc.greater(pc.binary_length(values), _NAME), f"longer than the {_NAME} bytes of a name")


def _date(values: Any, typmod: int) -> Unfit:  # noqa: ARG001 (a date has no modifier)
    return _outside(values.cast(pa.int32()).cast(pa.int64()), _FIRST_DAY, _LAST_DAY)


def _time(values: Any, typmod: int) -> Unfit:
    ticks = values.cast(pa.int64())
    return [*_outside(ticks, 0, _DAY - 1), *_off_step(ticks, typmod)]


def _timestamp(values: Any, typmod: int) -> Unfit:
    ticks = values.cast(pa.int64())
    return [*_outside(ticks, _FIRST_MOMENT, None), *_off_step(ticks, typmod)]


_CHECKS: dict[str, Callable[[Any, int], Unfit]] = {
    "varchar": _varchar,
    "bpchar": _bpchar,
    "name": _name,
    "date": _date,
    "time": _time,
    "timestamp": _timestamp,
    "timestamptz": _timestamp,
}


def _outside(ticks: Any, least: int, most: int | None) -> Unfit:
    met = pc.min_max(ticks)
    low, high = met["min"].as_py(), met["max"].as_py()
    if low is None or (low >= least and (most is None or high <= most)):
        return ()
    wrong = pc.less(ticks, least)
    return _rows(wrong if most is None else pc.or_(wrong, pc.greater(ticks, most)), "out of the type's range")


def _off_step(ticks: Any, precision: int) -> list[tuple[int, str]]:
    """The rows with more digits after the second's point than the type keeps: the server would round them."""
    if not 0 <= precision < _MICROSECONDS:
        return []
    step = 10 ** (_MICROSECONDS - precision)
    rest = pc.not_equal(pc.multiply(pc.divide(ticks, step), step), ticks)
    return list(_rows(rest, f"more than {precision} digits of a second"))


def _rows(wrong: Any, reason: str) -> Iterator[tuple[int, str]]:
    if pc.any(wrong).as_py():
        flags = wrong.fill_null(False).to_numpy(zero_copy_only=False)
        yield from ((int(row), reason) for row in np.flatnonzero(flags))
