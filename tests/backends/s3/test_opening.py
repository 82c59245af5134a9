"""Opening a store: what is wrong is told at once, in one attempt, and names the place and whose key it was."""

from __future__ import annotations

import asyncio
import socket
import time
import warnings
from collections.abc import Iterator
from datetime import timedelta

import botocore.auth
import pytest

from dk_notebook.backends.s3.config import S3Config
from dk_notebook.config.settings import build
from dk_notebook.errors import ConfigError, ConnectionFailed, DkError, NotFound
from dk_notebook.testing.services.ports import free_port
from tests.backends.s3.conftest import config_of, opened, session
from tests.services.s3_address import S3Address
from tests.services.scripted_s3 import Answer, ScriptedS3, refusal
from tests.services.versitygw import VersityGateway

pytestmark = pytest.mark.s3


async def refused(config: S3Config) -> DkError:
    """With what an attempt to open it ends, at once."""
    started = time.monotonic()
    with pytest.raises(DkError) as raised:
        async with opened(config):
            pass
    assert time.monotonic() - started < 5
    assert config.aws_secret_access_key is None or config.aws_secret_access_key.reveal() not in str(raised.value)
    return raised.value


def with_keys(store: S3Address, bucket: str, *, key: str | None = None, secret: str | None = None) -> S3Config:
    keys = {"aws_access_key_id": key or store.access_key, "aws_secret_access_key": secret or store.secret}
    return build(S3Config, [("keyword", {"bucket": bucket, **keys}), ("store", store.settings)])


# --- the bucket


async def test_a_bucket_that_is_not_there_is_told_with_the_one_that_was_meant(
    s3_store: S3Address, s3_bucket: str
) -> None:
    error = await refused(config_of(s3_store, f"{s3_bucket}x"))
    assert (type(error), error.hint) == (NotFound, f"did you mean {s3_bucket!r}?")
    assert [part in error.message for part in (f"s3://{s3_bucket}x", s3_store.endpoint, s3_store.access_key[-4:])] == [
        True,
        True,
        True,
    ]


async def test_a_bucket_is_never_made(own_s3_store: VersityGateway) -> None:
    error = await refused(config_of(own_s3_store, "dk-test-absent"))
    assert (error.message.endswith("there is no such bucket"), "never made here" in str(error.hint)) == (True, True)
    with pytest.raises(Exception, match="NoSuchBucket"):
        own_s3_store.client().list_objects_v2(Bucket="dk-test-absent")


async def test_a_prefix_in_which_nothing_lies_is_fine(s3_store: S3Address, s3_bucket: str) -> None:
    async with opened(config_of(s3_store, s3_bucket, prefix="nothing/yet")):
        pass


async def test_without_a_bucket_nothing_is_asked(scripted: ScriptedS3) -> None:
    async with opened(config_of(scripted, "")):
        assert scripted.requests == []


async def test_a_table_needs_a_bucket(s3_store: S3Address) -> None:
    async with session(config_of(s3_store, "")) as made:
        with pytest.raises(ConfigError, match="names no bucket"):
            _ = made.objects


# --- who asks


async def test_a_key_that_is_unknown(s3_store: S3Address, s3_bucket: str) -> None:
    error = await refused(with_keys(s3_store, s3_bucket, key="AKIAUNKNOWN"))
    assert (type(error), error.message) == (
        ConnectionFailed,
        f"s3://{s3_bucket} at {s3_store.endpoint}, access key …NOWN: the store does not know this access key",
    )


async def test_a_secret_that_is_wrong(s3_store: S3Address, s3_bucket: str) -> None:
    error = await refused(with_keys(s3_store, s3_bucket, secret="hunter2"))
    assert (type(error), "the secret key is not the one of this access key" in error.message) == (
        ConnectionFailed,
        True,
    )


async def test_one_attempt_tells_that_a_secret_is_wrong(scripted: ScriptedS3, s3_bucket: str) -> None:
    await refused(with_keys(scripted, s3_bucket, secret="hunter2"))
    assert len(scripted.requests) == 1


async def test_who_may_nothing(s3_bucket: str) -> None:
    with VersityGateway(accounts=True) as store:
        store.make_bucket("lake")
        error = await refused(config_of(store.make_user(), "lake"))
    assert (type(error), "not allowed to list ''" in error.message) == (ConnectionFailed, True)


async def test_nobody_at_all(s3_store: S3Address, s3_bucket: str) -> None:
    said = {"bucket": s3_bucket, "endpoint_url": s3_store.endpoint}
    error = await refused(build(S3Config, [("keyword", said)]))
    assert (type(error), "no credentials were found" in error.message, "anonymous=True" in str(error.hint)) == (
        ConnectionFailed,
        True,
        True,
    )


async def test_anonymous_requests_have_no_signature(transport: str) -> None:
    with ScriptedS3() as public:
        public.next("GET .*list-type", Answer(body=b"<ListBucketResult></ListBucketResult>"))
        public.always("GET", Answer(200, b"abc", {"ETag": '"x"', "Last-Modified": "Fri, 02 Jan 2026 03:04:05 GMT"}))
        said = {"bucket": "open", "endpoint_url": public.endpoint, "anonymous": True, "transport": transport}
        async with session(build(S3Config, [("keyword", said)])) as made:
            await made.objects.get("k")
        assert len(public.requests) == 2
        assert not any(name.lower() == "authorization" for request in public.requests for name in request.headers)


