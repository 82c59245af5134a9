"""DuckDB's types and Arrow's, both ways.

Reading: what a declared type is in Arrow, and the cast that a type needs first. Writing: the declared type of a new
column, and the Arrow type that the values of an existing column must be cast to, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from dk_notebook.backends.sql.names import quote
from dk_notebook.errors import ConversionError
from dk_notebook.frames.types import DECIMAL, JSON, TYPE, kind, labels_of, mark, mark_labels, marked

UTC = "UTC"

PLAIN: dict[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "utinyint": pa.uint8(),
    "usmallint": pa.uint16(),
    "uinteger": pa.uint32(),
    "ubigint": pa.uint64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "varchar": pa.string(),
    "blob": pa.binary(),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "time_ns": pa.time64("ns"),
    "timestamp": pa.timestamp("us"),
    "timestamp_s": pa.timestamp("s"),
    "timestamp_ms": pa.timestamp("ms"),
    "timestamp_ns": pa.timestamp("ns"),
    "timestamp with time zone": pa.timestamp("us", UTC),
    "timestamptz_ns": pa.timestamp("ns", UTC),
    "interval": pa.month_day_nano_interval(),
    "hugeint": pa.decimal128(38, 0),
    "uhugeint": pa.decimal128(38, 0),
    "uuid": pa.string(),
    "null": pa.string(),
}
"""DuckDB's type -> the Arrow type that it arrives in, or is relabelled to."""

AS_TEXT = frozenset({"time with time zone", "bit", "union", "bignum", "geometry", "variant"})
"""Arrow has no type for these, or loses a part: cast to text by DuckDB."""

WIDE = frozenset({"hugeint", "uhugeint"})
"""Integers of 128 bits, which travel as decimals."""

FROM_TEXT = AS_TEXT | {"uuid", "enum"}
"""These are written as text, which DuckDB casts and checks."""

DECLARED: dict[pa.DataType, str] = {
    pa.bool_(): "BOOLEAN",
    pa.int8(): "TINYINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.uint8(): "UTINYINT",
    pa.uint16(): "USMALLINT",
    pa.uint32(): "UINTEGER",
    pa.uint64(): "UBIGINT",
    pa.float16(): "REAL",
    pa.float32(): "REAL",
    pa.float64(): "DOUBLE",
    pa.string(): "VARCHAR",
    pa.large_string(): "VARCHAR",
    pa.string_view(): "VARCHAR",
    pa.null(): "VARCHAR",
    pa.date32(): "DATE",
    pa.date64(): "DATE",
    pa.time32("s"): "TIME",
    pa.time32("ms"): "TIME",
    pa.time64("us"): "TIME",
    pa.time64("ns"): "TIME_NS",
    pa.timestamp("s"): "TIMESTAMP",
    pa.timestamp("ms"): "TIMESTAMP",
    pa.timestamp("us"): "TIMESTAMP",
    pa.timestamp("ns"): "TIMESTAMP_NS",
    pa.month_day_nano_interval(): "INTERVAL",
}
"""Arrow's type -> the type of a new column."""


@dataclass(frozen=True)
class Reading:
    """How one result column is read."""

    field: pa.Field
    """Name, Arrow type and marks of the column that the caller gets."""
    cast: str | None
    """The type to which DuckDB casts it first, or None."""


def reading(name: str, declared: Any) -> Reading:
    """How a result column of the type ``declared`` (a DuckDBPyType) is read."""
    wanted = _readable(declared)
    column = pa.field(name, arrow_type(declared))
    if is_json(declared):
        column = mark(column, JSON)
    if declared.id in WIDE or (declared.id == "decimal" and _precision(declared)[0] == 38):
        column = mark(column, DECIMAL, "computed")
    elif declared.id == "decimal":
        column = mark(column, DECIMAL, "stored")
    if declared.id == "enum":
        column = mark_labels(column, declared.children[0][1])
    if wanted is not None or declared.id in WIDE or declared.id == "uuid" or is_json(declared):
        column = mark(column, TYPE, str(declared))
    return Reading(column, wanted)


def arrow_type(declared: Any, *, nested: bool = False) -> pa.DataType:
    """The Arrow type in which a column of a DuckDB type is read."""
    children = declared.children if declared.id in ("struct", "map", "list", "array", "enum") else []
    match declared.id:
        case "decimal":
            return pa.decimal128(*_precision(declared))
        case "list" | "array":
            return pa.list_(arrow_type(children[0][1], nested=True))
        case "struct":
            return pa.struct([(name, arrow_type(child, nested=True)) for name, child in children])
        case "map":
            return pa.map_(*(arrow_type(child, nested=True) for _, child in children))
        case "enum" if not nested:
            # DuckDB takes the narrowest index that has room for the labels.
            count = len(children[0][1])
            index = pa.uint8() if count <= 0xFF else pa.uint16() if count <= 0xFFFF else pa.uint32()
            return pa.dictionary(index, pa.string(), ordered=True)
        case plain:
            return PLAIN.get(plain, pa.string())


def is_json(declared: Any) -> bool:
    """Whether it is JSON, which DuckDB declares as another name of VARCHAR."""
    return str(declared) == "JSON"


