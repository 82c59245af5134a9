"""The statements that users were promised for S3, run as they are written, but for the address and who asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest

from dk_notebook import AsyncDatabase, Query, Record
from dk_notebook.backends.s3 import AsyncS3Database
from tests.backends.quick_start_page import CONFIG, PARALLEL, EveryHttpStore, LostWrites, Page
from tests.services.http_proxy import HttpFaultProxy
from tests.services.s3_address import S3Address

pytestmark = pytest.mark.s3

EXAMPLE = """
async def s3_example():                   # batch operations run concurrently
    db = await AsyncDatabase.create("s3", {
        "bucket": "my-bucket",
        "region": "us-east-1"
    })
    records = [Record({"id": i}) for i in range(100)]
    ids = await db.create_batch(records)  # concurrent uploads
    await db.close()
    return ids
"""


@pytest.fixture
def proxy(s3_store: S3Address) -> Iterator[HttpFaultProxy]:
    """A way to the store whose connections can be counted and cut."""
    with HttpFaultProxy(s3_store) as way:
        yield way


@pytest.fixture
def page(s3_store: S3Address, s3_bucket: str, proxy: HttpFaultProxy, monkeypatch: pytest.MonkeyPatch) -> Page:
    """Of somebody whose environment says where and as whom, as it does with AWS."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{proxy.host}:{proxy.port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_store.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_store.secret)
    return Page({'"my-bucket"': repr(s3_bucket)})


async def test_a_hundred_records_are_stored_at_once(page: Page, proxy: HttpFaultProxy) -> None:
    names = await page.run(EXAMPLE)
    assert await names["s3_example"]() == [str(i) for i in range(100)]
    await page.run(CONFIG)
    assert 10 < len(proxy.links) <= 52  # of the carrier; and of the session
    async with await AsyncDatabase.create("s3", names["config"]) as db:
        assert [record["id"] for record in await db.search(Query().sort("id"))] == list(range(100))


async def test_a_search_finds_what_was_created_before(page: Page) -> None:
    names = await page.run(CONFIG)
    async with await AsyncDatabase.create("s3", names["config"]) as db:
        key = await db.create(Record({"name": "Alice", "age": 30}))
        found = await db.search(Query().filter("age", ">=", 25))
        assert [(record.id, record["name"]) for record in found] == [(key, "Alice")]


async def test_hundreds_of_creates_at_once_take_fifty_connections_at_most(page: Page, proxy: HttpFaultProxy) -> None:
    await page.run(CONFIG)
    names = await page.run(PARALLEL)
    async with await AsyncDatabase.create("s3", names["config"]) as db:
        made = await names["parallel_operations"](db, [{"n": number} for number in range(300)])
        assert [record["n"] for record in await db.read_batch(made) if record] == list(range(300))
        assert 10 < len(proxy.open_links) <= 51


async def test_the_environment_that_the_page_exports_counts(
    page: Page, proxy: HttpFaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S3_POOL_MAX_CONNECTIONS", "6")
    await page.run(CONFIG)
    names = await page.run(PARALLEL)
    del names["config"]["s3"]["pool"]
    async with await AsyncDatabase.create("s3", names["config"]) as db:
        await names["parallel_operations"](db, [{"n": number} for number in range(100)])
        assert len(proxy.open_links) <= 7


async def test_a_batch_in_which_a_connection_is_cut_is_whole(page: Page, proxy: HttpFaultProxy) -> None:
    names = await page.run(CONFIG)
    async with await AsyncDatabase.create("s3", names["config"]) as db:
        proxy.at_next_request("PUT ", "cut_after")
        assert len(await db.create_batch([Record({"n": n}) for n in range(100)])) == 100
        assert await db.count() == 100


class TestPage(EveryHttpStore):
    backend, kind = "s3", AsyncS3Database


class TestLostWrites(LostWrites):
    backend, write = "s3", "PUT "
    settings: ClassVar = {"transport": "obstore"}


class TestLostWritesOfAioboto3(TestLostWrites):
    settings: ClassVar = {"transport": "aioboto3"}
