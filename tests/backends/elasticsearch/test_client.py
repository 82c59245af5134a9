"""What a session asks a real node with, and how that ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from dk_notebook.backends.elasticsearch.backend import ElasticsearchBackend
from dk_notebook.backends.elasticsearch.config import ElasticsearchConfig
from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.backends.elasticsearch.connections.cluster import Answer, Cluster
from dk_notebook.errors import ConfigError, ConnectionFailed, DeadlineExceeded, NotFound, QueryError
from dk_notebook.runtime.operations import Operation
from tests.backends.elasticsearch.conftest import endless, settings
from tests.services.elasticsearch_node import ElasticsearchNode
from tests.services.http_proxy import HttpFaultProxy
from tests.services.proxy import Proxy

pytestmark = pytest.mark.elasticsearch


async def running(client: Client) -> list[str]:
    """The actions of ES|QL that the server works on, whoever asked."""
    found = await client.json("GET", "/_tasks", params={"actions": "*esql*"})
    return [task["action"] for node in found.get("nodes", {}).values() for task in node["tasks"].values()]


async def seen(client: Client, *, at_work: bool, seconds: float) -> bool:
    """Whether the server works on ES|QL, or does not, at some moment within so many seconds."""
    for _ in range(int(seconds / 0.02)):
        if bool(await running(client)) is at_work:
            return True
        await asyncio.sleep(0.02)
    return False


async def settled(client: Client) -> bool:
    """Whether the server has ended it, within a second."""
    return await seen(client, at_work=False, seconds=1)


async def until_running(client: Client) -> None:
    assert await seen(client, at_work=True, seconds=20)


# --- asking


async def test_an_answer_has_its_status_headers_and_bytes(client: Client) -> None:
    answer = await client.raw("GET", "/")
    assert (answer.status, answer.headers["x-elastic-product"], answer.body[:1]) == (200, "Elasticsearch", b"{")


async def test_parameters_and_names_are_quoted(client: Client, elasticsearch_index: str) -> None:
    await client.raw("PUT", f"/{elasticsearch_index}/_create/a%2Fb", params={"refresh": True}, body={"n": 1})
    found = await client.json("GET", f"/{elasticsearch_index}/_search", params={"filter_path": ["hits.hits._id"]})
    assert found == {"hits": {"hits": [{"_id": "a/b"}]}}


async def test_whether_something_is_there_is_no_error(client: Client, elasticsearch_index: str) -> None:
    assert not await client.exists(f"/{elasticsearch_index}")
    await client.raw("PUT", f"/{elasticsearch_index}")
    assert await client.exists(f"/{elasticsearch_index}")


async def test_what_is_not_there_is_not_found(client: Client, elasticsearch_index: str) -> None:
    with pytest.raises(NotFound, match=elasticsearch_index) as raised:
        await client.raw("GET", f"/{elasticsearch_index}/_search")
    assert raised.value.code == "index_not_found_exception"


async def test_a_status_that_is_allowed_is_an_answer(client: Client, elasticsearch_index: str) -> None:
    answer = await client.raw("GET", f"/{elasticsearch_index}/_doc/1", allowed=(404,))
    assert answer.status == 404


async def test_a_mistake_in_esql_has_its_place(client: Client) -> None:
    query = "ROW a = 1\n| EVAL b = c"
    with pytest.raises(NotFound) as raised:
        await client.raw("POST", "/_query", body={"query": query}, query=query)
    assert raised.value.position == query.index("c")


async def test_a_body_that_json_cannot_have_is_told_before_anything_is_sent(client: Client) -> None:
    with pytest.raises(ConfigError, match="JSON"):
        await client.raw("POST", "/_search", body={"query": object()})


@pytest.mark.parametrize(
    ("header", "texts"),
    [
        (None, []),
        ('299 Elasticsearch-8.19.21-abc "No limit defined"', ["No limit defined"]),
        ('299 ES-8 "a \\"b\\", c", 299 ES-8 "d"', ['a "b", c', "d"]),
    ],
)
def test_warnings_are_texts(header: str | None, texts: list[str]) -> None:
    assert Answer(200, {"warning": header} if header else {}, b"").warnings == texts  # type: ignore[arg-type]


async def test_the_server_warns_of_a_missing_limit(client: Client, elasticsearch_index: str) -> None:
    await client.raw("PUT", f"/{elasticsearch_index}")
    answer = await client.raw("POST", "/_query", body={"query": f'FROM "{elasticsearch_index}"'})
    assert "limit" in " ".join(answer.warnings)


# --- several at once


async def test_a_session_asks_as_many_at_once_as_the_pool_has(elasticsearch_url: str) -> None:
    backend = await ElasticsearchBackend.open(settings(elasticsearch_url, pool={"maxsize": 3}))
    with Operation("a test") as operation:
        async with backend.session(operation) as session:
            assert session.client.width == 3
            await asyncio.gather(*(session.client.raw("GET", "/_cluster/health") for _ in range(20)))
            status = backend.status()
    await backend.close()
    assert (status.opened, status.in_use, status.idle) == (3, 1, 2)


async def test_two_sessions_that_ask_much_at_once_do_not_wait_for_each_other_for_ever(elasticsearch_url: str) -> None:
    backend = await ElasticsearchBackend.open(settings(elasticsearch_url, pool={"maxsize": 2, "timeout": 5}))

    async def ask() -> None:
        with Operation("a test") as operation:
            async with backend.session(operation) as session:
                await asyncio.gather(*(session.client.raw("GET", "/_cluster/health") for _ in range(20)))

    await asyncio.gather(*(ask() for _ in range(6)))
    assert backend.status().in_use == 0
    await backend.close()


# --- the end of a request


async def test_a_request_that_is_cancelled_ends_on_the_server(cluster: Cluster, client: Client) -> None:
    """By its connection alone: the end of the session is not waited for here."""
    with Operation("slow") as operation:
        slow = asyncio.create_task(Client(cluster, operation).raw("POST", "/_query", body=endless()))
        await until_running(client)
        started = time.monotonic()
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
        assert time.monotonic() - started < 2
        assert await settled(client)


async def test_a_time_out_ends_a_request_on_the_server(config: ElasticsearchConfig, client: Client) -> None:
    backend = await ElasticsearchBackend.open(config)
    started = time.monotonic()
    with Operation("slow", timeout=0.5) as operation, pytest.raises(DeadlineExceeded):
        async with operation.step(), backend.session(operation) as session:
            await session.client.raw("POST", "/_query", body=endless())
    assert time.monotonic() - started < 3
    assert await settled(client)
    assert (backend.status().in_use, operation.unheard) == (0, False)
    await backend.close()


async def test_what_a_stop_leaves_on_the_server_is_found_by_its_name_and_ended(
    cluster: Cluster, client: Client
) -> None:
    with Operation("slow") as operation:
        asking = Client(cluster, operation)
        slow = asyncio.create_task(asking.raw("POST", "/_query", body=endless()))
        await until_running(client)
        assert await asking.tasks()
        assert await client.tasks() == []
        assert await asking.stop_tasks()
        with pytest.raises(QueryError) as raised:
            await slow
        assert raised.value.code == "cancelled"
        assert await settled(client)


async def test_a_cut_from_another_thread_ends_a_request(cluster: Cluster, client: Client) -> None:
    with Operation("slow") as operation:
        asking = Client(cluster, operation)
        slow = asyncio.create_task(asking.raw("POST", "/_query", body=endless()))
        await until_running(client)
        await asyncio.to_thread(asking.cut)
        with pytest.raises(ConnectionFailed, match="cut off"):
            await slow
        assert await settled(client)


async def test_a_farewell_that_is_not_heard_is_told_to_the_operation(
    elasticsearch_node: ElasticsearchNode,
) -> None:
    with HttpFaultProxy(elasticsearch_node) as proxy:
        backend = await ElasticsearchBackend.open(settings(proxy.url))
        async with backend.session(operation := Operation("a test")) as session:
            proxy.silence()
            started = time.monotonic()
            heard = await session.client.farewell("DELETE", "/_pit", body={"id": "x"})
        assert (heard, operation.unheard, time.monotonic() - started < 5) == (False, True, True)
        await backend.close()


async def test_who_did_not_hear_one_farewell_is_told_the_next_all_the_same(cluster: Cluster, client: Client) -> None:
    operation = Operation("a test")
    operation.unheard = True
    assert await Client(cluster, operation).farewell("DELETE", "/_pit", body={"id": "x"})


async def test_a_farewell_that_the_server_refuses_was_heard(client: Client) -> None:
    assert await client.farewell("DELETE", "/_pit", body={"id": "x"})


# --- a connection that is lost


async def test_an_idle_connection_that_was_cut_is_replaced_unseen(elasticsearch_node: ElasticsearchNode) -> None:
    with HttpFaultProxy(elasticsearch_node) as proxy:
        cluster = Cluster(settings(proxy.url))
        await cluster.open()
        for how in ("reset", "end"):
            proxy.cut(how)
            answer = await cluster.perform("POST", "/_refresh", None, {}, repeatable=False)
            assert answer.status == 200
        await cluster.close()


async def test_an_answer_that_makes_no_sense_is_a_lost_connection(elasticsearch_node: ElasticsearchNode) -> None:
    with HttpFaultProxy(elasticsearch_node) as proxy:
        cluster = Cluster(settings(proxy.url))
        await cluster.open()
        proxy.garble()
        with pytest.raises(ConnectionFailed):
            await cluster.perform("GET", "/_cluster/health", None, {}, repeatable=True)
        proxy.heal()
        assert (await cluster.perform("GET", "/_cluster/health", None, {}, repeatable=True)).status == 200
        await cluster.close()


@pytest.mark.filterwarnings("ignore:.*did not answer the cancel")  # which is true
@pytest.mark.parametrize("fault", [Proxy.silence, lambda proxy: proxy.slow(1)], ids=["silent", "a byte a second"])
async def test_a_server_that_does_not_get_on_costs_the_deadline_and_half_a_second(
    elasticsearch_node: ElasticsearchNode, fault: Callable[[Proxy], None]
) -> None:
    with HttpFaultProxy(elasticsearch_node) as proxy:
        backend = await ElasticsearchBackend.open(settings(proxy.url))
        fault(proxy)
        started = time.monotonic()
        with Operation("a test", timeout=0.5) as operation, pytest.raises(DeadlineExceeded):
            async with operation.step(), backend.session(operation) as session:
                await session.client.raw("GET", "/_cluster/health")
        assert time.monotonic() - started < 5
        assert (backend.status().in_use, operation.unheard) == (0, True)
        await asyncio.sleep(0)
        await backend.close()
