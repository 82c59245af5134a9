"""A number as PostgreSQL receives a numeric: a sign, and groups of four digits.

For what pgpq cannot send: more than 38 digits, NaN and the infinities.
"""

from __future__ import annotations

import struct
from decimal import Decimal

_HEAD = struct.Struct(">hhHH")  # groups, weight of the first, sign, digits shown after the point
_GROUP = 4
_NEGATIVE, _NAN, _INFINITE, _NEGATIVE_INFINITE = 0x4000, 0xC000, 0xD000, 0xF000
MOST_WHOLE, MOST_AFTER = 131_072, 16_383
"""Digits that a numeric has before and after its point."""


def numeric_bytes(number: Decimal) -> bytes:
    """What is sent for the number; its zeros after the point are kept. ValueError: more digits than a numeric has.

    >>> numeric_bytes(Decimal("-12.50")).hex(" ", 2)
    '0002 0000 4000 0002 000c 1388'
    """
    if not number.is_finite():
        sign = _NAN if number.is_nan() else _NEGATIVE_INFINITE if number < 0 else _INFINITE
        return _HEAD.pack(0, 0, sign, 0)
    negative, digits, exponent = number.as_tuple()
    shown = max(-int(exponent), 0)
    if shown > MOST_AFTER or len(digits) + int(exponent) > MOST_WHOLE:
        raise ValueError("more digits than a numeric has")
    # Zeros at the end, so that the point lies between two groups.
    text = "".join(map(str, digits)) + "0" * (max(int(exponent), 0) + -shown % _GROUP)
    text = "0" * (-len(text) % _GROUP) + text
    groups = [int(text[place : place + _GROUP]) for place in range(0, len(text), _GROUP)]
    weight = len(groups) - 1 - -(-shown // _GROUP)
    sign = _NEGATIVE if negative else 0
    return _HEAD.pack(len(groups), weight, sign, shown) + struct.pack(f">{len(groups)}H", *groups)
