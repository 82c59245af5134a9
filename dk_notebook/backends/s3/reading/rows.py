"""Rows that Arrow was not sure of: decided, and sorted, by what conditions mean in Python."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dk_notebook.frames.types import kind
from dk_notebook.records.condition_fields import with_fields
from dk_notebook.records.filters import Condition, Field, Sort, matches, sort_key

_SORTED_BY_ARROW = frozenset({"integer", "float", "text", "boolean", "date", "timestamp", "time", "decimal"})


def matching(batch: pa.RecordBatch, condition: Condition) -> pa.RecordBatch:
    """The rows that match."""
    literal = with_fields(condition, lambda field: _literal_field(field, batch.schema))
    kept = [matches(literal, row) for row in documents(batch)]
    return batch if all(kept) else batch.filter(pa.array(kept, pa.bool_()))


def ordered(table: pa.Table, sorts: Sequence[Sort], most: int | None) -> pa.Table:
    """The rows in order, at most so many; those that are alike as they came. Missing ones are last either way."""
    columns = [
        table.schema.field(sort.field.name) for sort in sorts if table.schema.get_field_index(sort.field.name) >= 0
    ]
    if len(columns) == len(sorts) and all(kind(column.type) in _SORTED_BY_ARROW for column in columns):
        keys = {f"{number}": _key(table.column(column.name)) for number, column in enumerate(columns)}
        directions = [
            (f"{number}", "descending" if sort.descending else "ascending") for number, sort in enumerate(sorts)
        ]
        order = pc.sort_indices(pa.table(keys), sort_keys=directions)  # NULL comes last
        return table.take(order if most is None else order[:most])
    literal = tuple(replace(sort, field=_literal_field(sort.field, table.schema)) for sort in sorts)
    found = [sort_key(literal, row) for batch in table.to_batches() for row in documents(batch)]
    places = sorted(range(len(found)), key=found.__getitem__)
    return table.take(pa.array(places if most is None else places[:most], pa.int64()))


def _key(values: Any) -> Any:
    """What a column is sorted by: NaN is missing."""
    if pa.types.is_floating(values.type):
        return pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    return values


def documents(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """Each row as a document."""
    columns = [_values(column, field) for column, field in zip(batch.columns, batch.schema, strict=True)]
    names = batch.schema.names
    for values in zip(*columns, strict=True):
        yield dict(zip(names, values, strict=True))


def _values(column: pa.Array, field: pa.Field) -> list[Any]:
    if field.type == pa.float32():
        # The number that the shortest text of a 32-bit float says.
        return [None if value is None else float(str(np.float32(value))) for value in column.to_pylist()]
    if pa.types.is_timestamp(field.type) and field.type.unit == "ns":
        return column.to_pandas().tolist()  # type: ignore[no-any-return]  # with the digits that datetime lacks
    values: list[Any] = column.to_pylist()
    return values


def _literal_field(field: Field, schema: pa.Schema) -> Field:
    """The field of rows: the dots of a column are its name's."""
    return Field(field.name, literal=True) if schema.get_field_index(field.name) >= 0 else field