def exact_type(declared: Any) -> pa.DataType | None:
    """The Arrow type that values are cast to before they go into such a column; None: as text, cast by DuckDB."""
    if declared.id in FROM_TEXT or declared.id in WIDE or is_json(declared):
        return None
    children = declared.children if declared.id in ("struct", "map", "list", "array") else []
    match declared.id:
        case "list":
            inner = [exact_type(children[0][1])]
            return pa.list_(inner[0]) if inner[0] is not None else None
        case "array":
            child = exact_type(children[0][1])
            return pa.list_(child, children[1][1]) if child is not None else None
        case "struct":
            fields = [(name, exact_type(child)) for name, child in children]
            return pa.struct(fields) if all(kind is not None for _, kind in fields) else None
        case "map":
            kinds = [exact_type(child) for _, child in children]
            return pa.map_(*kinds) if all(kind is not None for kind in kinds) else None
        case "decimal":
            return pa.decimal128(*_precision(declared))
        case plain:
            return PLAIN.get(plain)


def declared_type(column: pa.Field) -> str:
    """The type of a new column for ``column``. ConversionError when DuckDB has no type that holds it.

    >>> declared_type(pa.field("tags", pa.list_(pa.string())))
    'VARCHAR[]'
    >>> declared_type(mark_labels(pa.field("size", pa.dictionary(pa.int8(), pa.string())), ["small", "big"]))
    "ENUM('small', 'big')"
    """
    if marked(column, JSON) is not None:
        return "JSON"
    arrow = column.type
    if isinstance(arrow, pa.BaseExtensionType):
        known = {"arrow.uuid": "UUID", "arrow.json": "JSON"}.get(arrow.extension_name)
        return known or declared_type(column.with_type(arrow.storage_type))
    match kind(arrow):
        case "dictionary":
            labels = labels_of(column)
            if labels and kind(arrow.value_type) == "text":
                return f"ENUM({', '.join(map(literal, labels))})"
            return declared_type(column.with_type(arrow.value_type))
        case "timestamp" if arrow.tz is not None:
            return "TIMESTAMPTZ_NS" if arrow.unit == "ns" else "TIMESTAMPTZ"
        case "duration":
            return "INTERVAL"
        case "decimal":
            return _declared_decimal(column)
        case "list":
            item = declared_type(arrow.value_field.with_name(column.name))
            return f"{item}[{arrow.list_size}]" if pa.types.is_fixed_size_list(arrow) else f"{item}[]"
        case "struct":
            return f"STRUCT({', '.join(f'{quote(child.name)} {declared_type(child)}' for child in arrow)})"
        case "map":
            return f"MAP({declared_type(arrow.key_field)}, {declared_type(arrow.item_field)})"
        case "binary":
            return "BLOB"
    if arrow not in DECLARED:
        raise ConversionError("DuckDB has no such type", column=column.name, source=str(arrow), hint="cast it first")
    return DECLARED[arrow]


def _declared_decimal(column: pa.Field) -> str:
    precision, scale = column.type.precision, column.type.scale
    if scale < 0:
        precision, scale = precision - scale, 0
    if precision <= 38:
        return f"DECIMAL({max(precision, scale)},{scale})"
    raise ConversionError(
        f"DuckDB's decimals have 38 digits at most, not {precision}",
        column=column.name,
        source=str(column.type),
        hint=f'types={{"{column.name}": "DECIMAL(38,{min(scale, 38)})"}}, where its values fit',
    )


def literal(text: str) -> str:
    """``text`` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def relabelled(array: pa.Array, target: pa.DataType) -> pa.Array:
    """A column as DuckDB gave it, with the labels of ``target``: its zone, its order. No value changes."""
    if array.type.equals(target):
        return array
    if pa.types.is_dictionary(target):
        return pa.DictionaryArray.from_arrays(array.indices.cast(target.index_type), array.dictionary, ordered=True)
    return array.cast(target)


def _readable(declared: Any) -> str | None:
    """The type to cast to before Arrow, for a type that Arrow cannot carry, or that holds one."""
    if declared.id in AS_TEXT:
        return "VARCHAR"
    if declared.id == "array":
        child = declared.children[0][1]
        return f"{_inner(child)}[]"
    if declared.id in ("list", "struct", "map") and _holds_unreadable(declared):
        return _inner(declared)
    return None


def _holds_unreadable(declared: Any) -> bool:
    if declared.id in AS_TEXT or declared.id in ("enum", "array"):
        return True
    if declared.id not in ("list", "struct", "map"):
        return False
    return any(_holds_unreadable(child) for _, child in declared.children)


def _inner(declared: Any) -> str:
    """The type to cast a nested type to. An enum inside of another type is text: Arrow's casts stop there."""
    if declared.id in AS_TEXT or declared.id == "enum":
        return "VARCHAR"
    match declared.id:
        case "list" | "array":
            return f"{_inner(declared.children[0][1])}[]"
        case "struct":
            return f"STRUCT({', '.join(f'{quote(name)} {_inner(child)}' for name, child in declared.children)})"
        case "map":
            return f"MAP({', '.join(_inner(child) for _, child in declared.children)})"
        case _:
            return str(declared)


def _precision(declared: Any) -> tuple[int, int]:
    facts = dict(declared.children)
    return facts["precision"], facts["scale"]
