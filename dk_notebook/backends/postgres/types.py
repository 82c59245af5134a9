"""How a result column is read: its Arrow type, its format on the wire, and the cast that brings it there."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from dk_notebook.backends.postgres.reading.formats import Format, arrow_type
from dk_notebook.backends.postgres.server_types import ServerType
from dk_notebook.frames.types import DECIMAL, JSON, TYPE, mark, mark_labels

_PLAIN: dict[str, Format] = {
    "bool": "bool",
    "int2": "int2",
    "int4": "int4",
    "int8": "int8",
    "float4": "float4",
    "float8": "float8",
    "text": "text",
    "varchar": "text",
    "bpchar": "text",
    "name": "text",
    "json": "text",
    "jsonb": "jsonb",
    "bytea": "bytea",
    "uuid": "uuid",
    "date": "date",
    "time": "time",
    "timestamp": "timestamp",
    "timestamptz": "timestamptz",
    "interval": "interval",
}
"""The types that are decoded as they come; every other one is cast to text by the server."""

_MODIFIED = 4
"""What a numeric's modifier counts from (VARHDRSZ of the server)."""
_DIGITS = 76
"""What Arrow's widest decimal holds."""
UNDECLARED = (_DIGITS, 38)
"""Precision and scale in which a numeric without its own travels."""


@dataclass(frozen=True)
class Reading:
    """How one result column is read."""

    field: pa.Field
    """Name, Arrow type and marks of the column that the caller gets."""
    format: Format
    """How it lies on the wire."""
    cast: str
    """The expression of the select list, with ``{}`` for the column. It casts even where nothing changes: should the
    column's type be altered between the description and the reading, the wire still holds what was described."""
    labels: tuple[str, ...] | None = None
    """Of an enum, which travels as text."""


def reading(name: str, type: ServerType, typmod: int, *, stored: bool) -> Reading:  # noqa: A002 (its best name)
    """How a result column is read. ``stored``: it is a column of a table, no expression.

    >>> from dk_notebook.backends.postgres.type_catalog import BUILT_IN
    >>> reading("n", BUILT_IN[23], -1, stored=True).cast
    'CAST({} AS pg_catalog.int4)'
    >>> reading("n", BUILT_IN[1700], (10 << 16 | 2) + 4, stored=True).format
    'numeric(10,2)'
    """
    if type.kind == "domain" and type.base is not None:
        return reading(name, type.base, typmod, stored=stored)
    wire, cast = _wire(type, typmod)
    field = pa.field(name, arrow_type(wire))
    if type.kind == "enum":
        count = len(type.labels)
        index = pa.uint8() if count <= 0xFF else pa.uint16() if count <= 0xFFFF else pa.uint32()
        field = mark_labels(pa.field(name, pa.dictionary(index, pa.string(), ordered=True)), type.labels)
    elif pa.types.is_decimal(field.type):
        field = mark(field, DECIMAL, "stored" if stored else "computed")
    elif type.plain in ("json", "jsonb"):
        field = mark(field, JSON)
    if type.plain not in _PLAIN and type.plain != "numeric" and type.kind != "array":
        field = mark(field, TYPE, type.plain)
    return Reading(field, wire, cast, type.labels if type.kind == "enum" else None)


def arrow_field(name: str, type: ServerType, typmod: int, *, stored: bool) -> pa.Field:  # noqa: A002
    """The column that reading gives."""
    return reading(name, type, typmod, stored=stored).field


def _wire(type: ServerType, typmod: int) -> tuple[Format, str]:  # noqa: A002
    """The format, and the expression that brings a value there."""
    plain = type.plain if type.name == f"pg_catalog.{type.plain}" else ""
    if plain == "numeric":
        precision, scale = declared_numeric(typmod) or UNDECLARED
        return f"numeric({precision},{scale})", f"CAST({{}} AS {type.name})"
    if plain in _PLAIN:
        # As text, a char(n) would lose its blanks.
        target = "text" if _PLAIN[plain] == "text" and plain != "bpchar" else plain
        return _PLAIN[plain], f"CAST({{}} AS pg_catalog.{target})"
    if type.kind == "array" and type.element is not None:
        return _array(type.element, typmod)
    if type.plain in ("vector", "halfvec"):
        return "float4[]", "CAST({} AS pg_catalog.float4[])"
    if plain == "inet":
        # Its cast to text adds the width of the network, which its own text form leaves out.
        return "text", "pg_catalog.textin(pg_catalog.inet_out({}))"
    return "text", "CAST({} AS pg_catalog.text)"


def _array(element: ServerType, typmod: int) -> tuple[Format, str]:
    while element.kind == "domain" and element.base is not None:
        element = element.base
    inner, _ = _wire(element, typmod)
    decoded = element.plain in _PLAIN or element.plain == "numeric"
    if decoded and element.name.startswith("pg_catalog.") and element.kind == "base":
        target = "text" if inner == "text" and element.plain != "bpchar" else element.plain
        return f"{inner}[]", f"CAST({{}} AS pg_catalog.{target}[])"
    if element.delimiter != ",":
        return "text", "CAST({} AS pg_catalog.text)"  # as text[], each element would be cut at its own commas
    # The text forms of the elements, which a cast of the array alone would not always give.
    return "text[]", "CAST(CAST({} AS pg_catalog.text) AS pg_catalog.text[])"


def declared_numeric(typmod: int) -> tuple[int, int] | None:
    """Precision and scale, for Arrow, of a numeric that declares them.

    >>> declared_numeric((10 << 16 | 2) + 4), declared_numeric(-1), declared_numeric((2 << 16 | (-3 & 0x7FF)) + 4)
    ((10, 2), None, (5, 0))
    """
    if typmod < _MODIFIED:
        return None
    precision = (typmod - _MODIFIED) >> 16 & 0xFFFF
    scale = ((typmod - _MODIFIED & 0x7FF) ^ 0x400) - 0x400  # eleven bits, signed since PostgreSQL 15
    if scale < 0:
        precision, scale = precision - scale, 0
    if scale > _DIGITS:
        return UNDECLARED
    return min(max(precision, scale), _DIGITS), scale
