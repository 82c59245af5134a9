"""What values are, and how they compare: numbers with numbers, text with text, times with times.

Order and equality here are those of every store; a pair of values of different kinds has neither.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, Literal

from dk_notebook.records.values import scalar

Kind = Literal["number", "text", "boolean", "temporal", "time", "binary", "object", "other"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NANOSECONDS: Final = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_DAY: Final = 86_400 * 10**9
_ISO = re.compile(
    r"""(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})
        (?:[T ](?P<clock>[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:[.,](?P<fraction>[0-9]{1,9}))?
           (?P<zone>Z|z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?""",
    re.VERBOSE,
)
_ISO_TIME = re.compile(r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?")


def kind(value: Any) -> Kind | None:
    """The kind of a value, as `values.scalar` gives it; None for a missing one.

    >>> kind(True), kind(1.5), kind("a"), kind(date(2024, 1, 2)), kind(float("nan"))
    ('boolean', 'number', 'text', 'temporal', None)
    """
    value = scalar(value)
    if value is None:
        return None
    for name, types in _KINDS:
        if isinstance(value, types):
            return name
    return "other"


# Each before the types that it is a subclass of: a bool is an int.
_KINDS: Final[tuple[tuple[Kind, Any], ...]] = (
    ("text", str),
    ("boolean", bool),
    ("number", (int, float, Decimal)),
    ("temporal", date),
    ("time", time),
    ("binary", (bytes, bytearray, memoryview)),
    ("object", Mapping),
)


def comparable(left: Any, right: Any) -> tuple[Any, Any] | None:
    """Two Python objects that compare as the values do; None when the values are of different kinds.

    Against a time, text counts as the time that it spells in ISO 8601; text that spells none is of another kind.

    >>> comparable(2**53 + 1, float(2**53))
    (9007199254740993, Decimal('9007199254740992.0'))
    >>> comparable("1", 1) is None
    True
    """
    left, right = scalar(left), scalar(right)
    kinds = (kind(left), kind(right))
    if kinds[0] == kinds[1]:
        return (exact(left), exact(right)) if kinds[0] in _ORDERED else None
    for index, other in ((0, kinds[1]), (1, kinds[0])):
        if kinds[index] == "text" and other in ("temporal", "time"):
            text = (left, right)[index]
            spelled = parse_instant(text) if other == "temporal" else parse_time(text)
            if spelled is None:
                return None
            return (spelled, exact(right)) if index == 0 else (exact(left), spelled)
    return None


_ORDERED: Final = ("number", "text", "boolean", "temporal", "time", "binary")


def number(value: int | float | Decimal) -> int | Decimal:
    """The exact number that a value stands for; a float stands for its shortest decimal form, as it is stored in JSON.

    >>> number(0.1) == Decimal("0.1")
    True
    """
    return Decimal(float.__repr__(value)) if isinstance(value, float) else value


def instant(value: date) -> int:
    """Nanoseconds since 1970 UTC. A naive time is UTC, a date its midnight.

    >>> instant(date(1970, 1, 2)) == instant(datetime(1970, 1, 2)) == 86_400 * 10**9
    True
    """
    if hasattr(value, "to_datetime64"):  # pandas' Timestamp, in UTC and with digits below the microsecond
        moment = value.to_datetime64()
        return int(moment.astype("int64")) * _NANOSECONDS[value.unit]  # type: ignore[attr-defined]
    if not isinstance(value, datetime):
        return (value.toordinal() - _EPOCH.toordinal()) * _DAY
    if value.tzinfo is None or value.utcoffset() is None:
        value = value.replace(tzinfo=UTC)
    return (value - _EPOCH) // timedelta(microseconds=1) * 1_000


def parse_instant(text: str) -> int | None:
    """The `instant` that an ISO 8601 date or time spells, with up to nine decimals; None for any other text.

    >>> parse_instant("1970-01-01T01:00:00.000000001+01:00"), parse_instant("soon")
    (1, None)
    """
    found = _ISO.fullmatch(text)
    if found is None:
        return None
    zone = (found["zone"] or "").upper()
    try:
        moment = datetime.fromisoformat(f"{found['day']}T{found['clock'] or '00:00'}{zone}")
    except ValueError:  # the 30th of February
        return None
    return instant(moment) + int((found["fraction"] or "").ljust(9, "0"))


def parse_time(text: str) -> int | None:
    """Microseconds since midnight that a time of day spells; None for any other text."""
    if _ISO_TIME.fullmatch(text) is None:
        return None
    try:
        return _clock(time.fromisoformat(text))
    except ValueError:  # 25:00
        return None


def _clock(value: time) -> int:
    moment = datetime.combine(_EPOCH, value.replace(tzinfo=None))
    if value.utcoffset() is not None:
        moment -= value.utcoffset() or timedelta()
    return (moment.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


def exact(value: Any) -> Any:
    """What compares like the value among values of its kind."""
    if isinstance(value, float):
        return number(value)
    if isinstance(value, date):
        return instant(value)
    if isinstance(value, time):
        return _clock(value)
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    return value


def rank(value: Any) -> tuple[int, Any]:
    """Where a value that is not missing stands among all: numbers, then text by code point, then the rest by kind.

    >>> sorted(["b", 2, "B", True, 1.5], key=rank)
    [1.5, 2, 'B', 'b', True]
    """
    value = scalar(value)
    name = kind(value)
    if name in _ORDERED:
        return _ORDERED.index(name), exact(value)
    return len(_ORDERED), 0
