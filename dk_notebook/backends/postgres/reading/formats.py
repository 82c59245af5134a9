"""The formats of PostgreSQL's binary COPY that are decoded: the Arrow type of each, and what may stand in the way.

A format is named like the type: ``bool int2 int4 int8 oid float4 float8 text bytea jsonb uuid date time timestamp
timestamptz interval``; ``numeric(p,s)`` carries precision and scale, and ``[]`` at the end makes it an array.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Literal

import pyarrow as pa

Format = str

Kind = Literal[
    "infinity", "midnight", "year", "dimensions", "nan", "precision", "scale", "interval", "encoding"
]  # fmt: skip
"""Why Arrow cannot hold a value."""

ARROW: Mapping[Format, pa.DataType] = {
    "bool": pa.bool_(),
    "int2": pa.int16(),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "oid": pa.uint32(),
    "float4": pa.float32(),
    "float8": pa.float64(),
    "text": pa.string(),
    "bytea": pa.binary(),
    "jsonb": pa.string(),
    "uuid": pa.string(),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", "UTC"),
    "interval": pa.month_day_nano_interval(),
}
WIDTHS: Mapping[Format, int] = {
    "bool": 1,
    "int2": 2,
    "int4": 4,
    "int8": 8,
    "oid": 4,
    "float4": 4,
    "float8": 8,
    "uuid": 16,
    "date": 4,
    "time": 8,
    "timestamp": 8,
    "timestamptz": 8,
    "interval": 16,
}
"""Bytes of a value on the wire, where all have the same."""
REASONS: Mapping[Kind, str] = {
    "infinity": "infinity",
    "midnight": "the time 24:00:00",
    "year": "a year outside 1-9999",
    "dimensions": "an array of more than one dimension",
    "nan": "NaN, which a decimal cannot be",
    "precision": "more digits than the column's decimal type has",
    "scale": "more digits after the point than the column's decimal type has",
    "interval": "more hours in an interval than 64 bits of nanoseconds hold",
    "encoding": "text that is not UTF-8",
}

_NUMERIC = re.compile(r"numeric\((\d+),(-?\d+)\)")
_WIDEST = 38
"""Digits of a decimal128."""


class Undecodable(Exception):
    """A value that Arrow cannot hold.

    ``kind`` says why in a word, ``reason`` in a sentence's part. ``column`` and ``row`` count from 0, the row within
    its block.

    >>> print(Undecodable("midnight", column=2, row=7))
    column 2, row 7: the time 24:00:00
    """

    def __init__(self, kind: Kind, *, column: int, row: int) -> None:
        self.kind = kind
        self.reason = REASONS[kind]
        self.column = column
        self.row = row
        super().__init__(f"column {column}, row {row}: {self.reason}")


class BrokenBlock(Exception):
    """The bytes are not what the protocol describes: wrong lengths or counts, or an end in the middle.

    ``column`` and ``row``, counted from 0 within the block, are where that was seen.
    """

    def __init__(self, reason: str, *, column: int, row: int) -> None:
        self.reason = reason
        self.column = column
        self.row = row
        super().__init__(f"column {column}, row {row}: {reason}")


@cache
def arrow_type(wire: Format) -> pa.DataType:
    """The type of the array that a column of this format becomes; ValueError for one that is not decoded.

    >>> arrow_type("timestamptz"), arrow_type("numeric(10,2)[]")
    (TimestampType(timestamp[us, tz=UTC]), ListType(list<item: decimal128(10, 2)>))
    """
    element = element_of(wire)
    if element is not None and element_of(element) is None:
        return pa.list_(arrow_type(element))
    if wire in ARROW:
        return ARROW[wire]
    precision, scale = digits_of(wire)
    return pa.decimal128(precision, scale) if precision <= _WIDEST else pa.decimal256(precision, scale)


def element_of(wire: Format) -> Format | None:
    """The format of an array's elements; None, where it is no array.

    >>> element_of("int4[]"), element_of("int4")
    ('int4', None)
    """
    return wire.removesuffix("[]") if wire.endswith("[]") else None


def digits_of(wire: Format) -> tuple[int, int]:
    """Precision and scale of a numeric; ValueError for other formats, and for more digits than a decimal256 has.

    >>> digits_of("numeric(76,38)")
    (76, 38)
    """
    declared = _NUMERIC.fullmatch(wire)
    if declared is None or not 1 <= int(declared[1]) <= 76:
        raise ValueError(f"no such format: {wire}")
    return int(declared[1]), int(declared[2])
