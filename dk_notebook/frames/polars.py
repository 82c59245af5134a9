"""Arrow tables as polars frames, and polars frames as Arrow tables."""

from __future__ import annotations

from typing import Any

import polars as pl
import pyarrow as pa

from dk_notebook.errors import ConversionError
from dk_notebook.frames import types
from dk_notebook.frames.cast import cast_exact

_DECIMAL = pa.decimal128(38, 18)
"""polars' decimals have 38 digits; of a decimal that has more, as many before the point as behind it are kept."""


def from_arrow(table: pa.Table) -> pl.DataFrame:
    """The table as a polars frame. ConversionError names the column that polars has no type for.

    >>> from_arrow(pa.table({"a": [1, None]})).schema
    Schema([('a', Int64)])
    """
    columns: list[pl.Series] = []
    for place, column in enumerate(table.schema):
        columns.append(_series(column, table.column(place)))
    return pl.DataFrame(columns)


def _series(column: pa.Field, values: pa.ChunkedArray) -> pl.Series:
    kind = types.kind(column.type)
    if kind == "decimal" and column.type.precision > 38:
        try:
            values = cast_exact(values, _DECIMAL, column=column.name)
        except ConversionError as error:
            error.hint = 'decimals="string" keeps every digit'
            raise
    if kind == "interval":
        raise ConversionError(
            "polars has no type for months, days and a time together",
            column=column.name,
            source=str(column.type),
            hint="cast it in the query, as in CAST(c AS varchar)",
        )
    labels = types.labels_of(column)
    if kind == "dictionary" and labels is not None:
        text = pl.Series(column.name, values.cast(pa.string()))
        return text.cast(pl.Enum(labels))
    if not values.num_chunks:
        values = pa.chunked_array([pa.array([], values.type)])
    try:
        return pl.Series(column.name, values)
    except (pl.exceptions.PolarsError, pa.ArrowException, TypeError, ValueError) as error:
        raise ConversionError(
            f"polars does not take it: {type(error).__name__}", column=column.name, source=str(column.type)
        ) from None


def to_arrow(frame: pl.DataFrame) -> pa.Table:
    """The frame as an Arrow table; NaN stays NaN, an Enum keeps all its labels. The frame is left as it was.

    >>> to_arrow(pl.DataFrame({"a": [1.0, float("nan"), None]})).column("a").to_pylist()
    [1.0, nan, None]
    """
    for name, dtype in frame.schema.items():
        if dtype == pl.Object:
            raise ConversionError("values of several Python types", column=name, source="Object")
    table = frame.to_arrow()
    for place, (name, dtype) in enumerate(frame.schema.items()):
        column, values = table.field(place), table.column(place)
        if isinstance(dtype, pl.Enum):
            column = types.mark_labels(column, dtype.categories.to_list())
        target = _plain(column.type)
        if target != column.type:
            values = cast_exact(values, target, column=name)
        table = table.set_column(place, column.with_type(target), values)
    return table


def _plain(arrow: pa.DataType) -> pa.DataType:
    """The type with 32-bit offsets where polars uses its own or 64-bit ones, and dictionaries of plain strings."""
    match types.kind(arrow):
        case "text":
            return pa.string()
        case "binary":
            return pa.binary()
        case "dictionary":
            return pa.dictionary(pa.int32(), _plain(arrow.value_type), ordered=arrow.ordered)
        case "list" if not pa.types.is_fixed_size_list(arrow):
            return pa.list_(_plain(arrow.value_type))
        case "struct":
            return pa.struct([arrow.field(n).with_type(_plain(arrow.field(n).type)) for n in range(arrow.num_fields)])
    return arrow


def arrow_type(dtype: Any) -> pa.DataType:
    """The Arrow type of a polars type."""
    return _plain(pl.Series([], dtype=dtype).to_arrow().type)
