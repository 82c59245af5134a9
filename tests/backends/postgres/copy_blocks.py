"""Blocks of binary COPY, written as the server would: values, rows and streams, and what to draw them from."""

from __future__ import annotations

import datetime as dt
import struct
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from dk_notebook.backends.postgres.reading.formats import digits_of, element_of

HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack(">II", 0, 0)
END = b"\xff\xff"
_EPOCH = dt.datetime(2000, 1, 1)
_MICROSECOND = dt.timedelta(microseconds=1)


def _packed(layout: str) -> Callable[[Any], bytes]:
    return lambda value: struct.pack(f">{layout}", value)


def _timestamp(value: dt.datetime) -> bytes:
    return struct.pack(">q", (value.replace(tzinfo=None) - _EPOCH) // _MICROSECOND)


def _time(value: dt.time) -> bytes:
    return _timestamp(dt.datetime.combine(_EPOCH, value))


def _interval(value: pa.MonthDayNano) -> bytes:
    months, days, nanoseconds = value
    return struct.pack(">qii", nanoseconds // 1000, days, months)


ENCODERS: Mapping[str, Callable[[Any], bytes]] = {
    "bool": _packed("?"),
    "int2": _packed("h"),
    "int4": _packed("i"),
    "int8": _packed("q"),
    "oid": _packed("I"),
    "float4": _packed("f"),
    "float8": _packed("d"),
    "text": str.encode,
    "bytea": bytes,
    "jsonb": lambda value: b"\x01" + value.encode(),
    "uuid": lambda value: uuid.UUID(value).bytes,
    "date": lambda value: struct.pack(">i", (value - _EPOCH.date()).days),
    "time": _time,
    "timestamp": _timestamp,
    "timestamptz": _timestamp,
    "interval": _interval,
}


def numeric(value: Decimal) -> bytes:
    """A numeric as the server sends it: no groups of zeros at either end."""
    whole, _, fraction = f"{value.copy_abs():f}".partition(".")
    whole = whole.rjust(-(-len(whole) // 4) * 4, "0")
    digits = whole + fraction.ljust(-(-len(fraction) // 4) * 4, "0")
    groups = [int(digits[place : place + 4]) for place in range(0, len(digits), 4)]
    weight = len(whole) // 4 - 1
    while groups and groups[0] == 0:
        del groups[0]
        weight -= 1
    while groups and groups[-1] == 0:
        del groups[-1]
    return raw_numeric(groups, weight=weight if groups else 0, sign=0x4000 if value < 0 else 0, shown=len(fraction))


def raw_numeric(groups: Sequence[int], *, weight: int = 0, sign: int = 0, shown: int = 0) -> bytes:
    """A numeric of these groups of four digits, whatever they are."""
    return struct.pack(f">hhHH{len(groups)}H", len(groups), weight, sign, shown, *groups)


def array(elements: Iterable[bytes | None], *, first: int = 1) -> bytes:
    """An array of one dimension, which the server sends as none where it is empty."""
    fields = [field(element) for element in elements]
    if not fields:
        return struct.pack(">iiI", 0, 0, 0)
    return struct.pack(">iiIii", 1, 1, 0, len(fields), first) + b"".join(fields)


def encoded(wire: str, value: Any) -> bytes | None:
    """A value as that format has it; None is NULL."""
    if value is None:
        return None
    element = element_of(wire)
    if element is not None:
        return array(encoded(element, each) for each in value)
    return numeric(value) if wire.startswith("numeric") else ENCODERS[wire](value)


def field(value: bytes | None) -> bytes:
    """A value after its length."""
    return struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value


def row(*values: bytes | None) -> bytes:
    """A row of values that are encoded already."""
    return struct.pack(">h", len(values)) + b"".join(map(field, values))


def rows(wires: Sequence[str], table: Iterable[Sequence[Any]]) -> list[bytes]:
    """Rows of Python's values, each encoded."""
    return [row(*(encoded(wire, value) for wire, value in zip(wires, values, strict=True))) for values in table]


def _decimals(wire: str) -> st.SearchStrategy[Decimal]:
    precision, scale = digits_of(wire)
    most = 10**precision - 1
    # Small numbers are as interesting as those that fill the type.
    whole = st.integers(-most, most) | st.integers(-100_000, 100_000).filter(lambda number: abs(number) <= most)
    return whole.map(lambda number: Decimal((int(number < 0), tuple(map(int, str(abs(number)))), -scale)))


_MICROSECONDS = 2**63 // 1000 - 1
_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_int32 = st.integers(-(2**31), 2**31 - 1)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "bool": st.booleans(),
    "int2": st.integers(-(2**15), 2**15 - 1),
    "int4": _int32,
    "int8": st.integers(-(2**63), 2**63 - 1),
    "oid": st.integers(0, 2**32 - 1),
    "float4": st.floats(width=32),
    "float8": st.floats(),
    "text": _text,
    "bytea": st.binary(max_size=12),
    "jsonb": _text,
    "uuid": st.uuids().map(str),
    "date": st.dates(),
    "time": st.times(),
    "timestamp": st.datetimes(),
    "timestamptz": st.datetimes(timezones=st.just(dt.UTC)),
    "interval": st.tuples(_int32, _int32, st.integers(-_MICROSECONDS, _MICROSECONDS).map(lambda us: us * 1000)).map(
        pa.MonthDayNano
    ),
}
"""What to draw the values of each format from."""
VALUES |= {
    wire: _decimals(wire)
    for wire in (f"numeric({digits})" for digits in ("1,0", "4,4", "10,2", "18,9", "19,3", "38,37", "39,5", "76,38"))
}
VALUES |= {f"{wire}[]": st.lists(st.none() | values, max_size=4) for wire, values in VALUES.items()}


@st.composite
def tables(draw: st.DrawFn, *, most_rows: int = 8) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Formats, and rows of their values with NULLs among them."""
    wires = draw(st.lists(st.sampled_from(sorted(VALUES)), max_size=5))
    values = st.tuples(*(st.none() | VALUES[wire] for wire in wires))
    return wires, draw(st.lists(values, max_size=most_rows))


@st.composite
def mutations(draw: st.DrawFn, block: bytes) -> bytes:
    """The block with a few things gone wrong: cut, bytes changed, lengths replaced, pieces put in or left out."""
    broken = bytearray(block)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(broken)))
        match draw(st.sampled_from(["cut", "byte", "length", "more", "less"])):
            case "cut":
                del broken[place:]
            case "byte":
                broken[place : place + 1] = draw(st.binary(min_size=1, max_size=1))
            case "length":
                odd = st.sampled_from([-(2**31), -2, -1, 0, 1, 4, 8, 16, 2**16, 2**31 - 1])
                broken[place : place + 4] = struct.pack(">i", draw(odd))
            case "more":
                broken[place:place] = draw(st.binary(max_size=8))
            case "less":
                del broken[place : place + draw(st.integers(1, 8))]
    return bytes(broken)
