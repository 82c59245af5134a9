"""What a database holds: tables and views, their columns, keys and constraints."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import duckdb
import pyarrow as pa

from dk_notebook.backends.duckdb.types import reading
from dk_notebook.backends.sql.described import described
from dk_notebook.backends.sql.names import quote, split_table
from dk_notebook.errors import ConfigError, NotFound, did_you_mean

TABLES = """
    SELECT schema, "table", kind, "rows", NULL::BIGINT AS bytes FROM (
        SELECT database_name, schema_name AS schema, table_name AS "table",
               CASE WHEN temporary THEN 'temporary table' ELSE 'table' END AS kind, estimated_size AS "rows"
        FROM duckdb_tables() WHERE NOT internal
        UNION ALL
        SELECT database_name, schema_name, view_name, 'view', NULL FROM duckdb_views() WHERE NOT internal
    ) WHERE database_name IN (current_database(), 'temp')
    ORDER BY ALL
"""
_FIND = """
    SELECT database_name, schema_name, name, kind FROM (
        SELECT database_name, schema_name, table_name AS name, 'table' AS kind FROM duckdb_tables()
        UNION ALL SELECT database_name, schema_name, view_name, 'view' FROM duckdb_views()
    ) WHERE lower(name) = lower($1) AND lower(schema_name) = lower(coalesce($2, current_schema()))
        AND lower(database_name) = lower(coalesce($3, current_database()))
    LIMIT 1
"""
_COLUMNS = """
    SELECT column_name, data_type, is_nullable, column_default, is_generated, generation_expression
    FROM duckdb_columns() WHERE database_name = $1 AND schema_name = $2 AND table_name = $3 ORDER BY column_index
"""
_CONSTRAINTS = """
    SELECT constraint_type, expression, constraint_column_names, referenced_table, referenced_column_names
    FROM duckdb_constraints() WHERE database_name = $1 AND schema_name = $2 AND table_name = $3
    ORDER BY constraint_index
"""
_INDEXES = """
    SELECT expressions FROM duckdb_indexes()
    WHERE database_name = $1 AND schema_name = $2 AND table_name = $3 AND is_unique AND NOT is_primary
"""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table, as declared."""

    name: str
    declared: str
    kind: Any
    """The DuckDBPyType."""
    nullable: bool
    default: str | None
    generated: str | None
    """The expression of a generated column."""


