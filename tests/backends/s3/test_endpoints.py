"""Where each carrier asks for a bucket, of AWS and of others; what is sent goes to a scripted store only."""

from __future__ import annotations

from typing import Any

import pytest

from dk_notebook.backends.s3.config import S3Config
from dk_notebook.backends.s3.connections.obstore_carrier import ObstoreCarrier
from dk_notebook.backends.s3.connections.store import Store
from dk_notebook.config.settings import build
from dk_notebook.errors import ConnectionFailed
from tests.backends.s3.conftest import config_of, session
from tests.services.scripted_s3 import Answer, Request, ScriptedS3, refusal

pytestmark = pytest.mark.unit

KEYS = {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "hunter2"}


async def asked(bucket: str, *, then: str | None = None, **said: Any) -> tuple[str, str]:
    """Server and region of a bucket for obstore; ``then``: after it was found in that region."""
    store = Store(build(S3Config, [("keyword", {**KEYS, **said})]))
    await store.open()
    try:
        carrier = store.carrier(bucket, "k")
        assert isinstance(carrier, ObstoreCarrier)
        if then is not None:
            assert carrier.found_in(bucket, then)
        config = carrier._made(bucket).config
        assert config["endpoint"] == config["endpoint_url_s3"]  # type: ignore[typeddict-item]  # what it stores it as
        return str(config["endpoint"]), str(config["region"])
    finally:
        await store.close()


@pytest.mark.parametrize(
    ("said", "bucket", "endpoint", "region"),
    [
        ({}, "lake", "https://lake.s3.us-east-1.amazonaws.com", "us-east-1"),
        ({"region": "eu-central-1"}, "lake", "https://lake.s3.eu-central-1.amazonaws.com", "eu-central-1"),
        ({"region": "cn-north-1"}, "lake", "https://lake.s3.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ({"region": "us-gov-west-1"}, "lake", "https://lake.s3.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ({"region": "eu-central-1"}, "with.dots", "https://s3.eu-central-1.amazonaws.com", "eu-central-1"),
        ({"region": "eu-central-1"}, "Old_Name", "https://s3.eu-central-1.amazonaws.com", "eu-central-1"),
        ({"addressing": "path"}, "lake", "https://s3.us-east-1.amazonaws.com", "us-east-1"),
        ({"endpoint_url": "https://store:9000"}, "lake", "https://store:9000", "us-east-1"),
        (
            {"endpoint_url": "https://store", "addressing": "virtual", "region": "here"},
            "lake",
            "https://lake.store",
            "here",
        ),
    ],
)
async def test_a_bucket_has_its_server_and_its_region(
    said: dict[str, str], bucket: str, endpoint: str, region: str
) -> None:
    assert await asked(bucket, **said) == (endpoint, region)


@pytest.mark.parametrize(
    ("said", "then", "endpoint"),
    [
        ({}, "eu-west-1", "https://lake.s3.eu-west-1.amazonaws.com"),
        ({"region": "eu-central-1"}, "us-east-1", "https://lake.s3.us-east-1.amazonaws.com"),
        ({"endpoint_url": "https://store"}, "eu-west-1", "https://store"),
    ],
)
async def test_a_bucket_that_was_found_in_another_region_is_asked_for_there(
    said: dict[str, str], then: str, endpoint: str
) -> None:
    assert await asked("lake", then=then, **said) == (endpoint, then)


async def test_an_access_point_goes_by_aioboto3() -> None:
    store = Store(build(S3Config, [("keyword", {**KEYS, "region": "us-east-1"})]))
    await store.open()
    assert store.carrier("arn:aws:s3:us-east-1:123456789012:accesspoint/lake", "k") is store.general
    await store.close()


def in_region(name: str, answer: Answer) -> Any:
    """A store that knows one region, and says which where it is asked for another one."""

    def judge(request: Request) -> Answer:
        if any(f"/{name}/s3/aws4_request" in value for value in request.headers.values()):
            return answer
        return refusal(400, "AuthorizationHeaderMalformed", region=name)

    return judge


async def test_another_bucket_in_another_region_is_found(transport: str) -> None:
    found = Answer(200, b"abc", {"ETag": '"x"', "Last-Modified": "Fri, 02 Jan 2026 03:04:05 GMT"})
    with ScriptedS3() as regions:
        regions.always("GET /far", in_region("eu-west-1", found))
        regions.always("GET /lake", Answer(200, b"<ListBucketResult></ListBucketResult>"))
        async with session(config_of(regions, "lake", region="us-east-1", transport=transport)) as made:
            for _ in range(3):
                assert bytes((await made.objects_in("far").get("k")).data) == b"abc"
        assert len(regions.asked("GET /far")) == 4  # the region is known after the first


async def test_a_store_that_expects_the_region_it_was_asked_in_is_left(transport: str) -> None:
    with ScriptedS3() as regions:
        regions.always("GET /far", refusal(400, "AuthorizationHeaderMalformed", region="there"))
        regions.always("GET /lake", Answer(200, b"<ListBucketResult></ListBucketResult>"))
        async with session(config_of(regions, "lake", region="here", transport=transport)) as made:
            with pytest.raises(ConnectionFailed, match="the store expects another region") as raised:
                await made.objects_in("far").get("k")
        assert (raised.value.hint, len(regions.asked("GET /far")) <= 3) == ("region='there'", True)


async def test_regions_that_name_each_other_are_left(transport: str) -> None:
    def other(request: Request) -> Answer:
        here = any("/here/s3/aws4_request" in value for value in request.headers.values())
        return refusal(400, "AuthorizationHeaderMalformed", region="there" if here else "here")

    with ScriptedS3() as regions:
        regions.always("GET /far", other)
        regions.always("GET /lake", Answer(200, b"<ListBucketResult></ListBucketResult>"))
        async with session(config_of(regions, "lake", region="here", transport=transport)) as made:
            with pytest.raises(ConnectionFailed, match="the store expects another region"):
                await made.objects_in("far").get("k")
        assert len(regions.asked("GET /far")) <= 3
