"""A point in time that the server opens when the one who wanted it waits no more."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator

import pytest

from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.backends.elasticsearch.connections.cluster import Cluster
from dk_notebook.backends.elasticsearch.point_in_time import PointInTime
from dk_notebook.runtime.operations import Operation
from tests.backends.elasticsearch.conftest import settings
from tests.backends.elasticsearch.recorded import client_of
from tests.services.scripted_elasticsearch import Answer, ScriptedElasticsearch
from tests.under_way import within

OPENING = "POST /things/_pit"
CLOSING = "DELETE /_pit"


@pytest.fixture
def node() -> Iterator[ScriptedElasticsearch]:
    with ScriptedElasticsearch() as scripted:
        scripted.always(CLOSING, Answer(body={"succeeded": True, "num_freed": 1}))
        yield scripted


async def stopped(point: PointInTime, node: ScriptedElasticsearch) -> float:
    """The seconds that a stop takes while the node opens it."""
    opening = asyncio.create_task(point.open())
    assert await within(10, lambda: node.asked(OPENING))
    started = time.monotonic()
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    return time.monotonic() - started


@pytest.mark.parametrize("after", [0.05, 1.5], ids=["during the stop", "after the stop"])
async def test_what_is_opened_for_nobody_is_closed(node: ScriptedElasticsearch, after: float) -> None:
    node.always(OPENING, Answer(body={"id": "late"}, after=after))
    async with client_of(node) as client:
        await stopped(PointInTime(client, "things"), node)
        assert await within(10, lambda: node.asked(CLOSING))
    assert [json.loads(request.body) for request in node.asked(CLOSING)] == [{"id": "late"}]


async def test_whoever_comes_next_does_not_wait_for_what_is_opened_for_nobody(node: ScriptedElasticsearch) -> None:
    node.always(OPENING, Answer(body={"id": "late"}, after=60))
    cluster = Cluster(settings(node.url, pool={"max_size": 1}))
    await cluster.open()
    try:
        with Operation("stopped") as operation:
            async with cluster.leases.lease(operation):
                await stopped(PointInTime(Client(cluster, operation), "things"), node)
        with Operation("next") as operation:
            async with cluster.leases.lease(operation), asyncio.timeout(20):
                assert (await Client(cluster, operation).raw("GET", "/_cluster/health")).status == 200
    finally:
        await cluster.close()


async def test_a_node_that_does_not_answer_holds_up_neither_the_stop_nor_the_end(node: ScriptedElasticsearch) -> None:
    node.always(OPENING, Answer(body={"id": "never"}, after=30))
    async with client_of(node) as client:
        took = await stopped(PointInTime(client, "things"), node)
        closed = time.monotonic()
    assert (took < 5, time.monotonic() - closed < 5) == (True, True)
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
