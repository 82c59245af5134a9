"""The columns of a stream, fitted to those of a dataset: in its order, in its types, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from dk_notebook.backends.base import Rejected
from dk_notebook.backends.s3.datasets.manifest import Shape
from dk_notebook.backends.s3.writing.sayable import unsayable, unsayable_folders
from dk_notebook.backends.sql.chunks import kept
from dk_notebook.errors import ConversionError
from dk_notebook.frames.cast import cast_collecting
from dk_notebook.frames.rules import hint_for
from dk_notebook.frames.types import labels_of


@dataclass(frozen=True)
class Fit:
    """One column on its way into a dataset."""

    source: pa.Field
    target: pa.Field
    """As the dataset has it."""
    form: str
    """The format of its files."""
    is_folder: bool

    def fitted(self, array: Any) -> tuple[Any, list[tuple[int, str]]]:
        """The values in the dataset's type, and the rows whose value does not fit, with the reason."""
        values, bad = cast_collecting(array, self.target.type)
        bad += unsayable_folders(values) if self.is_folder else unsayable(values, self.form)
        if (labels := labels_of(self.target)) is not None and pa.types.is_dictionary(values.type):
            bad += _unlabelled(values, labels)
        return values, sorted(bad)

    def error(self, reason: str, position: int) -> ConversionError:
        """What is raised about a value of this column."""
        return ConversionError(
            reason,
            column=self.source.name,
            position=position,
            source=str(self.source.type),
            target=str(self.target.type),
            hint=hint_for(self.source.name, self.source.type, self.target.type),
        )


def _unlabelled(values: Any, labels: Sequence[str]) -> list[tuple[int, str]]:
    """The rows that have a label which the dataset does not declare."""
    unknown = set(values.dictionary.to_pylist()) - {*labels, None}
    if not unknown:
        return []
    reason = "a label that the categories of the dataset lack"
    return [(row, reason) for row, value in enumerate(values.to_pylist()) if value in unknown]


def fits(schema: pa.Schema, shape: Shape) -> tuple[Fit, ...]:
    """The columns in the dataset's order; the names of both must be the same."""
    return tuple(
        Fit(schema.field(column.name), column, shape.format, column.name in shape.partitions) for column in shape.schema
    )


def fitted(batch: pa.RecordBatch, columns: Sequence[Fit], schema: pa.Schema, *, first: int) -> pa.Table:
    """The rows as the dataset has them; ``first`` is the number of the first.

    ConversionError names the first row that has a value which does not fit.
    """
    arrays = []
    worst: tuple[int, ConversionError] | None = None
    for fit in columns:
        values, bad = fit.fitted(batch.column(batch.schema.get_field_index(fit.source.name)))
        arrays.append(values)
        if bad and (worst is None or bad[0][0] < worst[0]):
            worst = bad[0][0], fit.error(bad[0][1], first + bad[0][0])
    if worst is not None:
        raise worst[1]
    return pa.Table.from_arrays(arrays, schema=schema)


def collected(
    batch: pa.RecordBatch, columns: Sequence[Fit], schema: pa.Schema, *, first: int
) -> tuple[pa.Table, list[Rejected]]:
    """The rows that fit, and what is told of the others."""
    found = [fit.fitted(batch.column(batch.schema.get_field_index(fit.source.name))) for fit in columns]
    arrays, _, told = kept(
        [values for values, _ in found], [fit.source.name for fit in columns], [bad for _, bad in found], first
    )
    return pa.Table.from_arrays(arrays, schema=schema), told
