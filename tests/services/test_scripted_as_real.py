"""What the scripted node does by itself, a real one does too; and the fault proxy stands before a real one as well."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dk_notebook.errors import ConnectionFailed, QueryError
from tests.services.elasticsearch_address import ElasticsearchAddress
from tests.services.http_proxy import HttpFaultProxy
from tests.services.scripted_elasticsearch import ScriptedElasticsearch

pytestmark = pytest.mark.elasticsearch

Ask = Callable[[ElasticsearchAddress, str], object]


@pytest.fixture
def scripted() -> Iterator[ScriptedElasticsearch]:
    with ScriptedElasticsearch() as node:
        yield node


def bulk(node: ElasticsearchAddress, index: str) -> Any:
    lines = [
        b'{"index":{"_id":"1"}}\n{"a":1}\n',
        b'{"create":{"_id":"1"}}\n{"a":2}\n',
        b'{"index":{"_id":"1"}}\n{"a":3}\n',
        b'{"delete":{"_id":"1"}}\n',
        b'{"delete":{"_id":"1"}}\n',
    ]
    return node.request("POST", f"/{index}/_bulk", b"".join(lines))


def outcomes(node: ElasticsearchAddress, index: str) -> object:
    items = [each for item in bulk(node, index)["items"] for each in item.values()]
    return [(each["status"], each.get("result"), each.get("error", {}).get("type")) for each in items]


def missing(node: ElasticsearchAddress, index: str) -> object:
    with pytest.raises(QueryError) as told:
        node.request("GET", f"/{index}/_count")
    return told.value.message.partition('"reason"')[0]


def twice(node: ElasticsearchAddress, index: str) -> object:
    node.request("PUT", f"/{index}")
    with pytest.raises(QueryError, match="resource_already_exists_exception") as told:
        node.request("PUT", f"/{index}")
    return told.value.message[:3]


def mapping(node: ElasticsearchAddress, index: str) -> object:
    made = node.request("PUT", f"/{index}", {"mappings": {"properties": {"a": {"type": "long"}}}})
    return made, node.request("GET", f"/{index}/_mapping")


def document(node: ElasticsearchAddress, index: str) -> object:
    node.request("POST", f"/{index}/_bulk", b'{"index":{"_id":"a b"}}\n{"a":1}\n')
    node.request("POST", f"/{index}/_refresh")
    found = node.request("GET", f"/{index}/_doc/a%20b")
    return found["_source"], node.request("GET", f"/{index}/_count")["count"]


def root(node: ElasticsearchAddress, index: str) -> object:
    answer = node.request("GET", "/")
    return list(answer), list(answer["version"])


@pytest.mark.parametrize("ask", [outcomes, missing, twice, mapping, document, root])
def test_both_answer_alike(scripted, elasticsearch_node, elasticsearch_index: str, ask: Ask) -> None:
    assert ask(scripted, elasticsearch_index) == ask(elasticsearch_node, elasticsearch_index)


def test_a_bulk_whose_answer_is_cut_is_done_by_a_real_node(elasticsearch_node, elasticsearch_index: str) -> None:
    with HttpFaultProxy(elasticsearch_node) as proxy:
        proxy.at_next_request("POST .*_bulk", "cut_after")
        with pytest.raises(ConnectionFailed):
            path = f"/{elasticsearch_index}/_bulk?refresh=true"
            ElasticsearchAddress(proxy.url).request("POST", path, b'{"index":{}}\n{"a":1}\n')
    assert elasticsearch_node.request("GET", f"/{elasticsearch_index}/_count")["count"] == 1


def test_a_real_answer_of_megabytes_goes_through(elasticsearch_node, elasticsearch_index: str) -> None:
    lines = b'{"index":{}}\n{"a":"' + b"x" * 3_000_000 + b'"}\n'
    with HttpFaultProxy(elasticsearch_node) as proxy:
        way = ElasticsearchAddress(proxy.url)
        way.request("POST", f"/{elasticsearch_index}/_bulk?refresh=true", lines)
        hits = way.request("GET", f"/{elasticsearch_index}/_search")["hits"]["hits"]
    assert len(hits[0]["_source"]["a"]) == 3_000_000
