"""A query without SQL (`TableQuery`) as a statement for PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from dk_notebook.backends.base import TableQuery
from dk_notebook.backends.postgres import catalog
from dk_notebook.backends.postgres.catalog import Entry
from dk_notebook.backends.postgres.statements.statement import Prepared, plain
from dk_notebook.backends.postgres.type_catalog import server_types
from dk_notebook.backends.postgres.types import arrow_field
from dk_notebook.backends.sql.columns import Column, columns_of
from dk_notebook.backends.sql.dialects import POSTGRES
from dk_notebook.backends.sql.select import select
from dk_notebook.records.query import Query


@dataclass(frozen=True)
class Selecting:
    """A table, its columns, and what is wanted of it."""

    entry: Entry
    columns: Sequence[Column]
    query: Query

    def statement(self, table: str | None = None, condition: str | None = None) -> Prepared:
        """The SELECT; of another table of the same columns, where that is named, and under one condition more."""
        key = self.entry.primary_key
        chosen = select(f"ONLY {table}" if table else self.entry.quoted, self.columns, self.query, POSTGRES, key=key)
        if condition is None:
            return plain(chosen.text, chosen.values)
        word = "WHERE" if self.query.condition is None else "AND"
        return plain(f"{chosen.text} {word} {condition}", chosen.values)


async def selecting(connection: Any, query: TableQuery, *, locked: bool = False) -> Selecting:
    """What is known of the table. NotFound. ``locked``: it keeps its columns until the transaction ends."""
    entry = await catalog.found(connection, query.table)
    if locked and entry.kind in ("table", "partitioned table"):
        await connection.execute(f"LOCK TABLE {entry.quoted} IN ACCESS SHARE MODE")
        entry = await catalog.found(connection, query.table)
    types = await server_types(connection, [column.type_oid for column in entry.columns])
    fields = [arrow_field(column.name, types[column.type_oid], column.typmod, stored=True) for column in entry.columns]
    columns = columns_of(pa.schema(fields), [column.declared for column in entry.columns])
    return Selecting(entry, columns, query.query)
