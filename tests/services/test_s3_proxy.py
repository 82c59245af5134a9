"""The fault proxy before an S3 store: what a long way does to requests, and what happens to one that is asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import urllib3

from dk_notebook.errors import ConnectionFailed
from tests.services.s3_address import S3Address
from tests.services.s3_proxy import S3FaultProxy

pytestmark = pytest.mark.s3


@pytest.fixture
def proxy(s3_store: S3Address) -> Iterator[S3FaultProxy]:
    with S3FaultProxy(s3_store) as running:
        yield running


@pytest.fixture
def way(proxy: S3FaultProxy) -> S3Address:
    """The store, by way of the proxy."""
    return proxy.address


def presigned(way: S3Address, verb: str, bucket: str, key: str = "k") -> str:
    return str(way.client().generate_presigned_url(verb, {"Bucket": bucket, "Key": key}))


def test_an_object_goes_there_and_comes_back(way: S3Address, s3_bucket: str) -> None:
    body = bytes(range(256)) * 20_000
    way.put(s3_bucket, "k", body)
    assert way.get(s3_bucket, "k") == body


def test_by_tls_it_is_the_same_store(s3_store: S3Address, s3_bucket: str, postgres_certificates) -> None:
    s3_store.put(s3_bucket, "k", b"abc")
    with S3FaultProxy(s3_store, tls=postgres_certificates.good) as proxy:
        store = proxy.store.by_way_of(f"https://localhost:{proxy.port}")
        store.authority = postgres_certificates.authority
        assert store.get(s3_bucket, "k") == b"abc"


# --- one request


def test_the_requests_that_were_asked_for_are_counted(proxy: S3FaultProxy, way: S3Address, s3_bucket: str) -> None:
    proxy.at_next_request("PUT /", "cut_before")
    proxy.heal()
    for key in "abc":
        way.put(s3_bucket, key, b"")
    assert (way.keys(s3_bucket), proxy.requests) == (["a", "b", "c"], 3)


@pytest.mark.parametrize(("fault", "stored"), [("cut_before", []), ("cut_after", ["k"])])
def test_a_put_is_cut_before_or_after_it_was_done(
    proxy: S3FaultProxy, way: S3Address, s3_store: S3Address, s3_bucket: str, fault, stored: list[str]
) -> None:
    proxy.at_next_request("PUT /", fault)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        urllib3.request("PUT", presigned(way, "put_object", s3_bucket), body=b"abc", retries=False)
    assert s3_store.keys(s3_bucket) == stored


def test_an_object_breaks_off(proxy: S3FaultProxy, way: S3Address, s3_bucket: str) -> None:
    way.put(s3_bucket, "k", b"abc")
    proxy.at_next_request("GET /", "cut_within")
    with pytest.raises(ConnectionFailed, match="2 bytes read"):
        way.get(s3_bucket, "k")


def test_a_put_is_done_and_its_answer_never_comes(
    proxy: S3FaultProxy, way: S3Address, s3_store: S3Address, s3_bucket: str
) -> None:
    proxy.at_next_request("PUT /", "swallow")
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        urllib3.request("PUT", presigned(way, "put_object", s3_bucket), body=b"abc", timeout=0.5, retries=False)
    assert s3_store.keys(s3_bucket) == ["k"]


# --- a long way


def seconds_of(way: S3Address, bucket: str, *, requests: int = 1, at_once: int = 1) -> float:
    """How long so many gets take, on connections that are open before."""
    with urllib3.PoolManager(maxsize=at_once, block=True) as pool, ThreadPoolExecutor(at_once) as threads:
        url = presigned(way, "get_object", bucket)

        def get(_: object) -> int:
            return pool.request("GET", url, retries=False).status

        list(threads.map(get, range(at_once)))
        started = time.monotonic()
        assert set(threads.map(get, range(requests))) == {200}
        return time.monotonic() - started


@pytest.fixture
def stored(s3_store: S3Address, s3_bucket: str) -> str:
    """A bucket with an object."""
    s3_store.put(s3_bucket, "k", b"abc")
    return s3_bucket


def test_a_question_and_its_answer_take_so_much_longer(proxy: S3FaultProxy, way: S3Address, stored: str) -> None:
    proxy.delay(0.1)
    assert seconds_of(way, stored, requests=4) >= 0.4


def test_both_ways_can_be_long(proxy: S3FaultProxy, way: S3Address, stored: str) -> None:
    proxy.delay(0.1, "both")
    assert seconds_of(way, stored, requests=2) >= 0.4


def test_what_is_asked_at_once_comes_at_once(proxy: S3FaultProxy, way: S3Address, stored: str) -> None:
    proxy.delay(0.3)
    assert 0.3 <= seconds_of(way, stored, requests=10, at_once=10) < 0.9  # one after the other: 3


def test_what_is_large_is_late_but_once(proxy: S3FaultProxy, way: S3Address, s3_bucket: str) -> None:
    body = bytes(range(256)) * 40_000  # 10 MB, in some hundred pieces
    way.put(s3_bucket, "k", body)
    proxy.delay(0.1, "both")
    started = time.monotonic()
    assert urllib3.request("GET", presigned(way, "get_object", s3_bucket)).data == body
    assert 0.2 <= time.monotonic() - started < 2


def test_healed_the_way_is_short_again(proxy: S3FaultProxy, way: S3Address, stored: str) -> None:
    proxy.delay(5)
    proxy.heal()
    assert seconds_of(way, stored, requests=4) < 2


def test_nothing_overtakes_what_went_the_long_way(proxy: S3FaultProxy, way: S3Address, s3_bucket: str) -> None:
    body = bytes(range(256)) * 40_000
    way.put(s3_bucket, "k", body)
    proxy.delay(0.2)
    with ThreadPoolExecutor(1) as thread:
        got = thread.submit(way.get, s3_bucket, "k")
        time.sleep(0.1)
        proxy.heal()
        assert got.result() == body


def test_a_cut_ends_what_is_still_on_its_way(proxy: S3FaultProxy, way: S3Address, stored: str) -> None:
    proxy.delay(20)
    with ThreadPoolExecutor(1) as thread:
        got = thread.submit(way.get, stored, "k")
        end = time.monotonic() + 5
        while not proxy.open_links and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(0.1)
        proxy.cut()
        with pytest.raises(ConnectionFailed):
            got.result(5)
