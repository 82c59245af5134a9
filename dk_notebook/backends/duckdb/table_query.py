"""A query without SQL (`TableQuery`) as a statement for DuckDB."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from dk_notebook.backends.base import TableQuery
from dk_notebook.backends.duckdb import catalog
from dk_notebook.backends.duckdb.statement import Prepared, plain
from dk_notebook.backends.duckdb.types import reading
from dk_notebook.backends.sql.columns import columns_of
from dk_notebook.backends.sql.dialects import DUCKDB
from dk_notebook.backends.sql.select import select


def table_statement(cursor: Any, query: TableQuery) -> Prepared:
    """The SELECT. NotFound: no such table or column. ``partitions`` needs nothing: DuckDB reads in all its threads."""
    entry = catalog.found(cursor, query.table)
    schema = pa.schema([reading(column.name, column.kind).field for column in entry.columns])
    columns = columns_of(schema, [column.declared for column in entry.columns])
    key = next((rule.columns for rule in entry.constraints if rule.kind == "PRIMARY KEY"), ())
    chosen = select(entry.quoted, columns, query.query, DUCKDB, key=key)
    return plain(chosen.text, chosen.values)
