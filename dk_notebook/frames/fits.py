"""Which values a type can hold, told for a whole array at once; NULL is told as null.

A cast is tried first, and only where it fails is the array looked at. What no predicate here can tell, `rules` finds
by halves.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_DAY = 86_400
_LONG = (-(2**63), 2**63 - 1)


def limits(target: pa.DataType) -> tuple[int, int]:
    """The smallest and the largest whole number of an integer type.

    >>> limits(pa.int8()), limits(pa.uint8())
    ((-128, 127), (0, 255))
    """
    if pa.types.is_unsigned_integer(target):
        return 0, 2**target.bit_width - 1
    return -(2 ** (target.bit_width - 1)), 2 ** (target.bit_width - 1) - 1


def _between(array: Any, low: int, high: int) -> Any:
    """Where low <= value <= high, for bounds that the array's own integer type may not reach."""
    least, most = limits(array.type)
    if low > most or high < least:
        return pc.and_(pc.equal(array, array), pa.scalar(False))
    return pc.and_(
        pc.greater_equal(array, pa.scalar(max(low, least), array.type)),
        pc.less_equal(array, pa.scalar(min(high, most), array.type)),
    )


def integers_in_integers(array: Any, target: pa.DataType) -> Any:
    """Numbers within the limits of the type."""
    return _between(array, *limits(target))


def integers_in_decimals(array: Any, target: pa.DataType) -> Any:
    """Numbers of no more digits than there are before the point."""
    most = 10 ** (target.precision - target.scale) - 1
    return _between(array, -most, most)


def floats_in_integers(array: Any, target: pa.DataType) -> Any:
    """Whole numbers within the limits, which as powers of two a float holds exactly."""
    low, high = limits(target)
    wide = array.cast(pa.float64())
    whole = pc.and_(pc.is_finite(wide), pc.equal(pc.trunc(wide), wide))
    return pc.and_(whole, pc.and_(pc.greater_equal(wide, float(low)), pc.less(wide, float(high + 1))))


def floats_in_decimals(array: Any, target: pa.DataType) -> Any:
    """Floats that are small enough, and no multiple of less than the scale: a first look, for most bad values."""
    wide = array.cast(pa.float64())
    small = pc.and_(pc.is_finite(wide), pc.less(pc.abs(wide), float(10 ** (target.precision - target.scale))))
    if array.type != pa.float64() or target.scale > 15:
        return small
    # Below 2**50 units of the last place, rounding to that place is exact; above, the cast itself will tell.
    large = pc.greater(pc.abs(wide), 2.0**50 / 10**target.scale)
    exact = pc.if_else(large, 0.0, wide)
    return pc.and_(small, pc.equal(pc.round(exact, ndigits=target.scale), exact))


def decimals_in_decimals(array: Any, target: pa.DataType) -> Any:
    """Decimals without digits that the scale leaves out, and not too many before the point."""
    good = pc.equal(array, array)
    if target.scale < array.type.scale:
        kept = pc.round(array, ndigits=target.scale, round_mode="towards_zero")
        good = pc.equal(kept, array)
    most = target.precision - target.scale
    if most < array.type.precision - array.type.scale:
        limit = pa.scalar(10**most, pa.decimal256(76, 0)).cast(array.type)
        good = pc.and_(good, pc.less(pc.abs(array), limit))
    return good


def decimals_in_integers(array: Any, target: pa.DataType) -> Any:
    """Whole decimals within the limits of the type."""
    whole = pc.equal(pc.trunc(array), array)
    for bound, compare in zip(limits(target), (pc.greater_equal, pc.less_equal), strict=True):
        if len(str(abs(bound))) <= array.type.precision - array.type.scale:
            limit = pa.scalar(bound, pa.decimal256(76, 0)).cast(array.type)
            whole = pc.and_(whole, compare(array, limit))
    return whole


def ticks_in_ticks(array: Any, target: pa.DataType) -> Any:
    """Times that the other unit says with whole ticks, and without more than it has."""
    have, want = _SECOND[array.type.unit], _SECOND[target.unit]
    ticks = array.cast(pa.int32() if array.type.bit_width == 32 else pa.int64()).cast(pa.int64())
    low, high = _LONG if target.bit_width == 64 else (-(2**31), 2**31 - 1)
    if have > want:
        step = pa.scalar(have // want, pa.int64())
        whole = pc.divide(ticks, step)
        return pc.and_(pc.equal(pc.multiply(whole, step), ticks), _between(whole, low, high))
    step = want // have
    return _between(ticks, -(-low // step), high // step)


def dates_in_timestamps(array: Any, target: pa.DataType) -> Any:
    """Days that the unit reaches."""
    step = _DAY * _SECOND[target.unit]
    days = array.cast(pa.date32()).cast(pa.int32()).cast(pa.int64())
    return _between(days, -(-_LONG[0] // step), _LONG[1] // step)


def durations_in_nanoseconds(array: Any, target: pa.DataType) -> Any:  # noqa: ARG001 (there is one interval type)
    """Durations that nanoseconds reach."""
    return ticks_in_ticks(array, pa.duration("ns"))
