"""Types and servers that the tests have no node of: by what such nodes answer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pyarrow as pa
import pytest
import pytest_asyncio

from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.backends.elasticsearch.connections.cluster import Cluster
from dk_notebook.errors import ConnectionFailed, ConversionError, QueryError
from dk_notebook.runtime.operations import Operation
from tests.backends.elasticsearch.conftest import settings
from tests.backends.elasticsearch.reading import hits, table
from tests.services.scripted_elasticsearch import Answer, Request, ScriptedElasticsearch, failure

pytestmark = pytest.mark.unit

POINT = "b64pit"


@pytest.fixture
def node() -> Iterator[ScriptedElasticsearch]:
    with ScriptedElasticsearch() as scripted:
        scripted.always("POST /.*_pit", Answer(body={"id": POINT}))
        scripted.always("DELETE /_pit", Answer(body={"succeeded": True, "num_freed": 1}))
        yield scripted


@pytest_asyncio.fixture
async def client(node: ScriptedElasticsearch) -> AsyncIterator[Client]:
    cluster = Cluster(settings(node.url))
    await cluster.open()
    with Operation("a test") as operation:
        async with cluster.leases.lease(operation):
            yield Client(cluster, operation)
    await cluster.close()


def mapping(node: ScriptedElasticsearch, properties: dict[str, Any], **said: Any) -> None:
    """Let the index ``t`` have this mapping."""
    node.always(r"GET /t\?", Answer(body={"t": {"mappings": {"properties": properties, **said}}}))


def page(*found: dict[str, Any], total: int | None = None) -> Answer:
    """An answer with these hits."""
    numbered = [{**hit, "sort": [number]} for number, hit in enumerate(found)]
    return Answer(body={"pit_id": POINT, "hits": {"total": {"value": total or len(found)}, "hits": numbered}})


def sent(*documents: dict[str, Any]) -> Answer:
    return page(*({"_source": each} for each in documents))


async def test_types_of_the_distributions(node: ScriptedElasticsearch, client: Client) -> None:
    words = ["unsigned_long", "scaled_float", "wildcard", "version", "rank_feature"]
    mapping(node, {word: {"type": word} for word in words})
    node.always("POST /_search", sent(dict(zip(words, [2**64 - 1, 1.25, "a*b", "1.10.0", 3], strict=True)), {}))
    found = await table(client, "t")
    assert found.schema.types == [pa.uint64(), pa.float64(), pa.string(), pa.string(), pa.float64()]
    first, second = found.to_pylist()
    assert list(first.values()) == [2**64 - 1, 1.25, "a*b", "1.10.0", 3.0]
    assert set(second.values()) == {None}


async def test_an_unsigned_long_that_came_as_text_is_asked_for_again(
    node: ScriptedElasticsearch, client: Client
) -> None:
    mapping(node, {"u": {"type": "unsigned_long"}})
    hit = {"_id": "1", "_index": "t", "_source": {"u": "18446744073709551615"}, "fields": {"u": [2**64 - 1]}}
    node.always("POST /_search", page(hit))
    node.next("POST /_search", sent({"u": "18446744073709551615"}))
    assert (await table(client, "t"))["u"].to_pylist() == [2**64 - 1]
    assert node.asked("POST /_search")[1].json["fields"] == ["u"]


async def test_shapes_joins_and_features_are_json(node: ScriptedElasticsearch, client: Client) -> None:
    values: dict[str, Any] = {
        "geo_shape": {"type": "linestring", "coordinates": [[1, 2], [3, 4]]},
        "join": {"name": "answer", "parent": "1"},
        "rank_features": {"politics": 20, "economics": 50.8},
        "percolator": {"match": {"t": "x"}},
        "date_range": {"gte": "2024-01-01", "lt": None},
        "completion": {"input": ["a", "b"], "weight": 3},
        "sparse_vector": {"1": 0.5},
    }
    mapping(node, {word: {"type": word} for word in values})
    node.always("POST /_search", sent(values))
    [row] = (await table(client, "t")).to_pylist()
    assert {name: json.loads(text) for name, text in row.items()} == values


async def test_a_constant_is_read_where_documents_do_not_have_it(node: ScriptedElasticsearch, client: Client) -> None:
    mapping(node, {"c": {"type": "constant_keyword", "value": "prod"}})
    node.always("POST /_search", page({"fields": {"c": ["prod"]}}, {"fields": {"c": ["prod"]}}))
    assert (await table(client, "t"))["c"].to_pylist() == ["prod", "prod"]
    assert node.asked("POST /_search")[0].json["fields"] == ["c"]


async def test_a_scripted_runtime_field_may_have_several_values(node: ScriptedElasticsearch, client: Client) -> None:
    mapping(node, {}, runtime={"r": {"type": "long", "script": {"source": "emit(1); emit(2)"}}})
    node.always("POST /_search", page({"_id": "7", "_index": "t", "fields": {"r": [1, 2]}}))
    with pytest.raises(ConversionError, match=r"document '7'[\s\S]*arrays=\['r'\]"):
        await table(client, "t")
    assert (await table(client, "t", arrays=("r",)))["r"].to_pylist() == [[1, 2]]


async def test_script_fields_of_a_body_are_json(node: ScriptedElasticsearch, client: Client) -> None:
    mapping(node, {"n": {"type": "long"}})
    node.always("POST /_search", page({"_source": {"n": 1}, "fields": {"double": [2]}}))
    body = {"index": "t", "script_fields": {"double": {"script": "doc['n'].value * 2"}}, "_source": ["n"]}
    assert (await hits(client, body)).to_pylist() == [{"n": 1, "double": "2"}]


async def test_a_data_stream_is_read_as_a_whole(node: ScriptedElasticsearch, client: Client) -> None:
    properties = {"@timestamp": {"type": "date"}, "n": {"type": "long"}}
    backing = {f".ds-logs-2024.01.0{day}-00000{day}": {"mappings": {"properties": properties}} for day in (1, 2)}
    node.always(r"GET /logs\?", Answer(body=backing))
    node.always("POST /_search", sent({"@timestamp": "2024-01-02T00:00:00Z", "n": 1}, {"@timestamp": 0, "n": 2}))
    found = await table(client, "logs")
    assert (found.column_names, found["n"].to_pylist()) == (["@timestamp", "n"], [1, 2])


# --- servers and users ----------------------------------------------------------------------------------------------


async def test_who_may_not_see_mappings_reads_what_the_server_makes_of_documents(
    node: ScriptedElasticsearch, client: Client
) -> None:
    node.always(r"GET /t\?", failure(403, "security_exception", "action is unauthorized"))
    words = {"at": "date", "n": "long", "o": "object", "o.a": "keyword", "p": "nested", "p.q": "long"}
    fields = {name: {word: {"type": word}} for name, word in words.items()}
    node.always("GET /t/_field_caps", Answer(body={"indices": ["t"], "fields": fields}))
    read = {"at": ["2024-01-02T00:00:00.000000000Z"], "n": [5], "o.a": ["x"]}
    node.always("POST /_search", page({"_source": {"p": [{"q": 1}]}, "fields": read}))
    [row] = (await table(client, "t")).to_pylist()
    assert (row["n"], row["o.a"], row["p"], row["at"].year) == (5, "x", '[{"q":1}]', 2024)


async def test_who_may_not_read_is_told_so(node: ScriptedElasticsearch, client: Client) -> None:
    node.always("GET /t", failure(403, "security_exception", "action is unauthorized for user [ann]"))
    with pytest.raises(QueryError, match="unauthorized"):
        await table(client, "t")


async def test_too_large_a_page_is_asked_for_in_a_smaller_size(node: ScriptedElasticsearch, client: Client) -> None:
    mapping(node, {"n": {"type": "long"}})

    def answered(request: Request) -> Answer:
        if request.json["size"] > 10:
            return failure(429, "circuit_breaking_exception", "[parent] Data too large")
        after = request.json.get("search_after", [-1])[0] + 1
        numbers = range(after, min(25, after + request.json["size"]))
        found = [{"_source": {"n": n}, "sort": [n]} for n in numbers]
        return Answer(body={"pit_id": POINT, "hits": {"total": {"value": 25}, "hits": found}})

    node.always("POST /_search", answered)
    assert sorted((await table(client, "t"))["n"].to_pylist()) == list(range(25))


async def test_the_search_is_begun_anew_where_the_server_forgot_it_before_the_first_row(
    node: ScriptedElasticsearch, client: Client
) -> None:
    mapping(node, {"n": {"type": "long"}})
    node.always("POST /_search", sent({"n": 1}))
    node.next("POST /_search", failure(404, "search_context_missing_exception", "No search context found for id [1]"))
    assert (await table(client, "t"))["n"].to_pylist() == [1]
    assert len(node.asked("POST /t/_pit")) == 2


async def test_a_node_that_is_lost_twice_is_an_error(node: ScriptedElasticsearch, client: Client) -> None:
    mapping(node, {"n": {"type": "long"}})
    node.always("POST /_search", "cut_before")
    with pytest.raises(ConnectionFailed):
        await table(client, "t")


async def test_the_newest_name_of_the_point_in_time_is_the_one_that_is_closed(
    node: ScriptedElasticsearch, client: Client
) -> None:
    mapping(node, {"n": {"type": "long"}})
    answer = sent({"n": 1})
    node.always("POST /_search", Answer(body={**answer.body, "pit_id": "newer"}))  # type: ignore[dict-item]
    await table(client, "t")
    assert [each.json for each in node.asked("DELETE /_pit")] == [{"id": "newer"}]


async def test_hits_without_a_document_say_why(node: ScriptedElasticsearch, client: Client) -> None:
    mapping(node, {"n": {"type": "long"}})
    node.always("POST /_search", page({}))
    with pytest.raises(QueryError, match="keeps no _source"):
        await table(client, "t")
