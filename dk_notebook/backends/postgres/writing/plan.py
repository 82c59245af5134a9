"""What a write will do: whether the table is made, with which columns, and what is refused before any row."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from dk_notebook.backends.base import PlannedColumn, TableWrite, WritePlan
from dk_notebook.backends.postgres import catalog
from dk_notebook.backends.postgres.catalog import LONGEST, Entry
from dk_notebook.backends.postgres.writing.declare import declared_type, written_type
from dk_notebook.backends.postgres.writing.fit import fitted
from dk_notebook.backends.postgres.writing.nanoseconds import notes_of
from dk_notebook.backends.sql.names import quote
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
from dk_notebook.errors import ConfigError, ConversionError, QueryError
from dk_notebook.frames.types import labels_of

LOCKS = {
    "append": "ROW EXCLUSIVE",
    "upsert": "ROW EXCLUSIVE",
    "ignore": "ROW EXCLUSIVE",
    "truncate": "ACCESS EXCLUSIVE",  # what TRUNCATE takes: taking less before would invite deadlocks
    "replace": "SHARE UPDATE EXCLUSIVE",  # one replaces at a time, others go on reading and writing the old
}
"""What a write holds before it looks at the declared types, so that they stay as they are until the end."""

KEEP = 'mode="truncate" keeps the table and what depends on it'

_KEEPS_ROWS = ("a", "r")
"""What a foreign key says of rows that refer to deleted ones: NO ACTION, RESTRICT."""


@dataclass(frozen=True, kw_only=True)
class Intent:
    """A write, as far as it is known before its first row."""

    target: TableWrite
    existing: Entry | None
    """The table that rows are added to; None when one is made."""
    filled: str
    """The table that is filled, as users write it, when one is made."""
    before: tuple[str, ...]
    """The statements before the rows."""
    after: tuple[str, ...]
    """The statements after them: they put the new table in the place of the old."""
    types: Mapping[str, str]
    """Column -> type of the table that is made."""
    key: tuple[str, ...]


async def intent(connection: Any, target: TableWrite, schema: pa.Schema, *, locked: bool = False) -> Intent:
    """How a stream of this schema goes into that table. Changes nothing; raises what needs no row to be known.

    ``locked``: inside of a transaction, which then keeps others from altering the table.
    """
    key = check_rows(target, schema, "postgres")
    _check_lengths(schema)
    entry = await catalog.find(connection, target.table)
    check_mode(target, None if entry is None else entry.kind)
    if entry is not None and target.mode == "replace" and not entry.owned:
        raise QueryError(f"must be owner of table {entry.name}", code="42501", hint=KEEP)
    if entry is not None and locked and entry.kind != "foreign table":
        await connection.execute(f"LOCK TABLE {entry.quoted} IN {LOCKS[target.mode]} MODE")
        entry = await catalog.find(connection, target.table)
        check_mode(target, None if entry is None else entry.kind)
    if entry is not None and target.mode != "replace":
        await _check_types(connection, target, entry)
        if key and not entry.unique(key):
            raise missing_index(entry.name, entry.quoted, key)
        emptied = (await _emptied(connection, entry),) if target.mode == "truncate" else ()
        return Intent(target=target, existing=entry, filled="", before=emptied, after=(), types={}, key=key)
    if entry is None:
        types, made = await _types(connection, target, schema)
        name = catalog.quoted_name(target.table)
        before = (*made, _create(name, types, key))
        return Intent(target=target, existing=None, filled=target.table, before=before, after=(), types=types, key=key)
    await _check_replaced(connection, target, entry)
    types, made = await _types(connection, target, schema)
    name = _beside(entry)
    swap = (f"DROP TABLE {entry.quoted}", f"ALTER TABLE {name} RENAME TO {quote(entry.name)}")
    before = (*made, _create(name, types, key))
    return Intent(target=target, existing=None, filled=name, before=before, after=swap, types=types, key=key)


async def planned(connection: Any, target: TableWrite, schema: pa.Schema) -> WritePlan:
    """The plan of a write."""
    meant = await intent(connection, target, schema)
    if meant.existing is None:
        columns = [
            PlannedColumn(name=field.name, arrow=str(field.type), store=meant.types[field.name],
                          nullable=field.name not in meant.key)
            for field in schema
        ]  # fmt: skip
        into = insert_into(catalog.quoted_name(meant.filled), schema.names)
    else:
        fits = await fitted(connection, schema, meant.existing, said=target.types)
        columns = [
            PlannedColumn(name=fit.column.name, arrow=str(fit.source.type), store=fit.column.declared,
                          nullable=fit.column.nullable)
            for fit in fits
        ]  # fmt: skip
        into = insert_into(meant.existing.quoted, schema.names)
    into += conflict_clause(schema.names, meant.key, target.mode)
    statements = (*meant.before, f"{into} ...", *meant.after)
    notes = notes_of((field, column.store) for field, column in zip(schema, columns, strict=True))
    return WritePlan(table=target.table, mode=target.mode, statements=statements, columns=tuple(columns), notes=notes)


def literal(text: str) -> str:
    """``text`` as an SQL string; every session has standard_conforming_strings on."""
    return "'" + text.replace("'", "''") + "'"


def _create(name: str, types: Mapping[str, str], key: Sequence[str]) -> str:
    lines = [f"{quote(column)} {kind}" for column, kind in types.items()]
    if key:
        lines.append(f"PRIMARY KEY ({', '.join(map(quote, key))})")
    return f"CREATE TABLE {name} ({', '.join(lines)})"


def _beside(entry: Entry) -> str:
    """The name of the table that will take the place of another, as SQL; always the same, so that plans are."""
    mark = hashlib.sha256(entry.quoted.encode()).hexdigest()[:16]
    return f"{quote(entry.schema)}.{quote(f'dk_new_{mark}')}"


def _check_lengths(schema: pa.Schema) -> None:
    for name in schema.names:
        if len(name.encode()) > LONGEST:
            reason = f"the name has {len(name.encode())} bytes; postgres keeps {LONGEST} of a name"
            raise ConversionError(reason, column=name, hint="rename the column")


async def _check_types(connection: Any, target: TableWrite, entry: Entry) -> None:
    """types= is for a table that is made; beside one that exists it may only say what is declared."""
    for name, text in target.types.items():
        column = entry.column(name)
        if column is None:
            continue
        if text.strip().lower() == "enum":
            types = await catalog.types_of(connection, [column])
            same = types[column.type_oid].kind == "enum"
        else:
            same = await written_type(connection, name, text) == column.declared
        if not same:
            raise other_type(name, text, column.declared)


async def _check_replaced(connection: Any, target: TableWrite, entry: Entry) -> None:
    """QueryError: the table cannot be dropped, or is more than one table."""
    if entry.kind != "table" or entry.partition:
        told = "a partition" if entry.partition else f"a {entry.kind}"
        raise QueryError(f"{target.table!r} cannot be replaced: it is {told}", hint=KEEP)
    check_replaceable(target, await catalog.dependent_views(connection, entry))
    referring = await catalog.referrers(connection, entry)
    if referring:
        told = f"foreign keys of {', '.join(referring)} refer to it"
        raise QueryError(f"{target.table!r} cannot be replaced: {told}", hint=KEEP)


async def _emptied(connection: Any, entry: Entry) -> str:
    """The statement that empties the table: TRUNCATE, unless other tables refer to it, which it then refuses."""
    referring = await catalog.referrers(connection, entry)
    for table, action in referring.items():
        if action not in _KEEPS_ROWS:
            raise QueryError(
                f"{entry.name!r} cannot be emptied: a foreign key of {table} would delete or change rows there",
                hint='mode="upsert" changes rows without deleting any',
            )
    return f"DELETE FROM {entry.quoted}" if referring else f"TRUNCATE {entry.quoted}"


async def _types(connection: Any, target: TableWrite, schema: pa.Schema) -> tuple[dict[str, str], tuple[str, ...]]:
    """The types of a new table, and the statements that make those of its enums."""
    types: dict[str, str] = {}
    made: list[str] = []
    for field in schema:
        text = target.types.get(field.name)
        if text is None:
            types[field.name] = declared_type(field)
        elif text.strip().lower() == "enum":
            types[field.name], statements = await _enum(connection, target, field)
            made += statements
        else:
            types[field.name] = await written_type(connection, field.name, text)
    return types, tuple(made)


async def _enum(connection: Any, target: TableWrite, field: pa.Field) -> tuple[str, list[str]]:
    """An enum type called like table and column, and the statement that makes it where there is none."""
    labels = labels_of(field)
    if not labels:
        raise no_labels(field.name, "make it a category, or name a type that CREATE TYPE has made")
    schema, table = catalog.name_parts(target.table)
    name = f"{table}_{field.name}"
    if len(name.encode()) > LONGEST:
        raise ConfigError(
            f"types= says enum for {field.name!r}: the name of its type, {name!r}, has over {LONGEST} bytes",
            hint="make one with CREATE TYPE, and name it in types=",
        )
    quoted = ".".join(quote(part) for part in (schema, name) if part is not None)
    found = await connection.fetchval(
        "SELECT pg_catalog.array_agg(enumlabel::text ORDER BY enumsortorder) FROM pg_catalog.pg_enum "
        "WHERE enumtypid = pg_catalog.to_regtype($1)",
        quoted,
    )
    if found is None:
        return quoted, [f"CREATE TYPE {quoted} AS ENUM ({', '.join(map(literal, labels))})"]
    if list(found) != labels:
        raise ConfigError(
            f"types= says enum for {field.name!r}, but the type {name!r} exists with other labels",
            hint=f"ALTER TYPE {quoted} ADD VALUE ..., or name another type in types=",
        )
    return quoted, []
