"""The columns of a stream, fitted to the columns of a table: which goes where, and on which way."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from dk_notebook.backends.postgres.catalog import Column, Entry, types_of
from dk_notebook.backends.postgres.server_types import ServerType
from dk_notebook.backends.postgres.writing import nanoseconds
from dk_notebook.backends.postgres.writing.wire import DOCUMENTS, Way, way
from dk_notebook.backends.sql.chunks import missing_rows
from dk_notebook.backends.sql.targets import NO_KEY, NO_VALUE, check_columns
from dk_notebook.errors import ConfigError, ConversionError
from dk_notebook.frames.rules import hint_for
from dk_notebook.frames.text import check_text
from dk_notebook.frames.types import kind


@dataclass(frozen=True)
class Fit:
    """One column on its way from a stream into a table."""

    source: pa.Field
    column: Column
    type: ServerType
    """What the column's domain is made of, where it has one."""
    way: Way
    alias: str
    """Its name in a staging table."""
    missing: str | None
    """Why NULL is no value, where it is none."""
    said: bool
    """The caller has said its type."""
    made: bool
    """The table is made by this write."""

    @property
    def staged(self) -> str:
        """Its type in a staging table."""
        collation = f" COLLATE {self.column.collation}" if self.column.collation and not self.way.by_text else ""
        return f"{'pg_catalog.text' if self.way.by_text else self.type.name}{collation}"

    @property
    def expression(self) -> str:
        """The value in a SELECT from the staging table. Its assignment to the column checks what a cast would cut."""
        return f"CAST({self.alias} AS {self.type.name})" if self.way.by_text else self.alias

    def exact(self, array: Any, first: int) -> Any:
        """The values as they are encoded. ConversionError names the row, counted from ``first``."""
        values, bad = self.converted(array)
        if bad:
            row, reason = bad[0]
            error = self.error(reason, first + row)
            error.hint = self._hint(array.slice(row, 1), values.type)
            raise error
        return values

    def _hint(self, value: Any, sent: pa.DataType) -> str | None:
        """What may be done about a value; ``sent``: the type that it was to be encoded as."""
        name, declared = self.source.name, self.type.plain
        finer = nanoseconds.hint(name, value, declared, made=self.made)
        if finer is not None:
            return finer
        if kind(value.type) in nanoseconds.TIMES and declared in nanoseconds.TEXTS | nanoseconds.NUMBERS:
            return None if self.said else f'types={{{name!r}: "{self.column.declared}"}} writes it so'
        return None if self.way.by_text or declared in DOCUMENTS else hint_for(name, value.type, sent)

    def converted(self, array: Any) -> tuple[Any, list[tuple[int, str]]]:
        """The values as they are encoded, and the rows that have none, in order, with the reason."""
        plain = array.storage if isinstance(array, pa.ExtensionArray) else array
        if pa.types.is_float16(plain.type):  # which Arrow does not compare
            plain = plain.cast(pa.float32())
        bad = [] if self.missing is None else [(row, self.missing) for row in missing_rows(plain)]
        bad += _with_nul(plain, self.source.name)
        values, unfit = self.way.convert(plain)
        return values, sorted([*bad, *unfit], key=lambda found: found[0])

    def error(self, reason: str, position: int | None) -> ConversionError:
        """What is raised about a value of this column."""
        return ConversionError(
            reason,
            column=self.source.name,
            position=position,
            source=str(self.source.type),
            target=self.column.declared,
        )


async def fitted(
    connection: Any,
    schema: pa.Schema,
    entry: Entry,
    *,
    key: Sequence[str] = (),
    checked: bool = False,
    said: Container[str] = (),
    made: bool = False,
) -> list[Fit]:
    """The columns of a stream in their order, each with its column of the table.

    ``key``: columns without which a row cannot be told from others. ``checked``: what only the server can check goes
    through a staging table, as text. ``said``: columns whose type the caller has said. ``made``: the table is new.
    ConfigError lists what does not match: extra columns, and missing ones that do not fill themselves.
    ConversionError: a type that can become the declared one by no cast.
    """
    check_columns(
        schema.names,
        [column.name for column in entry.columns],
        [column.name for column in entry.columns if not column.fills_itself],
        entry.name,
    )
    types = await types_of(connection, entry.columns)
    fits = [
        _fit(field, entry, types, f"c{number}", checked=checked, said=field.name in said, made=made)
        for number, field in enumerate(schema)
    ]
    return [replace(fit, missing=NO_KEY) if fit.source.name in key else fit for fit in fits]


def _fit(
    field: pa.Field,
    entry: Entry,
    types: dict[int, ServerType],
    alias: str,
    *,
    checked: bool,
    said: bool,
    made: bool,
) -> Fit:
    column = next(column for column in entry.columns if column.name == field.name)
    if column.generated is not None:
        raise ConfigError(f"{column.name!r} is a generated column: postgres computes it", hint="leave it out")
    declared = types[column.type_oid]
    found = way(declared, column.typmod, field.type, checked=checked, said=said)
    if found is None:
        raise ConversionError(
            "no cast leads there",
            column=field.name,
            source=str(field.type),
            target=column.declared,
            hint="write the values as text, which postgres casts",
        )
    while declared.kind == "domain" and declared.base is not None:
        declared = declared.base
    missing = None if column.nullable else NO_VALUE
    return Fit(field, column, declared, found, alias, missing, said, made)


def _with_nul(array: Any, name: str) -> Iterator[tuple[int, str]]:
    try:
        check_text(array, column=name)
    except ConversionError as error:
        first = error.position or 0
        yield first, error.message
        for row in range(first + 1, len(array)):
            yield from ((row, reason) for _, reason in _with_nul(array.slice(row, 1), name))
