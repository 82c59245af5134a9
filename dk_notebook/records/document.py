"""Documents as stores keep them: an id, data and metadata, in what JSON can hold and nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time
from decimal import Decimal
from typing import Any, Final, NamedTuple, NoReturn

from dk_notebook.errors import ConfigError, ConversionError, DkError
from dk_notebook.records import values

WIDEST: Final = 4_300
"""Digits of an integer at most: Python itself reads and writes no more."""


class Document(NamedTuple):
    """A document on its way to a store, or from it. Whoever gets one leaves its data and metadata as they are."""

    id: str
    data: Mapping[str, Any]
    metadata: Mapping[str, Any] = {}
    version: str | None = None
    """From a store: the version read. To a store: the version that must be there, None for any."""


class Unreadable(Mapping[str, Any]):
    """The data of something that lies among documents and is none. Whatever is asked of it raises ``error``.

    So one such thing fails no search before its turn, and nobody takes it for a document without fields.

    >>> Unreadable(DkError("no JSON object: notes.json")).get("name")
    Traceback (most recent call last):
    dk_notebook.errors.DkError: no JSON object: notes.json
    """

    def __init__(self, error: DkError) -> None:
        self.error = error

    def __getitem__(self, field: str) -> NoReturn:
        raise self.error

    def __iter__(self) -> Iterator[str]:
        raise self.error

    def __len__(self) -> NoReturn:
        raise self.error

    def __contains__(self, field: object) -> NoReturn:
        raise self.error

    def __eq__(self, other: object) -> NoReturn:
        raise self.error

    __hash__ = None  # type: ignore[assignment]  # it is no value


def checked_id(value: Any) -> str:
    """An id as text. ConfigError: empty, not one of a kind that has a plain text, or holding what no store takes.

    >>> checked_id(5), checked_id("a/b")
    ('5', 'a/b')
    """
    text = value if type(value) is str else _id_text(value)
    if not text:
        raise ConfigError("an id cannot be empty")
    if (problem := _text_problem(text)) is not None:
        raise ConfigError(f"an id cannot hold {problem}")
    return text


def _id_text(value: Any) -> str:
    plain = values.scalar(value)
    if isinstance(plain, (date, time)):
        plain = plain.isoformat()
    if isinstance(plain, bool) or not isinstance(plain, (str, int, float, Decimal)):
        raise ConfigError(f"an id is text, not {type(value).__name__}")
    return str(plain)


def plain(data: Mapping[str, Any], *, position: int | None = None, within: str = "data") -> dict[str, Any]:
    """The same with every value one of JSON's: what it is already, if that holds.

    Dates and times become ISO 8601 text, UUIDs text, numpy's values Python's, exact decimals numbers, NaT and NA null,
    arrays, Series and tuples lists. ConversionError, which names the field, for what JSON does not have: NaN,
    infinity, bytes, sets, keys that are not text, NUL characters, and all other types. ``position`` tells which of
    several documents it is, ``within`` what the mapping is to it.

    >>> plain({"day": date(2024, 1, 2), "tags": ("a", None)})
    {'day': '2024-01-02', 'tags': ['a', None]}
    >>> plain({"place": {"height": float("nan")}})
    Traceback (most recent call last):
    dk_notebook.errors.ConversionError: column 'place.height': float to JSON: NaN
    Hint: leave the field out, or make it None
    """
    try:
        return _mapping(data)
    except _Refused as refused:
        raise ConversionError(
            refused.reason,
            column=refused.path or within,
            position=position,
            source=refused.source,
            target="JSON",
            hint=refused.hint,
        ) from None
    except RecursionError:
        raise ConversionError(
            "nested too deep, or containing itself", column=within, position=position, target="JSON"
        ) from None


class _Refused(Exception):
    """A value that JSON does not have; the path grows on the way out."""

    def __init__(self, reason: str, value: Any, hint: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.source = type(value).__name__
        self.hint = hint
        self.path = ""

    def inside(self, name: str) -> _Refused:
        """The same, seen from one level further out."""
        separator = "" if not self.path or self.path.startswith("[") else "."
        self.path = f"{name}{separator}{self.path}"
        return self


def _mapping(given: Mapping[Any, Any]) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    same = type(given) is dict
    for key, value in given.items():
        if not isinstance(key, str):
            raise _Refused("the name of a field must be text", key)
        if ("\0" in key or not key.isascii()) and (problem := _text_problem(key)) is not None:
            raise _Refused(f"the name of a field cannot hold {problem}", key)
        try:
            changed[key] = made = _value(value)
        except _Refused as refused:
            raise refused.inside(key) from None
        same = same and made is value
    return given if same else changed  # type: ignore[return-value]  # a dict whose keys were looked at


def _list(given: Sequence[Any]) -> list[Any]:
    made = []
    same = type(given) is list
    for place, value in enumerate(given):
        try:
            one = _value(value)
        except _Refused as refused:
            raise refused.inside(f"[{place}]") from None
        same = same and one is value
        made.append(one)
    return given if same else made  # type: ignore[return-value]  # it is a list


def _value(value: Any) -> Any:
    kind = type(value)
    if kind is str:
        return value if value.isascii() and "\0" not in value else _text(value)
    if value is None or kind is bool:
        return value
    if kind is int:
        return _integer(value)
    if kind is float:
        return _float(value)
    if isinstance(value, Mapping):
        return _mapping(value)
    if isinstance(value, (list, tuple)):
        return _list(value)
    return _other(value)


def _text(value: str) -> str:
    if (problem := _text_problem(value)) is not None:
        raise _Refused(problem, value)
    return value


def _text_problem(text: str) -> str | None:
    """What no store takes as text, if there is something of it."""
    if "\0" in text:
        return "a NUL character"
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return "half of a surrogate pair"
    return None


def _integer(value: int) -> int:
    # 3.3 bits a digit; the exact count matters only near the limit.
    if value.bit_length() > 14_000 and abs(value) >= 10**WIDEST:
        raise _Refused(f"more than {WIDEST:,} digits", value)
    return value


def _float(value: float) -> float:
    if math.isfinite(value):
        return value
    hint = "leave the field out, or make it None"
    raise _Refused("NaN", value, hint) if value != value else _Refused("infinity", value, hint)


def _other(value: Any) -> Any:
    """The values of other libraries, and of rarer types."""
    made = values.scalar(value)
    if made is None:
        if isinstance(value, (float, Decimal)) or getattr(getattr(value, "dtype", None), "kind", "") == "f":
            raise _Refused("NaN", value, "leave the field out, or make it None")
        return None
    if isinstance(made, str):
        return _text(str(made))
    if isinstance(made, bool):
        return made
    if isinstance(made, int):
        return _integer(int(made))
    if isinstance(made, float):
        return _float(float(made))
    if isinstance(made, (date, time)):
        return made.isoformat()
    if isinstance(made, Decimal):
        return _decimal(made)
    if isinstance(made, (range, Sequence)) and not isinstance(made, (bytes, bytearray, memoryview)):
        return _list(made)
    if hasattr(made, "tolist") and hasattr(made, "dtype"):  # an array, a Series, an Index
        return _list(values.members(made) or [])
    raise _Refused("JSON has no such type", value, "convert it to text or to a list")


def _decimal(value: Decimal) -> int | float:
    if value.is_finite():
        if value == value.to_integral_value():
            return _integer(int(value))
        if Decimal(repr(float(value))) == value:
            return float(value)
        raise _Refused("more digits than a float holds", value, "convert it to text or to a float")
    raise _Refused("infinity", value)
