"""Records in indices, ours and those of other programs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

import dk_notebook as dk
from dk_notebook import AsyncDatabase, Conflict, NotFound, Query, QueryError, Record
from dk_notebook.backends.elasticsearch.records import search as document_search
from dk_notebook.backends.elasticsearch.records.mapping import MAPPING
from dk_notebook.records.filters import matches, sort_key
from dk_notebook.testing import drawn
from tests.services.elasticsearch_address import ElasticsearchAddress
from tests.services.elasticsearch_node import ElasticsearchNode

pytestmark = pytest.mark.elasticsearch

DYNAMIC: dict[str, Any] = {
    "properties": {
        "id": {"type": "keyword"},
        "data": {"type": "object", "properties": {}},
        "metadata": {"type": "object", "enabled": True},
        "created_at": {"type": "date"},
        "updated_at": {"type": "date"},
    }
}
"""As dataknobs-data makes its index: the server decides about every field by its first value."""
FORGIVING: dict[str, Any] = {
    "dynamic_templates": [
        {"whole": {"match_mapping_type": "long", "mapping": {"type": "integer", "ignore_malformed": True}}},
        {"fractions": {"match_mapping_type": "double", "mapping": {"type": "half_float", "null_value": 1}}},
        {"days": {"match_mapping_type": "date", "mapping": {"type": "date", "ignore_malformed": True}}},
        {"texts": {"match_mapping_type": "string", "mapping": {"type": "keyword", "ignore_above": 2}}},
    ]
}
"""Takes nearly everything, and leaves much out of the index."""
CLOSED: dict[str, Any] = {"properties": {"data": {"dynamic": False, "properties": {"a": {"type": "float"}}}}}
"""Has one field; the others are in the documents alone."""
WORDS: dict[str, Any] = {
    "dynamic_templates": [
        {"texts": {"match_mapping_type": "string", "mapping": {"type": "text"}}},
        {"whole": {"match_mapping_type": "long", "mapping": {"type": "short", "index": False}}},
    ]
}
"""Texts as words, of which exact filters know nothing; numbers that are not searched."""


@pytest_asyncio.fixture
async def db(elasticsearch_node: ElasticsearchAddress, elasticsearch_index: str) -> AsyncIterator[AsyncDatabase]:
    where = {"hosts": [elasticsearch_node.http], "index": elasticsearch_index}
    async with await AsyncDatabase.create("elasticsearch", where) as database:
        yield database


def opened(node: ElasticsearchAddress, index: str, mappings: dict[str, Any]) -> AsyncDatabase:
    """A database on an index that another program has made."""
    node.request("PUT", f"/{index}", {"mappings": mappings})
    return AsyncDatabase("elasticsearch", {"hosts": [node.http], "index": index})


# --- the layout -----------------------------------------------------------------------------------------------------


async def test_a_document_is_its_data_its_metadata_and_its_key(
    db: AsyncDatabase, elasticsearch_node: ElasticsearchAddress, elasticsearch_index: str
) -> None:
    await db.create(Record({"name": "Ann", "n": 1}, {"from": "form"}, id="a b"))
    found = elasticsearch_node.request("GET", f"/{elasticsearch_index}/_doc/a%20b")
    assert found["_source"] == {"data": {"name": "Ann", "n": 1}, "metadata": {"from": "form"}, "id": "a b"}


async def test_an_index_of_ours_lets_the_first_value_decide_little(
    db: AsyncDatabase, elasticsearch_node: ElasticsearchAddress, elasticsearch_index: str
) -> None:
    await db.create(Record({"text": "2024-01-02", "whole": 1, "fraction": 0.5, "flag": True}))
    answer = elasticsearch_node.request("GET", f"/{elasticsearch_index}/_mapping")
    properties = answer[elasticsearch_index]["mappings"]["properties"]
    assert properties["id"] == {"type": "keyword"}
    assert {name: each["type"] for name, each in properties["data"]["properties"].items()} == {
        "text": "text",
        "whole": "long",
        "fraction": "double",
        "flag": "boolean",
    }
    assert properties["data"]["properties"]["text"]["fields"] == {"keyword": {"type": "keyword", "ignore_above": 8191}}


async def test_a_document_without_its_key_inside_is_read_by_the_one_outside(
    db: AsyncDatabase, elasticsearch_node: ElasticsearchAddress, elasticsearch_index: str
) -> None:
    for key, number in (("b", 1), ("a", 1), ("c", 0)):
        body = {"data": {"n": number}, "metadata": {}}
        elasticsearch_node.request("PUT", f"/{elasticsearch_index}/_doc/{key}?refresh=true", body)
    await db.create(Record({"n": 1}, id="aa"))
    assert await db.read("a") == Record({"n": 1}, id="a")
    assert [record.id for record in await db.search(Query().sort("n").sort("id", "desc"))] == ["c", "b", "aa", "a"]
    assert [record.id for record in await db.search(Query().filter("id", "in", ["a", "c"]).sort("id"))] == ["a", "c"]


async def test_an_empty_document_is_an_empty_record(
    db: AsyncDatabase, elasticsearch_node: ElasticsearchAddress, elasticsearch_index: str
) -> None:
    elasticsearch_node.request("PUT", f"/{elasticsearch_index}/_doc/x?refresh=true", {})
    assert (await db.search(), await db.read("x")) == ([Record({}, id="x")], Record({}, id="x"))


async def test_an_index_without_sources_is_told_and_not_read_as_empty_records(
    elasticsearch_node: ElasticsearchAddress, elasticsearch_index: str
) -> None:
    async with opened(elasticsearch_node, elasticsearch_index, {"_source": {"enabled": False}}) as db:
        await db.create(Record({"n": 1}, id="x"))
        with pytest.raises(QueryError, match="_source"):
            await db.read("x")
        with pytest.raises(QueryError, match="_source"):
            await db.search()


@pytest.mark.parametrize(
    "values",
    [
        [1, 2.5],
        [0.5, 1],
        [2**63, 1],
        [1, 2, 3],
        [2**53 + 1, -(2**53) - 1],
        [10**300],
        [[1], [2.5]],
        [0.1, 5e-324, -0.0],
    ],
)
async def test_lists_of_numbers_stay_lists_of_the_same_numbers(db: AsyncDatabase, values: list[Any]) -> None:
    await db.create(Record({"sizes": values}, id="x"))
    (found,) = await db.search()
    assert repr(found["sizes"]) == repr(values)


# --- what the server refuses ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "then", "said"),
    [
        ({"a": 1}, {"a": "one"}, "data.a"),
        ({"a": {"b": 1}}, {"a": 1}, "object"),
        ({"a": 1}, {"a": {"b": 1}}, "data.a"),
        ({}, {"": 1}, "empty"),
        ({}, {"a..b": 1}, "a..b"),
        ({}, {"a": ["x", 1]}, "data.a"),
    ],
)
async def test_what_an_index_does_not_take_is_an_error_that_says_so(
    db: AsyncDatabase, first: dict[str, Any], then: dict[str, Any], said: str
) -> None:
    await db.create(Record(first, id="first"))
    with pytest.raises(QueryError, match=said) as caught:
        await db.create(Record(then, id="then"))
    assert "one type for each field" in str(caught.value)
    assert await db.count() == 1


async def test_of_new_records_with_one_that_is_refused_none_stays(db: AsyncDatabase) -> None:
    records = [Record({"n": n}, id=f"{n:04}") for n in range(2_000)]
    records[1_500]["n"] = "many"
    with pytest.raises(QueryError, match="record 1,500"):
        await db.create_batch(records)
    assert await db.count() == 0


async def test_an_update_says_how_many_it_has_written_where_one_is_refused(db: AsyncDatabase) -> None:
    await db.create_batch([Record({"n": n}, id=f"{n}") for n in range(3)])
    with pytest.raises(QueryError, match="2 of 3 are written"):
        await db.update_batch([("0", {"n": 10}), ("1", {"n": "many"}), ("2", {"n": 12})])


async def test_an_index_that_is_gone_is_not_made_again_by_a_write(
    db: AsyncDatabase, elasticsearch_node: ElasticsearchAddress, elasticsearch_index: str
) -> None:
    elasticsearch_node.delete_indices(elasticsearch_index)
    with pytest.raises(NotFound, match=elasticsearch_index):
        await db.create(Record({}))
    with pytest.raises(NotFound):
        await db.read("a")
    with pytest.raises(NotFound):
        await db.delete("a")


# --- versions -------------------------------------------------------------------------------------------------------


async def test_a_change_by_another_program_is_seen_by_the_version(
    db: AsyncDatabase, elasticsearch_node: ElasticsearchAddress, elasticsearch_index: str
) -> None:
    await db.create(Record({"n": 1}, id="x"))
    read = await db.read("x")
    elasticsearch_node.request("PUT", f"/{elasticsearch_index}/_doc/x", {"data": {"n": 2}, "metadata": {}, "id": "x"})
    assert read is not None
    with pytest.raises(Conflict, match="changed since"):
        await db.update("x", {"n": 3}, expected_version=read.version)
    assert (await db.read("x"))["n"] == 2  # type: ignore[index]  # it is there


async def test_what_is_no_version_of_ours_is_a_conflict(db: AsyncDatabase) -> None:
    await db.create(Record({"n": 1}, id="x"))
    with pytest.raises(Conflict):
        await db.update("x", {"n": 3}, expected_version="yesterday")
    assert not await db.update("nobody", {"n": 3}, expected_version="0-1")


# --- searching ------------------------------------------------------------------------------------------------------


async def test_more_than_ten_thousand_are_found_in_order(db: AsyncDatabase) -> None:
    await db.create_batch([Record({"n": n % 7, "m": n}, id=f"{n:06}") for n in range(12_345)])
    found = await db.search(Query().sort("n", "desc").sort("m"))
    assert [record["m"] for record in found] == sorted(range(12_345), key=lambda m: (-(m % 7), m))
    assert await db.count(Query().filter("n", ">=", 3)) == sum(m % 7 >= 3 for m in range(12_345))


async def test_a_search_sees_what_another_pool_of_this_process_has_written(
    db: AsyncDatabase, elasticsearch_node: ElasticsearchAddress, elasticsearch_index: str
) -> None:
    where = {"hosts": [elasticsearch_node.http], "index": elasticsearch_index, "pool": {"maxsize": 3}}

    def elsewhere() -> None:
        async def write() -> None:
            async with await AsyncDatabase.create("elasticsearch", where) as other:
                await other.create(Record({"n": 1}))

        asyncio.run(write())

    await asyncio.to_thread(elsewhere)
    assert await db.count(Query().filter("n", "=", 1)) == 1


async def test_a_sort_by_a_nested_field_is_not_fooled_by_names_with_dots(db: AsyncDatabase) -> None:
    nested: list[dict[str, Any]] = [{"a": {"b": 3}}, {"a": {"b": 1}}, {"a": {"b": [2, 9]}}]
    data = [*nested, {"a.b": 0, "a": {"b": 4}}, {"a.b": 1}, {}]
    await db.create_batch([Record(each, id=f"{place}") for place, each in enumerate(data)])
    await db.create_batch([Record({"a": {"b": 100 + n}}) for n in range(150)])
    for descending in (False, True):
        found = await db.search(Query().filter("a.b", "<", 100).sort("a.b", descending=descending))
        expected = sorted((each for each in found), key=lambda one: sort_key(_BY_NESTED[descending], one.data, one.id))
        assert [each.id for each in found] == [each.id for each in expected]
        assert {each.id for each in found} == {"0", "1", "2", "3"}


_BY_NESTED = [Query().sort("a.b", descending=descending).order for descending in (False, True)]


async def test_a_read_of_the_index_sees_what_was_created_before(
    db: AsyncDatabase, elasticsearch_node: ElasticsearchAddress, elasticsearch_index: str
) -> None:
    await db.create(Record({"n": 7}))
    async with dk.connect(elasticsearch_node.url, name=f"to {elasticsearch_index}") as connection:
        frame = await connection.aread_table(elasticsearch_index, columns=["data.n"])
    assert frame["data.n"].tolist() == [7]


# --- servers that come and go ---------------------------------------------------------------------------------------


async def test_a_node_that_was_restarted_between_calls_is_not_noticed(
    own_elasticsearch_node: ElasticsearchNode,
) -> None:
    where = {"hosts": [own_elasticsearch_node.http], "index": "things"}
    async with await AsyncDatabase.create("elasticsearch", where) as db:
        await db.create(Record({"n": 1}, id="before"))
        await asyncio.to_thread(own_elasticsearch_node.restart)
        await db.create(Record({"n": 2}, id="after"))
        assert await db.update("before", {"n": 3})
        assert [record["n"] for record in await db.search(Query().sort("n"))] == [2, 3]


# --- indices of other programs --------------------------------------------------------------------------------------


async def test_long_texts_cut_longs_and_dates_are_found_in_an_index_of_dataknobs(
    elasticsearch_node: ElasticsearchAddress, elasticsearch_index: str
) -> None:
    async with opened(elasticsearch_node, elasticsearch_index, DYNAMIC) as db:
        await db.create_batch([Record({"n": 30, "text": "short", "day": "2024-01-02"}, id="first")])
        await db.create_batch(
            [
                Record({"n": 30.7, "text": "x" * 300, "day": "2024-01-03T10:00:00"}, id="second"),
                Record({"n": "31", "text": "x" * 300 + "y", "day": "2024-03-01"}, id="third"),
            ]
        )
        queries = {
            "second": [
                Query().filter("n", ">", 30),
                Query().filter("text", "=", "x" * 300),
                Query().filter("day", "between", (date(2024, 1, 3), date(2024, 2, 1))),
                Query().filter("day", ">", datetime(2024, 1, 3, 9)).filter("day", "<", "2024-02"),
                Query().filter("text", "regex", "^x+$"),
            ],
            "third": [Query().filter("n", "=", "31"), Query().filter("text", "like", "x%y")],
        }
        for key, wanted in queries.items():
            for query in wanted:
                assert [record.id for record in await db.search(query)] == [key], query
                assert await db.count(query) == 1, query
        assert [record.id for record in await db.search(Query().sort("n"))] == ["first", "second", "third"]


INDICES = {"ours": MAPPING, "dynamic": DYNAMIC, "forgiving": FORGIVING, "closed": CLOSED, "words": WORDS}


@pytest.mark.parametrize("mappings", INDICES.values(), ids=INDICES)
def test_a_query_means_the_same_on_every_index(
    elasticsearch_node: ElasticsearchAddress,
    elasticsearch_index: str,
    mappings: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever of its documents the index leaves out."""

    @settings(max_examples=25, deadline=None)
    @given(
        st.lists(drawn.DATA, min_size=2, max_size=8),
        st.lists(drawn.CONDITIONS, min_size=3, max_size=6),
        st.lists(drawn.ORDERS, min_size=1, max_size=3),
    )
    def check(data: list[dict[str, Any]], conditions: list[Any], orders: list[Any]) -> None:
        runner.run(asked(data, conditions, orders))

    async def asked(data: list[dict[str, Any]], conditions: list[Any], orders: list[Any]) -> None:
        elasticsearch_node.delete_indices(elasticsearch_index)
        elasticsearch_node.request("PUT", f"/{elasticsearch_index}", {"mappings": mappings})
        there = {}
        for place, each in enumerate(data):
            try:
                there[await db.create(Record(each, id=f"{place}"))] = each
            except QueryError:  # this index does not take it beside the others
                continue
        for condition in conditions:
            expected = sorted(key for key, each in there.items() if matches(condition, each, key))
            assert sorted(record.id for record in await db.search(Query(condition))) == expected
            assert await db.count(Query(condition)) == len(expected)
        for order in orders:
            ordered = sorted(there, key=lambda key: sort_key(order, there[key], key))
            assert [record.id for record in await db.search(Query(None, order))] == ordered

    monkeypatch.setattr(document_search, "FEW", 0)  # page by page, in the order of the index
    with asyncio.Runner() as runner:
        db = opened(elasticsearch_node, elasticsearch_index, mappings)
        runner.run(db.connect())
        check()
        runner.run(db.close())
