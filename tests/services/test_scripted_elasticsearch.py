"""The node that answers as it is told: what it does by itself, what a script makes of it, and what fails a test."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import pytest
from elasticsearch import AsyncElasticsearch, UnsupportedProductError

from dk_notebook.errors import ConnectionFailed, QueryError
from tests.services.scripted_elasticsearch import OPENSEARCH, Answer, ScriptedElasticsearch, failure
from tests.services.scripted_indices import Item

pytestmark = pytest.mark.unit

TWO = b'{"index":{"_index":"things","_id":"1"}}\n{"a":1}\n{"create":{"_index":"things","_id":"2"}}\n{"a":2}\n'


@pytest.fixture
def node() -> Iterator[ScriptedElasticsearch]:
    with ScriptedElasticsearch() as running:
        yield running


def statuses(answer: dict) -> list[int]:
    return [each["status"] for item in answer["items"] for each in item.values()]


async def test_the_official_client_takes_it_for_elasticsearch(node: ScriptedElasticsearch) -> None:
    async with AsyncElasticsearch(node.http) as client:
        answer = await client.bulk(operations=[{"index": {"_index": "things", "_id": "1"}}, {"a": 7}])
    assert (answer["errors"], node.documents) == (False, {"things": {"1": {"a": 7}}})


async def test_without_its_header_the_official_client_refuses_it() -> None:
    with ScriptedElasticsearch(product=None) as node:
        async with AsyncElasticsearch(node.http) as client:
            with pytest.raises(UnsupportedProductError):
                await client.info()


def test_it_can_say_that_it_is_opensearch() -> None:
    with ScriptedElasticsearch(root=OPENSEARCH, product=None) as node:
        assert node.request("GET", "/")["version"]["distribution"] == "opensearch"


def test_a_bulk_is_done_item_by_item(node: ScriptedElasticsearch) -> None:
    answer = node.request("POST", "/_bulk", TWO)
    assert (statuses(answer), node.documents["things"]) == ([201, 201], {"1": {"a": 1}, "2": {"a": 2}})


def test_a_bulk_that_comes_again_updates_what_it_indexes_and_conflicts_with_what_it_creates(node) -> None:
    node.request("POST", "/_bulk", TWO)
    assert statuses(node.request("POST", "/_bulk", TWO)) == [200, 409]


@pytest.mark.parametrize("status", [400, 403, 409, 429, 503])
def test_an_item_can_be_refused(node: ScriptedElasticsearch, status: int) -> None:
    node.at_items(lambda item: status if item.id == "2" else 201)
    answer = node.request("POST", "/_bulk", TWO)
    assert (statuses(answer), answer["errors"], list(node.documents["things"])) == ([201, status], True, ["1"])


def test_a_judge_is_told_how_often_a_document_came(node: ScriptedElasticsearch) -> None:
    node.at_items(lambda item: 429 if item.attempt == 1 else None)
    node.request("POST", "/_bulk", TWO)
    assert statuses(node.request("POST", "/_bulk", TWO)) == [201, 201]


def test_the_index_may_stand_in_the_path(node: ScriptedElasticsearch) -> None:
    node.request("POST", "/my%20things/_bulk", b'{"index":{"_id":"1"}}\n{"a":1}\n')
    assert node.indices.items == [Item("index", "my things", "1", {"a": 1}, 1)]


def test_a_body_over_the_limit_is_refused_whole() -> None:
    with ScriptedElasticsearch(limit=len(TWO) - 1) as node:
        with pytest.raises(QueryError, match="413"):
            node.request("POST", "/_bulk", TWO)
        assert node.documents == {}


def test_a_script_for_next_is_met_once(node: ScriptedElasticsearch) -> None:
    node.next("POST /_bulk", failure(503, "unavailable", "later", headers={"Retry-After": "1"}))
    with pytest.raises(QueryError, match="later"):
        node.request("POST", "/_bulk", TWO)
    assert statuses(node.request("POST", "/_bulk", TWO)) == [201, 201]


def test_scripts_for_next_are_met_in_order(node: ScriptedElasticsearch) -> None:
    node.next("GET /", Answer(body={"a": 1}))
    node.next("GET /", Answer(body={"a": 2}))
    assert [node.request("GET", "/"), node.request("GET", "/")] == [{"a": 1}, {"a": 2}]


def test_a_script_for_always_stays(node: ScriptedElasticsearch) -> None:
    node.always("GET /things/_mapping", Answer(body=b'{"things": {}}'))
    assert [node.request("GET", "/things/_mapping") for _ in range(2)] == [{"things": {}}] * 2


def test_a_script_can_be_a_function_of_the_request(node: ScriptedElasticsearch) -> None:
    node.always("/_search", lambda request: Answer(body={**request.json, **request.query}))
    assert node.request("POST", "/things/_search?routing=x", {"size": 1}) == {"size": 1, "routing": "x"}


def test_cut_before_nothing_is_done(node: ScriptedElasticsearch) -> None:
    node.next("_bulk", "cut_before")
    with pytest.raises(ConnectionFailed):
        node.request("POST", "/_bulk", TWO)
    assert node.documents == {}


def test_cut_after_all_is_done(node: ScriptedElasticsearch) -> None:
    node.next("_bulk", "cut_after")
    with pytest.raises(ConnectionFailed):
        node.request("POST", "/_bulk", TWO)
    assert list(node.documents["things"]) == ["1", "2"]


def test_cut_within_the_answer_breaks_off(node: ScriptedElasticsearch) -> None:
    node.next("_bulk", "cut_within")
    with pytest.raises(ConnectionFailed, match="IncompleteRead"):
        node.request("POST", "/_bulk", TWO)


def test_an_answer_can_come_late(node: ScriptedElasticsearch) -> None:
    node.next("GET /", Answer(after=0.3))
    start = time.monotonic()
    node.request("GET", "/")
    assert time.monotonic() - start > 0.25


def test_an_answer_that_nobody_waits_for_does_not_keep_the_end_waiting() -> None:
    start = time.monotonic()
    with ScriptedElasticsearch() as node:
        node.next("GET /", Answer(after=60))
        with pytest.raises(ConnectionFailed, match="timed out"):
            node.request("GET", "/", timeout=0.2)
    assert time.monotonic() - start < 5


def test_a_request_without_a_script_fails_the_test() -> None:
    node = ScriptedElasticsearch()
    with pytest.raises(AssertionError, match=r"nobody scripted.*POST /_sql"), node, contextlib.suppress(QueryError):
        node.request("POST", "/_sql", {})


def test_a_script_that_raises_fails_the_test() -> None:
    with pytest.raises(ZeroDivisionError), ScriptedElasticsearch() as node:
        node.always("GET /", lambda _: Answer(body=1 // 0))
        with pytest.raises(ConnectionFailed):
            node.request("GET", "/")


def test_an_index_has_the_mapping_with_which_it_was_made(node: ScriptedElasticsearch) -> None:
    node.request("PUT", "/things", {"mappings": {"properties": {"a": {"type": "long"}}}})
    assert node.request("GET", "/things/_mapping")["things"]["mappings"]["properties"] == {"a": {"type": "long"}}


def test_an_index_that_is_not_there_is_not_found(node: ScriptedElasticsearch) -> None:
    with pytest.raises(QueryError, match=r"404.*no such index \[things\]"):
        node.request("GET", "/things/_count")
