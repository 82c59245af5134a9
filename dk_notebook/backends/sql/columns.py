"""What a table's columns are to a condition: their kind, and the values that they can hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import pyarrow as pa
from pyarrow import types

from dk_notebook.backends.sql.grids import DAY, Clocks, Decimals, Doubles, Exact, Grid, Instants, Integers

ColumnKind = Literal["number", "text", "boolean", "temporal", "time", "binary", "list", "object", "json", "other"]
"""``other`` counts as the text that it is cast to (uuid, inet, enum ...); an ``object`` is never equal to anything."""


@dataclass(frozen=True)
class Column:
    """A column, or what lies inside of one."""

    name: str
    kind: ColumnKind
    type: str = "TEXT"
    """The SQL type that operands are cast to."""
    grid: Grid | None = None
    """The values of a number or time."""
    nan: bool = False
    """It may hold NaN, which counts as missing."""
    item: Column | None = None
    """What a list holds."""
    fields: tuple[Column, ...] = ()
    """What an object holds, where that is declared."""
    declared: str = ""
    """The store's own name for the type, where known."""

    @classmethod
    def of(cls, name: str, arrow: pa.DataType, store_type: str | None = None) -> Column:
        """The column that a store hands out as ``arrow``; ``store_type``: its own name for the type, where known.

        >>> Column.of("a", pa.int16()).grid, Column.of("a", pa.string(), "UUID").kind
        (Integers(low=-32768, high=32767), 'other')
        """
        return cls._of(name, arrow, store_type)._declared(store_type or "")

    def _declared(self, store_type: str) -> Column:
        """The column with what only the store's own name tells."""
        if self.item is not None:
            return replace(self, item=self.item._declared(store_type.removesuffix("[]")), declared=store_type)
        if store_type.upper().startswith("NUMERIC("):  # PostgreSQL's, which holds NaN whatever its digits
            return replace(self, type="NUMERIC", nan=True, declared=store_type)
        return replace(self, declared=store_type)

    @classmethod
    def _of(cls, name: str, arrow: pa.DataType, store_type: str | None) -> Column:
        declared = _DECLARED.get((store_type or "").upper())
        if declared is not None:
            return declared(name)
        if types.is_string(arrow) or types.is_large_string(arrow) or types.is_string_view(arrow):
            return cls(name, "text" if _is_text(store_type) else "other")
        for applies, make in _BY_ARROW:
            if applies(arrow):
                return make(name, arrow)
        return cls(name, "other")


def columns_of(schema: pa.Schema, store_types: Sequence[str] | None = None) -> list[Column]:
    """The columns of a table, given the Arrow schema that reading it has, and the store's names for the types."""
    names: Sequence[str | None] = store_types or [None] * len(schema)
    return [Column.of(field.name, field.type, name) for field, name in zip(schema, names, strict=True)]


def _is_text(store_type: str | None) -> bool:
    """Text that is compared as it is; of unknown types none is, nor is ``char(n)``, which ignores blanks."""
    name = (store_type or "").upper()
    return name in ("TEXT", "VARCHAR", "CHARACTER VARYING", "STRING") or name.startswith(("VARCHAR(", "CHARACTER VARY"))


def _integers(name: str, arrow: pa.DataType) -> Column:
    signed = types.is_signed_integer(arrow)
    wide = not signed and arrow.bit_width == 64
    return Column(name, "number", "UBIGINT" if wide else "BIGINT", Integers.of_bits(arrow.bit_width, signed=signed))


def _decimals(name: str, arrow: pa.DataType) -> Column:
    if arrow.precision > 38:  # only PostgreSQL has such, and its numeric takes any
        return Column(name, "number", "NUMERIC", Exact(), nan=True)
    return Column(name, "number", f"DECIMAL({arrow.precision},{arrow.scale})", Decimals(arrow.precision, arrow.scale))


def _timestamps(name: str, arrow: pa.DataType) -> Column:
    unit = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[arrow.unit]
    zoned = arrow.tz is not None
    return Column(name, "temporal", _TIMESTAMPS[zoned, unit == 1], Instants(unit, zoned))


def _times(name: str, arrow: pa.DataType) -> Column:
    unit = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[arrow.unit]
    return Column(name, "time", "TIME" if unit > 1 else "TIME_NS", Clocks(unit))


def _lists(name: str, arrow: pa.DataType) -> Column:
    return Column(name, "list", item=Column.of(name, arrow.value_type))


def _structs(name: str, arrow: pa.DataType) -> Column:
    return Column(name, "object", fields=tuple(Column.of(field.name, field.type) for field in arrow))


# (with a zone, in nanoseconds) -> the type; only DuckDB has those of nanoseconds.
_TIMESTAMPS: Final = {
    (False, False): "TIMESTAMP",
    (True, False): "TIMESTAMP WITH TIME ZONE",
    (False, True): "TIMESTAMP_NS",
    (True, True): "TIMESTAMPTZ_NS",
}
_DECLARED: Final[dict[str, Callable[[str], Column]]] = {
    "HUGEINT": lambda name: Column(name, "number", "HUGEINT", Integers.of_bits(128)),
    "UHUGEINT": lambda name: Column(name, "number", "UHUGEINT", Integers.of_bits(128, signed=False)),
    "NUMERIC": lambda name: Column(name, "number", "NUMERIC", Exact(), nan=True),
    "JSON": lambda name: Column(name, "json"),
    "JSONB": lambda name: Column(name, "json"),
}

_BY_ARROW: Final[tuple[tuple[Callable[[pa.DataType], bool], Callable[[str, pa.DataType], Column]], ...]] = (
    (types.is_boolean, lambda name, _: Column(name, "boolean", "BOOLEAN")),
    (types.is_integer, _integers),
    (types.is_floating, lambda name, _: Column(name, "number", "DOUBLE PRECISION", Doubles(), nan=True)),
    (types.is_decimal, _decimals),
    (types.is_date, lambda name, _: Column(name, "temporal", "DATE", Instants(DAY))),
    (types.is_timestamp, _timestamps),
    (types.is_time, _times),
    (lambda arrow: types.is_binary(arrow) or types.is_large_binary(arrow), lambda n, _: Column(n, "binary", "BYTEA")),
    (types.is_fixed_size_binary, lambda name, _: Column(name, "binary", "BYTEA")),
    (lambda arrow: types.is_list(arrow) or types.is_large_list(arrow) or types.is_fixed_size_list(arrow), _lists),
    (types.is_map, lambda name, _: Column(name, "object")),
    (types.is_struct, _structs),
)
