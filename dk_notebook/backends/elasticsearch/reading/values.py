"""Values of documents as Arrow arrays: what JSON says, as the type of the mapping.

The document is what somebody sent, in any spelling that the mapping takes ("30" for a long, a date in the format of the
mapping). What is not understood here raises `Misfit`, and the page is asked for once more with what the server makes of
these values.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from dk_notebook.backends.elasticsearch.types import ISO_FORMATS, MILLISECONDS, Form
from dk_notebook.records.kinds import parse_instant

Values = Sequence[Any]
"""A value a document; None where it has none."""

DEFAULT_FORMAT: Final = "strict_date_optional_time||epoch_millis"

_LONG_NUMBER: Final = re.compile(rb"[0-9]{20}|-[0-9]{19}")
_PAIR: Final = re.compile(r"\s*([-+0-9.eE]+)\s*,\s*([-+0-9.eE]+)\s*")
_POINT: Final = re.compile(r"\s*POINT\s*\(\s*([-+0-9.eE]+)\s+([-+0-9.eE]+)\s*\)\s*", re.IGNORECASE)
_BIGGEST_FLOAT: Final = 3.4028235677973366e38
"""Half a step above the largest 32-bit float."""


class Misfit(Exception):
    """These columns hold what their types do not have a reading for."""

    def __init__(self, columns: Iterable[str]) -> None:
        super().__init__(", ".join(columns))
        self.columns = frozenset(columns)


def loads(body: bytes) -> Any:
    """The objects of a body; whole numbers of any length as they are."""
    if _LONG_NUMBER.search(body):
        import json  # slower; the other makes floats of what 64 bits do not hold

        return json.loads(body)
    return orjson.loads(body)


# --- where a value lies ---------------------------------------------------------------------------------------------


def reached(document: Mapping[str, Any], name: str) -> Any:
    """The value under a dotted name, however the document spells its dots; None: there is none.

    Where there are several, through lists of objects, a list of them.

    >>> reached({"a": {"b": 1}}, "a.b"), reached({"a.b": 1}, "a.b"), reached({"a": [{"b": 1}, {"b": [2, 3]}]}, "a.b")
    (1, 1, [1, 2, 3])
    """
    if name in document and "." not in name:
        return document[name]
    found: list[Any] = []
    several = _walk(document, name, found)
    if not several and len(found) <= 1:
        return found[0] if found else None
    if not found:
        return None
    return flat(found)


def _walk(node: Any, name: str, found: list[Any]) -> bool:
    """Collect what lies under the name; whether a list was on the way."""
    if isinstance(node, list):
        for element in node:
            _walk(element, name, found)
        return True
    several = False
    if isinstance(node, dict):
        if name in node:
            found.append(node[name])
        place = name.find(".")
        while place >= 0:
            inner = node.get(name[:place])
            if inner is not None:
                several = _walk(inner, name[place + 1 :], found) or several
            place = name.find(".", place + 1)
    return several


def flat(values: Iterable[Any]) -> list[Any]:
    """The values, with lists among them taken apart: to the index they are the same.

    >>> flat([1, [2, [3]], None])
    [1, 2, 3, None]
    """
    out: list[Any] = []
    for value in values:
        out += flat(value) if isinstance(value, list) else [value]
    return out


# --- as arrays ------------------------------------------------------------------------------------------------------


def to_array(values: Values, arrow: pa.DataType, form: Form, *, format: str | None = DEFAULT_FORMAT) -> pa.Array:  # noqa: A002 (the mapping's word)
    """The values of a column. Misfit, without names, where one is not understood.

    ``arrow``: the type of the column, a list where it holds lists. ``format``: of dates; None: nobody knows.

    >>> to_array(["2024-01-01", None, 0], pa.timestamp("ms", "UTC"), "date").cast(pa.int64()).to_pylist()
    [1704067200000, None, 0]
    """
    if pa.types.is_list(arrow) and form not in ("vector", "document", "point"):
        return _lists(values, arrow, form, format)
    if form == "date":
        return dates(values, arrow, format)
    make = _BY_FORM[form]
    try:
        return make(values, arrow)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, TypeError, ValueError, OverflowError):
        raise Misfit(()) from None


def _lists(values: Values, arrow: pa.DataType, form: Form, format: str | None) -> pa.Array:  # noqa: A002
    lists = [value if value is None else flat(value) if isinstance(value, list) else [value] for value in values]
    offsets, total = [], 0
    for each in lists:
        offsets.append(total)
        total += 0 if each is None else len(each)
    offsets.append(total)
    items = to_array(
        [item for each in lists if each is not None for item in each], arrow.value_type, form, format=format
    )
    absent = pa.array([each is None for each in lists], pa.bool_())
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), items, type=arrow, mask=absent)


def _numbers(values: Values, arrow: pa.DataType) -> pa.Array:
    made = pa.array(values, arrow)
    if arrow == pa.float32() and any(
        isinstance(value, int | float) and abs(value) >= _BIGGEST_FLOAT for value in values
    ):
        raise ValueError
    if pa.types.is_floating(arrow):
        if any(isinstance(value, bool) for value in values):
            raise TypeError
    elif any(isinstance(value, float) and not value.is_integer() for value in values):
        raise ValueError  # among whole numbers Arrow cuts fractions off
    return made


def _texts(values: Values, arrow: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, arrow)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([value if value is None else _text(value) for value in values], arrow)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    raise TypeError  # the server writes its fractions in its own way


def _bytes(values: Values, arrow: pa.DataType) -> pa.Array:
    try:
        return pa.array([None if value is None else base64.b64decode(value, validate=True) for value in values], arrow)
    except binascii.Error as error:
        raise ValueError from error


def _vectors(values: Values, arrow: pa.DataType) -> pa.Array:
    """Lists of numbers; those of whole numbers may come as hexadecimal text."""
    if any(isinstance(value, str) for value in values):
        values = [[*memoryview(bytes.fromhex(v)).cast("b")] if isinstance(v, str) else v for v in values]
    return pa.array(values, arrow)


def _documents(values: Values, arrow: pa.DataType) -> pa.Array:
    return pa.array([None if value is None else text_of(value) for value in values], arrow)


def text_of(value: Any) -> str:
    """A value as JSON."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # a whole number of more than 64 bits
        import json

        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _points(values: Values, arrow: pa.DataType) -> pa.Array:
    """Points of the earth, in all the spellings but geohash, as ``{"lat": ..., "lon": ...}``."""
    return _documents([None if value is None else point(value) for value in values], arrow)


