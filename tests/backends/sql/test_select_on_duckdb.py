"""The SQL of a query finds, on real DuckDB, what the query means in Python: the same rows in the same order.

A column collates without case, which neither conditions nor orders may follow.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings

from dk_notebook.backends.sql.columns import Column, columns_of
from dk_notebook.backends.sql.dialects import DUCKDB
from dk_notebook.backends.sql.select import select
from dk_notebook.records.filters import Compare, Condition, Sort, matches, sort_key
from dk_notebook.records.query import Query
from tests.backends.sql.drawn import AROUND, Rows, fits, numbered, tables_and_conditions, tables_and_orders

pytestmark = pytest.mark.duckdb

TYPES = {
    "key": "VARCHAR",
    "tiny": "TINYINT",
    "big": "BIGINT",
    "unsigned": "UBIGINT",
    "huge": "HUGEINT",
    "real": "FLOAT",
    "double": "DOUBLE",
    "money": "DECIMAL(6,2)",
    "wide": "DECIMAL(38,10)",
    "name": "VARCHAR COLLATE NOCASE",
    "flag": "BOOLEAN",
    "day": "DATE",
    "moment": "TIMESTAMP",
    "second": "TIMESTAMP_S",
    "fine": "TIMESTAMP_NS",
    "zoned": "TIMESTAMP WITH TIME ZONE",
    "zoned_fine": "TIMESTAMPTZ_NS",
    "clock": "TIME",
    "fine_clock": "TIME_NS",
    "label": "ENUM('b', 'a', 'B')",
    "raw": "BLOB",
    "uid": "UUID",
    "numbers": "DOUBLE[]",
    "words": "VARCHAR[]",
    "deep": "INTEGER[][]",
    "pair": "INTEGER[2]",
    "place": "STRUCT(city VARCHAR, spot STRUCT(x DOUBLE))",
}

# Without the key.
NAMES = [name for name in TYPES if name != "key"]


def plain_cell(name: str, value: Any) -> Any:
    """A cell as DuckDB takes it: text is cast there, without a loss on the way."""
    if value is None or isinstance(value, (list, dict, bytes, bool)):
        return value
    if name.startswith("zoned") and value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    return repr(value) if isinstance(value, float) else str(value)


class Table:
    """A table in DuckDB, and the documents that its rows are."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        described = ", ".join(f'"{name}" {sql_type}' for name, sql_type in TYPES.items())
        connection.execute(f"CREATE TABLE t ({described})")
        schema: pa.Schema = connection.sql("SELECT * FROM t").to_arrow_table().schema
        self.columns: list[Column] = columns_of(schema, [row[1] for row in connection.sql("DESCRIBE t").fetchall()])

    def fill(self, rows: Rows) -> dict[str, dict[str, Any]]:
        documents = numbered(rows)
        names = ["key", *rows[0]]
        casts = [TYPES[name].removesuffix(" COLLATE NOCASE") for name in names]
        cells = [plain_cell(name, {"key": key, **row}[name]) for key, row in documents.items() for name in names]
        marks = iter(range(1, len(cells) + 1))
        lines = [", ".join(f"CAST(${next(marks)} AS {cast})" for cast in casts) for _ in rows]
        self.connection.execute("DELETE FROM t")
        self.connection.execute(
            f"INSERT INTO t ({', '.join(names)}) VALUES {', '.join(f'({line})' for line in lines)}", cells
        )
        return documents

    def keys(self, query: Query) -> list[str]:
        selected = select("t", self.columns, query.select("key"), DUCKDB, key=["key"])
        return [key for (key,) in self.connection.execute(selected.text, list(selected.values)).fetchall()]


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    with duckdb.connect() as connection:
        yield Table(connection)


@settings(max_examples=300, deadline=None)
@given(tables_and_conditions(NAMES))
def test_the_rows_found_are_those_that_match_in_python(table: Table, case: tuple[Rows, list[Condition]]) -> None:
    rows, wanted = case
    documents = table.fill(rows)
    found = [sorted(table.keys(Query(condition))) for condition in wanted]
    assert found == [[key for key in documents if matches(condition, documents[key])] for condition in wanted]


@settings(max_examples=150, deadline=None)
@given(tables_and_orders(NAMES))
def test_the_order_is_that_of_python(table: Table, case: tuple[Rows, list[tuple[Sort, ...]]]) -> None:
    rows, orders = case
    documents = table.fill(rows)
    expected = [sorted(documents, key=lambda key: sort_key(order, documents[key], key)) for order in orders]
    assert [table.keys(Query(order=order)) for order in orders] == expected


@pytest.mark.parametrize("name", [name for name in AROUND if name in TYPES])
@pytest.mark.parametrize("op", ["=", "!=", "<", "<=", ">", ">="])
def test_operands_between_the_values_of_a_column_compare_exactly(table: Table, name: str, op: str) -> None:
    cells, operands = AROUND[name]
    column = next(column for column in table.columns if column.name == name)
    documents = table.fill([{name: cell} for cell in cells if fits(column, cell)])
    wanted = [Compare(name, op, operand) for operand in operands]
    found = [sorted(table.keys(Query(condition))) for condition in wanted]
    assert found == [[key for key in documents if matches(condition, documents[key])] for condition in wanted]
