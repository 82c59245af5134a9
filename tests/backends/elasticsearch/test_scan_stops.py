"""Reading that is stopped, cut off, left alone, or loses its node."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from dk_notebook.backends.base import Native, TableQuery
from dk_notebook.backends.elasticsearch.backend import ElasticsearchBackend
from dk_notebook.backends.elasticsearch.reading import pages
from dk_notebook.errors import ConnectionFailed, DeadlineExceeded, DkError, QueryError
from dk_notebook.runtime.operations import Operation
from tests.backends.elasticsearch.conftest import settings
from tests.backends.elasticsearch.reading import fill, open_contexts, searches
from tests.promptness import prompt
from tests.services.elasticsearch_address import ElasticsearchAddress
from tests.services.elasticsearch_node import ElasticsearchNode
from tests.services.http_proxy import HttpFaultProxy

pytestmark = pytest.mark.elasticsearch

INDEX = f"dk-test-stops-{uuid.uuid4().hex[:12]}"
COUNT = 20_000
PROPERTIES = {"n": {"type": "long"}, "t": {"type": "keyword"}}


def documents(count: int = COUNT) -> Iterator[dict[str, Any]]:
    return ({"n": n, "t": f"text {n}"} for n in range(count))


@pytest.fixture(scope="module")
def index(elasticsearch_node: ElasticsearchAddress) -> Iterator[str]:
    fill(elasticsearch_node, INDEX, documents(), PROPERTIES)
    yield INDEX
    elasticsearch_node.delete_indices(INDEX)


@pytest_asyncio.fixture
async def backend(elasticsearch_url: str) -> AsyncIterator[ElasticsearchBackend]:
    opened = await ElasticsearchBackend.open(settings(elasticsearch_url))
    yield opened
    await opened.close()


async def read(backend: ElasticsearchBackend, query: TableQuery | Native, *, timeout: float | None = None) -> int:
    """The rows of a query, all read."""
    with Operation("a read", timeout=timeout) as operation:
        async with operation.step(), backend.session(operation) as session:
            return int((await (await session.scan(query)).read_all()).num_rows)


async def nothing_left(node: ElasticsearchAddress, contexts: int) -> bool:
    """Whether within two seconds no search runs, and no more points in time are open."""
    for _ in range(40):
        if open_contexts(node) <= contexts and not searches(node):
            return True
        await asyncio.sleep(0.05)
    return False


async def test_a_stop_at_any_moment_leaves_nothing_on_the_server(
    backend: ElasticsearchBackend, elasticsearch_node: ElasticsearchAddress, index: str
) -> None:
    before = open_contexts(elasticsearch_node)
    moments = random.Random(7)  # the same ones each time
    queries = [TableQuery(table=index), Native(text={"index": index, "sort": [{"t": "desc"}]})]
    seconds = []
    for number in range(30):
        task = asyncio.create_task(read(backend, queries[number % 2]))
        await asyncio.sleep(moments.uniform(0, 0.3))
        started = time.monotonic()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        seconds.append(time.monotonic() - started)
    assert prompt(seconds), seconds
    assert await nothing_left(elasticsearch_node, before)
    assert backend.status().in_use == 0
    assert await read(backend, TableQuery(table=index)) == COUNT


async def test_a_time_out_ends_the_read(
    backend: ElasticsearchBackend, elasticsearch_node: ElasticsearchAddress, index: str
) -> None:
    before = open_contexts(elasticsearch_node)
    with pytest.raises(DeadlineExceeded):
        await read(backend, TableQuery(table=index), timeout=0.02)
    assert await nothing_left(elasticsearch_node, before)


async def test_a_generator_that_nobody_reads_on_frees_what_it_held(
    backend: ElasticsearchBackend, elasticsearch_node: ElasticsearchAddress, index: str
) -> None:
    before = open_contexts(elasticsearch_node)
    with Operation("a read") as operation:
        async with backend.session(operation) as session:
            stream = await session.scan(TableQuery(table=index), batch_rows=1_000)
            assert (await anext(stream)).num_rows
            assert open_contexts(elasticsearch_node) > before
    assert await nothing_left(elasticsearch_node, before)


async def test_a_slow_consumer_holds_no_more_than_a_few_pages(backend: ElasticsearchBackend, index: str) -> None:
    with Operation("a read") as operation:
        async with backend.session(operation) as session:
            stream = await session.scan(TableQuery(table=index), batch_rows=1_000)
            asked = session.client.raw
            requests: list[str] = []

            async def noted(method: str, path: str, **how: Any) -> Any:
                requests.append(path)
                return await asked(method, path, **how)

            session.client.raw = noted  # type: ignore[method-assign]
            await anext(stream)
            await asyncio.sleep(1)
            assert len(requests) <= 8
            await stream.aclose()


async def test_the_server_is_reminded_of_the_point_in_time_while_nobody_reads(
    backend: ElasticsearchBackend, index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "USED_EVERY", 0.1)
    used = 0
    use = pages.Pages.use

    async def noted(self: pages.Pages) -> None:
        nonlocal used
        await use(self)
        used += 1

    monkeypatch.setattr(pages.Pages, "use", noted)
    with Operation("a read") as operation:
        async with backend.session(operation) as session:
            stream = await session.scan(TableQuery(table=index), batch_rows=1_000)
            await anext(stream)
            await asyncio.sleep(1)
            assert used >= 2
            assert 100 + sum([batch.num_rows async for batch in stream]) == COUNT


async def test_an_error_in_the_middle_leaves_nothing_on_the_server(
    backend: ElasticsearchBackend, elasticsearch_node: ElasticsearchAddress, elasticsearch_index: str
) -> None:
    before = open_contexts(elasticsearch_node)
    fill(elasticsearch_node, elasticsearch_index, [*documents(3_000), {"n": [1, 2]}], PROPERTIES)
    with pytest.raises(DkError, match="arrays="):
        await read(backend, TableQuery(table=elasticsearch_index))
    assert await nothing_left(elasticsearch_node, before)


# --- the way to the server ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["cut_before", "cut_after", "cut_within"])
@pytest.mark.parametrize("line", ["GET /dk", "POST /dk.*_pit", "POST /_search"])
async def test_a_connection_that_is_cut_is_replaced_once(
    elasticsearch_node: ElasticsearchAddress, index: str, line: str, what: Any
) -> None:
    with HttpFaultProxy(elasticsearch_node) as proxy:
        backend = await ElasticsearchBackend.open(settings(proxy.url))
        proxy.at_next_request(line, what)
        assert await read(backend, TableQuery(table=index)) == COUNT
        await backend.close()


async def test_without_a_way_to_the_server_the_read_ends_with_an_error(
    elasticsearch_node: ElasticsearchAddress, index: str
) -> None:
    with HttpFaultProxy(elasticsearch_node) as proxy:
        backend = await ElasticsearchBackend.open(settings(proxy.url))
        with Operation("a read") as operation, pytest.raises(ConnectionFailed):
            async with backend.session(operation) as session:
                stream = await session.scan(TableQuery(table=index), batch_rows=1_000)
                await anext(stream)
                proxy.refuse()
                proxy.cut()
                async for _ in stream:
                    pass
        await backend.close()
    assert not operation.unheard  # nothing runs on where there is nobody


async def test_a_node_that_was_killed_and_is_back_is_an_error_in_the_middle_and_works_again_after(
    own_elasticsearch_node: ElasticsearchNode, elasticsearch_index: str
) -> None:
    node = own_elasticsearch_node
    fill(node, elasticsearch_index, documents(5_000), PROPERTIES)
    node.request("POST", f"/{elasticsearch_index}/_flush")
    backend = await ElasticsearchBackend.open(settings(node.url))
    with Operation("a read") as operation:
        async with backend.session(operation) as session:
            stream = await session.scan(TableQuery(table=elasticsearch_index), batch_rows=100)
            await anext(stream)
            await asyncio.to_thread(node.kill)
            await asyncio.to_thread(node.start)
            with pytest.raises((QueryError, ConnectionFailed)):
                async for _ in stream:
                    pass
    assert await read(backend, TableQuery(table=elasticsearch_index)) == 5_000
    await backend.close()
