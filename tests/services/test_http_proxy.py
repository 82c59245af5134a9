"""The fault proxy before a node: each fault as a client of HTTP sees it, and as the node does."""

from __future__ import annotations

import contextlib
import gc
import http.client
import socket
import ssl
import time
import warnings
from collections.abc import Iterator

import pytest
from elasticsearch import AsyncElasticsearch

from dk_notebook.errors import ConnectionFailed
from tests.services.elasticsearch_address import ElasticsearchAddress
from tests.services.http_proxy import HttpFaultProxy
from tests.services.http_requests import HttpRequests
from tests.services.scripted_elasticsearch import Answer, ScriptedElasticsearch

pytestmark = pytest.mark.unit

ONE = b'{"index":{"_index":"things","_id":"1"}}\n{"a":1}\n'


@pytest.fixture
def node() -> Iterator[ScriptedElasticsearch]:
    with ScriptedElasticsearch() as running:
        yield running


@pytest.fixture
def proxy(node: ScriptedElasticsearch) -> Iterator[HttpFaultProxy]:
    with HttpFaultProxy(node) as running:
        yield running


@pytest.fixture
def way(proxy: HttpFaultProxy) -> ElasticsearchAddress:
    """The node, by way of the proxy."""
    return ElasticsearchAddress(proxy.url)


def test_requests_and_answers_go_through(node, way) -> None:
    node.always("/_search", lambda request: Answer(body={"bytes": len(request.body)}))
    assert way.request("POST", "/things/_search", b"x" * 3_000_000) == {"bytes": 3_000_000}


def test_a_connection_serves_many_requests(proxy: HttpFaultProxy) -> None:
    proxy.at_next_request("GET /$", "cut_before")
    proxy.heal()
    connection = http.client.HTTPConnection(proxy.host, proxy.port)
    for path in ["/", "/_cluster/health", "/"]:
        connection.request("GET", path, body=b"{}")
        connection.getresponse().read()
    connection.close()
    assert (proxy.accepted, proxy.requests) == (1, 2)


def test_cut_before_the_node_did_nothing(node, proxy, way) -> None:
    proxy.at_next_request("POST /_bulk", "cut_before")
    with pytest.raises(ConnectionFailed):
        way.request("POST", "/_bulk", ONE)
    assert node.requests == []


def test_cut_after_the_node_did_it(node, proxy, way) -> None:
    proxy.at_next_request("POST /_bulk", "cut_after")
    with pytest.raises(ConnectionFailed):
        way.request("POST", "/_bulk", ONE)
    assert node.documents == {"things": {"1": {"a": 1}}}


def test_cut_within_the_answer_breaks_off(proxy, way) -> None:
    proxy.at_next_request("GET /$", "cut_within")
    with pytest.raises(ConnectionFailed, match="IncompleteRead"):
        way.request("GET", "/")


def test_swallowed_the_node_did_it_and_nothing_comes(node, proxy, way) -> None:
    proxy.at_next_request("POST /_bulk", "swallow")
    with pytest.raises(ConnectionFailed, match="timed out"):
        way.request("POST", "/_bulk", ONE, timeout=0.3)
    assert node.documents == {"things": {"1": {"a": 1}}}


def test_the_fault_meets_the_request_that_is_asked_for_and_no_other(proxy, way) -> None:
    proxy.at_next_request("POST /_bulk", "cut_before")
    assert way.request("GET", "/_cluster/health")["status"] == "green"


def test_the_fault_meets_one_request_and_not_the_next(proxy, way) -> None:
    proxy.at_next_request("_bulk", "cut_before")
    with pytest.raises(ConnectionFailed):
        way.request("POST", "/_bulk", ONE)
    assert way.request("POST", "/_bulk", ONE)["errors"] is False


def test_a_silent_node_is_connected_and_says_nothing(proxy, way) -> None:
    proxy.silence()
    with pytest.raises(ConnectionFailed, match="timed out"):
        way.request("GET", "/", timeout=0.3)


def test_a_slow_node_takes_its_time(proxy, way) -> None:
    proxy.slow(2000)
    start = time.monotonic()
    way.request("GET", "/")
    assert time.monotonic() - start > 0.2


