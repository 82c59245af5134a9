"""Opening a cluster: who is there, which of several nodes, how many connections."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from dk_notebook.backends.elasticsearch.config import ElasticsearchConfig
from dk_notebook.backends.elasticsearch.connections.cluster import Cluster
from dk_notebook.errors import ConnectionFailed
from dk_notebook.testing.services.ports import free_port
from tests.backends.elasticsearch.conftest import settings
from tests.services.scripted_elasticsearch import OPENSEARCH, Answer, ScriptedElasticsearch, failure

pytestmark = pytest.mark.unit


@pytest.fixture
def scripted() -> Iterator[ScriptedElasticsearch]:
    with ScriptedElasticsearch() as node:
        yield node


async def refusal(config: ElasticsearchConfig) -> ConnectionFailed:
    """With what an attempt to open it ends."""
    with pytest.raises(ConnectionFailed) as raised:
        await Cluster(config).open()
    return raised.value


class Opened:
    """An open cluster for the time of a block."""

    def __init__(self, url: str, **how: Any) -> None:
        self.cluster = Cluster(settings(url, **how))

    async def __aenter__(self) -> Cluster:
        await self.cluster.open()
        return self.cluster

    async def __aexit__(self, *raised: object) -> None:
        await self.cluster.close()


async def asked(cluster: Cluster, path: str = "/things/_mapping", **how: Any) -> Any:
    return await cluster.perform("GET", path, None, {}, **{"repeatable": True, **how})


# --- who is there


async def test_the_server_is_known_after_opening(scripted: ScriptedElasticsearch) -> None:
    async with Opened(scripted.url) as cluster:
        assert (cluster.server.version, cluster.server.cluster) == ((8, 19, 21), "scripted")


async def test_one_attempt_opens(scripted: ScriptedElasticsearch) -> None:
    async with Opened(scripted.url):
        assert [request.line for request in scripted.asked("")] == ["GET /"]


async def test_nobody_listens_and_the_error_says_where() -> None:
    port = free_port()
    error = await refusal(settings(f"elasticsearch://ann:hunter2@localhost:{port}"))
    assert error.message == f"http://localhost:{port}, user 'ann': connection refused"


async def test_each_of_several_nodes_that_refuse_is_named() -> None:
    one, other = free_port(), free_port()
    error = await refusal(settings(f"elasticsearch://localhost:{one},127.0.0.1:{other}"))
    assert (f"localhost:{one}: " in error.message, f"127.0.0.1:{other}: " in error.message) == (True, True)


async def test_opensearch_gets_a_sentence() -> None:
    with ScriptedElasticsearch(root=OPENSEARCH, product=None) as node:
        error = await refusal(settings(node.url))
    assert "OpenSearch 3.3.0" in error.message


async def test_a_server_that_is_no_elasticsearch_gets_a_sentence() -> None:
    with ScriptedElasticsearch(product=None) as node:
        node.always("GET /", Answer(body=b"<html>welcome</html>"))
        error = await refusal(settings(node.url))
    assert "not as Elasticsearch does" in error.message
    assert "proxy" in str(error.hint)


async def test_an_elasticsearch_before_its_header_is_told_by_its_version() -> None:
    with ScriptedElasticsearch(product=None) as node:
        node.always("GET /", Answer(body={"version": {"number": "7.10.2"}}))
        error = await refusal(settings(node.url))
    assert "7.10.2" in error.message


async def test_a_redirect_is_not_followed() -> None:
    """Who it leads to would get the key."""
    with ScriptedElasticsearch(product=None) as other, ScriptedElasticsearch(product=None) as node:
        node.always("GET /", Answer(302, body=b"", headers={"Location": other.http}))
        await refusal(settings(node.url, api_key="hunter2"))
        assert other.asked("") == []


async def test_a_wrong_password_is_told_by_the_server(scripted: ScriptedElasticsearch) -> None:
    scripted.always("GET /", failure(401, "security_exception", "unable to authenticate user [ann]"))
    error = await refusal(settings(scripted.url, username="ann", password="hunter2"))
    assert error.message == f"{scripted.http}, user 'ann': unable to authenticate user [ann]"


async def test_without_a_login_the_hint_says_how_to_give_one(scripted: ScriptedElasticsearch) -> None:
    scripted.always("GET /", failure(401, "security_exception", "missing authentication credentials"))
    assert "api_key=" in str((await refusal(settings(scripted.url))).hint)


async def test_who_may_not_ask_for_the_version_may_still_connect(scripted: ScriptedElasticsearch) -> None:
    scripted.always("GET /", failure(403, "security_exception", "action [cluster:monitor/main] is unauthorized"))
    async with Opened(scripted.url) as cluster:
        assert (cluster.server.version, cluster.server.has_esql) == ((), True)


async def test_a_node_that_does_not_answer_is_left_after_the_connect_time_out(scripted: ScriptedElasticsearch) -> None:
    scripted.always("GET /", Answer(after=20))
    started = time.monotonic()
    error = await refusal(settings(scripted.url, connect_timeout=0.2))
    assert "no answer within 0.2 s" in error.message
    assert time.monotonic() - started < 5


async def test_a_connection_that_ends_without_an_answer_hints_at_tls(scripted: ScriptedElasticsearch) -> None:
    scripted.next("GET /", "cut_before")
    assert "elasticsearch+https://" in str((await refusal(settings(scripted.url))).hint)


async def test_a_key_that_others_could_read_is_warned_of() -> None:
    with pytest.warns(RuntimeWarning, match="without encryption"):
        # An address that is nobody's.
        await refusal(settings("elasticsearch://192.0.2.1", api_key="hunter2", connect_timeout=0.1))


# --- what is asked


@pytest.mark.parametrize(
    ("said", "header"),
    [({"api_key": "abc"}, "ApiKey abc"), ({"username": "ann", "password": "x"}, "Basic YW5uOng="), ({}, None)],
)
async def test_each_request_tells_who_asks(
    scripted: ScriptedElasticsearch, said: dict[str, str], header: str | None
) -> None:
    scripted.always("GET /things/_mapping", Answer())
    async with Opened(scripted.url, **said) as cluster:
        await asked(cluster)
        assert [request.headers.get("authorization") for request in scripted.asked("")] == [header, header]


@pytest.mark.parametrize(("compress", "encoding"), [(True, "gzip"), (False, None)])
async def test_a_body_travels_compressed_if_the_settings_say_so(
    scripted: ScriptedElasticsearch, compress: bool, encoding: str | None
) -> None:
    scripted.always("POST /things/_search", Answer())
    async with Opened(scripted.url, http_compress=compress) as cluster:
        for size in (2_000, 200_000):
            await cluster.perform("POST", "/things/_search", b" " * size + b"{}", {}, repeatable=True)
        found = scripted.asked("_search")
    assert [request.headers.get("content-encoding") for request in found] == [encoding] * 2
    assert [request.json for request in found] == [{}, {}]


async def test_a_small_body_is_not_compressed(scripted: ScriptedElasticsearch) -> None:
    scripted.always("POST /things/_search", Answer())
    async with Opened(scripted.url, http_compress=True) as cluster:
        await cluster.perform("POST", "/things/_search", b"{}", {}, repeatable=True)
    assert scripted.asked("_search")[0].headers.get("content-encoding") is None


async def test_a_path_before_the_api_is_kept() -> None:
    with ScriptedElasticsearch() as node:
        node.always("GET /es/", Answer(body={"version": {"number": "8.19.0"}}))
        async with Opened(f"{node.url}/es") as cluster:
            await asked(cluster, "/things")
        assert [request.path for request in node.asked("")] == ["/es/", "/es/things"]


async def test_what_comes_from_a_proxy_instead_of_the_node_gets_a_sentence(scripted: ScriptedElasticsearch) -> None:
    async with Opened(scripted.url) as cluster:
        scripted.product = None
        scripted.always("GET /things/_mapping", Answer(body=b"<html>log in</html>"))
        with pytest.raises(ConnectionFailed, match="not as Elasticsearch does"):
            await asked(cluster)


# --- once more, or not


@pytest.mark.parametrize("cut", ["cut_before", "cut_after", "cut_within"])
async def test_a_read_whose_connection_is_lost_is_asked_once_more(scripted: ScriptedElasticsearch, cut: Any) -> None:
    scripted.always("GET /things/_mapping", Answer(body={"a": 1}))
    async with Opened(scripted.url) as cluster:
        scripted.next("POST /things/_search", cut)
        scripted.always("POST /things/_search", Answer(body={"a": 1}))
        answer = await cluster.perform("POST", "/things/_search", b"{}", {}, repeatable=True)
        assert answer.json() == {"a": 1}


@pytest.mark.parametrize("cut", ["cut_before", "cut_after", "cut_within"])
@pytest.mark.parametrize("line", ["POST /things/_refresh", "PUT /things", "DELETE /things"])
async def test_a_write_whose_connection_is_lost_is_not_sent_again(
    scripted: ScriptedElasticsearch, line: str, cut: Any
) -> None:
    method, path = line.split()
    async with Opened(scripted.url) as cluster:
        scripted.next(line, cut)
        with pytest.raises(ConnectionFailed):
            await cluster.perform(method, path, b"{}", {}, repeatable=False)
        assert len(scripted.asked(line)) == 1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_read_for_which_a_node_had_no_time_is_asked_again_later(
    scripted: ScriptedElasticsearch, status: int
) -> None:
    scripted.next("POST /things/_search", failure(status, "es_rejected_execution_exception", "queue is full"))
    scripted.always("POST /things/_search", Answer(body={"a": 1}))
    async with Opened(scripted.url) as cluster:
        answer = await cluster.perform("POST", "/things/_search", b"{}", {}, repeatable=True)
    assert answer.json() == {"a": 1}


async def test_a_read_that_takes_too_much_memory_is_not_asked_again(scripted: ScriptedElasticsearch) -> None:
    scripted.always("POST /things/_search", failure(429, "circuit_breaking_exception", "too much"))
    async with Opened(scripted.url) as cluster:
        await cluster.perform("POST", "/things/_search", b"{}", {}, repeatable=True)
    assert len(scripted.asked("_search")) == 1


async def test_a_write_for_which_a_node_had_no_time_is_told(scripted: ScriptedElasticsearch) -> None:
    scripted.always("POST /things/_bulk", failure(429, "es_rejected_execution_exception", "queue is full"))
    async with Opened(scripted.url) as cluster:
        answer = await cluster.perform("POST", "/things/_bulk", b"\n", {}, repeatable=False)
    assert (answer.status, len(scripted.asked("_bulk"))) == (429, 1)


# --- several nodes


async def test_the_first_node_that_answers_opens(scripted: ScriptedElasticsearch) -> None:
    async with Opened(f"elasticsearch://127.0.0.1:{free_port()},127.0.0.1:{scripted.port}") as cluster:
        assert cluster.server.cluster == "scripted"


async def test_a_node_that_refuses_is_not_asked_while_another_answers(scripted: ScriptedElasticsearch) -> None:
    scripted.always("GET /things/_mapping", Answer())
    async with Opened(f"elasticsearch://127.0.0.1:{free_port()},127.0.0.1:{scripted.port}") as cluster:
        for _ in range(10):
            await asked(cluster)
        assert cluster.status().opened == 1


async def test_a_write_goes_to_another_node_where_one_refuses_the_connection(scripted: ScriptedElasticsearch) -> None:
    with ScriptedElasticsearch() as gone:
        cluster = Cluster(settings(f"elasticsearch://127.0.0.1:{gone.port},127.0.0.1:{scripted.port}"))
        await cluster.open()
    for _ in range(4):
        answer = await cluster.perform("PUT", "/things", b"{}", {}, repeatable=False)
        assert answer.status < 500
    await cluster.close()
    assert len(scripted.asked("PUT /things")) == 4


async def test_nodes_share_the_work(scripted: ScriptedElasticsearch) -> None:
    with ScriptedElasticsearch() as other:
        for node in (scripted, other):
            node.always("GET /things/_mapping", Answer())
        async with Opened(f"elasticsearch://127.0.0.1:{other.port},127.0.0.1:{scripted.port}") as cluster:
            for _ in range(10):
                await asked(cluster)
            assert [len(node.asked("_mapping")) for node in (scripted, other)] == [5, 5]
            assert cluster.status().max_size == 2 * cluster.config.pool.max_size


# --- connections


async def test_as_many_connections_are_kept_open_as_the_settings_say(scripted: ScriptedElasticsearch) -> None:
    scripted.always("HEAD /", Answer())
    async with Opened(scripted.url, pool={"connections": 3, "maxsize": 5}) as cluster:
        await asyncio.gather(*cluster._background)
        assert cluster.status().idle == 3


async def test_no_more_connections_are_opened_than_the_settings_say(scripted: ScriptedElasticsearch) -> None:
    scripted.always("GET /things/_mapping", Answer(after=0.02))
    async with Opened(scripted.url, pool={"maxsize": 2}) as cluster:
        await asyncio.gather(*(asked(cluster) for _ in range(10)))
        assert cluster.status().opened == 2


async def test_a_request_after_the_end_is_refused_in_words(scripted: ScriptedElasticsearch) -> None:
    async with Opened(scripted.url) as cluster:
        pass
    with pytest.raises(ConnectionFailed, match="was closed"):
        await asked(cluster)


async def test_a_cut_from_another_thread_ends_what_waits(scripted: ScriptedElasticsearch) -> None:
    scripted.always("GET /things/_mapping", Answer(after=20))
    async with Opened(scripted.url) as cluster:
        waiting = asyncio.create_task(asked(cluster))
        await asyncio.sleep(0.1)
        started = time.monotonic()
        thread = threading.Thread(target=cluster.terminate)
        thread.start()
        with pytest.raises(ConnectionFailed):
            await waiting
        thread.join()
        assert time.monotonic() - started < 5
        assert cluster.status().size == 0


@pytest.mark.filterwarnings("ignore:unclosed transport:ResourceWarning")  # which cannot be closed without its loop
def test_a_cut_after_the_end_of_the_loop_closes_the_sockets(scripted: ScriptedElasticsearch) -> None:
    loop = asyncio.new_event_loop()
    cluster = Cluster(settings(scripted.url))
    loop.run_until_complete(cluster.open())
    loop.close()
    assert cluster.status().size == 1
    cluster.terminate()
    assert cluster.status().size == 0
    del cluster
    gc.collect()
