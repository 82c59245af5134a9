"""Queries over documents: every store means by them what `records.filters` means."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dk_notebook.backends.base import BackendConfig
from dk_notebook.backends.documents import Documents
from dk_notebook.errors import NotFound
from dk_notebook.records.document import Document
from dk_notebook.records.filters import Compare, Field, Sort, matches, sort_key
from dk_notebook.records.projection import project
from dk_notebook.records.query import Query
from dk_notebook.testing import drawn
from dk_notebook.testing.gaps import all_need
from dk_notebook.testing.place import Place
from dk_notebook.testing.storing import stored
from dk_notebook.testing.suite import Suite

People = dict[str, dict[str, Any]]
Found = list[tuple[list[str], int]]
PEOPLE: People = {
    "1": {"name": "Ann", "age": 30, "tags": ["a", "b"], "home": {"city": "Oslo"}},
    "2": {"name": "Bob", "age": 41.5, "tags": [], "home": {"city": "Rome", "zip": None}},
    "3": {"name": "Zoë", "age": None, "tags": None},
    "4": {"age": None, "id": "four"},
    "5": {"age": "unknown"},
}

COMPARISONS: Final[Mapping[str, Callable[[Any], Any]]] = {
    **dict.fromkeys(("=", "!=", "<", "<=", ">", ">="), lambda operand: operand),
    "in": lambda operand: [operand, 2],
    "between": lambda operand: (operand, operand),
}
"""Operators, and what each makes of an operand."""


@all_need("documents")
class QueryTests(Suite):
    """`Documents.find` and `Documents.count`."""

    examples = 150
    """Sets of documents that are drawn, each for several conditions, or orders."""
    of_comparisons = 1
    """One in so many comparisons is asked, of all that there are; more where each document is a request."""

    at_once = 1
    """Searches that a session takes at the same time; the suite asks so many."""

    @contextmanager
    def drawing(self, config: BackendConfig) -> Iterator[tuple[asyncio.Runner, Place]]:
        """An open place for a test that draws: one pool for all of its examples."""
        with asyncio.Runner() as runner:
            opened = self.place(config)
            place = runner.run(_entered(opened))
            try:
                yield runner, place
            finally:
                runner.run(_left(opened))

    def test_a_condition_finds_what_it_matches_in_python(self, config: Any) -> None:
        @settings(max_examples=self.examples, deadline=None)
        @given(st.lists(drawn.DATA, min_size=1, max_size=6), st.lists(drawn.CONDITIONS, min_size=2, max_size=6))
        def check(data: list[dict[str, Any]], conditions: list[Any]) -> None:
            documents = {f"{number}": each for number, each in enumerate(data)}
            queries = [Query(condition) for condition in conditions]
            documents, found = runner.run(self._found(place, documents, queries))
            expected = [
                [key for key, each in documents.items() if matches(condition, each, key)] for condition in conditions
            ]
            assert [sorted(ids) for ids, _ in found] == expected
            assert [count for _, count in found] == [len(ids) for ids in expected]

        with self.drawing(config) as (runner, place):
            check()

    def test_an_order_is_that_of_python(self, config: Any) -> None:
        @settings(max_examples=self.examples, deadline=None)
        @given(
            st.lists(drawn.DATA, min_size=2, max_size=8),
            st.lists(drawn.ORDERS, min_size=2, max_size=4),
            st.none() | st.integers(0, 4),
            st.integers(0, 3),
            st.none() | drawn.CONDITIONS,
        )
        def check(data: list[dict[str, Any]], orders: list[Any], limit: int | None, skip: int, where: Any) -> None:
            documents = {f"{number}": each for number, each in enumerate(data)}
            queries = [Query(where, order, limit, skip) for order in orders]
            documents, found = runner.run(self._found(place, documents, queries))
            last = None if limit is None else skip + limit
            expected = [
                sorted(
                    (key for key, each in documents.items() if matches(where, each, key)),
                    key=lambda key: sort_key(order, documents[key], key),
                )[skip:last]
                for order in orders
            ]
            assert [ids for ids, _ in found] == expected
            assert [count for _, count in found] == [len(ids) for ids in expected]

        with self.drawing(config) as (runner, place):
            check()

    async def _found(self, place: Place, documents: People, queries: list[Query]) -> tuple[People, Found]:
        """The documents that the store has taken, and for each query which it finds, and how many."""
        if self.refuses:  # what there was before does not decide what there may be
            await self.drop(place)
        async with place.documents() as session:
            await session.clear(place.table)
            given = [Document(key, each) for key, each in documents.items()]
            there = {each.id for each in await stored(session, place.table, given, self.refuses)}
            return {key: each for key, each in documents.items() if key in there}, [
                (
                    [each.id for each in await _all(session, place.table, query)],
                    await session.count(place.table, query),
                )
                for query in queries
            ]

    def _every_value(self) -> Iterator[People]:
        """One of each value; where the first one decides which others there may be, with several that come first."""
        for first in drawn.EVERY_FIRST if self.refuses else (None,):
            yield {f"{number:03}": {"x": value} for number, value in enumerate((first, *drawn.EVERY_VALUE))}

    async def test_every_value_compares_to_every_other_as_in_python(self, config: Any) -> None:
        wanted = [
            Compare("x", op, shape(operand)) for operand in drawn.EVERY_OPERAND for op, shape in COMPARISONS.items()
        ][:: self.of_comparisons]
        wrong = []
        for documents in self._every_value():
            async with self.place(config) as place:
                there, _ = await self._found(place, documents, [])
                async with place.documents() as session:
                    for start in range(0, len(wanted), self.at_once):
                        asked = wanted[start : start + self.at_once]
                        answers = await asyncio.gather(*(_all(session, place.table, Query(each)) for each in asked))
                        for compare, found in zip(asked, answers, strict=True):
                            expected = [key for key, each in there.items() if matches(compare, each, key)]
                            if sorted(each.id for each in found) != expected:
                                wrong.append(compare)
        assert wrong == []

    async def test_every_value_has_its_place_among_the_others(self, config: Any) -> None:
        for documents in self._every_value():
            for descending in (False, True):
                order = (Sort(Field("x"), descending),)
                async with self.place(config) as place:
                    there, found = await self._found(place, documents, [Query(order=order)])
                assert found[0][0] == sorted(there, key=lambda key: sort_key(order, documents[key], key))

    # --- one by one ---------------------------------------------------------------------------------------------

    async def _people(self, place: Place, query: Query) -> list[str]:
        _, found = await self._found(place, PEOPLE, [query])
        return found[0][0]

    async def test_one_value_that_is_no_number_fails_no_query(self, config: Any) -> None:
        async with self.place(config) as place:
            assert sorted(await self._people(place, Query().filter("age", ">", 30))) == ["2"]

    async def test_a_dot_descends_and_a_literal_one_does_not(self, config: Any) -> None:
        async with self.place(config) as place:
            assert await self._people(place, Query().filter("home.city", "=", "Oslo")) == ["1"]
            literal = Query().filter(Query.field("home.city", literal=True), "exists")
            assert await self._people(place, literal) == []

    async def test_id_is_the_field_or_else_the_key(self, config: Any) -> None:
        async with self.place(config) as place:
            assert sorted(await self._people(place, Query().filter("id", "in", ["1", "4", "four"]))) == ["1", "4"]

    async def test_in_nothing_finds_nothing_and_not_in_nothing_all_that_is_there(self, config: Any) -> None:
        async with self.place(config) as place:
            assert await self._people(place, Query().filter("name", "in", [])) == []
            assert sorted(await self._people(place, Query().filter("name", "not_in", []))) == ["1", "2", "3"]

    async def test_only_the_selected_fields_come_back(self, config: Any) -> None:
        columns = Query().select("home.city", "id").columns
        async with self.place(config) as place:
            there, _ = await self._found(place, PEOPLE, [])
            async with place.documents() as session:
                found = await _all(session, place.table, Query(columns=columns))
            expected = {key: project(columns, each, key) for key, each in there.items()}
            assert {each.id: each.data for each in found} == expected

    async def test_a_page_without_an_order_is_one_of_the_ids_in_order(self, config: Any) -> None:
        async with self.place(config) as place:
            assert await self._people(place, Query().offset(1).limit(2)) == ["2", "3"]

    async def test_many_values_in_one_list_are_found(self, config: Any) -> None:
        async with self.place(config) as place:
            names = [f"n{number}" for number in range(5_000)] + ["Ann"]
            assert await self._people(place, Query().filter("name", "in", names)) == ["1"]

    async def test_a_search_that_is_left_early_leaves_the_session_whole(self, config: Any) -> None:
        many = min(self.many, 5_000)
        async with self.place(config) as place, place.documents() as session:
            await session.put(place.table, [Document(f"{n}", {"n": n}) for n in range(many)], "create")
            found = session.find(place.table, Query().sort("n"), batch_rows=100)
            assert [each.data["n"] for each in await anext(found)] == list(range(100))
            await found.aclose()
            assert await session.count(place.table, Query()) == many

    async def test_a_query_on_an_absent_table_is_not_found(self, config: Any) -> None:
        async with self.place(config) as place, place.documents() as session:
            with pytest.raises(NotFound):
                await _all(session, "dk_test_absent", Query())


async def _all(session: Documents, table: str, query: Query) -> list[Document]:
    found = session.find(table, query, batch_rows=1_000)
    return [document async for batch in found for document in batch]


async def _entered(manager: Any) -> Place:
    place: Place = await manager.__aenter__()
    return place


async def _left(manager: Any) -> None:
    await manager.__aexit__(None, None, None)
