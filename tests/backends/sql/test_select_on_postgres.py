"""The SQL of a query finds, on a real PostgreSQL, what the query means in Python: the same rows in the same order.

The database sorts text as people do, which neither conditions nor orders may follow.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dk_notebook.backends.postgres.statements.describe import described
from dk_notebook.backends.postgres.type_catalog import server_types
from dk_notebook.backends.postgres.types import arrow_field
from dk_notebook.backends.sql.columns import Column, columns_of
from dk_notebook.backends.sql.dialects import ARE, POSTGRES
from dk_notebook.backends.sql.select import select
from dk_notebook.errors import ConfigError
from dk_notebook.records.filters import Compare, Condition, Sort, matches, sort_key
from dk_notebook.records.patterns import compiled, write
from dk_notebook.records.query import Query
from tests.backends.postgres.sending import Driver
from tests.backends.sql.drawn import AROUND, Rows, fits, numbered, tables_and_conditions, tables_and_orders

pytestmark = pytest.mark.postgres

TYPES = {
    "key": "text",
    "tiny": "smallint",
    "big": "bigint",
    "real": "real",
    "double": "double precision",
    "price": "numeric(6,2)",
    "wide": "numeric(38,10)",
    "exact": "numeric",
    "name": "text",
    "flag": "boolean",
    "day": "date",
    "moment": "timestamp without time zone",
    "zoned": "timestamp with time zone",
    "clock": "time without time zone",
    "label": "label",
    "raw": "bytea",
    "uid": "uuid",
    "code": "character(3)",
    "address": "inet",
    "numbers": "double precision[]",
    "prices": "numeric(6,2)[]",
    "words": "text[]",
    "flags": "boolean[]",
    "days": "date[]",
    "raws": "bytea[]",
    "addresses": "inet[]",
}
# Without the key.
NAMES = [name for name in TYPES if name != "key"]


def plain_cell(value: Any) -> Any:
    """A cell as text that its type reads without a loss; lists as arrays of such."""
    if isinstance(value, list):
        return "{" + ",".join("NULL" if item is None else _quoted(plain_cell(item)) for item in value) + "}"
    if isinstance(value, bytes):
        return rf"\x{value.hex()}"
    if isinstance(value, datetime) and value.tzinfo is None:
        value = value.replace(tzinfo=UTC)  # which a type without zones leaves out
    return repr(value) if isinstance(value, float) else None if value is None else str(value)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'


class Table:
    """A table on the server, and the documents that its rows are."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        described = ", ".join(f'"{name}" {sql_type}' for name, sql_type in TYPES.items())
        driver.rows("create type label as enum ('b', 'a', 'B')")
        driver.rows(f"create table t ({described})")
        self.columns: list[Column] = driver.run(self._columns())

    async def _columns(self) -> list[Column]:
        connection = self.driver.connection
        columns = (await described(connection, "select * from t")).columns or ()
        types = await server_types(connection, [column.type for column in columns])
        fields = [arrow_field(one.name, types[one.type], one.typmod, stored=True) for one in columns]
        return columns_of(pa.schema(fields), list(TYPES.values()))

    def fill(self, rows: Rows) -> dict[str, dict[str, Any]]:
        documents = numbered(rows)
        names = ["key", *rows[0]]
        cells = [plain_cell({"key": key, **row}[name]) for key, row in documents.items() for name in names]
        marks = iter(range(1, len(cells) + 1))
        lines = [", ".join(f"CAST(CAST(${next(marks)} AS text) AS {TYPES[name]})" for name in names) for _ in rows]
        self.driver.rows("truncate t")
        self.driver.rows(f"insert into t ({', '.join(names)}) values {', '.join(f'({line})' for line in lines)}", cells)
        return documents

    def keys(self, query: Query) -> list[str]:
        selected = select("t", self.columns, query.select("key"), POSTGRES, key=["key"])
        return [key for (key,) in self.driver.rows(selected.text, selected.values)]


@pytest.fixture(scope="module")
def driver(postgres_database: str) -> Iterator[Driver]:
    driver = Driver(postgres_database)
    yield driver
    driver.close()


@pytest.fixture(scope="module")
def table(driver: Driver) -> Table:
    return Table(driver)


