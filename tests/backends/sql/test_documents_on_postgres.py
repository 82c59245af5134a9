"""Queries over ``jsonb`` find what `records.filters` means, in members and in order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dk_notebook.backends.derive import Candidate, decided
from dk_notebook.backends.sql import documents as queries
from dk_notebook.backends.sql.json_dialects import POSTGRES_JSON
from dk_notebook.records.document import Document
from dk_notebook.records.filters import Compare, Field, Sort, matches, sort_key
from dk_notebook.records.query import Query
from dk_notebook.testing import drawn
from dk_notebook.testing.queries import COMPARISONS

pytestmark = pytest.mark.postgres

Documents = dict[str, dict[str, Any]]


class Table:
    """Documents in a table of PostgreSQL, asked by the SQL under test."""

    def __init__(self, runner: asyncio.Runner, connection: asyncpg.Connection) -> None:
        self.runner = runner
        self.connection = connection

    def fill(self, data: list[Any]) -> Documents:
        documents: Documents = {f"{number:03}": each for number, each in enumerate(data)}
        rows = [(key, json.dumps(each)) for key, each in documents.items()]
        self.runner.run(self.connection.execute("truncate records"))
        insert = "insert into records (id, data) values ($1, $2::text::jsonb)"
        self.runner.run(self.connection.executemany(insert, rows))
        return documents

    def found(self, query: Query) -> list[str]:
        return self.runner.run(self._found(query))

    def counted(self, query: Query) -> int:
        selected = queries.count("records", query, POSTGRES_JSON)
        rows = self.runner.run(self.connection.fetch(selected.text, *selected.values))
        return sum(row[2] if row[1] is None else query.matches(json.loads(row[1]), row[0]) for row in rows)

    async def _found(self, query: Query) -> list[str]:
        selected = queries.select("records", query, POSTGRES_JSON)
        rows = await self.connection.fetch(selected.text, *selected.values)

        async def candidates() -> AsyncGenerator[list[Candidate], None]:
            yield [Candidate(Document(row[0], json.loads(row[1])), row[4]) for row in rows]

        return [each.id async for batch in decided(candidates(), query, batch_rows=100) for each in batch]


@pytest.fixture(scope="module")
def table(postgres_database: str) -> Iterator[Table]:
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(postgres_database))
        runner.run(
            connection.execute(
                "create table records (id text primary key, data jsonb not null, metadata jsonb, updated_at timestamp)"
            )
        )
        yield Table(runner, connection)
        runner.run(connection.close())


def test_every_value_compares_to_every_other_as_in_python(table: Table) -> None:
    documents = table.fill([{"x": value} for value in drawn.EVERY_VALUE])
    wanted = [Compare("x", op, shape(operand)) for operand in drawn.EVERY_OPERAND for op, shape in COMPARISONS.items()]
    wrong = [
        compare
        for compare in wanted
        if sorted(table.found(Query(compare)))
        != [key for key, each in documents.items() if matches(compare, each, key)]
    ]
    assert wrong == []


def test_every_value_has_its_place_among_the_others(table: Table) -> None:
    documents = table.fill([{"x": value} for value in drawn.EVERY_VALUE])
    for descending in (False, True):
        order = (Sort(Field("x"), descending),)
        expected = sorted(documents, key=lambda key: sort_key(order, documents[key], key))
        assert table.found(Query(order=order)) == expected


@settings(max_examples=100)
@given(st.lists(drawn.DATA, min_size=1, max_size=6), st.lists(drawn.CONDITIONS, min_size=2, max_size=6))
def test_a_condition_finds_what_it_matches_in_python(table: Table, data: list[Any], conditions: list[Any]) -> None:
    documents = table.fill(data)
    expected = [[key for key, each in documents.items() if matches(one, each, key)] for one in conditions]
    assert [sorted(table.found(Query(one))) for one in conditions] == expected
    assert [table.counted(Query(one)) for one in conditions] == [len(ids) for ids in expected]


@settings(max_examples=100)
@given(
    st.lists(drawn.DATA, min_size=2, max_size=8),
    drawn.ORDERS,
    st.none() | st.integers(0, 4),
    st.integers(0, 3),
    st.none() | drawn.CONDITIONS,
)
def test_an_order_is_that_of_python(
    table: Table, data: list[Any], order: Any, limit: int | None, skip: int, where: Any
) -> None:
    documents = table.fill(data)
    hits = [key for key, each in documents.items() if matches(where, each, key)]
    last = None if limit is None else skip + limit
    expected = sorted(hits, key=lambda key: sort_key(order, documents[key], key))[skip:last]
    assert table.found(Query(where, order, limit, skip)) == expected
