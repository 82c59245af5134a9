"""The columns of a stream, fitted to the columns of a table: which goes where, and how its values become the type.

Arrow does the casts that it can do exactly; what only DuckDB has (enum, uuid, json, bit, ...) goes as text and is
cast there, after a look for the values that it would not take.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from dk_notebook.backends.duckdb.catalog import Column, Entry
from dk_notebook.backends.duckdb.types import FROM_TEXT, WIDE, exact_type, is_json
from dk_notebook.backends.sql.chunks import missing_rows, rows_below_microseconds
from dk_notebook.backends.sql.targets import FINER_INTERVAL, NO_VALUE, check_columns
from dk_notebook.errors import ConfigError, ConversionError
from dk_notebook.frames.cast import cast_collecting, cast_exact
from dk_notebook.frames.types import kind, labels_of

_INTEGER = pa.decimal128(38, 0)


@dataclass(frozen=True)
class Fit:
    """One column on its way from a stream into a table."""

    source: pa.Field
    column: Column
    alias: str
    """Its name in the chunks that are registered with DuckDB."""

    @property
    def exact(self) -> pa.DataType | None:
        """The Arrow type that is cast to; None: as it is, DuckDB casts."""
        if self.column.kind.id in WIDE:
            return _INTEGER
        return None if self.column.kind.id == "interval" else exact_type(self.column.kind)

    @property
    def checked(self) -> bool:
        """Whether DuckDB's own cast may refuse a value, so that it is tried before."""
        if self.column.kind.id == "enum":
            known = labels_of(self.source)
            return known is None or not set(known) <= set(self.column.kind.children[0][1])
        return self.column.kind.id in FROM_TEXT | WIDE or (is_json(self.column.kind) and self._is_text)

    @property
    def expression(self) -> str:
        """The value in a SELECT over a chunk."""
        if is_json(self.column.kind) and not self._is_text:
            return f"to_json({self.alias})"
        if self.exact is None or self.column.kind.id in WIDE:
            return f"CAST({self.alias} AS {self.column.kind})"
        return self.alias

    @property
    def refused(self) -> str:
        """The condition that DuckDB would not take the value."""
        return f"({self.alias} IS NOT NULL AND TRY_CAST({self.alias} AS {self.column.kind}) IS NULL)"

    @property
    def _is_text(self) -> bool:
        arrow = self.source.type
        return kind(arrow.value_type if pa.types.is_dictionary(arrow) else arrow) in ("text", "null")

    def cast(self, array: pa.Array, first: int) -> pa.Array:
        """The values as DuckDB takes them. ConversionError names the row, counted from ``first``."""
        for row, reason in self._impossible(array):
            raise self.error(reason, first + row)
        if self.exact is None:
            return _scannable(array)
        return _scannable(cast_exact(_scannable(array), self.exact, column=self.source.name, position=first))

    def collected(self, array: pa.Array) -> tuple[pa.Array, list[tuple[int, str]]]:
        """The values as DuckDB takes them, and the rows whose value does not fit, with the reason."""
        bad = list(self._impossible(array))
        if self.exact is None:
            return _scannable(array), bad
        values, inexact = cast_collecting(_scannable(array), self.exact)
        return _scannable(values), bad + inexact

    def error(self, reason: str, position: int | None) -> ConversionError:
        """What is raised about a value of this column."""
        return ConversionError(
            reason,
            column=self.source.name,
            position=position,
            source=str(self.source.type),
            target=self.column.declared,
        )

    def _impossible(self, array: pa.Array) -> Iterator[tuple[int, str]]:
        if not self.column.nullable:
            yield from ((row, NO_VALUE) for row in missing_rows(array))
        if self.column.kind.id == "interval":
            yield from ((row, FINER_INTERVAL) for row in rows_below_microseconds(array))


def fitted(schema: pa.Schema, entry: Entry) -> list[Fit]:
    """The columns of a stream in their order, each with its column of the table.

    ConfigError lists what does not match: extra columns, and missing ones without a default. ConversionError: a type
    that can become the declared one by no cast.
    """
    check_columns(
        schema.names,
        [column.name for column in entry.columns],
        [column.name for column in entry.columns if column.default is None and column.generated is None],
        entry.name,
        fold=str.lower,
    )
    fits = [
        Fit(field, entry.column(field.name), f"c{number}")  # type: ignore[arg-type]  # none is extra
        for number, field in enumerate(schema)
    ]
    for fit in fits:
        _check(fit)
    return fits


def _check(fit: Fit) -> None:
    """ConversionError where no value of the source's type could go into the column."""
    arrow, declared = fit.source.type, fit.column.kind
    source = kind(arrow.storage_type if isinstance(arrow, pa.BaseExtensionType) else arrow)
    if fit.column.generated is not None:
        raise ConfigError(f"{fit.column.name!r} is a generated column: DuckDB computes it", hint="leave it out")
    if source == "null" or is_json(declared):
        return
    if declared.id == "interval":
        fits = source in ("duration", "interval")
    elif declared.id in FROM_TEXT:
        fits = fit._is_text or (declared.id == "uuid" and isinstance(arrow, pa.UuidType))
    else:
        return
    if not fits:
        hint = "write the values as text, which DuckDB casts" if declared.id in FROM_TEXT else None
        error = fit.error("no cast leads there", None)
        error.hint = hint
        raise error


def _scannable(array: pa.Array) -> pa.Array:
    """The values in an Arrow type that DuckDB reads, and reads whole."""
    arrow = array.type
    if pa.types.is_dictionary(arrow) and kind(arrow.value_type) != "text":
        return _scannable(array.dictionary_decode())
    if pa.types.is_float16(arrow):
        return array.cast(pa.float32())
    if pa.types.is_decimal256(arrow) and arrow.precision <= 38:
        return array.cast(pa.decimal128(arrow.precision, arrow.scale))
    return array
