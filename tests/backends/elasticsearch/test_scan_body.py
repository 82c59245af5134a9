"""Hits of a Query DSL body."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.errors import ConfigError, NotFound, QueryError
from tests.backends.elasticsearch.reading import fill, hits, open_contexts
from tests.services.elasticsearch_address import ElasticsearchAddress

pytestmark = pytest.mark.elasticsearch

INDEX = f"dk-test-bodies-{uuid.uuid4().hex[:12]}"
COUNT = 10_300
PROPERTIES = {
    "at": {"type": "date", "format": "dd/MM/yyyy"},
    "k": {"type": "keyword"},
    "n": {"type": "long"},
    "o": {"properties": {"a": {"type": "long"}, "b": {"type": "long"}}},
    "t": {"type": "text", "fields": {"raw": {"type": "keyword"}}},
}


@pytest.fixture(scope="module")
def bodies(elasticsearch_node: ElasticsearchAddress) -> Iterator[str]:
    """An index of 10,300 documents."""
    texts = ["sun", "sun sun moon", "moon"]
    documents = (
        {"n": n, "k": f"k{n % 7}", "t": texts[n % 3], "at": "03/02/2024", "o": {"a": n, "b": -n}} for n in range(COUNT)
    )
    fill(elasticsearch_node, INDEX, documents, PROPERTIES)
    yield INDEX
    elasticsearch_node.delete_indices(INDEX)


async def test_without_a_size_all_hits_come(client: Client, bodies: str) -> None:
    found = await hits(client, {"index": bodies})
    assert sorted(found["n"].to_pylist()) == list(range(COUNT))
    assert found.column_names == ["at", "k", "n", "o.a", "o.b", "t"]


async def test_the_order_of_the_body_is_kept_over_all_pages(client: Client, bodies: str) -> None:
    found = await hits(client, {"index": bodies, "sort": [{"k": "desc"}, "n"], "_source": ["n", "k"]})
    rows = [(row["k"], row["n"]) for row in found.to_pylist()]
    assert rows == sorted(((f"k{n % 7}", n) for n in range(COUNT)), key=lambda row: (-int(row[0][1:]), row[1]))


@pytest.mark.parametrize(("first", "size"), [(0, 5), (3, 5), (0, 10_100), (10_290, 100), (20_000, 5), (0, 0)])
async def test_from_and_size_are_those_of_the_body(client: Client, bodies: str, first: int, size: int) -> None:
    found = await hits(client, {"index": bodies, "from": first, "size": size, "sort": "n", "_source": "n"})
    assert found["n"].to_pylist() == list(range(COUNT))[first : first + size]


async def test_a_limit_of_the_call_is_the_smaller_one(client: Client, bodies: str) -> None:
    found = await hits(client, {"index": bodies, "size": 50, "sort": "n", "_source": "n"}, limit=3)
    assert found["n"].to_pylist() == [0, 1, 2]


async def test_the_best_hits_come_first(client: Client, bodies: str) -> None:
    body = {"index": bodies, "query": {"match": {"t": "sun"}}, "fields": ["_score"], "_source": ["t"]}
    found = await hits(client, body)
    scores = found["_score"].to_pylist()
    assert len(scores) == len([n for n in range(COUNT) if n % 3 < 2])
    assert scores == sorted(scores, reverse=True)


async def test_a_filter_finds_its_hits(client: Client, bodies: str) -> None:
    body = {"index": [bodies], "query": {"bool": {"filter": [{"range": {"n": {"gte": 10_000}}}]}}, "_source": ["n"]}
    assert sorted((await hits(client, body))["n"].to_pylist()) == list(range(10_000, COUNT))


@pytest.mark.parametrize(
    ("source", "columns"),
    [
        (["n", "o"], ["n", "o.a", "o.b"]),
        ("o.*", ["o.a", "o.b"]),
        ({"excludes": ["o.b", "t", "at"]}, ["k", "n", "o.a"]),
        ({"includes": ["o", "k"], "excludes": "*.b"}, ["k", "o.a"]),
        (False, ["_id"]),
    ],
)
async def test_source_chooses_the_columns(client: Client, bodies: str, source: Any, columns: list[str]) -> None:
    found = await hits(client, {"index": bodies, "_source": source, "size": 2})
    assert (found.column_names, found.num_rows) == (columns, 2)


async def test_fields_are_columns_with_the_types_of_the_mapping(client: Client, bodies: str) -> None:
    asked = ["t.raw", {"field": "at", "format": "yyyy"}, "_id", "o.*"]
    found = await hits(client, {"index": bodies, "sort": "n", "size": 1, "_source": False, "fields": asked})
    [row] = found.to_pylist()
    assert row == {"t.raw": "sun", "at": datetime(2024, 2, 3, tzinfo=UTC), "_id": "0", "o.a": 0, "o.b": 0}


async def test_docvalue_fields_are_columns_too(client: Client, bodies: str) -> None:
    body = {"index": bodies, "sort": "n", "size": 1, "_source": ["k"], "docvalue_fields": ["n", "at"]}
    assert (await hits(client, body)).to_pylist() == [{"k": "k0", "n": 0, "at": datetime(2024, 2, 3, tzinfo=UTC)}]


async def test_the_id_is_a_column_when_it_is_named_beside(client: Client, bodies: str) -> None:
    found = await hits(client, {"index": bodies, "sort": "n", "size": 1, "_source": ["n"]}, named=("_id",))
    assert found.to_pylist() == [{"n": 0, "_id": "0"}]


async def test_a_runtime_field_of_the_body_is_a_column_when_it_is_named(
    client: Client, elasticsearch_node: ElasticsearchAddress, elasticsearch_index: str
) -> None:
    fill(elasticsearch_node, elasticsearch_index, [{"a": "5"}], {"k": {"type": "keyword"}}, dynamic=False)
    body = {"index": elasticsearch_index, "runtime_mappings": {"a": {"type": "long"}}, "fields": ["a"]}
    assert (await hits(client, body)).to_pylist() == [{"k": None, "a": 5}]


async def test_highlights_are_a_column_of_documents(client: Client, bodies: str) -> None:
    body = {"index": bodies, "query": {"match": {"t": "moon"}}, "size": 1, "highlight": {"fields": {"t": {}}}}
    [row] = (await hits(client, {**body, "_source": ["t"]})).to_pylist()
    assert json.loads(row["highlight"]) == {"t": ["<em>moon</em>"]}


async def test_what_is_collapsed_comes_in_one_answer(client: Client, bodies: str) -> None:
    found = await hits(client, {"index": bodies, "collapse": {"field": "k"}, "sort": "k", "_source": ["k"]})
    assert found["k"].to_pylist() == [f"k{n}" for n in range(7)]


async def test_one_answer_that_may_have_been_cut_is_an_error(client: Client, bodies: str) -> None:
    with pytest.raises(QueryError, match="may be more than 10,000 hits"):
        await hits(client, {"index": bodies, "collapse": {"field": "n"}, "_source": ["n"]})


async def test_more_than_one_answer_may_have_is_refused_by_the_server(client: Client, bodies: str) -> None:
    with pytest.raises(QueryError, match=r"Result window is too large|less than or equal to"):
        await hits(client, {"index": bodies, "collapse": {"field": "k"}, "size": 20_000})


async def test_nearest_neighbours_are_hits(
    client: Client, elasticsearch_node: ElasticsearchAddress, elasticsearch_index: str
) -> None:
    properties = {"n": {"type": "long"}, "v": {"type": "dense_vector", "dims": 2}}
    fill(elasticsearch_node, elasticsearch_index, ({"n": n, "v": [1, n]} for n in range(20)), properties)
    knn = {"field": "v", "query_vector": [1, 0], "k": 12, "num_candidates": 20}
    found = await hits(client, {"index": elasticsearch_index, "knn": knn, "_source": ["n"]})
    assert found["n"].to_pylist() == list(range(12))


async def test_other_spellings_of_a_single_answer_are_read_too(
    client: Client, elasticsearch_node: ElasticsearchAddress, elasticsearch_index: str
) -> None:
    fill(
        elasticsearch_node,
        elasticsearch_index,
        [{"n": "5", "k": "a"}],
        {"n": {"type": "long"}, "k": {"type": "keyword"}},
    )
    found = await hits(client, {"index": elasticsearch_index, "collapse": {"field": "k"}})
    assert found.to_pylist() == [{"k": "a", "n": 5}]


# --- what cannot be -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"query": {"match_all": {}}}, "names no index"),
        ({"index": "a", "size": -1}, "'size' of the body"),
        ({"index": "a", "from": "x"}, "'from' of the body"),
        ({"index": "a", "pit": {"id": "x"}}, "'pit' in the body"),
        ({"index": "a", "timeout": "1s"}, "'timeout' in the body"),
        ({"index": "a/b"}, "no index"),
        ({"index": INDEX, "fields": [5]}, "named by text"),
    ],
)
async def test_a_body_that_cannot_be_is_refused(client: Client, bodies: str, body: Any, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        await hits(client, body)


async def test_parameters_are_for_esql(client: Client, bodies: str) -> None:
    with pytest.raises(ConfigError, match="params"):
        await hits(client, {"index": bodies}, params={"a": 1})


@pytest.mark.parametrize("part", ["_source", "fields"])
async def test_a_field_that_is_not_there_is_not_found(client: Client, bodies: str, part: str) -> None:
    with pytest.raises(NotFound, match="no field 'kk'"):
        await hits(client, {"index": bodies, part: ["kk"]})


async def test_a_query_that_the_server_refuses_is_told_in_its_words(
    client: Client, elasticsearch_node: ElasticsearchAddress, bodies: str
) -> None:
    before = open_contexts(elasticsearch_node)
    with pytest.raises(QueryError, match=r"unknown query \[nope\]"):
        await hits(client, {"index": bodies, "query": {"nope": {}}})
    assert open_contexts(elasticsearch_node) == before
