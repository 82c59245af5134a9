"""The bulk loop: whatever a server does to requests and rows, each row is settled once, and told.

Faults that no server makes on demand come from a scripted node; what a real one does to real documents is in
`test_ingest.py`.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dk_notebook.backends.elasticsearch.writing import bulk as bulk_module
from dk_notebook.backends.elasticsearch.writing import patience
from dk_notebook.backends.elasticsearch.writing.bulk import Bulk
from dk_notebook.errors import ConnectionFailed, QueryError
from tests.backends.elasticsearch.bulks import BULK, INDEX, client_of, numbered, piece, sent, with_mget
from tests.services.scripted_elasticsearch import Answer, Request, ScriptedElasticsearch, failure
from tests.services.scripted_indices import Item

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module", autouse=True)
def hurried() -> Iterator[None]:
    """Pauses of milliseconds, so that many can be tried."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patience, "FIRST", 0.002)
        patch.setattr(patience, "LONGEST", 0.005)
        yield


@pytest.fixture
def node() -> Iterator[ScriptedElasticsearch]:
    with ScriptedElasticsearch() as running:
        yield running


def settled(bulk: Bulk) -> list[int]:
    """All rows of which something is told that are not written."""
    refused = [each.position for each in bulk.refused]
    return sorted([*refused, *bulk.skipped, *bulk.unknown, *bulk.unsent])


# --- whatever happens ---------------------------------------------------------------------------------------------

FOR_NOW = (429, 503)
FOR_GOOD = (400, 500)
FAULTS: dict[str, Any] = {
    "cut_before": "cut_before",
    "cut_after": "cut_after",
    "cut_within": "cut_within",
    "busy": failure(429, "es_rejected_execution_exception", "rejected", headers={"Retry-After": "0"}),
    "away": failure(503, "master_not_discovered_exception", "null"),
    "proxy": Answer(502, b"<html>bad gateway</html>"),
    "slow proxy": Answer(504, b""),
}


@st.composite
def judgements(draw: st.DrawFn, rows: int) -> list[list[int | None]]:
    """For each row what its attempts meet: refused for now some times, then done or refused for good."""
    each = st.tuples(
        st.lists(st.sampled_from(FOR_NOW), max_size=3), st.sampled_from([None, None, None, *FOR_GOOD])
    ).map(lambda parts: [*parts[0], parts[1]])
    return draw(st.lists(each, min_size=rows, max_size=rows))


@given(st.data())
@settings(max_examples=40)
async def test_every_row_is_written_once_or_told_with_its_reason(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 25), "rows")
    meet = data.draw(judgements(count), "what the rows meet")
    faults = data.draw(st.lists(st.sampled_from(sorted(FAULTS)), max_size=5), "what the requests meet")
    size = data.draw(st.integers(1, 10), "rows of a request")
    mode = data.draw(st.sampled_from(["drawn", "alone", "key", "upsert"]), "mode")
    drawn = mode in ("drawn", "alone")
    there = data.draw(st.sets(st.integers(0, count - 1)), "keys that are there") if not drawn else set()
    limit = data.draw(st.sampled_from([None, None, 150]), "bytes of a request at most")

    reached: dict[str, int] = {}

    def judge(item: Item) -> int | None:
        turn = reached[item.id] = reached.get(item.id, 0) + 1
        script = meet[int(item.id)]
        return script[min(turn, len(script)) - 1]

    action = "index" if mode == "upsert" else "create"
    with ScriptedElasticsearch(limit=limit) as node:
        with_mget(node).at_items(judge)
        node.indices.documents[INDEX] = {str(row): {"a": "old"} for row in there}
        node.indices.bodies[INDEX] = {}
        for fault in faults:
            node.next(BULK, FAULTS[fault])
        pieces = [numbered(min(size, count - first), first=first, action=action) for first in range(0, count, size)]
        bulk = await sent(node, pieces, action=action, drawn=drawn, alone=mode == "alone")
        held = dict(node.documents[INDEX])

    refused = {each.position for each in bulk.refused}
    skipped = set(bulk.skipped)
    assert bulk.written + len(settled(bulk)) == count
    assert (bulk.unknown, bulk.unsent, bulk.failure) == ([], [], None)
    assert len(refused) == len(bulk.refused)
    assert not refused & skipped
    assert all(each.reason for each in bulk.refused)
    assert {each.position: each.status for each in bulk.refused} == {row: meet[row][-1] for row in refused}
    assert refused >= {row for row in range(count) if meet[row][-1] and (mode != "key" or row not in there)}
    assert skipped <= there if mode == "key" else not skipped
    new = {str(row): {"a": row} for row in set(range(count)) - refused - skipped}
    assert held == {**{str(row): {"a": "old"} for row in there}, **new}