def test_garbage_is_no_answer(proxy, way) -> None:
    proxy.garble()
    with pytest.raises(ConnectionFailed):
        way.request("GET", "/", timeout=0.5)


def test_a_closed_port_refuses(proxy, way) -> None:
    proxy.refuse()
    with pytest.raises(ConnectionFailed, match="refused"):
        way.request("GET", "/")


def test_an_open_connection_can_be_cut(proxy: HttpFaultProxy) -> None:
    with socket.create_connection((proxy.host, proxy.port)) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\n\r\n")
        raw.recv(10_000)
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            raw.recv(10_000)


async def test_tls_with_a_good_certificate_is_accepted(node, postgres_certificates) -> None:
    with HttpFaultProxy(node, tls=postgres_certificates.good) as proxy:
        careful = ssl.create_default_context(cafile=postgres_certificates.authority)
        async with AsyncElasticsearch(f"https://localhost:{proxy.port}", ssl_context=careful) as client:
            assert (await client.info())["tagline"] == "You Know, for Search"


@pytest.mark.parametrize("which", ["wrong_host", "expired", "self_signed"])
def test_another_certificate_is_refused(node, postgres_certificates, which: str) -> None:
    with HttpFaultProxy(node, tls=getattr(postgres_certificates, which)) as proxy:
        careful = ElasticsearchAddress(proxy.url_of(host="localhost"), authority=postgres_certificates.authority)
        with pytest.raises(ConnectionFailed, match="CERTIFICATE_VERIFY_FAILED"):
            careful.request("GET", "/")


def test_the_url_of_a_way_with_tls_says_so(node, postgres_certificates) -> None:
    with HttpFaultProxy(node, tls=postgres_certificates.good) as proxy:
        assert proxy.url_of(host="localhost") == f"elasticsearch+https://localhost:{proxy.port}"


def test_a_client_that_says_goodbye_and_reads_no_more_leaves_no_socket(node, postgres_certificates) -> None:
    node.always("GET /much", Answer(body=b"x" * 50_000_000))
    careful = ssl.create_default_context(cafile=postgres_certificates.authority)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with HttpFaultProxy(node, tls=postgres_certificates.good) as proxy:
            raw = socket.create_connection((proxy.host, proxy.port))
            client = careful.wrap_socket(raw, server_hostname="localhost")
            client.sendall(b"GET /much HTTP/1.1\r\n\r\n")
            client.recv(1000)
            time.sleep(0.05)  # for more to be on the way than it takes
            client.settimeout(0.05)
            with contextlib.suppress(OSError):  # the answer to its goodbye stands behind all that
                client.unwrap()
        del proxy
        gc.collect()
        client.close()
        raw.close()
    assert [str(each.message) for each in told if "unclosed" in str(each.message)] == []


def pieces(*parts: bytes) -> list[tuple[bytes, bool]]:
    requests = HttpRequests(lambda line: line.startswith("POST"))
    return [(piece.data, piece.commits) for part in parts for piece in requests.feed(part)]


def test_a_head_is_whole_and_a_body_passes_as_it_comes() -> None:
    head = b"POST /_bulk HTTP/1.1\r\nContent-Length: 4\r\n\r\n"
    cut = [head[:9], head[9:] + b"ab", b"cd"]
    assert pieces(*cut) == [(head, True), (b"ab", False), (b"cd", False)]


def test_the_next_head_begins_after_a_body() -> None:
    first, second = b"PUT / HTTP/1.1\r\ncontent-length: 2\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n"
    assert pieces(first + b"{}" + second) == [(first, False), (b"{}", False), (second, True)]


def test_the_next_head_begins_after_the_last_chunk() -> None:
    first, second = b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n"
    chunks = b"5\r\nPOST \r\n0\r\n\r\n"
    found = pieces(*(bytes([each]) for each in first + chunks + second))
    assert (b"".join(data for data, _ in found), [data for data, wanted in found if wanted]) == (
        first + chunks + second,
        [second],
    )


def test_what_is_encrypted_passes() -> None:
    assert pieces(b"\x16\x03\x01POST / HTTP/1.1\r\n\r\n") == [(b"\x16\x03\x01POST / HTTP/1.1\r\n\r\n", False)]