async def test_a_clock_that_is_wrong(s3_store: S3Address, s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = botocore.auth.get_current_datetime
    with monkeypatch.context() as late:
        late.setattr(botocore.auth, "get_current_datetime", lambda *how: now(*how) - timedelta(hours=1))
        error = await refused(config_of(s3_store, s3_bucket))
    assert (type(error), "the clocks of this machine and of the store differ" in error.message, error.hint) == (
        ConnectionFailed,
        True,
        "set the clock",
    )


# --- the region


async def test_another_region_is_told_or_followed(s3_store: S3Address, s3_bucket: str, transport: str) -> None:
    async with session(config_of(s3_store, s3_bucket, region="eu-west-1", transport=transport)) as made:
        await made.objects.put("k", b"abc")
        assert bytes((await made.objects.get("k")).data) == b"abc"


async def test_a_region_that_nobody_can_tell_is_asked_for(transport: str) -> None:
    with ScriptedS3() as elsewhere:
        elsewhere.always("", refusal(301, "PermanentRedirect"))
        error = await refused(config_of(elsewhere, "lake", transport=transport))
    assert (type(error), "the bucket lies in another region" in error.message, error.hint) == (
        ConnectionFailed,
        True,
        "region= says which",
    )


# --- the way


async def test_nobody_listens(s3_store: S3Address) -> None:
    port = free_port()
    said = {**s3_store.settings, "endpoint_url": f"http://localhost:{port}", "bucket": "lake"}
    error = await refused(build(S3Config, [("keyword", said)]))
    assert (type(error), f"http://localhost:{port}" in error.message, error.message.endswith("connection refused")) == (
        ConnectionFailed,
        True,
        True,
    )


async def test_a_name_that_is_none(s3_store: S3Address) -> None:
    said = {**s3_store.settings, "endpoint_url": "https://store.invalid", "bucket": "lake"}
    error = await refused(build(S3Config, [("keyword", said)]))
    assert (type(error), "https://store.invalid" in error.message) == (ConnectionFailed, True)


@pytest.fixture
def deaf() -> Iterator[str]:
    """A port on which somebody listens and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


async def test_nobody_answers(s3_store: S3Address, deaf: str) -> None:
    said = {**s3_store.settings, "endpoint_url": deaf, "bucket": "lake", "connect_timeout": 0.3}
    error = await refused(build(S3Config, [("keyword", said)]))
    assert (type(error), error.message.endswith("no answer within 0.3 s")) == (ConnectionFailed, True)


async def test_a_store_that_stands_still_is_left_in_time(own_s3_store: VersityGateway) -> None:
    own_s3_store.make_bucket("lake")
    own_s3_store.suspend()
    error = await refused(config_of(own_s3_store, "lake", connect_timeout=0.3))
    own_s3_store.resume()
    assert "no answer within 0.3 s" in error.message


@pytest.mark.parametrize(
    "page",
    [
        Answer(200, b"<html>welcome", {"Content-Type": "text/html"}),
        Answer(404, b"<html>nothing here</html>", {"Content-Type": "text/html; charset=utf-8"}),
        Answer(200, b"<Welcome/>", {"Content-Type": "application/xml"}),
    ],
)
async def test_who_is_no_store_gets_a_sentence(page: Answer) -> None:
    with ScriptedS3() as other:
        other.always("", page)
        error = await refused(config_of(other, "lake"))
    assert (type(error), "what answers there is no S3 store" in error.message) == (ConnectionFailed, True)


async def test_a_redirect_is_not_followed() -> None:
    """Who it leads to would get the token."""
    with ScriptedS3() as other, ScriptedS3() as store:
        store.always("", Answer(302, headers={"Location": f"{other.endpoint}/lake"}))
        error = await refused(config_of(store, "lake", aws_session_token="swordfish"))
        assert (other.requests, error.hint) == ([], f"endpoint_url={other.endpoint!r}")


# --- what is said on the way


async def test_what_others_could_read_is_warned_of_once_an_open() -> None:
    said = {"endpoint_url": "http://192.0.2.1", "bucket": "lake", "connect_timeout": 0.1}
    keys = {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "hunter2"}
    with pytest.warns(RuntimeWarning, match="leaves this machine without encryption") as warned:
        await refused(build(S3Config, [("keyword", {**said, **keys})]))
    assert len(warned) == 1


async def test_on_this_machine_nothing_is_warned_of(config: S3Config) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        async with opened(config):
            await asyncio.sleep(0)


async def test_what_the_settings_say_goes_before_what_obstore_reads_in_the_environment(
    scripted: ScriptedS3, s3_store: S3Address, s3_bucket: str, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = f"http://127.0.0.1:{free_port()}"
    for name, value in {
        "AWS_ENDPOINT_URL_S3": elsewhere,
        "AWS_ENDPOINT_URL": elsewhere,
        "AWS_SKIP_SIGNATURE": "true",
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true",
        "AWS_CONDITIONAL_PUT": "disabled",
        "AWS_ACCESS_KEY_ID": "another",
        "AWS_SECRET_ACCESS_KEY": "hunter2",
        "AWS_SESSION_TOKEN": "swordfish",
    }.items():
        monkeypatch.setenv(name, value)
    async with session(config_of(scripted, s3_bucket, transport=transport)) as made:
        etag = await made.objects.put("k", b"abc", absent=True)
        await made.objects.put("k", b"abcd", etag=etag)
    assert s3_store.get(s3_bucket, "k") == b"abcd"
    sent = [value for request in scripted.requests for value in request.headers.values()]
    assert [value for value in sent if "swordfish" in value or "another" in value] == []
