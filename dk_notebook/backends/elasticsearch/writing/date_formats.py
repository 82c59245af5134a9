"""How dates and times are written for the formats that a ``date`` field declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dk_notebook.errors import ConversionError
from dk_notebook.frames.cast import cast_collecting
from dk_notebook.frames.types import is_document, kind

Bad = list[tuple[int, str]]
"""Rows whose value does not go in, and why."""
Convert = Callable[[Any], tuple[Any, Bad]]
"""The values as they are written, NULL where one does not go in, and those that do not."""

ISO = frozenset(
    {
        "strict_date_optional_time",
        "date_optional_time",
        "strict_date_optional_time_nanos",
        "iso8601",
    }
)
DAYS = frozenset({"strict_date", "date", "yyyy-MM-dd", "uuuu-MM-dd", "strict_year_month_day", "year_month_day"})
EPOCHS = {"epoch_millis": "ms", "epoch_second": "s"}
PATTERNS = {
    "yyyy-MM-dd HH:mm:ss": ("s", " ", ""),
    "uuuu-MM-dd HH:mm:ss": ("s", " ", ""),
    "yyyy-MM-dd HH:mm:ss.SSS": ("ms", " ", ""),
    "yyyy-MM-dd'T'HH:mm:ss": ("s", "T", ""),
    "yyyy-MM-dd'T'HH:mm:ss.SSS": ("ms", "T", ""),
    "yyyy-MM-dd'T'HH:mm:ss'Z'": ("s", "T", "Z"),
    "yyyy-MM-dd'T'HH:mm:ssX": ("s", "T", "Z"),
    "yyyy-MM-dd'T'HH:mm:ssXXX": ("s", "T", "Z"),
    "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'": ("ms", "T", "Z"),
    "yyyy-MM-dd'T'HH:mm:ss.SSSX": ("ms", "T", "Z"),
    "yyyy-MM-dd'T'HH:mm:ss.SSSXXX": ("ms", "T", "Z"),
    "basic_date": ("d", "", ""),
    "strict_date_time": ("ms", "T", "Z"),
    "date_time": ("ms", "T", "Z"),
    "strict_date_time_no_millis": ("s", "T", "Z"),
    "date_time_no_millis": ("s", "T", "Z"),
    "strict_date_hour_minute_second": ("s", "T", ""),
    "date_hour_minute_second": ("s", "T", ""),
    "strict_date_hour_minute_second_millis": ("ms", "T", ""),
    "date_hour_minute_second_millis": ("ms", "T", ""),
}
"""A pattern -> the unit that it says, what stands between day and time, and behind."""

DEFAULT = "strict_date_optional_time||epoch_millis"
"""What a field takes that declares no format."""

UNITS = ("s", "ms", "us", "ns")
FIRST, LAST = -62_135_596_800, 253_402_300_799
"""Years 1 and 9999, in seconds."""


def writer(column: pa.Field, field: Mapping[str, Any]) -> Convert | None:
    """How the values of ``column`` are written for a date field; None: they are no dates.

    ConversionError: they are, but the field's formats are not known here.
    """
    formats = str(field.get("format") or DEFAULT).split("||")
    nanos = field["type"] == "date_nanos"
    arrow = column.type
    if pa.types.is_dictionary(arrow):
        inner = writer(column.with_type(arrow.value_type), field)
        return None if inner is None else lambda array: inner(array.dictionary_decode())
    if kind(arrow) == "text" and not is_document(column):
        return _texts(formats, nanos=nanos, swallows=str(field.get("ignore_malformed", False)).lower() == "true")
    if kind(arrow) == "integer" and EPOCHS.keys() & set(formats):
        return lambda array: (array, [])
    if kind(arrow) not in ("date", "timestamp"):
        return None
    spell = _spelling(arrow, formats, column, field)
    finest, scale = ("ns", "nano") if nanos else ("ms", "milli")

    def convert(array: Any) -> tuple[Any, Bad]:
        if kind(array.type) == "date":
            values, bad = cast_collecting(array.cast(pa.date32()), pa.date32())
            moments = values.cast(pa.timestamp("s"))
        else:
            unit = min(array.type.unit, finest, key=UNITS.index)
            values, bad = cast_collecting(array, pa.timestamp(unit, array.type.tz))
            bad = [(row, f"finer than the {scale}seconds of a {field['type']}") for row, _ in bad]
            moments = values
        bad += _beyond(moments, nanos=nanos)
        if bad:
            values = without(values, [row for row, _ in bad])
        return spell(values, bad)

    return convert


def _beyond(moments: Any, *, nanos: bool) -> Bad:
    """The rows that no ``date`` or ``date_nanos`` reaches."""
    second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[moments.type.unit]
    low, high = (0, 9_223_372_036) if nanos else (FIRST, LAST)
    ticks = moments.cast(pa.int64())
    most = min((high + 1) * second - 1, 2**63 - 1)
    ends = pc.min_max(ticks)
    least, greatest = ends["min"].as_py(), ends["max"].as_py()
    lowest = max(low * second, -(2**63) + 1)
    if least is None or (least >= lowest and greatest <= most):
        return []
    reason = "a date_nanos lies between 1970 and 2262" if nanos else "a year outside 1-9999"
    outside = pc.or_(pc.less(ticks, lowest), pc.greater(ticks, most)).fill_null(False)
    return [(row, reason) for row in true(outside)]


Spell = Callable[[Any, Bad], tuple[Any, Bad]]


def _spelling(arrow: pa.DataType, formats: list[str], column: pa.Field, field: Mapping[str, Any]) -> Spell:
    """The first of the formats that is known here."""
    for each in formats:
        if each in ISO or (each in DAYS and kind(arrow) == "date"):
            return lambda values, bad: (values, bad)
        if each in EPOCHS:
            return _counting(EPOCHS[each])
        if each in PATTERNS:
            return _by_pattern(*PATTERNS[each])
        if each in DAYS:
            return _by_pattern("d", "-", "")
    raise ConversionError(
        f"its format is {field.get('format')!r}, which is not known here",
        column=column.name,
        source=str(arrow),
        target=str(field["type"]),
        hint=f"write it as text in that format, as with df[{column.name!r}].dt.strftime(...)",
    )


def _counting(unit: str) -> Spell:
    def spell(values: Any, bad: Bad) -> tuple[Any, Bad]:
        counts, finer = _in_unit(values, unit)
        return counts.cast(pa.int64()), sorted(bad + finer)

    return spell


def _by_pattern(unit: str, between: str, behind: str) -> Spell:
    def spell(values: Any, bad: Bad) -> tuple[Any, Bad]:
        if unit == "d":
            seconds, finer = _in_unit(values, "s")
            days = pc.equal(pc.floor_temporal(seconds, unit="day"), seconds)
            finer += [(row, "the field's format has days only") for row in true(pc.invert(days))]
            texts = seconds.cast(pa.date32()).cast(pa.string())
            return (texts if between else pc.replace_substring(texts, "-", "")), sorted(bad + finer)
        moments, finer = _in_unit(values, unit)
        texts = pc.replace_substring(moments.cast(pa.string()), " ", between)
        texts = pc.binary_join_element_wise(texts, behind, "") if behind else texts
        return texts, sorted(bad + finer)

    return spell


def _in_unit(values: Any, unit: str) -> tuple[Any, Bad]:
    """Local times or moments of UTC in that unit, without zone."""
    if kind(values.type) == "date":
        return values.cast(pa.timestamp(unit)), []
    naive = values.cast(pa.int64()).cast(pa.timestamp(values.type.unit))
    found, bad = cast_collecting(naive, pa.timestamp(unit))
    return found, [(row, "finer than the field's format says") for row, _ in bad]


def _texts(formats: list[str], *, nanos: bool, swallows: bool) -> Convert:
    """Texts go as they are, and Elasticsearch reads them; what it would cut or ignore unseen is told."""
    digits = 9 if nanos else 3

    def convert(array: Any) -> tuple[Any, Bad]:
        array = array.cast(pa.string())
        bad: dict[int, str] = {}
        for row in true(pc.match_substring_regex(array, rf":\d{{2}}[.,]\d{{{digits}}}\d*[1-9]")):
            bad[row] = f"finer than the field's {'nano' if nanos else 'milli'}seconds"
        if swallows:
            for row in _unreadable(array, formats):
                bad.setdefault(row, "no date such as 2024-01-31 or 2024-01-31T23:59:59Z, and the field would ignore it")
        rows = sorted(bad)
        return (without(array, rows) if rows else array), [(row, bad[row]) for row in rows]

    return convert


def _unreadable(array: Any, formats: list[str]) -> list[int]:
    if not ISO & set(formats):
        return true(array.is_valid())
    naive = pc.replace_substring_regex(array, r"(Z|[+-]\d{2}:?\d{2})$", "")
    _, bad = cast_collecting(naive, pa.timestamp("us"))
    return [row for row, _ in bad]


def true(flags: Any) -> list[int]:
    """The places where an array of booleans is true."""
    return [int(row) for row in np.flatnonzero(flags.fill_null(False).to_numpy(zero_copy_only=False))]


def without(array: Any, rows: list[int]) -> Any:
    """The array with NULL in these rows."""
    good = np.ones(len(array), bool)
    good[rows] = False
    return pc.if_else(pa.array(good), array, pa.scalar(None, array.type))
