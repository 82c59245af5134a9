"""What a database holds: tables and views, their columns, keys and constraints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from dk_notebook.backends.postgres.server_types import ServerType
from dk_notebook.backends.postgres.type_catalog import server_types
from dk_notebook.backends.postgres.types import arrow_field
from dk_notebook.backends.sql.described import described
from dk_notebook.backends.sql.names import quote, split_table
from dk_notebook.errors import ConfigError, NotFound, did_you_mean

Kind = Literal["table", "partitioned table", "view", "materialized view", "foreign table"]

LONGEST = 63
"""Bytes of a name; the server would cut a longer one."""

_KINDS = """CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view'
    WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' END"""
_OTHERS = "n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND n.nspname !~ '^pg_(toast_)?temp_'"

_TABLES = f"""
SELECT n.nspname AS schema, c.relname AS "table",
       CASE WHEN c.relpersistence = 't' THEN 'temporary ' ELSE '' END || {_KINDS} AS kind,
       CASE WHEN c.relkind = 'v' OR c.reltuples < 0 THEN NULL ELSE c.reltuples::pg_catalog.int8 END AS "rows",
       CASE WHEN c.relkind = 'p' THEN (
                SELECT pg_catalog.sum(pg_catalog.pg_total_relation_size(part.relid))::pg_catalog.int8
                FROM pg_catalog.pg_partition_tree(c.oid) part)
            WHEN c.relkind IN ('r', 'm') THEN pg_catalog.pg_total_relation_size(c.oid) END AS bytes
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND ({_OTHERS} OR n.oid = pg_catalog.pg_my_temp_schema())
ORDER BY 1, 2
"""
_NAMES = f"""
SELECT CASE WHEN pg_catalog.pg_table_is_visible(c.oid) THEN c.relname ELSE n.nspname || '.' || c.relname END
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND {_OTHERS}
"""
_FIND = f"""
SELECT c.oid, n.nspname, c.relname, {_KINDS} AS kind, c.relispartition,
       pg_catalog.pg_has_role(c.relowner, 'USAGE') AS owned, pg_catalog.row_security_active(c.oid) AS guarded,
       c.relhasrules OR EXISTS (
           SELECT FROM pg_catalog.pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal) AS reacts
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = pg_catalog.to_regclass($1) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""
_COLUMNS = """
SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod) AS declared, a.atttypid, a.atttypmod, a.attnotnull,
       t.typdefault IS NOT NULL AS preset, a.attidentity::text AS identity, a.attgenerated::text AS generated,
       pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS expression,
       CASE WHEN a.attcollation <> t.typcollation THEN (
           SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(l.collname)
           FROM pg_catalog.pg_collation l JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace
           WHERE l.oid = a.attcollation) END AS collation
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_COLUMN_NAMES = """ARRAY(SELECT a.attname::text FROM pg_catalog.unnest({numbers}) WITH ORDINALITY AS k(number, place)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = {table} AND a.attnum = k.number ORDER BY k.place)"""
# The unique indexes, which the constraints of that kind have too; an expression has the number 0 and no name.
_CONSTRAINTS = f"""
SELECT CASE WHEN i.indisprimary THEN 'PRIMARY KEY' ELSE 'UNIQUE' END AS kind, c.relname::text AS name,
       {_COLUMN_NAMES.format(numbers="(i.indkey::int2[])[0:i.indnkeyatts - 1]", table="i.indrelid")} AS columns,
       i.indpred IS NULL AND i.indexprs IS NULL AND i.indisvalid AND i.indimmediate AS plain, NULL AS references
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = $1 AND i.indisunique
UNION ALL
SELECT CASE c.contype WHEN 'c' THEN 'CHECK' WHEN 'f' THEN 'FOREIGN KEY' ELSE 'EXCLUDE' END, c.conname::text,
       {_COLUMN_NAMES.format(numbers="c.conkey", table="c.conrelid")}, false,
       CASE WHEN c.contype = 'f' THEN c.confrelid::pg_catalog.regclass::text END
FROM pg_catalog.pg_constraint c WHERE c.conrelid = $1 AND c.contype IN ('c', 'f', 'x')
ORDER BY kind, name
"""
_VIEWS = """
SELECT DISTINCT v.oid::pg_catalog.regclass::text
FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
    JOIN pg_catalog.pg_class v ON v.oid = r.ev_class
WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.refobjid = $1
    AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND v.oid <> $1 ORDER BY 1
"""
_REFERRERS = """
SELECT c.conrelid::pg_catalog.regclass::text AS "table", c.confdeltype::text AS action
FROM pg_catalog.pg_constraint c
WHERE c.confrelid = $1 AND c.conrelid <> $1 AND c.contype = 'f' AND c.conparentid = 0 ORDER BY 1
"""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table, as declared."""

    name: str
    declared: str
    """The type, as the server writes it."""
    type_oid: int
    typmod: int
    """What it was declared with, as precision and scale; -1: nothing."""
    nullable: bool
    default: str | None
    """The expression of a default."""
    preset: bool
    """Its domain has a default."""
    identity: Literal["always", "by default"] | None
    generated: str | None
    """The expression of a generated column."""
    collation: str | None
    """As SQL, where it is not the type's own."""

    @property
    def fills_itself(self) -> bool:
        """Whether rows may come without it."""
        return self.preset or (self.default or self.identity or self.generated) is not None


