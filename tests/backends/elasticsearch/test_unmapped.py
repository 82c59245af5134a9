"""A Query DSL body that finds nothing: which fields are told to be in no mapping, and which are not."""

from __future__ import annotations

import uuid
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from dk_notebook.backends.base import Native
from dk_notebook.backends.elasticsearch.aggregations.tables import scan_aggregations
from dk_notebook.backends.elasticsearch.connections.client import Client
from tests.backends.elasticsearch.reading import fill, hits, open_contexts
from tests.services.elasticsearch_address import ElasticsearchAddress

pytestmark = pytest.mark.elasticsearch

INDEX = f"dk-test-unmapped-{uuid.uuid4().hex[:12]}"
PROPERTIES = {
    "carrier": {"type": "keyword"},
    "title": {"type": "text", "fields": {"raw": {"type": "keyword"}}},
    "who": {"properties": {"age": {"type": "long"}}},
    "airline": {"type": "alias", "path": "carrier"},
    "labels": {"type": "flattened"},
    "comments": {"type": "nested", "properties": {"author": {"type": "keyword"}, "labels": {"type": "flattened"}}},
}
RUNTIME = {"day": {"type": "keyword"}}


@pytest.fixture(scope="module")
def index(elasticsearch_node: ElasticsearchAddress) -> Iterator[str]:
    documents = [{"carrier": "AA", "title": "sun", "who": {"age": 30}, "unseen": 1}]
    fill(elasticsearch_node, INDEX, documents, PROPERTIES, runtime=RUNTIME, dynamic=False)
    yield INDEX
    elasticsearch_node.delete_indices(INDEX)


def term(field: str, value: object = "nothing") -> dict[str, Any]:
    return {"term": {field: value}}


def within(path: str, query: dict[str, Any], **more: object) -> dict[str, Any]:
    return {"nested": {"path": path, "query": query, **more}}


