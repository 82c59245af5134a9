"""Values of parameters as the server of ES|QL takes them: numbers, text, booleans and NULL, and what makes dates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

import pandas as pd

from dk_notebook.errors import ConfigError

_NANOS: Final = (-(2**63), 2**63 - 1)
_HINT: Final = "ES|QL knows booleans, numbers, text, dates, durations and NULL"


@dataclass(frozen=True)
class Bound:
    """A value on its way."""

    sent: bool | int | float | str | None
    """What JSON has."""
    wrap: str = ""
    """The function of ES|QL that makes the value of it."""

    def written(self, name: str) -> str:
        """The parameter in the text.

        >>> Bound("2024-01-02", "TO_DATETIME").written("day")
        'TO_DATETIME(?day)'
        """
        return f"{self.wrap}(?{name})" if self.wrap else f"?{name}"


def bound(value: Any) -> Bound:
    """A value, as `sql.values.plain` gives it, for the server. ConfigError: ES|QL has no such value, or not exactly.

    >>> bound(7), bound(datetime(2024, 1, 2, 3, tzinfo=UTC))
    (Bound(sent=7, wrap=''), Bound(sent='2024-01-02T03:00:00.000Z', wrap='TO_DATETIME'))
    >>> bound(Decimal("0.1")), bound(2**63)
    (Bound(sent=0.1, wrap=''), Bound(sent='9223372036854775808', wrap='TO_UNSIGNED_LONG'))
    """
    if value is None or isinstance(value, bool):
        return Bound(value)
    if isinstance(value, int):
        return _whole(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ConfigError("ES|QL has no infinity")
        return Bound(value)
    if isinstance(value, Decimal):
        return _decimal(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, datetime):  # a Timestamp with nanoseconds too
        return _instant(pd.Timestamp(value))
    if isinstance(value, date):
        return Bound(value.isoformat(), "TO_DATETIME")
    if isinstance(value, time):
        return Bound(value.isoformat())
    if isinstance(value, timedelta):
        return _duration(pd.Timedelta(value))
    raise ConfigError(f"ES|QL has no value of type {type(value).__name__}", hint=_HINT)


def _whole(value: int) -> Bound:
    if -(2**63) <= value < 2**63:
        return Bound(value)
    if 0 < value < 2**64:
        return Bound(str(value), "TO_UNSIGNED_LONG")
    raise ConfigError("a whole number of ES|QL has 64 bits at most")


def _decimal(value: Decimal) -> Bound:
    if value.is_finite() and value == value.to_integral_value() and -(2**63) <= value < 2**64:
        return _whole(int(value))
    near = float(value)
    if value.is_finite() and math.isfinite(near) and Decimal(repr(near)) == value:
        return Bound(near)
    raise ConfigError("ES|QL has no decimals, and no double is exactly this one", hint="round it, or give text")


def _text(value: str) -> Bound:
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ConfigError("the text has half a character (a lone surrogate)")
    return Bound(value)


def _instant(value: pd.Timestamp) -> Bound:
    """A naive one is UTC, as it is for the server."""
    value = value.tz_localize(UTC) if value.tzinfo is None else value.tz_convert(UTC)
    text = value.strftime("%Y-%m-%dT%H:%M:%S")
    if len(text.partition("-")[0]) < 4:  # years before 1000, on some systems
        text = text.rjust(19, "0")
    fraction = value.microsecond * 1000 + value.nanosecond
    if fraction % 1_000_000 == 0:
        return Bound(f"{text}.{fraction // 1_000_000:03d}Z", "TO_DATETIME")
    if not 1970 <= value.year < 2262:
        raise ConfigError("ES|QL has digits below the millisecond only in the years 1970 to 2261", hint="round it")
    return Bound(f"{text}.{fraction:09d}Z", "TO_DATE_NANOS")


def _duration(value: pd.Timedelta) -> Bound:
    nanoseconds = value.value if value.unit == "ns" else value.as_unit("ns").value
    if nanoseconds % 1_000_000:
        raise ConfigError("a duration of ES|QL has milliseconds, and this one has digits below", hint="round it")
    return Bound(f"{nanoseconds // 1_000_000} milliseconds", "TO_TIMEDURATION")
