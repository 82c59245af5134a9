"""Times and durations as ``types=`` asks for them where microseconds do not hold them: exact text, or whole numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dk_notebook.backends.sql.chunks import BadRows
from dk_notebook.frames.cast import cast_collecting
from dk_notebook.frames.types import kind

TIMES = frozenset({"timestamp", "time", "duration"})
"""Kinds of Arrow's types that may have nanoseconds."""
TEXTS = frozenset({"text", "varchar", "bpchar"})
NUMBERS = frozenset({"int8"})

Converted = tuple[Any, BadRows]

_STEPS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_ZEROS = {"s": ".000000000", "ms": "000000", "us": "000", "ns": ""}
"""What is missing at nine digits of a second."""


def texts(array: Any) -> Converted:
    """Each as text with nine digits of a second: a time as ISO 8601 has it, a duration as hours, minutes and seconds.

    A moment is told in UTC.

    >>> moments = pa.array([1, None], pa.timestamp("ns", "Europe/Berlin"))
    >>> texts(moments)[0].to_pylist()
    ['1970-01-01T00:00:00.000000001Z', None]
    >>> texts(pa.array([-93_784_000_000_001], pa.duration("ns")))[0].to_pylist()
    ['-26:03:04.000000001']
    """
    array = _plain(array)
    if kind(array.type) != "timestamp":
        step = _STEPS[array.type.unit]
        return pa.array([None if n is None else _clock(n * step) for n in _ticks(array).to_pylist()], pa.string()), ()
    unit = array.type.unit
    words = _ticks(array).cast(pa.timestamp(unit)).cast(pa.string())
    good = pc.match_substring_regex(words, r"^[0-9]{4}-").fill_null(True)
    end = _ZEROS[unit] + ("Z" if array.type.tz is not None else "")
    written = pc.binary_join_element_wise(pc.replace_substring(words, " ", "T"), pa.scalar(end), "")
    bad = [(row, "a year outside of 0 to 9999") for row, is_good in enumerate(good.to_pylist()) if not is_good]
    return pc.if_else(good, written, pa.scalar(None, pa.string())), bad


def numbers(array: Any) -> Converted:
    """Each in nanoseconds: a time since 1970 (a moment: in UTC), a time of day since midnight, a duration's own.

    >>> array, bad = numbers(pa.array([2, 10**15], pa.timestamp("s")))
    >>> array.to_pylist(), bad
    ([2000000000, None], [(1, 'finer, or further away, than the type reaches')])
    """
    array = _plain(array)
    values, bad = cast_collecting(array, _in_nanoseconds(array.type))
    return _ticks(values), bad


def notes_of(columns: Iterable[tuple[pa.Field, str]]) -> tuple[str, ...]:
    """What a reader has to know of columns whose times have become something else. Each: what came, what is declared.

    >>> notes_of([(pa.field("at", pa.timestamp("ns")), "bigint"), (pa.field("n", pa.int8()), "bigint")])
    ("'at' is in nanoseconds since 1970-01-01",)
    """
    found = (_note(field.name, field.type, declared) for field, declared in columns)
    return tuple(note for note in found if note is not None)


def _note(name: str, arrow: pa.DataType, declared: str) -> str | None:
    arrow = arrow.value_type if pa.types.is_dictionary(arrow) else arrow
    came = kind(arrow)
    if came not in TIMES:
        return None
    if declared == "bigint":
        zone = " UTC" if getattr(arrow, "tz", None) is not None else ""
        since = {"timestamp": f" since 1970-01-01{zone}", "time": " since midnight", "duration": ""}[came]
        return f"{name!r} is in nanoseconds{since}"
    if declared == "text" or declared.startswith("character"):
        form = "hours:minutes:seconds" if came == "duration" else "ISO 8601"
        return f"{name!r} is text: {form} with nine digits of a second"
    return None


def hint(name: str, value: Any, declared: str, *, made: bool) -> str | None:
    """What may be done about a value that a type of the server holds but for its nanoseconds; None: that is not it.

    ``value``: an array of it. ``made``: the table is made by this write.
    """
    array = _plain(value)
    came = kind(array.type)
    zoned = getattr(array.type, "tz", None) is not None
    meant = {"timestamp": "timestamptz" if zoned else "timestamp", "time": "time", "duration": "interval"}
    if declared != meant.get(str(came)) or array.type.unit != "ns":
        return None
    if not any(ticks is not None and ticks % 1000 for ticks in _ticks(array).to_pylist()):
        return None
    hints = []
    if came != "time":  # of which a frame has objects
        hints.append(f'df[{name!r}].dt.floor("us") if losing what is finer is what you want')
    if made:
        hints.append(f'types={{{name!r}: "text"}} keeps it as text, types={{{name!r}: "bigint"}} as nanoseconds')
    return "; ".join(hints) or None


def _in_nanoseconds(arrow: pa.DataType) -> pa.DataType:
    if kind(arrow) == "timestamp":
        return pa.timestamp("ns", arrow.tz)
    return pa.time64("ns") if kind(arrow) == "time" else pa.duration("ns")


def _plain(array: Any) -> Any:
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _ticks(array: Any) -> Any:
    return array.cast(pa.int32() if array.type.bit_width == 32 else pa.int64()).cast(pa.int64())


def _clock(nanoseconds: int) -> str:
    seconds, below = divmod(abs(nanoseconds), 10**9)
    sign = "-" if nanoseconds < 0 else ""
    return f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{below:09}"
