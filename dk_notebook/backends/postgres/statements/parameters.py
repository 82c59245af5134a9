"""Parameters as typed literals: ``CAST('1.5' AS pg_catalog.numeric)``, of the type that the server declares.

A value travels as the text of its type. As a driver's binary value 1.1 would be a numeric of forty digits, a Timestamp
would lose its nanoseconds in silence, and a naive time would be read in the client's zone. What the server would read
as something else (an offset that a timestamp drops, 5 as seconds of an interval) is refused.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pandas as pd

from dk_notebook.backends.postgres.server_types import ServerType
from dk_notebook.backends.sql.values import json_text
from dk_notebook.errors import ConfigError

_WHOLE = frozenset({"int2", "int4", "int8", "oid"})
_NUMBERS = _WHOLE | {"numeric", "float4", "float8"}
_JSON = frozenset({"json", "jsonb"})
_VECTORS = frozenset({"vector", "halfvec"})
_EXACT = 2**53
"""Below it a float stands for one whole number only."""
_BYTES = {"char": 1, "name": 63}
"""What the server cuts longer text to."""
_TAKES: Mapping[str, tuple[type, ...]] = {
    "bit": (str,),
    "bytea": (str, bytes),
    "date": (str, dt.date),
    "interval": (str, dt.timedelta),
    "money": (str,),
    "time": (str, dt.time),
    "timestamp": (str, dt.date),
    "timestamptz": (str, dt.date),
    "timetz": (str, dt.time),
    "varbit": (str,),
}
"""Types that read the text of other values as something else: 20240102 is a date to them, 5 an interval of seconds,
1.5 an amount of money by the language of the session. A datetime is a date.
"""


def literal(value: Any, type: ServerType, *, raw: Any = None) -> str:  # noqa: A002 (its best name)
    r"""A value as SQL of exactly that type. ``value``: as `backends.sql.values.plain` gives it; ``raw``: as it was.

    ConfigError: a value that no text of that type is. It names the two types, never the value.

    >>> from dk_notebook.backends.postgres.type_catalog import BUILT_IN
    >>> literal("it's", BUILT_IN[25]), literal(None, BUILT_IN[23])
    ("CAST('it''s' AS pg_catalog.text)", 'CAST(NULL AS pg_catalog.int4)')
    >>> literal(["a", None, 'b"c'], BUILT_IN[1009])
    'CAST(\'{"a",NULL,"b\\"c"}\' AS pg_catalog.text[])'
    """
    if value is None:
        return f"CAST(NULL AS {type.name})"
    base = _base(type)
    if isinstance(value, list) and (_own(base) in _JSON or base.plain in _VECTORS):
        text = json_text(value if raw is None else raw)
    elif isinstance(value, list):
        text = _array(value, _element(base))
    elif base.kind == "array" and not isinstance(value, str):
        raise ConfigError(f"one value cannot be a parameter of the type {type.plain}", hint="give a list")
    else:
        text = _text(value, base)
    _check_characters(text, type)
    return f"CAST('{text.replace(chr(39), 2 * chr(39))}' AS {type.name})"


def _base(type: ServerType) -> ServerType:  # noqa: A002
    while type.kind == "domain" and type.base is not None:
        type = type.base  # noqa: A001
    return type


def _own(type: ServerType) -> str:  # noqa: A002
    """The name of a type that is the server's own; nothing for a user's, whatever it is called."""
    return type.plain if type.name in (f"pg_catalog.{type.plain}", f'pg_catalog."{type.plain}"') else ""


def _element(type: ServerType) -> ServerType:  # noqa: A002
    if type.element is None:
        raise ConfigError(
            f"a list cannot be a parameter of the type {type.plain}", hint="IN :ids and = ANY(:ids) take lists"
        )
    return _base(type.element)


def _array(values: list[Any], element: ServerType) -> str:
    parts = []
    for value in values:
        if value is None:
            parts.append("NULL")
        elif isinstance(value, list):
            parts.append(_array(value, element))
        else:
            text = _text(value, element).replace("\\", r"\\").replace('"', r"\"")
            parts.append(f'"{text}"')
    return f"{{{element.delimiter.join(parts)}}}"


def _text(value: Any, type: ServerType) -> str:  # noqa: A002
    own = _own(type)
    if not isinstance(value, _TAKES.get(own, object)):
        raise _refused(value, type)
    write = next((write for kind, write in _WRITERS.items() if isinstance(value, kind)), None)
    if write is None:
        raise _refused(value, type)
    text = write(value, type)
    if own in _BYTES and len(text.encode(errors="surrogatepass")) > _BYTES[own]:
        raise ConfigError(f"a value of the type {type.plain} has {_BYTES[own]} bytes at most, and the text is longer")
    return text


def _check_characters(text: str, type: ServerType) -> None:  # noqa: A002
    if "\0" in text:
        raise ConfigError(f"a {type.plain} holds no NUL character in PostgreSQL, and the text does")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ConfigError("the text holds a lone surrogate, which is no character") from None


# --- one kind of value each -------------------------------------------------------------------------------------------


def _bool(value: bool, type: ServerType) -> str:  # noqa: A002, FBT001 (a writer)
    return str(int(value)) if _own(type) in _NUMBERS else str(value).lower()


def _float(value: float, type: ServerType) -> str:  # noqa: A002
    if _own(type) in _WHOLE and value.is_integer() and abs(value) < _EXACT:
        return str(int(value))
    return repr(float(value)).replace("inf", "Infinity")


def _decimal(value: Decimal, type: ServerType) -> str:  # noqa: A002
    if _own(type) in _WHOLE and value.is_finite() and value == value.to_integral_value() and value.adjusted() < 30:
        return str(int(value))
    return str(value)


def _bytes(value: bytes, type: ServerType) -> str:  # noqa: A002
    if _own(type) != "bytea":
        raise _refused(value, type)
    return rf"\x{value.hex()}"


def _moment(value: dt.datetime, type: ServerType) -> str:  # noqa: A002
    own = _own(type)
    zoned, finer = value.utcoffset() is not None, getattr(value, "nanosecond", 0) != 0
    if own == "timestamp" and zoned:
        raise _dropped("its zone", type, "CAST(:name AS timestamptz) keeps it; ts.replace(tzinfo=None) drops it")
    if own == "date" and (zoned or value.time() != dt.time.min or finer):
        raise _dropped("its time of day", type, "ts.date() drops it; CAST(:name AS timestamp) keeps it")
    if own in _TAKES and finer:
        raise _dropped("its nanoseconds", type, 'ts.floor("us"), if losing them is what you want')
    return _of_json(value, own) or value.isoformat(sep=" ")


def _day(value: dt.date, type: ServerType) -> str:  # noqa: A002
    return _of_json(value, _own(type)) or value.isoformat()


def _clock(value: dt.time, type: ServerType) -> str:  # noqa: A002
    if _own(type) == "time" and value.tzinfo is not None:
        raise _dropped("its zone", type, "CAST(:name AS timetz) keeps it; t.replace(tzinfo=None) drops it")
    return _of_json(value, _own(type)) or value.isoformat()


def _of_json(value: dt.date | dt.time, own: str) -> str | None:
    """A time as JSON has it: as text."""
    return json_text(value) if own in _JSON else None


def _duration(value: dt.timedelta, type: ServerType) -> str:  # noqa: A002
    if isinstance(value, pd.Timedelta):  # `plain` leaves those alone that a timedelta cannot be
        raise _dropped("its nanoseconds", type, 'td.floor("us"), if losing them is what you want')
    sign, value = ("-", -value) if value < dt.timedelta() else ("", value)
    # A sign each: it holds for one number only, and days are not always 24 hours.
    return f"{sign}{value.days} days {sign}{value.seconds} seconds {sign}{value.microseconds} microseconds"


def _dropped(what: str, type: ServerType, hint: str) -> ConfigError:  # noqa: A002
    return ConfigError(f"the value would lose {what} as a {type.plain}", hint=hint)


def _refused(value: Any, type: ServerType) -> ConfigError:  # noqa: A002
    return ConfigError(
        f"a {value.__class__.__name__} cannot be a parameter of the type {type.plain}",
        hint="the server takes the parameter for one: CAST(:name AS ...) in the statement says what it is",
    )


_WRITERS: Mapping[Any, Callable[[Any, ServerType], str]] = {
    # The first that fits counts: a bool is an int, a datetime a date.
    bool: _bool,
    int: lambda value, _: str(value),
    float: _float,
    Decimal: _decimal,
    str: lambda value, _: value,
    bytes: _bytes,
    dt.datetime: _moment,
    dt.date: _day,
    dt.time: _clock,
    dt.timedelta: _duration,
    uuid.UUID: lambda value, _: str(value),
    ipaddress.IPv4Address: lambda value, _: str(value),
    ipaddress.IPv6Address: lambda value, _: str(value),
    ipaddress.IPv4Network: lambda value, _: str(value),
    ipaddress.IPv6Network: lambda value, _: str(value),
    ipaddress.IPv4Interface: lambda value, _: str(value),
    ipaddress.IPv6Interface: lambda value, _: str(value),
}
