"""What a write will do: whether the table is made, with which columns, and what is refused before any row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from dk_notebook.backends.base import PlannedColumn, TableWrite, WritePlan
from dk_notebook.backends.duckdb import catalog
from dk_notebook.backends.duckdb.catalog import Entry
from dk_notebook.backends.duckdb.errors import translated
from dk_notebook.backends.duckdb.fit import fitted
from dk_notebook.backends.duckdb.types import declared_type, literal
from dk_notebook.backends.sql.names import quote, split_table
from dk_notebook.backends.sql.targets import (
    check_mode,
    check_replaceable,
    check_rows,
    conflict_clause,
    insert_into,
    missing_index,
    no_labels,
    other_type,
)
from dk_notebook.errors import ConfigError
from dk_notebook.frames.types import labels_of


@dataclass(frozen=True, kw_only=True)
class Intent:
    """A write, as far as it is known before its first row."""

    target: TableWrite
    existing: Entry | None
    """The table that rows are added to; None when one is made."""
    ddl: tuple[str, ...]
    """The statements before the rows."""
    types: Mapping[str, str]
    """Column -> type of the table that is made."""
    key: tuple[str, ...]
    """The key, spelled as in the data."""


def intent(cursor: Any, target: TableWrite, schema: pa.Schema) -> Intent:
    """How a stream of this schema goes into that table. Changes nothing; raises what needs no row to be known."""
    key = check_rows(target, schema, "duckdb")
    _check_alike(schema)
    entry = catalog.find(cursor, target.table)
    check_mode(target, None if entry is None else entry.kind)
    if entry is not None and target.mode != "replace":
        _check_types(cursor, target, entry)
        if key and not entry.unique(key):
            raise missing_index(entry.name, entry.quoted, key)
        ddl = (f"DELETE FROM {entry.quoted}",) if target.mode == "truncate" else ()
        return Intent(target=target, existing=entry, ddl=ddl, types={}, key=key)
    if entry is not None:
        check_replaceable(target, catalog.dependent_views(cursor, entry))
    types = _types(cursor, target, schema)
    return Intent(target=target, existing=None, ddl=(_create(target, types, key),), types=types, key=key)


def planned(cursor: Any, target: TableWrite, schema: pa.Schema) -> WritePlan:
    """The plan of a write."""
    meant = intent(cursor, target, schema)
    if meant.existing is None:
        columns = [
            PlannedColumn(name=field.name, arrow=str(field.type), store=meant.types[field.name],
                          nullable=field.name not in meant.key)
            for field in schema
        ]  # fmt: skip
        insert = _insert(catalog.quoted_name(target.table), schema.names, meant.key, target.mode)
    else:
        fits = fitted(schema, meant.existing)
        columns = [
            PlannedColumn(name=fit.column.name, arrow=str(fit.source.type), store=fit.column.declared,
                          nullable=fit.column.nullable)
            for fit in fits
        ]  # fmt: skip
        insert = _insert(meant.existing.quoted, [fit.column.name for fit in fits], meant.key, target.mode)
    return WritePlan(
        table=target.table, mode=target.mode, statements=(*meant.ddl, f"{insert} ..."), columns=tuple(columns)
    )


def added(columns: list[str], key: tuple[str, ...], mode: str) -> str:
    """The ON CONFLICT of an upsert or ignore; empty for the other modes."""
    return conflict_clause(columns, key, mode, fold=str.lower)


def _insert(quoted: str, columns: list[str], key: tuple[str, ...], mode: str) -> str:
    return insert_into(quoted, columns) + added(columns, key, mode)


def _create(target: TableWrite, types: Mapping[str, str], key: tuple[str, ...]) -> str:
    head = "CREATE OR REPLACE TABLE" if target.mode == "replace" else "CREATE TABLE"
    lines = [f"{quote(name)} {kind}" for name, kind in types.items()]
    if key:
        lines.append(f"PRIMARY KEY ({', '.join(map(quote, key))})")
    return f"{head} {catalog.quoted_name(target.table)} ({', '.join(lines)})"


def _check_alike(schema: pa.Schema) -> None:
    seen: dict[str, str] = {}
    for name in schema.names:
        other = seen.setdefault(name.lower(), name)
        if other != name:
            raise ConfigError(f"duckdb does not tell {other!r} from {name!r}: rename one of the columns")


def _check_types(cursor: Any, target: TableWrite, entry: Entry) -> None:
    """types= is for a table that is made; beside one that exists it may only say what is declared."""
    for name, text in target.types.items():
        column = entry.column(name)
        if column is not None and str(_parsed(cursor, name, text)) != str(column.kind):
            raise other_type(name, text, column.declared)


def _types(cursor: Any, target: TableWrite, schema: pa.Schema) -> dict[str, str]:
    return {
        field.name: _written(cursor, field, target.types[field.name])
        if field.name in target.types
        else declared_type(field)
        for field in schema
    }


def _written(cursor: Any, field: pa.Field, text: str) -> str:
    """A type that the caller wrote, as DuckDB writes it: nothing but a type can come through."""
    if text.strip().lower() == "enum":
        labels = labels_of(field)
        if not labels:
            raise no_labels(field.name, "make it a category, or write ENUM('a', 'b')")
        return f"ENUM({', '.join(map(literal, labels))})"
    parsed = _parsed(cursor, field.name, text)
    if parsed.id == "enum" and "(" not in text:
        return ".".join(map(quote, split_table(text.strip())))  # a named type stays the type of that name
    return str(parsed)


def _parsed(cursor: Any, name: str, text: str) -> Any:
    try:
        return cursor.type(text)
    except duckdb.Error as error:
        raise ConfigError(f"types= says {text!r} for {name!r}: {translated(error).message}") from error