@settings(max_examples=200)
@given(tables_and_conditions(NAMES))
def test_the_rows_found_are_those_that_match_in_python(table: Table, case: tuple[Rows, list[Condition]]) -> None:
    rows, wanted = case
    documents = table.fill(rows)
    found = [sorted(table.keys(Query(condition))) for condition in wanted]
    assert found == [[key for key in documents if matches(condition, documents[key])] for condition in wanted]


@settings(max_examples=100)
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


# A column, values, and a condition that all of them but the last fulfil
@pytest.mark.parametrize(
    ("name", "cells", "wanted"),
    [
        ("name", ["a\\b", "ab"], Compare("name", "like", "a\\_")),
        ("name", ["a\\", "a"], Compare("name", "like", "%\\")),
        ("name", ["a", "B"], Compare("name", ">", "Z")),
        ("words", [["a"], ["B"]], Compare("words", ">", "Z")),
        ("name", ["a_%", "ab_"], Compare("name", "starts_with", "a_")),
        ("name", ["É", "e"], Compare("name", "regex", "(?i)^é$")),
        ("code", ["ab ", "abc", None], Compare("code", "starts_with", "ab")),
        ("code", ["ab ", None], Compare("code", "=", "ab ")),
        ("address", ["10.0.0.1", None], Compare("address", "=", "10.0.0.1")),
        ("addresses", [["9.9.9.9", "10.0.0.1"], None], Compare("addresses", "=", "10.0.0.1")),
        ("price", [Decimal("1.5"), Decimal("NaN")], Compare("price", ">", 1)),
        ("prices", [[Decimal("1.5")], [Decimal("NaN")]], Compare("prices", ">", 1)),
    ],
)
def test_values_compare_as_they_are_read(table: Table, name: str, cells: list[Any], wanted: Condition) -> None:
    documents = table.fill([{name: cell} for cell in cells])
    assert table.keys(Query(wanted)) == list(documents)[:-1]


# --- patterns ---------------------------------------------------------------------------------------------------------

# Letters that Python takes for each other and that have more than one other case: k, s, i, sigma, dz.
LETTERS = "kK\u212asS\u017fi\u0130I\u0131\u03c3\u03a3\u03c2\u01c4\u01c5\u01c6"
PIECES = st.sampled_from(
    [
        *"ab.é|()[]^$*+?-_ \n1'%{", *LETTERS, "(?:", "(?i)", r"\d", r"\D", r"\w", r"\W", r"\S", r"\s", "[^a]",
        "[a-c]", "[^A-\u03a9]", "[K-S]", "[k-s\u03c2]", "{2}", "{0,1}", r"\.", r"\n", r"\Z", r"\A", r"[^\w]", r"[\d_]",
        r"\u03c3", r"\U0001f600", "\U0001f600", "\u0663", r"\\", "[]]", "[:]",
    ]
)  # fmt: skip
SUBJECTS = st.text(
    st.sampled_from("abAcé1\u0663ß_.-|(]\n\t\x85\x1c\x1f\u2028\xa0 \U0001f600\\{%'" + LETTERS), max_size=5
)


@settings(max_examples=600)
@given(st.booleans(), st.lists(PIECES, max_size=6).map("".join), st.lists(SUBJECTS, min_size=8, max_size=8))
def test_a_pattern_finds_in_postgres_what_it_finds_in_python(
    driver: Driver, fold: bool, pattern: str, subjects: list[str]
) -> None:
    pattern = f"(?i){pattern}" if fold else pattern
    try:
        expected = [compiled(pattern).search(subject) is not None for subject in subjects]
    except ConfigError:
        return
    found = driver.rows(
        'select s collate "C" ~ $2 from unnest($1::text[]) with ordinality as u(s, n) order by n',
        [subjects, write(pattern, ARE)],
    )
    assert [one for (one,) in found] == expected


@pytest.mark.parametrize("name", ["d", "w", "s"])
def test_a_class_holds_exactly_the_characters_that_it_holds_in_python(driver: Driver, name: str) -> None:
    numbers = "select n from generate_series(1, 1114111) n where n not between 55296 and 57343"
    text = f'select n from ({numbers}) u where chr(n) collate "C" ~ $1'
    found = {number for (number,) in driver.rows(text, [write(rf"\{name}", ARE)])}
    letter = compiled(rf"\{name}")
    assert found == {n for n in range(1, 0x110000) if not 0xD800 <= n < 0xE000 and letter.search(chr(n))}
