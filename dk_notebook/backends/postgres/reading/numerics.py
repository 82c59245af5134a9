"""A numeric as PostgreSQL sends it: a sign, and groups of four digits."""

from __future__ import annotations

import struct
from functools import lru_cache

from dk_notebook.backends.postgres.reading.formats import Kind

_HEAD = struct.Struct(">hhHH")
_BASE = 10_000
_BASE_DIGITS = 4
_NEGATIVE = 0x4000
_MOST_SCALE = 0x3FFF
_SPECIAL: dict[int, Kind] = {0xC000: "nan", 0xD000: "infinity", 0xF000: "infinity"}


class DigitFault(Exception):
    """Bytes that are no numeric, or one that a decimal cannot be, by its kind."""

    def __init__(self, kind: Kind | None) -> None:
        super().__init__("a broken numeric")
        self.kind = kind


def unscaled(value: bytes, precision: int, scale: int) -> int:
    """The whole number that the numeric is in units of ten to the minus ``scale``; DigitFault where it is none.

    >>> unscaled(bytes([0, 2, 0, 0, 0, 0, 0, 2, 0, 12, 19, 136]), 10, 2)  # 12.50
    1250
    """
    if len(value) < _HEAD.size:
        raise DigitFault(None)
    count, weight, sign, shown = _HEAD.unpack_from(value)
    if count < 0 or len(value) != _HEAD.size + 2 * count or shown > _MOST_SCALE:
        raise DigitFault(None)
    groups = struct.unpack_from(f">{count}H", value, _HEAD.size)
    if max(groups, default=0) >= _BASE or sign not in (0, _NEGATIVE, *_SPECIAL):
        raise DigitFault(None)
    if sign in _SPECIAL:
        raise DigitFault(_SPECIAL[sign])
    number = 0
    for group in groups:
        number = number * _BASE + group
    if number == 0:
        return 0
    shift = _BASE_DIGITS * (weight - count + 1) + scale
    if shift < 0:
        # No number ends in more zeros than it has digits: an absurd exponent is not worked out.
        number, rest = divmod(number, _ten(-shift)) if -shift <= _BASE_DIGITS * count else (0, 1)
        if rest:
            raise DigitFault("scale")
    if shift > precision:
        raise DigitFault("precision")
    number *= _ten(max(shift, 0))
    if number >= _ten(precision):
        raise DigitFault("precision")
    return -number if sign else number


@lru_cache(256)
def _ten(exponent: int) -> int:
    return int(10**exponent)
