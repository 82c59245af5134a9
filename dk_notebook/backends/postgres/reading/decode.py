"""Blocks of PostgreSQL's binary COPY to Arrow arrays, in plain Python: what the native module is measured against.

The structure of all rows is looked at first, then column after column, value after value: the fault that is told is
the first in that order, here and there.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from dk_notebook.backends.postgres.reading.copy_rows import NULL, Numbers, Values, columns, offsets
from dk_notebook.backends.postgres.reading.formats import (
    WIDTHS,
    BrokenBlock,
    Format,
    Kind,
    Undecodable,
    arrow_type,
    digits_of,
    element_of,
)
from dk_notebook.backends.postgres.reading.numerics import DigitFault, unscaled

_JSONB = b"\x01"
_MOST_DIMENSIONS = 6
_MOST = 2**31
"""Bytes of a block: Arrow's offsets have 32 bits."""

# PostgreSQL counts from 2000-01-01, Arrow from 1970-01-01. The limits are years 1 and 9999.
_DAYS = 10_957
_FIRST_DAY, _LAST_DAY = -730_119, 2_921_939
_DAY = 86_400_000_000
"""Microseconds."""

_INT = struct.Struct(">i").unpack_from
_ARRAY = struct.Struct(">iiI").unpack_from
_DIMENSION = struct.Struct(">ii").unpack_from
_HEX = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), np.uint8).reshape(256, 2)
_HEX_PLACES = [place for place in range(36) if place not in (8, 13, 18, 23)]


class _Fault(Exception):
    """What is wrong with the value ``index`` of those that are decoded together; broken bytes have no kind."""

    def __init__(self, index: int, detail: str, kind: Kind | None = None) -> None:
        super().__init__(detail)
        self.index = index
        self.detail = detail
        self.kind = kind


def decode(formats: Sequence[Format], block: bytes) -> tuple[int, list[pa.Array]]:
    r"""The number of rows of a block and their columns; Undecodable and BrokenBlock say where it cannot be.

    >>> rows, [column] = decode(["int2"], b"\0\1" b"\0\0\0\2" b"\0\7")
    >>> rows, column.to_pylist()
    (1, [7])
    """
    if len(block) >= _MOST:
        raise BrokenBlock("a block of 2 GB or more", column=0, row=0)
    rows, found = columns(block, formats)
    arrays = []
    for place, (wire, values) in enumerate(zip(formats, found, strict=True)):
        try:
            arrays.append(_array(wire, values))
        except _Fault as fault:
            if fault.kind is None:
                raise BrokenBlock(fault.detail, column=place, row=fault.index) from None
            raise Undecodable(fault.kind, column=place, row=fault.index) from None
    return rows, arrays


def _array(wire: Format, values: Values) -> pa.Array:
    element = element_of(wire)
    if element is not None:
        return _lists(wire, element, values)
    if wire in _DECODERS:
        return _DECODERS[wire](wire, values)
    return _decimals(wire, values)


def _plain(dtype: str) -> Callable[[Format, Values], pa.Array]:
    return lambda wire, values: _made(wire, values, values.numbers(dtype))


def _bools(wire: Format, values: Values) -> pa.Array:
    bits = values.numbers("u1")
    if (bits > 1).any():
        raise _Fault(int(np.argmax(bits > 1)), "a boolean that is neither 0 nor 1")
    return _made(wire, values, np.packbits(bits, bitorder="little"))


def _dates(wire: Format, values: Values) -> pa.Array:
    return _made(wire, values, _moved(values, ">i4", _FIRST_DAY, _LAST_DAY, _DAYS))


def _timestamps(wire: Format, values: Values) -> pa.Array:
    first, last = _FIRST_DAY * _DAY, (_LAST_DAY + 1) * _DAY - 1
    return _made(wire, values, _moved(values, ">i8", first, last, _DAYS * _DAY))


def _moved(values: Values, dtype: str, first: int, last: int, by: int) -> Numbers:
    numbers = values.numbers(dtype)
    outside = (numbers < first) | (numbers > last)
    if outside.any():
        index = int(np.argmax(outside))
        limits = np.iinfo(numbers.dtype)
        raise _unheld(index, "infinity" if numbers[index] in (limits.min, limits.max) else "year")
    numbers[values.valid] += by
    return numbers


def _times(wire: Format, values: Values) -> pa.Array:
    times = values.numbers(">i8")
    outside = (times < 0) | (times >= _DAY)
    if outside.any():
        index = int(np.argmax(outside))
        raise _unheld(index, "midnight") if times[index] == _DAY else _Fault(index, "a time outside of the day")
    return _made(wire, values, times)


