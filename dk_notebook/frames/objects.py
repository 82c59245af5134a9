"""Columns of dtype object: every value's type is looked at, and all must be of one kind."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from dk_notebook.errors import ConversionError
from dk_notebook.frames import documents, types

Column = tuple[pa.Field, Any]
Objects = np.ndarray[Any, Any]

KINDS: tuple[tuple[type, str], ...] = (
    # The first that is in a type's MRO decides: bool is an int, Timestamp a datetime, datetime a date.
    (bool, "bool"),
    (np.bool_, "bool"),
    (int, "int"),
    (np.integer, "int"),
    (np.longdouble, "longdouble"),
    (float, "float"),
    (np.floating, "float"),
    (str, "str"),
    (bytes, "bytes"),
    (bytearray, "bytes"),
    (Decimal, "Decimal"),
    (dt.datetime, "datetime"),
    (np.datetime64, "datetime"),
    (dt.date, "date"),
    (dt.time, "time"),
    (dt.timedelta, "timedelta"),
    (np.timedelta64, "timedelta"),
    (pd.DateOffset, "DateOffset"),
    (uuid.UUID, "UUID"),
    (dict, "dict"),
    (list, "list"),
    (tuple, "list"),
    (np.ndarray, "list"),
)


def from_objects(name: str, values: Objects) -> Column:
    """The column and its values. ConversionError names the types met, with the first row of each, or the row.

    >>> field, values = from_objects("a", np.array([{"x": 1}, None], dtype=object))
    >>> types.is_document(field), values.to_pylist()
    (True, ['{"x": 1}', None])
    """
    missing = _missing(values)
    rows = np.flatnonzero(~missing)
    present = values[rows]
    found = {_kind(found): found for found in set(map(type, present))}
    if not found:
        return pa.field(name, pa.null()), pa.nulls(len(values))
    kinds = set(found)
    if kinds == {"dict", "list"}:
        kinds = {"dict"}
    if len(kinds) > 1:
        raise _mixed(name, values, rows, lambda value: type(value).__name__)
    convert = CONVERTERS.get(kinds.pop() or "")
    if convert is None:
        raise ConversionError(
            f"no store holds values of type {next(iter(set(map(type, present)))).__name__}",
            column=name,
            position=int(rows[0]),
            source="object",
        )
    try:
        array, marks = convert(name, present)
    except ConversionError as error:
        if error.position is not None:
            error.position = int(rows[error.position])
        raise
    return pa.field(name, array.type, metadata=marks or None), _spread(array, rows, len(values))


def _missing(values: Objects) -> Any:
    try:
        return pd.isna(values)
    except ArithmeticError:  # a signalling NaN among Decimals may not even be compared
        return np.array([value is None or (isinstance(value, Decimal) and value.is_nan()) for value in values])


def _spread(array: Any, rows: np.ndarray[Any, Any], length: int) -> Any:
    """The array with NULL in the rows that were left out."""
    if len(rows) == length:
        return array
    places = np.zeros(length, dtype=np.int64)
    places[rows] = np.arange(len(rows))
    holes = np.ones(length, dtype=bool)
    holes[rows] = False
    return array.take(pa.array(places, mask=holes))


def _kind(found: type) -> str | None:
    return next((name for base in found.__mro__ for known, name in KINDS if base is known), None)


def _mixed(name: str, values: Objects, rows: Iterable[Any], word: Callable[[Any], str]) -> ConversionError:
    first: dict[str, int] = {}
    for row in rows:
        first.setdefault(word(values[row]), int(row))
    met = ", ".join(f"{kind} (first in row {row})" for kind, row in first.items())
    return ConversionError(
        f"values of several types: {met}",
        column=name,
        hint=f"give it one type, as in df[{name!r}].astype(str)",
    )


def _refuse(name: str, row: int, reason: str, source: str) -> ConversionError:
    return ConversionError(reason, column=name, position=row, source=source)


# --- one converter a kind: (column name, values that are all there) -> (array, marks) ---------------------------

Converted = tuple[Any, dict[str, str]]


def _booleans(_name: str, values: Objects) -> Converted:
    return pa.array(values.astype(bool)), {}


def _integers(name: str, values: Objects) -> Converted:
    for target in (pa.int64(), pa.uint64(), pa.decimal128(38, 0), pa.decimal256(76, 0)):
        try:
            if pa.types.is_integer(target):
                return pa.array(values.astype(np.int64 if target == pa.int64() else np.uint64)), {}
            return pa.array([Decimal(int(value)) for value in values], target), {}
        except (OverflowError, pa.ArrowInvalid):
            continue
    row = next(row for row, value in enumerate(values) if abs(int(value)) >= 10**76)
    raise _refuse(name, row, "a whole number of more than 76 digits", "int")


def _floats(_name: str, values: Objects) -> Converted:
    return pa.array(values.astype(np.float64)), {}


def surrogate_row(values: Iterable[Any]) -> int | None:
    """The first row whose text UTF-8 cannot say, or None."""
    for row, value in enumerate(values):
        if isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError:
                return row
    return None


def _text(name: str, values: Objects) -> Converted:
    try:
        return pa.array(values, pa.string()), {}
    except UnicodeEncodeError:
        row = surrogate_row(values)
        raise _refuse(name, row or 0, "the text holds a lone surrogate", "str") from None


def _bytes(_name: str, values: Objects) -> Converted:
    return pa.array([bytes(value) for value in values], pa.binary()), {}


def _decimals(name: str, values: Objects) -> Converted:
    whole = scale = 0
    for row, value in enumerate(values):
        if not value.is_finite():
            raise _refuse(name, row, "no decimal column holds infinity", "Decimal")
        _, digits, exponent = value.as_tuple()
        scale = max(scale, -exponent)
        whole = max(whole, len(digits) + exponent if value else 1, 0)
        if whole + scale > 76:
            raise _refuse(name, row, "with the other values, a decimal of more than 76 digits", "Decimal")
    precision = max(whole + scale, 1)
    make = pa.decimal128 if precision <= 38 else pa.decimal256
    return pa.array(values, make(precision, scale)), {}


def _datetimes(name: str, values: Objects) -> Converted:
    stamps = [_stamp(name, row, value) for row, value in enumerate(values)]
    zones: dict[Any, int] = {}
    for row, stamp in enumerate(stamps):
        zones.setdefault(stamp.tzinfo, row)
    if None in zones and len(zones) > 1:
        naive, aware = zones.pop(None), min(zones.values())
        raise ConversionError(
            f"values of several types: datetime without zone (first in row {naive}), "
            f"datetime with zone (first in row {aware})",
            column=name,
        )
    unit = "ns" if any(getattr(stamp, "nanosecond", 0) for stamp in stamps) else "us"
    zone = None if None in zones else _zone(next(iter(zones))) if len(zones) == 1 else "UTC"
    epoch = dt.datetime(1970, 1, 1, tzinfo=None if zone is None else dt.UTC)
    ticks = [_ticks(stamp, epoch, unit) for stamp in stamps]
    beyond = next((row for row, tick in enumerate(ticks) if not -(2**63) < tick < 2**63), None)
    if beyond is not None:
        raise _refuse(name, beyond, "beyond what nanoseconds reach, which other rows need", "datetime")
    return pa.array(ticks, pa.int64()).cast(pa.timestamp(unit, zone)), {}


def _stamp(name: str, row: int, value: Any) -> dt.datetime:
    if not isinstance(value, np.datetime64):
        return value  # type: ignore[no-any-return]
    stamp = pd.Timestamp(value)
    if np.datetime64(stamp.to_datetime64()) != value:
        raise _refuse(name, row, "finer than nanoseconds", "datetime64")
    return stamp


def _zone(zone: Any) -> str:
    try:
        return str(pa.lib.tzinfo_to_string(zone))
    except ValueError:
        return "UTC"


def _ticks(stamp: dt.datetime, epoch: dt.datetime, unit: str) -> int:
    nanoseconds = getattr(stamp, "nanosecond", 0)
    plain = stamp.replace(nanosecond=0).to_pydatetime() if isinstance(stamp, pd.Timestamp) else stamp
    since = plain - epoch
    microseconds = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return microseconds if unit == "us" else microseconds * 1000 + nanoseconds


def _dates(_name: str, values: Objects) -> Converted:
    return pa.array(values, pa.date32()), {}


def _times(name: str, values: Objects) -> Converted:
    row = next((row for row, value in enumerate(values) if value.tzinfo is not None), None)
    if row is not None:
        raise _refuse(name, row, "a time of day with a zone", "time")
    return pa.array(values, pa.time64("us")), {}


def _durations(name: str, values: Objects) -> Converted:
    deltas = [pd.Timedelta(value) if isinstance(value, np.timedelta64) else value for value in values]
    unit = "ns" if any(getattr(delta, "nanoseconds", 0) for delta in deltas) else "us"
    ticks = []
    for row, delta in enumerate(deltas):
        tick = (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
        tick = tick if unit == "us" else tick * 1000 + getattr(delta, "nanoseconds", 0)
        if not -(2**63) < tick < 2**63:
            raise _refuse(name, row, "beyond what a duration reaches", "timedelta")
        ticks.append(tick)
    return pa.array(ticks, pa.int64()).cast(pa.duration(unit)), {}


_MONTHS = {"years": 12, "months": 1}
_DAYS = {"weeks": 7, "days": 1}
_NANOSECONDS = {
    "hours": 3_600 * 10**9,
    "minutes": 60 * 10**9,
    "seconds": 10**9,
    "milliseconds": 10**6,
    "microseconds": 1000,
    "nanoseconds": 1,
}


def _intervals(name: str, values: Objects) -> Converted:
    result = []
    for row, value in enumerate(values):
        parts = dict(value.kwds)
        if (
            type(value) is not pd.DateOffset
            or getattr(value, "normalize", False)
            or set(parts) - {*_MONTHS, *_DAYS, *_NANOSECONDS}
        ):
            raise _refuse(name, row, "an offset that is more than months, days and a time", type(value).__name__)
        if not parts:
            parts = {"days": 1}  # DateOffset(n) is n days
        amounts = [
            sum(value.n * parts.get(part, 0) * size for part, size in table.items())
            for table in (_MONTHS, _DAYS, _NANOSECONDS)
        ]
        if any(amount != int(amount) for amount in amounts):
            raise _refuse(name, row, "an offset of a part of a month, day or nanosecond", "DateOffset")
        result.append(pa.MonthDayNano([int(amount) for amount in amounts]))
    return pa.array(result, pa.month_day_nano_interval()), {}


def _uuids(_name: str, values: Objects) -> Converted:
    return pa.array([str(value) for value in values], pa.string()), {}


def _documents(name: str, values: Objects) -> Converted:
    return documents.dump(values, column=name), {types.JSON: "1"}


_SCALARS = {"bool", "int", "float", "str", "bytes", "Decimal", "datetime", "date", "time", "timedelta", "UUID"}


def _lists(name: str, values: Objects) -> Converted:
    """Lists of one kind of scalars as a list column, anything else (nested, mixed) as JSON.

    Whole numbers among floats are floats, as long as all of them are: ``[1, 2.5]`` is a list of numbers.
    """
    flat = _concatenated(values)
    offsets = np.zeros(len(values) + 1, dtype=np.int64)
    np.cumsum(
        [len(value) if not (isinstance(value, np.ndarray) and value.ndim == 0) else 0 for value in values],
        out=offsets[1:],
    )
    if flat is None:
        return _documents(name, values)
    if flat.dtype != object:
        items = pa.array(flat, from_pandas=True)
    else:
        there = ~_missing(flat)
        kinds = {_kind(found) for found in set(map(type, flat[there]))}
        if kinds == {"int", "float"} and all(_is_float(value) for value in flat[there]):
            flat[there] = [float(value) for value in flat[there]]
            kinds = {"float"}
        if len(kinds) > 1 or not kinds <= _SCALARS:
            return _documents(name, values)
        try:
            _, items = from_objects(name, flat)
        except ConversionError as error:
            if error.position is not None:
                error.position = int(np.searchsorted(offsets, error.position, side="right")) - 1
            raise
    if offsets[-1] > np.iinfo(np.int32).max:
        return pa.LargeListArray.from_arrays(pa.array(offsets), items), {}
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), items), {}


def _is_float(number: Any) -> bool:
    """Whether a float is exactly that number."""
    try:
        return bool(float(number) == number)
    except OverflowError:
        return False


def _concatenated(values: Objects) -> Objects | None:
    """All items of all lists in one array; None where an array of several dimensions is among them."""
    if all(isinstance(value, np.ndarray) for value in values):
        if any(value.ndim != 1 for value in values):
            return None
        if len({value.dtype for value in values}) == 1 and values[0].dtype.kind in "biufMm":
            return np.concatenate(list(values))
    items: list[Any] = []
    for value in values:
        if isinstance(value, np.ndarray) and value.ndim != 1:
            return None
        items.extend(value)
    flat = np.empty(len(items), dtype=object)
    for place, item in enumerate(items):
        flat[place] = item
    return flat


CONVERTERS: dict[str, Callable[[str, Objects], Converted]] = {
    "bool": _booleans,
    "int": _integers,
    "float": _floats,
    "str": _text,
    "bytes": _bytes,
    "Decimal": _decimals,
    "datetime": _datetimes,
    "date": _dates,
    "time": _times,
    "timedelta": _durations,
    "DateOffset": _intervals,
    "UUID": _uuids,
    "dict": _documents,
    "list": _lists,
}