@dataclass(frozen=True, kw_only=True)
class Constraint:
    """A rule of a table: CHECK, FOREIGN KEY, UNIQUE or PRIMARY KEY (a unique index counts as UNIQUE)."""

    kind: Literal["CHECK", "FOREIGN KEY", "UNIQUE", "PRIMARY KEY"]
    columns: tuple[str, ...]
    """Names; of a unique index SQL expressions too, as DuckDB writes them."""
    expression: str | None = None
    references: str | None = None
    referenced: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A table or a view."""

    database: str
    schema: str
    name: str
    kind: Literal["table", "view"]
    columns: tuple[Column, ...]
    constraints: tuple[Constraint, ...]

    @property
    def quoted(self) -> str:
        """The full name, as SQL."""
        return ".".join(map(quote, (self.database, self.schema, self.name)))

    def column(self, name: str) -> Column | None:
        """The column of that name; DuckDB does not tell capitals from small letters."""
        return next((column for column in self.columns if column.name.lower() == name.lower()), None)

    def unique(self, key: Sequence[str]) -> bool:
        """Whether a primary key, a unique constraint or a unique index is on exactly these columns."""
        wanted = {name.lower() for name in key}
        return any(
            {name.lower() for name in constraint.columns} == wanted
            for constraint in self.constraints
            if constraint.kind in ("UNIQUE", "PRIMARY KEY")
        )


def name_parts(table: str) -> tuple[str | None, str | None, str]:
    """Database, schema and name of ``t``, ``schema.t`` or ``db.schema.t``."""
    *outer, name = split_table(table)
    if len(outer) > 2:
        raise ConfigError(f"{table!r} has {len(outer) + 1} parts; a duckdb table is t, schema.t or db.schema.t")
    return outer[0] if len(outer) == 2 else None, outer[-1] if outer else None, name


def quoted_name(table: str) -> str:
    """The name as SQL, as far as the caller qualified it."""
    return ".".join(quote(part) for part in name_parts(table) if part is not None)


def find(cursor: Any, table: str) -> Entry | None:
    """The table or view of that name, or None."""
    database, schema, name = name_parts(table)
    row = cursor.execute(_FIND, [name, schema, database]).fetchone()
    if row is None:
        return None
    place = list(row[:3])
    quoted = ".".join(map(quote, place))
    kinds = dict(zip(*_shape(cursor, quoted), strict=True))
    columns = tuple(
        Column(name=column, declared=declared, kind=kinds[column], nullable=nullable,
               default=None if generated else default, generated=expression if generated else None)
        for column, declared, nullable, default, generated, expression in cursor.execute(_COLUMNS, place).fetchall()
    )  # fmt: skip
    constraints = [
        Constraint(kind=kind, columns=tuple(names), expression=expression, references=references,
                   referenced=tuple(referenced))
        for kind, expression, names, references, referenced in cursor.execute(_CONSTRAINTS, place).fetchall()
        if kind != "NOT NULL"
    ]  # fmt: skip
    # `expressions` is a list as text: [b, '((c + 1))', '"odd name"'].
    for (expressions,) in cursor.execute(_INDEXES, place).fetchall():
        constraints.append(Constraint(kind="UNIQUE", columns=tuple(_index_columns(expressions))))
    return Entry(database=place[0], schema=place[1], name=place[2], kind=row[3], columns=columns,
                 constraints=tuple(constraints))  # fmt: skip


def found(cursor: Any, table: str) -> Entry:
    """The table or view of that name; NotFound with the nearest one."""
    entry = find(cursor, table)
    if entry is None:
        known = [name for (name,) in cursor.execute(f'SELECT "table" FROM ({TABLES})').fetchall()]
        raise NotFound(f"there is no table {table!r}", hint=did_you_mean(name_parts(table)[2], known))
    return entry


def dependent_views(cursor: Any, entry: Entry) -> list[str]:
    """The views whose text names the table. DuckDB itself keeps no record of them."""
    rows = cursor.execute(
        "SELECT schema_name, view_name, sql FROM duckdb_views() WHERE NOT internal AND database_name IN ($1, 'temp')",
        [entry.database],
    ).fetchall()
    return [f"{schema}.{name}" for schema, name, sql in rows if entry.name.lower() in _tables_of_view(cursor, sql)]


def describe(cursor: Any, table: str) -> pa.Table:
    """The answer of `Browsable.columns`."""
    entry = found(cursor, table)
    keys: dict[str, str] = {}
    for constraint in entry.constraints:
        if constraint.kind != "CHECK":
            for name in constraint.columns:
                keys.setdefault(name.lower(), constraint.kind.lower())
    return described(
        [reading(column.name, column.kind).field for column in entry.columns],
        types=[column.declared for column in entry.columns],
        nullable=[column.nullable for column in entry.columns],
        keys=[keys.get(column.name.lower()) for column in entry.columns],
        defaults=[
            column.default or (column.generated and f"generated: {column.generated}") for column in entry.columns
        ],
    )


def column_names(cursor: Any, table: str) -> list[str]:
    """The answer of `Listing.column_names`: the binder's, who does not go through all tables of the catalog."""
    names, _ = _shape(cursor, quoted_name(table))
    return names


def _shape(cursor: Any, quoted: str) -> tuple[list[str], list[Any]]:
    relation = cursor.sql(f"SELECT * FROM {quoted}")
    return relation.columns, relation.types


def _tables_of_view(cursor: Any, sql: str) -> set[str]:
    """The names of the tables in ``CREATE VIEW ... AS query``; a name may hold an AS of its own."""
    probe = cursor.cursor()  # a text that is no query would abort the transaction of `cursor`
    start = 0
    while (start := sql.upper().find(" AS ", start)) >= 0:
        start += 4
        try:
            names = probe.get_table_names(sql[start:].rstrip("; \n"), qualified=True)
        except duckdb.Error:
            continue
        return {split_table(name)[-1].lower() for name in names}
    return set()


_PARTS = re.compile(r"'((?:[^']|'')*)'|([^\s,\[\]][^,\[\]]*)")


def _index_columns(expressions: str) -> list[str]:
    """The names in ``[b, '((c + 1))', '"odd name"']``; an expression stays one."""
    parts = [(quoted or bare).replace("''", "'") for quoted, bare in _PARTS.findall(expressions)]
    return [part[1:-1].replace('""', '"') if part[0] == part[-1] == '"' else part for part in parts]