async def test_an_index_of_its_own_is_asked_for_each_row_only_where_not_all_are_in(node: ScriptedElasticsearch) -> None:
    with_mget(node).at_items(lambda item: 400 if item.id == "3" else None)
    bulk = await sent(node, [numbered(4)], alone=True)
    asked = [request.query["filter_path"] for request in node.asked("_bulk")]
    assert asked == ["errors", "errors,items.*.status,items.*.error"]
    assert [item.id for item in node.indices.items] == ["0", "1", "2", "3", "3"]
    assert (bulk.written, settled(bulk)) == (3, [3])


async def test_who_may_not_look_sends_all_rows_again_and_each_is_there_once(node: ScriptedElasticsearch) -> None:
    node.always(f"POST /{INDEX}/_mget", failure(403, "security_exception", "not allowed"))
    node.at_items(lambda item: 400 if item.id == "3" else None)
    bulk = await sent(node, [numbered(5)], alone=True)
    assert (bulk.written, settled(bulk), sorted(node.documents[INDEX])) == (4, [3], ["0", "1", "2", "4"])


# --- refused for now ----------------------------------------------------------------------------------------------


async def test_only_the_rows_that_were_refused_for_now_are_sent_again(node: ScriptedElasticsearch) -> None:
    node.at_items(lambda item: 429 if item.attempt == 1 and item.id in ("1", "3") else None)
    bulk = await sent(node, [numbered(5)])
    assert ([item.id for item in node.indices.items], bulk.written) == (["0", "1", "2", "3", "4", "1", "3"], 5)


@pytest.mark.parametrize(
    "soon", [lambda: "1", lambda: formatdate(time.time() + 2, usegmt=True)], ids=["seconds", "date"]
)
async def test_the_pause_that_the_server_asks_for_is_kept(node: ScriptedElasticsearch, soon: Any) -> None:
    node.next(BULK, failure(429, "busy", "later", headers={"Retry-After": soon()}))
    started = time.monotonic()
    await sent(node, [numbered(1)])
    assert 0.9 <= time.monotonic() - started < 4


async def test_rows_that_are_refused_for_too_long_are_told_and_the_others_go_in(node: ScriptedElasticsearch) -> None:
    node.at_items(lambda item: 429 if item.id == "1" else None)
    bulk = await sent(node, [numbered(3)], give_up=0.05)
    assert (bulk.written, [(each.position, each.status) for each in bulk.refused]) == (2, [(1, 429)])


async def test_a_server_that_is_busy_for_too_long_is_a_failure_and_nothing_is_in_doubt(node: Any) -> None:
    node.always(BULK, failure(429, "es_rejected_execution_exception", "rejected"))
    bulk = await sent(node, [numbered(3)], give_up=0.05)
    assert isinstance(bulk.failure, QueryError)
    assert (bulk.written, bulk.unsent, bulk.unknown) == (0, [0, 1, 2], [])


async def test_a_pause_longer_than_the_patience_is_not_waited_for(node: ScriptedElasticsearch) -> None:
    node.always(BULK, failure(503, "unavailable", "later", headers={"Retry-After": "3600"}))
    started = time.monotonic()
    bulk = await sent(node, [numbered(1)], give_up=5)
    assert (bulk.failure is not None, time.monotonic() - started < 2) == (True, True)


# --- answers that are lost ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", ["cut_after", "cut_within"])
async def test_rows_whose_answer_was_lost_are_there_once(node: ScriptedElasticsearch, cut: Any) -> None:
    node.next(BULK, cut, times=2)
    bulk = await sent(node, [numbered(3)])
    assert (bulk.written, len(node.indices.items), len(node.documents[INDEX])) == (3, 9, 3)


async def test_a_key_that_was_there_before_a_lost_answer_is_still_skipped(node: ScriptedElasticsearch) -> None:
    with_mget(node).indices.documents[INDEX] = {"1": {"a": "old"}}
    node.next(BULK, "cut_after")
    bulk = await sent(node, [numbered(3)], drawn=False)
    assert (bulk.written, bulk.skipped, node.documents[INDEX]["1"]) == (2, [1], {"a": "old"})


async def test_a_server_that_does_not_come_back_leaves_rows_in_doubt(node: ScriptedElasticsearch) -> None:
    node.always(BULK, "cut_after")
    bulk = await sent(node, [numbered(3)], give_up=0.05)
    assert isinstance(bulk.failure, ConnectionFailed)
    assert (bulk.written, bulk.unknown, bulk.unsent) == (0, [0, 1, 2], [])


