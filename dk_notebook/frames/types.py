"""The table of types between Arrow and pandas, and the marks that say more than an Arrow type does.

A mark is an entry of a field's metadata: what the store declared and Arrow has no word for.

>>> import pyarrow as pa
>>> price = mark(pa.field("price", pa.decimal128(10, 2)), DECIMAL, "stored")
>>> marked(price, DECIMAL)
'stored'
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pyarrow as pa

JSON = "dk.json"
"""``"1"``: a string, struct or map that is a JSON document."""
DECIMAL = "dk.decimal"
"""``"stored"``: a column of a table; ``"computed"``: an expression. What ``decimals="auto"`` decides by."""
TYPE = "dk.type"
"""The store's own name of the type."""
LABELS = "dk.labels"
"""All labels of an enum as a JSON list, in the store's order: an Arrow type does not hold them, so that without
this an empty result or a chunk would know fewer."""

UNSCALED = pa.decimal256(76, 38)
"""How a ``numeric`` that declares no scale travels."""

Kind = Literal[
    "null",
    "boolean",
    "integer",
    "float",
    "decimal",
    "text",
    "binary",
    "date",
    "time",
    "timestamp",
    "duration",
    "interval",
    "dictionary",
    "list",
    "struct",
    "map",
]

_is = pa.types
KINDS: tuple[tuple[Callable[[Any], bool], Kind], ...] = (
    (_is.is_null, "null"),
    (_is.is_boolean, "boolean"),
    (_is.is_integer, "integer"),
    (_is.is_floating, "float"),
    (_is.is_decimal, "decimal"),
    (lambda t: _is.is_string(t) or _is.is_large_string(t) or _is.is_string_view(t), "text"),
    (
        lambda t: _is.is_binary(t) or _is.is_large_binary(t) or _is.is_fixed_size_binary(t) or _is.is_binary_view(t),
        "binary",
    ),
    (_is.is_date, "date"),
    (_is.is_time, "time"),
    (_is.is_timestamp, "timestamp"),
    (_is.is_duration, "duration"),
    (lambda t: t == pa.month_day_nano_interval(), "interval"),
    (_is.is_dictionary, "dictionary"),
    (lambda t: _is.is_list(t) or _is.is_large_list(t) or _is.is_fixed_size_list(t), "list"),
    (_is.is_struct, "struct"),
    (_is.is_map, "map"),
)
"""Arrow's types, sorted into kinds that are treated alike."""


def kind(arrow: pa.DataType) -> Kind | None:
    """The kind of an Arrow type, or None for one that no store gives (unions, run-end encoding, list views).

    >>> kind(pa.int16()), kind(pa.large_string()), kind(pa.list_(pa.int8()))
    ('integer', 'text', 'list')
    """
    return next((name for matches, name in KINDS if matches(arrow)), None)


def marked(column: pa.Field, name: str) -> str | None:
    """The value of a mark, or None where the field has no such mark."""
    value = (column.metadata or {}).get(name.encode())
    return None if value is None else value.decode()


def mark(column: pa.Field, name: str, value: str = "1") -> pa.Field:
    """The field with one mark more; its other metadata stays."""
    return column.with_metadata({**(column.metadata or {}), name.encode(): value.encode()})


def mark_labels(column: pa.Field, labels: Sequence[str]) -> pa.Field:
    """The field of an enum, with all its labels in the store's order.

    >>> labels_of(mark_labels(pa.field("size", pa.dictionary(pa.int8(), pa.string())), ["small", "big"]))
    ['small', 'big']
    """
    return mark(column, LABELS, json.dumps(list(labels)))


def labels_of(column: pa.Field) -> list[str] | None:
    """All labels of an enum, or None where nobody declared them."""
    value = marked(column, LABELS)
    return None if value is None else json.loads(value)


def is_document(column: pa.Field) -> bool:
    """Whether the column holds JSON documents, or structs and maps, which are read like them."""
    return marked(column, JSON) is not None or kind(column.type) in ("struct", "map")


@dataclass(frozen=True)
class Row:
    """A line of the table: an Arrow column as stores give it, and the pandas dtype that it always becomes."""

    arrow: pa.DataType
    pandas: str
    """``str(dtype)`` under pandas 3."""
    pandas2: str | None = None
    """Under pandas 2, where that differs."""
    marks: dict[str, str] = field(default_factory=dict)

    def field(self, name: str) -> pa.Field:
        """The column as a field of that name."""
        return pa.field(name, self.arrow, metadata=self.marks or None)


_INTEGERS = (pa.int8, pa.int16, pa.int32, pa.int64, pa.uint8, pa.uint16, pa.uint32, pa.uint64)

ARROW_TO_PANDAS: tuple[Row, ...] = (
    *(Row(make(), str(make()).replace("uint", "UInt").replace("int", "Int")) for make in _INTEGERS),
    Row(pa.bool_(), "boolean"),
    Row(pa.float32(), "float32"),
    Row(pa.float64(), "float64"),
    Row(pa.decimal128(15, 2), "float64", marks={DECIMAL: "stored"}),
    Row(pa.decimal128(16, 2), "decimal128(16, 2)[pyarrow]", marks={DECIMAL: "stored"}),
    Row(UNSCALED, "object", marks={DECIMAL: "stored"}),
    Row(pa.decimal128(38, 0), "float64", marks={DECIMAL: "computed"}),
    Row(UNSCALED, "float64", marks={DECIMAL: "computed"}),
    Row(pa.string(), "str", "object"),
    Row(pa.large_string(), "str", "object"),
    Row(pa.dictionary(pa.int8(), pa.string()), "category", marks={LABELS: '["low", "high"]'}),
    Row(pa.binary(), "binary[pyarrow]"),
    Row(pa.date32(), "date32[day][pyarrow]"),
    Row(pa.time64("us"), "time64[us][pyarrow]"),
    *(Row(pa.timestamp(unit), f"datetime64[{unit}]") for unit in ("s", "ms", "us", "ns")),
    *(Row(pa.timestamp(unit, "UTC"), f"datetime64[{unit}, UTC]") for unit in ("ms", "us", "ns")),
    Row(pa.duration("us"), "timedelta64[us]"),
    Row(pa.month_day_nano_interval(), "object"),
    Row(pa.string(), "object", marks={JSON: "1"}),
    Row(pa.struct({"a": pa.int64()}), "object"),
    Row(pa.map_(pa.string(), pa.int64()), "object"),
    Row(pa.list_(pa.int64()), "list<item: int64>[pyarrow]"),
    Row(pa.list_(pa.float32()), "list<item: float>[pyarrow]"),
    Row(pa.null(), "object"),
)
"""The table from Arrow to pandas with the default options, as data: the tests and the documentation use it."""