@dataclass(frozen=True, kw_only=True)
class Constraint:
    """A rule of a table; a unique index counts as UNIQUE."""

    kind: Literal["CHECK", "FOREIGN KEY", "UNIQUE", "PRIMARY KEY", "EXCLUDE"]
    name: str
    columns: tuple[str, ...]
    """Names; expressions of an index are left out."""
    plain: bool
    """A unique index on columns alone, over all rows, checked at once: one that ON CONFLICT can name."""
    references: str | None = None


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A table or a view."""

    schema: str
    name: str
    kind: Kind
    oid: int
    columns: tuple[Column, ...]
    constraints: tuple[Constraint, ...]
    partition: bool
    """It is a part of another table."""
    owned: bool
    """The user may do what its owner may."""
    guarded: bool
    """Row security decides what the user may write, so that COPY is refused."""
    reacts: bool
    """Somebody's triggers or rules do something when its rows change."""

    @property
    def quoted(self) -> str:
        """The full name, as SQL."""
        return f"{quote(self.schema)}.{quote(self.name)}"

    @property
    def primary_key(self) -> tuple[str, ...]:
        """The columns of the primary key; empty without one."""
        return next((rule.columns for rule in self.constraints if rule.kind == "PRIMARY KEY"), ())

    def column(self, name: str) -> Column | None:
        """The column of that name, in exact case."""
        return next((column for column in self.columns if column.name == name), None)

    def unique(self, key: Sequence[str]) -> bool:
        """Whether ON CONFLICT can name exactly these columns."""
        return bool(self.indexes(key))

    def indexes(self, key: Sequence[str]) -> list[str]:
        """The names of the unique indexes on exactly these columns."""
        return [rule.name for rule in self.constraints if rule.plain and set(rule.columns) == set(key)]


def name_parts(table: str) -> tuple[str | None, str]:
    """Schema and name of ``t`` or ``schema.t``. ConfigError: another form, or a part that the server would cut.

    >>> name_parts("shop.Orders")
    ('shop', 'Orders')
    """
    parts = split_table(table)
    if len(parts) > 2:
        raise ConfigError(f"{table!r} has {len(parts)} parts; a postgres table is t or schema.t")
    for part in parts:
        if len(part.encode()) > LONGEST:
            raise ConfigError(f"the name {part!r} has {len(part.encode())} bytes; postgres keeps {LONGEST} of a name")
    return parts[0] if len(parts) == 2 else None, parts[-1]


def quoted_name(table: str) -> str:
    """The name as SQL, as far as the caller qualified it."""
    return ".".join(quote(part) for part in name_parts(table) if part is not None)


