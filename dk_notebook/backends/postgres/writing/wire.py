"""How values go into a column of an existing type: the Arrow type that they are cast to, exactly, and its encoder.

Binary COPY checks lengths, not types, so each way here sends exactly what its type receives. What has no such way goes
as text into a staging table, and the server casts it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from dk_notebook.backends.postgres.server_types import ServerType
from dk_notebook.backends.postgres.writing import limits, nanoseconds, spelling
from dk_notebook.backends.sql.chunks import BadRows
from dk_notebook.frames.cast import cast_collecting
from dk_notebook.frames.types import Kind, kind

Converted = tuple[Any, BadRows]
"""An array that is ready to be encoded, and the rows that have no value of the type."""

UTC = "UTC"
TEXT = "pg_catalog.text"

PLAIN: dict[str, pa.DataType] = {
    "bool": pa.bool_(),
    "int2": pa.int16(),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "float4": pa.float32(),
    "float8": pa.float64(),
    "text": pa.string(),
    "varchar": pa.string(),
    "bpchar": pa.string(),
    "name": pa.string(),
    "bytea": pa.binary(),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", UTC),
}
"""The types whose values are Arrow's own, and what they are cast to."""

IN_ARRAYS = frozenset(PLAIN) - {"varchar", "bpchar", "name", "timestamptz"}
"""Their arrays are sent as they are. Of the others pgpq 0.12 writes the number of another element type."""

DOCUMENTS = frozenset({"json", "jsonb"})
VECTORS = frozenset({"vector", "halfvec"})


@dataclass(frozen=True)
class Way:
    """How the values of one column travel."""

    convert: Callable[[Any], Converted]
    jsonb: bool = False
    """They are sent as jsonb, which has a version before its text."""
    by_text: bool = False
    """They are sent as text into a staging table, where the server casts them."""


def way(
    type: ServerType,  # noqa: A002
    typmod: int,
    source: pa.DataType,
    *,
    checked: bool = False,
    said: bool = False,
) -> Way | None:
    """How values of the type ``source`` go into a column of that type; None: no cast leads there.

    ``checked``: what only the server can check goes as text, so that it can tell which rows are bad.
    ``said``: the caller asked for that type, so that a time may become text or a number.

    >>> from dk_notebook.backends.postgres.type_catalog import BUILT_IN
    >>> smallint, inet = BUILT_IN[21], BUILT_IN[869]
    >>> array, bad = way(smallint, -1, pa.float64()).convert(pa.array([1.0, 1.5]))
    >>> array.type, list(bad)
    (DataType(int16), [(1, 'not a whole number of that width')])
    >>> way(inet, -1, pa.string()).by_text, way(inet, -1, pa.int64())
    (True, None)
    """
    while type.kind == "domain" and type.base is not None:
        type = type.base  # noqa: A001
    arrow = source.storage_type if isinstance(source, pa.BaseExtensionType) else source
    came = kind(arrow.value_type if pa.types.is_dictionary(arrow) else arrow)
    if came is None:
        return None
    own = type.plain if type.name == f"pg_catalog.{type.plain}" else ""
    if said and came in nanoseconds.TIMES and own in nanoseconds.TEXTS | nanoseconds.NUMBERS:
        return Way(_time(own, typmod))
    if own in DOCUMENTS:
        return _document(came, own, checked=checked)
    if type.kind == "array" and type.element is not None:
        return _array(type.element, typmod, arrow)
    if own in PLAIN:
        return Way(_plain(own, typmod))
    if own == "numeric":
        # The text of a duration is a number too: of which unit nobody would know.
        return Way(_numeric(typmod, came)) if came in ("integer", "float", "decimal", "text", "null") else None
    if own == "uuid":
        return Way(spelling.uuids) if came in ("text", "binary", "null") else None
    if own == "interval" and came in ("duration", "interval", "null") and limits.whole_interval(typmod):
        return Way(_interval(typmod))
    if type.kind == "enum":
        return Way(_label(type.labels)) if came in ("text", "null") else None
    if type.plain in VECTORS and came == "list":
        return Way(spelling.vectors, by_text=True)
    if own == "interval" and came in ("duration", "interval"):
        return Way(spelling.intervals, by_text=True)
    return Way(_text, by_text=True) if came in ("text", "null") else None


# --- one type each ----------------------------------------------------------------------------------------------------


def _plain(name: str, typmod: int) -> Callable[[Any], Converted]:
    exact = PLAIN[name]

    def convert(array: Any) -> Converted:
        values, bad = cast_collecting(array, exact)
        return values, [*bad, *limits.unfit(values, name, typmod)]

    return convert


def _time(name: str, typmod: int) -> Callable[[Any], Converted]:
    def convert(array: Any) -> Converted:
        values, bad = nanoseconds.numbers(array) if name in nanoseconds.NUMBERS else nanoseconds.texts(array)
        return values, [*bad, *limits.unfit(values, name, typmod)]

    return convert


def _numeric(typmod: int, came: Kind) -> Callable[[Any], Converted]:
    digits = limits.digits(typmod)
    if digits is None or not limits.narrow_digits(digits):
        return lambda array: spelling.numbers(array, digits)
    exact = pa.decimal128(max(digits), digits[1])
    if came == "float":
        return lambda array: spelling.floats(array, exact)
    return lambda array: cast_collecting(array, exact)


def _interval(typmod: int) -> Callable[[Any], Converted]:
    def convert(array: Any) -> Converted:
        values, bad = cast_collecting(array, pa.month_day_nano_interval())
        return spelling.interval_bytes(values), [*bad, *limits.unfit_intervals(array, values, typmod)]

    return convert


def _label(labels: tuple[str, ...]) -> Callable[[Any], Converted]:
    def convert(array: Any) -> Converted:
        values, bad = cast_collecting(array, pa.string())
        return values, [*bad, *limits.strangers(values, labels)]

    return convert


def _document(came: Kind, name: str, *, checked: bool) -> Way:
    convert = _text if came in ("text", "null") else spelling.documents
    by_text = checked and convert is _text
    return Way(convert, jsonb=name == "jsonb" and not by_text, by_text=by_text)


def _array(element: ServerType, typmod: int, arrow: pa.DataType) -> Way | None:
    while element.kind == "domain" and element.base is not None:
        element = element.base
    if kind(arrow) != "list":
        return Way(_text, by_text=True) if kind(arrow) in ("text", "null") else None
    own = element.plain if element.name == f"pg_catalog.{element.plain}" else ""
    exact = PLAIN.get(own)
    if own == "numeric":
        declared = limits.digits(typmod)
        exact = pa.decimal128(max(declared), declared[1]) if declared and limits.narrow_digits(declared) else None
    if own in DOCUMENTS:
        return Way(lambda array: spelling.arrays(array, None, documents=True), by_text=True)
    if exact is None or kind(arrow.value_type) == "list" or own not in IN_ARRAYS | {"numeric"}:
        return Way(lambda array: spelling.arrays(array, exact), by_text=True)
    return Way(lambda array: _items(array, exact, own, typmod))


def _items(array: Any, exact: pa.DataType, name: str, typmod: int) -> Converted:
    values, bad = cast_collecting(array, pa.list_(exact))
    flat = limits.unfit(values.flatten(), name, typmod)
    return values, [*bad, *limits.rows_of(flat, values)]


def _text(array: Any) -> Converted:
    return cast_collecting(array, pa.string())
