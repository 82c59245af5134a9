"""The statements that users were promised for S3, run as they are written, but for the address and who asks."""

from __future__ import annotations

import ast
import asyncio
import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from dk_notebook import AsyncDatabase, PoolTimeout, Query, Record
from dk_notebook.backends.s3 import AsyncS3Database
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
CONFIG = """
config = {
    "elasticsearch": {
        "hosts": ["http://localhost:9200"],
        "index": "my_index",
        "pool": {"connections": 20, "maxsize": 50}
    },
    "postgres": {
        "host": "localhost",
        "database": "mydb",
        "pool": {"min_size": 10, "max_size": 20, "timeout": 30}
    },
    "s3": {
        "bucket": "my-bucket",
        "pool": {"max_connections": 50}
    }
}
"""
PARALLEL = """
async def parallel_operations(db, items):
    tasks = [db.create(Record(item)) for item in items]
    results = await asyncio.gather(*tasks)
    return results
"""
RESILIENT = """
async def resilient_operation(db, record, max_retries=3):
    for attempt in range(max_retries):
        try:
            return await db.create(record)
        except ConnectionError as e:      # the builtin: every lost or refused connection is one
            if attempt == max_retries - 1:
                raise
            await asyncio.sleep(2 ** attempt)     # the pool recreates the connection on the next attempt
"""
OLDER = """
from dk_notebook.backends.s3 import AsyncS3Database   # the older way in

db = AsyncS3Database(config)
await db.connect()
"""


class Page:
    """The names of a page whose snippets run one after the other."""

    def __init__(self, bucket: str) -> None:
        self.names: dict[str, Any] = {"AsyncDatabase": AsyncDatabase, "Record": Record, "Query": Query}
        self.names["asyncio"] = asyncio
        self._bucket = bucket

    async def run(self, snippet: str) -> Any:
        """The names after it; a snippet that awaits runs as in a cell."""
        snippet = snippet.replace('"my-bucket"', repr(self._bucket))
        made = eval(compile(snippet, "page", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), self.names)
        if inspect.isawaitable(made):
            await made
        return self.names


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
    return Page(s3_bucket)


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


async def test_who_waits_too_long_for_a_connection_is_told(page: Page, proxy: HttpFaultProxy) -> None:
    names = await page.run(CONFIG)
    names["config"]["s3"]["pool"] = {"max_size": 1, "timeout": 0.3}
    async with await AsyncDatabase.create("s3", names["config"]) as db:
        proxy.silence()
        first = asyncio.create_task(db.count())
        await asyncio.sleep(0.1)
        with pytest.raises(PoolTimeout):
            await db.count()
        proxy.heal()
        first.cancel()
        await asyncio.wait([first])


async def test_a_resilient_create_outlives_the_end_of_all_connections(page: Page, proxy: HttpFaultProxy) -> None:
    await page.run(CONFIG)
    names = await page.run(RESILIENT)
    async with await AsyncDatabase.create("s3", names["config"]) as db:
        proxy.cut()
        record = Record({"name": "Alice"})
        assert await names["resilient_operation"](db, record) == record.id
        assert await db.read(record.id) == record


async def test_the_older_way_in(page: Page) -> None:
    await page.run(CONFIG)
    names = await page.run(OLDER)
    db = names["db"]
    assert isinstance(db, AsyncS3Database)
    assert await db.exists(await db.create(Record({"n": 1})))
    await db.close()


# --- what becomes of a write whose connection is lost ---------------------------------------------------------------


@pytest.mark.parametrize("transport", ["obstore", "aioboto3"])
@pytest.mark.parametrize("what", ["cut_before", "cut_after", "cut_within"])
async def test_a_create_that_was_cut_off_is_sent_again_and_stored_once(
    page: Page, proxy: HttpFaultProxy, what: Any, transport: str
) -> None:
    names = await page.run(CONFIG)
    names["config"]["s3"]["transport"] = transport
    async with await AsyncDatabase.create("s3", names["config"]) as db:
        proxy.at_next_request("PUT ", what)
        record = Record({"name": "Alice", "sizes": [1, 2.5]})
        assert await db.create(record) == record.id
        assert await db.all() == [record]


@pytest.mark.parametrize("what", ["cut_before", "cut_after"])
async def test_an_update_that_was_cut_off_happens_once(page: Page, proxy: HttpFaultProxy, what: Any) -> None:
    names = await page.run(CONFIG)
    async with await AsyncDatabase.create("s3", names["config"]) as db:
        await db.create(Record({"n": 1}, id="x"))
        read = await db.read("x")
        assert read is not None
        proxy.at_next_request("PUT ", what)
        assert await db.update("x", {"n": 2}, expected_version=read.version)
        assert await db.all() == [Record({"n": 2}, id="x")]


async def test_a_batch_in_which_a_connection_is_cut_is_whole(page: Page, proxy: HttpFaultProxy) -> None:
    names = await page.run(CONFIG)
    async with await AsyncDatabase.create("s3", names["config"]) as db:
        proxy.at_next_request("PUT ", "cut_after")
        assert len(await db.create_batch([Record({"n": n}) for n in range(100)])) == 100
        assert await db.count() == 100


async def test_a_create_without_a_server_fails_in_time_and_works_when_it_is_back(
    page: Page, proxy: HttpFaultProxy
) -> None:
    names = await page.run(CONFIG)
    async with await AsyncDatabase.create("s3", names["config"]) as db:
        proxy.refuse()
        proxy.cut()
        record = Record({"name": "Alice"})
        started = asyncio.get_running_loop().time()
        with pytest.raises(ConnectionError):
            await db.create(record)
        assert asyncio.get_running_loop().time() - started < 10
        proxy.heal()
        assert await db.create(record) == record.id