# --- too large ----------------------------------------------------------------------------------------------------


async def test_a_request_that_is_too_large_goes_in_halves() -> None:
    with ScriptedElasticsearch(limit=200) as node:
        bulk = await sent(node, [numbered(32)])
    assert (bulk.written, len(node.documents[INDEX])) == (32, 32)


async def test_a_document_that_is_too_large_is_told_and_the_others_go_in() -> None:
    with ScriptedElasticsearch(limit=200) as node:
        bulk = await sent(node, [piece(["0", "1", "2"], [{"a": 0}, {"a": "x" * 300}, {"a": 2}])])
    assert (bulk.written, [each.position for each in bulk.refused]) == (2, [1])
    assert "more than the server takes" in bulk.refused[0].reason


# --- refused for good -----------------------------------------------------------------------------------------------


async def test_a_refusal_names_the_column_and_keeps_no_value(node: ScriptedElasticsearch) -> None:
    node.at_items(lambda _: 400)
    bulk = await sent(node, [numbered(1)])
    assert (bulk.refused[0].column, bulk.failure) == ("a", None)


async def test_nothing_more_is_sent_after_a_refusal_where_one_is_enough(node: ScriptedElasticsearch) -> None:
    node.at_items(lambda item: 400 if item.id == "2" else None)
    bulk = await sent(
        node, [numbered(5), *(numbered(5, first=first) for first in range(5, 500, 5))], stop_at_refusal=True
    )
    assert (bulk.over, len(node.indices.items) < 100) == (True, True)
    assert bulk.written + len(settled(bulk)) == 500


@pytest.mark.parametrize("status", [403, 404])
async def test_an_index_that_takes_no_writes_ends_it_at_once(node: ScriptedElasticsearch, status: int) -> None:
    node.at_items(lambda item: status if item.id >= "5" else None)
    bulk = await sent(node, [numbered(10), *(numbered(5, first=first) for first in range(10, 500, 5))])
    assert (isinstance(bulk.failure, QueryError), len(node.indices.items) < 100) == (True, True)
    assert bulk.written + len(settled(bulk)) == 500


async def test_a_full_disk_comes_with_429_and_ends_it_at_once(node: ScriptedElasticsearch) -> None:
    error = {
        "type": "cluster_block_exception",
        "reason": "index [things] blocked by: [TOO_MANY_REQUESTS/12/disk usage]",
    }
    node.always(BULK, Answer(body={"errors": True, "items": [{"create": {"status": 429, "error": error}}]}))
    bulk = await sent(node, [numbered(1)])
    assert (isinstance(bulk.failure, QueryError), len(node.asked(BULK))) == (True, 1)


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_a_request_that_is_refused_as_a_whole_is_a_failure(node: ScriptedElasticsearch, status: int) -> None:
    node.always(BULK, failure(status, "some_exception", "no"))
    bulk = await sent(node, [numbered(3)])
    assert (bulk.failure is not None, bulk.unsent, len(node.asked(BULK))) == (True, [0, 1, 2], 1)


# --- how many at once -----------------------------------------------------------------------------------------------


async def test_no_more_requests_run_at_once_than_agreed_and_more_than_one_do(node: ScriptedElasticsearch) -> None:
    running, most, lock = 0, 0, threading.Lock()

    def slowly(request: Request) -> Answer:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1
        return Answer(body={"errors": False, "items": [{"create": {"status": 201}}]})

    node.always(BULK, slowly)
    await sent(node, [numbered(1, first=row) for row in range(20)])
    assert 1 < most <= bulk_module.AT_ONCE


async def test_rows_wait_for_room_before_they_are_taken(node: ScriptedElasticsearch) -> None:
    node.always(BULK, Answer(after=30))
    async with client_of(node) as client:
        bulk = Bulk(client, INDEX, action="create", drawn=True, stop_at_refusal=False)
        taken = 0
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                for row in range(20):
                    await bulk.put(numbered(1, first=row))
                    taken += 1
        await bulk.abandon()
    assert taken == bulk_module.AT_ONCE


async def test_stopping_waits_for_no_answer_and_leaves_no_task(node: ScriptedElasticsearch) -> None:
    node.always(BULK, Answer(after=30))
    before = asyncio.all_tasks()
    async with client_of(node) as client:
        bulk = Bulk(client, INDEX, action="create", drawn=True, stop_at_refusal=False)
        await bulk.put(numbered(3))
        await asyncio.sleep(0.2)
        started = time.monotonic()
        await bulk.abandon()
        assert time.monotonic() - started < 2
    assert asyncio.all_tasks() == before