def _intervals(wire: Format, values: Values) -> pa.Array:
    read = values.numbers(np.dtype([("time", ">i8"), ("days", ">i4"), ("months", ">i4")]))
    time, days, months = read["time"], read["days"], read["months"]
    most, least = np.iinfo(np.int64), np.iinfo(np.int32)
    infinite = ((time == most.max) & (days == least.max) & (months == least.max)) | (
        (time == most.min) & (days == least.min) & (months == least.min)
    )
    beyond = (time > most.max // 1000) | (time < -(most.max // 1000))
    if beyond.any():
        index = int(np.argmax(beyond))
        raise _unheld(index, "infinity" if infinite[index] else "interval")
    out = np.empty(len(values), np.dtype([("months", "=i4"), ("days", "=i4"), ("nanoseconds", "=i8")]))
    out["months"], out["days"], out["nanoseconds"] = months, days, time * 1000
    return _made(wire, values, out)


def _binary(wire: Format, values: Values) -> pa.Array:
    return _made(wire, values, values.offsets, b"".join(values))


def _text(wire: Format, values: Values) -> pa.Array:
    joined = b"".join(values)
    if not joined.isascii():
        for index, value in enumerate(values):
            try:
                value.decode()
            except UnicodeDecodeError:
                raise _unheld(index, "encoding") from None
    return _made(wire, values, values.offsets, joined)


def _jsonb(wire: Format, values: Values) -> pa.Array:
    valid = values.valid
    for index, (value, there) in enumerate(zip(values, valid.tolist(), strict=True)):
        if there and value[:1] != _JSONB:
            raise _Fault(index, "a jsonb of an unknown version")
    return _text(wire, Values(values.block, values.starts + valid, values.lengths - valid))


def _uuids(wire: Format, values: Values) -> pa.Array:
    valid = values.valid
    read = values.numbers(np.dtype([("bytes", "u1", 16)]))["bytes"][valid]
    text = np.full((len(read), 36), ord("-"), np.uint8)
    text[:, _HEX_PLACES] = _HEX[read].reshape(-1, 32)
    return _made(wire, values, offsets(valid * 36), text.tobytes())


def _decimals(wire: Format, values: Values) -> pa.Array:
    precision, scale = digits_of(wire)
    size = arrow_type(wire).bit_width // 8
    numbers = []
    for index, (value, there) in enumerate(zip(values, values.valid.tolist(), strict=True)):
        try:
            number = unscaled(value, precision, scale) if there else 0
        except DigitFault as fault:
            raise _Fault(index, str(fault), fault.kind) from None
        numbers.append(number.to_bytes(size, sys.byteorder, signed=True))
    return _made(wire, values, b"".join(numbers))


def _lists(wire: Format, element: Format, values: Values) -> pa.Array:
    starts, lengths, ends = array("q"), array("q"), array("q")
    width = WIDTHS.get(element)
    places = zip(values, values.starts.tolist(), values.valid.tolist(), strict=True)
    for index, (value, begin, there) in enumerate(places):
        if there:
            for start, length in _elements(index, value, width):
                starts.append(begin + start)
                lengths.append(length)
        ends.append(len(starts))
    items = Values(values.block, np.frombuffer(starts, np.int64), np.frombuffer(lengths, np.int64))
    try:
        child = _array(element, items)
    except _Fault as fault:
        fault.index = int(np.searchsorted(np.frombuffer(ends, np.int64), fault.index, side="right"))
        raise
    return _made(wire, values, np.array([0, *ends], np.int32), children=[child])


def _elements(index: int, value: bytes, width: int | None) -> Iterator[tuple[int, int]]:
    """Start and length of each element of an array of one dimension."""
    try:
        dimensions, flags, _element_type = _ARRAY(value)
        if flags not in (0, 1) or not 0 <= dimensions <= _MOST_DIMENSIONS:
            raise _Fault(index, "an array with a broken header")
        if dimensions > 1:
            raise _unheld(index, "dimensions")
        position, count = 12, 0
        if dimensions:
            count, _first = _DIMENSION(value, position)
            position += 8
        if count < 0:
            raise _Fault(index, "a negative number of elements")
        for _ in range(count):
            (length,) = _INT(value, position)
            position += 4
            if length < NULL or position + length > len(value) or (length >= 0 and width not in (None, length)):
                raise _Fault(index, "an element of a wrong length")
            yield position, length
            position += max(length, 0)
    except struct.error:
        raise _Fault(index, "an array that ends too early") from None
    if position != len(value):
        raise _Fault(index, "bytes after the last element")


def _made(wire: Format, values: Values, *buffers: Any, children: Sequence[pa.Array] | None = None) -> pa.Array:
    """The array of these buffers, which follow the validity."""
    valid = values.valid
    nulls = len(values) - int(np.count_nonzero(valid))
    validity = pa.py_buffer(np.packbits(valid, bitorder="little")) if nulls else None
    data = [validity, *map(pa.py_buffer, buffers)]
    return pa.Array.from_buffers(arrow_type(wire), len(values), data, nulls, children=children)


def _unheld(index: int, kind: Kind) -> _Fault:
    return _Fault(index, kind, kind)


_DECODERS: dict[Format, Callable[[Format, Values], pa.Array]] = {
    "bool": _bools,
    "int2": _plain(">i2"),
    "int4": _plain(">i4"),
    "int8": _plain(">i8"),
    "oid": _plain(">u4"),
    "float4": _plain(">f4"),
    "float8": _plain(">f8"),
    "text": _text,
    "bytea": _binary,
    "jsonb": _jsonb,
    "uuid": _uuids,
    "date": _dates,
    "time": _times,
    "timestamp": _timestamps,
    "timestamptz": _timestamps,
    "interval": _intervals,
}
