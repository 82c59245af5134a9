"""The store that answers as it is told: what it passes on, what a script makes of it, and what fails a test."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import botocore.exceptions
import pytest
import urllib3

from dk_notebook.errors import ConnectionFailed
from tests.services.s3_address import S3Address
from tests.services.scripted_s3 import SLOW_DOWN, Answer, ScriptedS3, Spoiled, crowd, every, refusal

pytestmark = pytest.mark.s3


@pytest.fixture
def scripted(s3_store: S3Address) -> Iterator[ScriptedS3]:
    with ScriptedS3(s3_store) as way:
        yield way


def test_what_nobody_scripted_is_what_the_store_does(scripted: ScriptedS3, s3_store: S3Address, s3_bucket: str) -> None:
    scripted.put(s3_bucket, "a b/ä", b"abc", ContentType="text/plain")
    assert (s3_store.get(s3_bucket, "a b/ä"), scripted.get(s3_bucket, "a b/ä")) == (b"abc", b"abc")
    assert scripted.keys(s3_bucket) == ["a b/ä"]
    assert scripted.client().head_object(Bucket=s3_bucket, Key="a b/ä")["ContentLength"] == 3


def test_a_refusal_is_one_to_the_official_client(scripted: ScriptedS3, s3_bucket: str) -> None:
    scripted.next("PUT", refusal(503, "SlowDown", "less"))
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        scripted.put(s3_bucket, "k", b"abc")
    assert raised.value.response["Error"] == {"Code": "SlowDown", "Message": "less"}
    scripted.put(s3_bucket, "k", b"abc")  # once


@pytest.mark.parametrize(("fault", "stored"), [("cut_before", []), ("cut_after", ["k"])])
def test_a_put_is_cut_before_or_after_it_was_done(
    scripted: ScriptedS3, s3_store: S3Address, s3_bucket: str, fault: Any, stored: list[str]
) -> None:
    scripted.next("PUT", fault)
    with pytest.raises(Exception, match=r"(?i)connection|response"):
        scripted.put(s3_bucket, "k", b"abc")
    assert s3_store.keys(s3_bucket) == stored


def test_a_body_breaks_off(scripted: ScriptedS3, s3_bucket: str) -> None:
    scripted.put(s3_bucket, "k", b"abcdef")
    scripted.next("GET", "cut_within")
    with pytest.raises(ConnectionFailed, match="3 bytes read"):
        scripted.get(s3_bucket, "k")


def test_a_bit_of_a_body_is_another_one(scripted: ScriptedS3, s3_bucket: str) -> None:
    scripted.put(s3_bucket, "k", b"abc")
    scripted.next("GET", "flipped")
    with pytest.raises(ConnectionFailed, match="checksum"):
        scripted.get(s3_bucket, "k")


def test_a_body_breaks_off_after_so_many_bytes(scripted: ScriptedS3, s3_bucket: str) -> None:
    scripted.put(s3_bucket, "k", bytes(1000))
    scripted.next("GET", Spoiled(cut_at=123))
    with pytest.raises(ConnectionFailed, match="123 bytes read, 877 more expected"):
        scripted.get(s3_bucket, "k")


def presigned(store: S3Address, verb: str, bucket: str, key: str) -> str:
    """What a client can ask for that looks at no checksum and has a time-out of its own."""
    return str(store.client().generate_presigned_url(verb, {"Bucket": bucket, "Key": key}))


def test_a_bit_of_the_byte_that_is_named_is_another_one(scripted: ScriptedS3, s3_bucket: str) -> None:
    scripted.put(s3_bucket, "k", b"abcdef")
    scripted.next("GET", Spoiled(flip_at=3))
    assert urllib3.request("GET", presigned(scripted, "get_object", s3_bucket, "k")).data == b"abceef"


def test_a_put_is_done_and_its_answer_never_comes(scripted: ScriptedS3, s3_store: S3Address, s3_bucket: str) -> None:
    scripted.next("PUT", "swallow")
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        urllib3.request(
            "PUT", presigned(scripted, "put_object", s3_bucket, "k"), body=b"abc", timeout=0.5, retries=False
        )
    assert s3_store.get(s3_bucket, "k") == b"abc"


def test_every_nth_request_is_refused(scripted: ScriptedS3, s3_store: S3Address, s3_bucket: str) -> None:
    scripted.always("PUT", every(3, SLOW_DOWN))
    refused = []
    for number in range(1, 8):
        try:
            scripted.put(s3_bucket, f"{number}", b"")
        except botocore.exceptions.ClientError as error:
            refused.append((number, error.response["Error"]["Code"]))
    assert refused == [(3, "SlowDown"), (6, "SlowDown")]
    assert s3_store.keys(s3_bucket) == ["1", "2", "4", "5", "7"]


def test_scripts_follow_each_other_and_then_the_one_for_always_counts(scripted: ScriptedS3, s3_bucket: str) -> None:
    scripted.always("GET .*/k", Answer(200, b"always"))
    scripted.next("GET .*/k", Answer(200, b"first"))
    scripted.next("GET .*/k", Answer(200, b"second"))
    assert [scripted.get(s3_bucket, "k") for _ in range(3)] == [b"first", b"second", b"always"]
    assert len(scripted.asked("GET .*/k")) == 3


def test_requests_at_once_are_counted(scripted: ScriptedS3, s3_bucket: str) -> None:
    scripted.put(s3_bucket, "k", b"x")
    scripted.always("GET", crowd(scripted, 3))
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda _: scripted.get(s3_bucket, "k"), range(3)))
    assert scripted.most_at_once == 3
    until = time.monotonic() + 10
    while scripted.running and time.monotonic() < until:  # an answer is there before its request is done
        time.sleep(0.005)
    assert scripted.running == 0


def test_without_a_store_what_nobody_scripted_fails_the_test() -> None:
    with (
        pytest.raises(AssertionError, match="nobody scripted"),
        ScriptedS3() as alone,
        pytest.raises(botocore.exceptions.ClientError),
    ):
        alone.keys("lake")


def test_what_a_script_raises_fails_the_test(scripted: ScriptedS3) -> None:
    def wrong(_: object) -> Answer:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), ScriptedS3() as alone:
        alone.always("", wrong)
        with pytest.raises(Exception, match=r"(?i)connection|response"):
            alone.keys("lake")