async def said(client: Client, body: dict[str, Any], **more: Any) -> list[str]:
    """What is warned of while the hits of a body are read, of which there are none."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert (await hits(client, body, **more)).num_rows == 0
    return [str(each.message) for each in caught]


UNKNOWN = {
    "term": term("carier"),
    "terms": {"terms": {"carier": ["a", "b"], "boost": 2, "_name": "mine"}},
    "match": {"match": {"carier": "a"}},
    "range": {"range": {"carier": {"gte": 1}}},
    "exists": {"exists": {"field": "carier"}},
    "bool": {"bool": {"must": term("carier"), "must_not": [term("carrrier")]}},
    "several that are the same": {"bool": {"should": [term("carier"), term("carier", "other")]}},
    "deep": {"constant_score": {"filter": {"dis_max": {"queries": [term("airline"), term("carier")]}}}},
}


@pytest.mark.parametrize("query", UNKNOWN.values(), ids=UNKNOWN.keys())
async def test_a_field_that_no_mapping_has_is_said_once(client: Client, index: str, query: dict[str, Any]) -> None:
    told = f"no field 'carier' in {index!r}: nothing is found in it; did you mean 'carrier'?"
    assert await said(client, {"index": index, "query": query}) == [told]


KNOWN = {
    "a field": term("carrier"),
    "a multi-field": term("title.raw"),
    "an alias": term("airline"),
    "a field of an object": term("who.age", 99),
    "an object": {"bool": {"filter": [{"exists": {"field": "who"}}, term("carrier")]}},
    "a runtime field": {"exists": {"field": "day"}},
    "what is below a flattened field": term("labels.colour"),
    "a field of nested objects": within("comments", term("comments.author")),
    "what is below a flattened field of them": within("comments", term("comments.labels.colour")),
    "a pattern": {"exists": {"field": "nowhere*"}},
    "the key": term("_id"),
    "what the server notes": {"exists": {"field": "_ignored"}},
    "the index": term("_index"),
    "the tier": term("_tier"),
    "what must not match": {"bool": {"must": term("carrier"), "must_not": term("nowhere")}},
    "an object that may be missing": within("nowhere", term("nowhere.x"), ignore_unmapped=True),
    "words in which no field is certain": {"query_string": {"query": "nowhere:x"}},
    "patterns of fields": {"multi_match": {"query": "x", "fields": ["nowhere", "t*"]}},
}


@pytest.mark.parametrize("query", KNOWN.values(), ids=KNOWN.keys())
async def test_nothing_is_said_of(client: Client, index: str, query: dict[str, Any]) -> None:
    assert await said(client, {"index": index, "query": query}) == []


async def test_nothing_is_said_of_a_runtime_field_of_the_body(client: Client, index: str) -> None:
    body = {"index": index, "runtime_mappings": {"hour": {"type": "long"}}, "query": term("hour", 5)}
    assert await said(client, body) == []


async def test_nothing_is_said_where_there_are_hits(client: Client, index: str) -> None:
    query = {"bool": {"should": [term("nowhere"), term("carrier", "AA")]}}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (await hits(client, {"index": index, "query": query})).num_rows == 1


@pytest.mark.parametrize("none", [{"size": 0}, {"from": 5}], ids=str)
async def test_nothing_is_said_where_hits_are_left_out(client: Client, index: str, none: dict[str, int]) -> None:
    query = {"bool": {"should": [term("nowhere"), term("carrier", "AA")]}}
    assert await said(client, {"index": index, "query": query, **none}) == []


async def test_a_field_that_only_one_of_several_indices_has_is_no_unknown_field(
    client: Client, index: str, elasticsearch_node: ElasticsearchAddress, elasticsearch_index: str
) -> None:
    fill(elasticsearch_node, elasticsearch_index, properties={"elsewhere": {"type": "keyword"}})
    assert await said(client, {"index": [index, elasticsearch_index], "query": term("elsewhere")}) == []


async def test_what_documents_have_and_the_mapping_has_not_is_said(client: Client, index: str) -> None:
    [told] = await said(client, {"index": index, "query": term("unseen", 1)})
    assert told.startswith(f"no field 'unseen' in {index!r}")


async def test_a_filter_after_the_search_is_looked_at_too(client: Client, index: str) -> None:
    [told] = await said(client, {"index": index, "post_filter": term("nowhere")})
    assert told.startswith("no field 'nowhere'")


async def test_one_answer_that_is_not_paged_through_is_looked_at_too(client: Client, index: str) -> None:
    body = {"index": index, "query": term("nowhere"), "collapse": {"field": "carrier"}}
    [told] = await said(client, body)
    assert told.startswith("no field 'nowhere'")


async def test_where_a_warning_is_an_error_nothing_stays_open(
    client: Client, index: str, elasticsearch_node: ElasticsearchAddress
) -> None:
    before = open_contexts(elasticsearch_node)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="no field 'nowhere'"):
            await hits(client, {"index": index, "query": term("nowhere")})
    assert open_contexts(elasticsearch_node) == before


# --- beside aggregations ----------------------------------------------------------------------------------------------


async def rows(client: Client, body: dict[str, Any]) -> tuple[int, list[str]]:
    """The rows of aggregations, and what is warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = await (await scan_aggregations(client, Native(text=body), batch_rows=None)).read_all()
    return found.num_rows, [str(each.message).partition(" in ")[0] for each in caught]


@pytest.mark.parametrize(
    "aggregation",
    [{"terms": {"field": "carrier"}}, {"composite": {"sources": [{"c": {"terms": {"field": "carrier"}}}]}}],
)
async def test_the_query_of_aggregations_without_rows_is_looked_at_too(
    client: Client, index: str, aggregation: dict[str, Any]
) -> None:
    body = {"index": index, "query": term("nowhere"), "aggs": {"c": aggregation}}
    assert await rows(client, body) == (0, ["no field 'nowhere'"])


async def test_a_field_of_query_and_aggregation_is_said_once(client: Client, index: str) -> None:
    body = {"index": index, "query": term("nowhere"), "aggs": {"c": {"terms": {"field": "nowhere"}}}}
    assert await rows(client, body) == (0, ["no field 'nowhere'"])


async def test_nothing_is_said_of_the_query_where_there_are_rows(client: Client, index: str) -> None:
    query = {"bool": {"should": [term("nowhere"), term("carrier", "AA")]}}
    body = {"index": index, "query": query, "aggs": {"c": {"terms": {"field": "carrier"}}}}
    assert await rows(client, body) == (1, [])