def point(value: Any) -> Any:
    """One point, or a list of several. ValueError, TypeError: none that is understood.

    >>> point("41.5,-71"), point([-71, 41.5]), point("POINT (-71 41.5)") == point({"lat": 41.5, "lon": "-71"})
    ({'lat': 41.5, 'lon': -71.0}, {'lat': 41.5, 'lon': -71.0}, True)
    """
    match value:
        case {"lat": lat, "lon": lon, **beside} if not beside:
            return _placed(lat, lon)
        case {"type": str(kind), "coordinates": [lon, lat, *_]} if kind.lower() == "point":
            return _placed(lat, lon)
        case [int() | float() as lon, int() | float() as lat, *others] if len(others) <= 1:
            return _placed(lat, lon)
        case list():
            return [None if each is None else point(each) for each in value]
        case str() if found := _PAIR.fullmatch(value):
            return _placed(found[1], found[2])
        case str() if found := _POINT.fullmatch(value):
            return _placed(found[2], found[1])
    raise ValueError


def _placed(lat: Any, lon: Any) -> dict[str, float]:
    placed = {"lat": float(lat), "lon": float(lon)}
    if not all(map(math.isfinite, placed.values())):
        raise ValueError
    return placed


_BY_FORM: Final[Mapping[Form, Callable[[Values, pa.DataType], pa.Array]]] = {
    "integer": _numbers,
    "float": _numbers,
    "boolean": pa.array,
    "text": _texts,
    "binary": _bytes,
    "vector": _vectors,
    "point": _points,
    "document": _documents,
}


# --- dates ----------------------------------------------------------------------------------------------------------


def is_iso(format: str | None) -> bool:  # noqa: A002
    """Whether a text that reads as ISO 8601 means that in a format of dates.

    >>> is_iso("strict_date_optional_time||epoch_millis"), is_iso("dd/MM/yyyy||strict_date")
    (True, False)
    """
    return format is not None and ISO_FORMATS.issuperset(format.split("||"))


def dates(values: Values, arrow: pa.DataType, format: str | None) -> pa.Array:  # noqa: A002
    """Instants of ISO texts, and of milliseconds where the format has them. Misfit."""
    if not is_iso(format):
        if all(value is None for value in values):
            return pa.nulls(len(values), arrow)
        raise Misfit(())
    try:
        return dates_of_text(pa.array(values, pa.string()), arrow)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        numbers = "epoch_millis" in str(format)
        per_unit = 10**6 if arrow == MILLISECONDS else 1
        instants = [None if value is None else _instant(value, numbers=numbers) for value in values]
        try:
            made = pa.array([None if each is None else each // per_unit for each in instants], pa.int64())
        except pa.ArrowInvalid:  # beyond what nanoseconds reach
            raise Misfit(()) from None
        return made.cast(arrow)


def dates_of_text(texts: pa.Array, arrow: pa.DataType) -> pa.Array:
    """Instants of texts all of which have a zone, or none of which; finer ones cut as the index cuts them.

    ArrowInvalid where that is not so.
    """
    for unit in ("ms", "us") if arrow == MILLISECONDS else ("ns",):
        for zone in ("UTC", None):
            try:
                made = texts.cast(pa.timestamp(unit, zone))
            except pa.ArrowInvalid:
                continue
            zoned = made.cast(pa.timestamp(unit, "UTC")) if zone is None else made
            return zoned if unit != "us" else pc.floor_temporal(zoned, unit="millisecond").cast(arrow)
    raise pa.ArrowInvalid("neither all with a zone nor all without")


def _instant(value: Any, *, numbers: bool) -> int:
    """Nanoseconds since 1970. Misfit."""
    if isinstance(value, str):
        found = parse_instant(value)
        if found is not None:
            return found
    elif numbers and isinstance(value, int) and not isinstance(value, bool):
        return value * 10**6
    raise Misfit(())