async def find(connection: Any, table: str) -> Entry | None:
    """The table or view of that name, or None; a name without a schema is searched for along the search_path."""
    row = await connection.fetchrow(_FIND, quoted_name(table))
    if row is None:
        return None
    columns = [
        Column(
            name=column["attname"],
            declared=column["declared"],
            type_oid=column["atttypid"],
            typmod=column["atttypmod"],
            nullable=not column["attnotnull"],
            default=None if column["generated"] else column["expression"],
            preset=column["preset"],
            identity={"a": "always", "d": "by default"}.get(column["identity"]),  # type: ignore[arg-type]
            generated=column["expression"] if column["generated"] else None,
            collation=column["collation"],
        )
        for column in await connection.fetch(_COLUMNS, row["oid"])
    ]
    rules = [
        Constraint(kind=rule["kind"], name=rule["name"], columns=tuple(rule["columns"]), plain=rule["plain"],
                   references=rule["references"])
        for rule in await connection.fetch(_CONSTRAINTS, row["oid"])
    ]  # fmt: skip
    return Entry(schema=row["nspname"], name=row["relname"], kind=row["kind"], oid=row["oid"], columns=tuple(columns),
                 constraints=tuple(rules), partition=row["relispartition"], owned=row["owned"],
                 guarded=row["guarded"], reacts=row["reacts"])  # fmt: skip


async def found(connection: Any, table: str) -> Entry:
    """The table or view of that name; NotFound with the nearest one."""
    entry = await find(connection, table)
    if entry is None:
        known = [name for (name,) in await connection.fetch(_NAMES)]
        raise NotFound(f"there is no table {table!r}", hint=_nearest(table, known))
    return entry


async def types_of(connection: Any, columns: Iterable[Column]) -> dict[int, ServerType]:
    """The types of these columns, by their numbers."""
    return await server_types(connection, [column.type_oid for column in columns])


async def dependent_views(connection: Any, entry: Entry) -> list[str]:
    """The views that read the table, materialized ones too."""
    return [name for (name,) in await connection.fetch(_VIEWS, entry.oid)]


async def referrers(connection: Any, entry: Entry) -> dict[str, str]:
    """The other tables whose foreign keys refer to this one, with what they do on DELETE (a code of pg_constraint)."""
    return {row["table"]: row["action"] for row in await connection.fetch(_REFERRERS, entry.oid)}


async def tables(connection: Any) -> pa.Table:
    """The answer of `Browsable.tables`: what is in no schema of the system's."""
    rows = [dict(row) for row in await connection.fetch(_TABLES)]
    text, number = pa.string(), pa.int64()
    schema = [("schema", text), ("table", text), ("kind", text), ("rows", number), ("bytes", number)]
    return pa.Table.from_pylist(rows, pa.schema(schema))


async def describe(connection: Any, table: str) -> pa.Table:
    """The answer of `Browsable.columns`."""
    entry = await found(connection, table)
    types = await types_of(connection, entry.columns)
    keys: dict[str, str] = {}
    for kind in ("PRIMARY KEY", "FOREIGN KEY", "UNIQUE"):
        for rule in entry.constraints:
            if rule.kind == kind:
                for name in rule.columns:
                    keys.setdefault(name, kind.lower())
    return described(
        [arrow_field(one.name, types[one.type_oid], one.typmod, stored=True) for one in entry.columns],
        types=[one.declared for one in entry.columns],
        nullable=[one.nullable for one in entry.columns],
        keys=[keys.get(one.name) for one in entry.columns],
        defaults=[_default(one) for one in entry.columns],
    )


def _default(column: Column) -> str | None:
    if column.generated is not None:
        return f"generated: {column.generated}"
    return column.default if column.identity is None else f"identity: {column.identity}"


def _nearest(table: str, known: Sequence[str]) -> str | None:
    _, name = name_parts(table)
    elsewhere = next((each for each in known if each.rpartition(".")[2] == name), None)
    return did_you_mean(table, known) or (elsewhere and f"did you mean {elsewhere!r}?")
