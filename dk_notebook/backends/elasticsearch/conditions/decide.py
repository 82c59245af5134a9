"""Rows that the server was not sure of: decided, and sorted, by what conditions mean in Python."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from dk_notebook.backends.elasticsearch.conditions.dsl import column_of
from dk_notebook.backends.elasticsearch.fields import Fields
from dk_notebook.frames.types import is_document
from dk_notebook.records.condition_fields import with_fields
from dk_notebook.records.filters import Condition, Sort, matches, sort_key
from dk_notebook.records.filters import Field as Named


class Rows:
    """Batches whose columns have everything that a condition or an order names."""

    def __init__(self, fields: Fields, schema: pa.Schema) -> None:
        self._fields = fields
        self._schema = schema

    def matching(self, batch: pa.RecordBatch, condition: Condition) -> pa.RecordBatch:
        """The rows that match.

        The columns that are looked at are the condition's own.
        """
        literal = with_fields(condition, self._literal_field)
        kept = [matches(literal, row) for row in self._documents(batch)]
        return batch if all(kept) else batch.filter(pa.array(kept, pa.bool_()))

    def ordered(self, table: pa.Table, sorts: Sequence[Sort]) -> pa.Table:
        """The rows in order; those that are alike as they came."""
        literal = tuple(replace(each, field=self._literal_field(each.field)) for each in sorts)
        keys = [sort_key(literal, row) for batch in table.to_batches() for row in self._documents(batch)]
        return table.take(pa.array(sorted(range(len(keys)), key=keys.__getitem__), pa.int64()))

    def _documents(self, batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
        """Each row as a document: a column is a literal name, what is JSON lies where its dots lead too."""
        columns = [self._values(column, field) for column, field in zip(batch.columns, self._schema, strict=True)]
        deep = {field.name: field.name.split(".") for field in self._schema if is_document(field) and "." in field.name}
        names = self._schema.names
        for values in zip(*columns, strict=True):
            row = dict(zip(names, values, strict=True))
            for name, steps in deep.items():
                place = row
                for step in steps[:-1]:
                    place = place.setdefault(step, {})
                place[steps[-1]] = row[name]
            yield row

    def _values(self, column: pa.Array, field: pa.Field) -> list[Any]:
        if is_document(field):
            return [None if text is None else json.loads(text) for text in column.to_pylist()]
        if field.type == pa.float32():
            # The number that the shortest text of a 32-bit float says.
            numbers: list[Any] = [
                None if value is None else float(str(np.float32(value))) for value in column.to_pylist()
            ]
            return numbers
        values: list[Any] = column.to_pylist()
        return values

    def _literal_field(self, named: Named) -> Named:
        """The field of rows: a column's dots are its name's."""
        inside = column_of(self._fields, named).name != named.name
        return named if inside else Named(named.name, literal=True)
