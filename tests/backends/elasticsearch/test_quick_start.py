"""The statements that users were promised for Elasticsearch, run as they are written, but for the address."""

from __future__ import annotations

import ast
import asyncio
import inspect
from typing import Any

import pytest

from dk_notebook import AsyncDatabase, PoolTimeout, Query, Record
from dk_notebook.backends.elasticsearch import AsyncElasticsearchDatabase
from tests.services.elasticsearch_address import ElasticsearchAddress
from tests.services.http_proxy import HttpFaultProxy

pytestmark = pytest.mark.elasticsearch

EXAMPLE = """
async def main():                         # pooling is automatic
    db = await AsyncDatabase.create("elasticsearch", {
        "hosts": ["http://localhost:9200"],
        "index": "my_data"
    })
    record = Record({"name": "Alice", "age": 30})
    id = await db.create(record)          # `create` on an instance stores a record and returns its id
    results = await db.search(
        Query().filter("age", ">=", 25)
    )
    await db.close()
    return id, results
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
SERVICE = """
class DataService:                        # sharing one instance
    def __init__(self):
        self.db = None

    async def initialize(self):
        self.db = await AsyncDatabase.create("elasticsearch", config)

    async def process_item(self, item):
        return await self.db.create(Record(item))

    async def cleanup(self):
        if self.db:
            await self.db.close()

service = DataService()
await service.initialize()
for item in items:
    await service.process_item(item)
await service.cleanup()
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
from dk_notebook.backends.elasticsearch import AsyncElasticsearchDatabase   # the older way in

db = AsyncElasticsearchDatabase(config)
await db.connect()
"""


class Page:
    """The names of a page whose snippets run one after the other."""

    def __init__(self, address: str, index: str) -> None:
        self.names: dict[str, Any] = {"AsyncDatabase": AsyncDatabase, "Record": Record, "Query": Query}
        self.names["asyncio"] = asyncio
        self._words = {"http://localhost:9200": address, '"my_index"': repr(index), '"my_data"': repr(index)}

    async def run(self, snippet: str) -> Any:
        """The names after it; a snippet that awaits runs as in a cell."""
        for written, meant in self._words.items():
            snippet = snippet.replace(written, meant)
        made = eval(compile(snippet, "page", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), self.names)
        if inspect.isawaitable(made):
            await made
        return self.names


@pytest.fixture
def proxy(elasticsearch_node: ElasticsearchAddress) -> Any:
    """A way to the node whose connections can be counted and cut."""
    with HttpFaultProxy(elasticsearch_node) as way:
        yield way


@pytest.fixture
def address(proxy: HttpFaultProxy) -> str:
    return f"http://{proxy.host}:{proxy.port}"


@pytest.fixture
def page(address: str, elasticsearch_index: str) -> Page:
    return Page(address, elasticsearch_index)


async def settled(proxy: HttpFaultProxy, count: int) -> int:
    """How many connections are open, as soon as there are so many."""
    for _ in range(100):
        if len(proxy.open_links) >= count:
            break
        await asyncio.sleep(0.05)
    return len(proxy.open_links)


async def test_a_search_finds_what_was_created_before(page: Page) -> None:
    names = await page.run(EXAMPLE)
    key, results = await names["main"]()
    assert [(record.id, record["name"]) for record in results] == [(key, "Alice")]


async def test_the_service_shares_one_instance(page: Page) -> None:
    page.names["items"] = [{"n": number} for number in range(3)]
    await page.run(CONFIG)
    names = await page.run(SERVICE)
    async with await AsyncDatabase.create("elasticsearch", names["config"]) as db:
        assert await db.count([("n", "in", [0, 1, 2])]) == 3


async def test_hundreds_of_creates_at_once_take_fifty_connections_at_most(page: Page, proxy: HttpFaultProxy) -> None:
    await page.run(CONFIG)
    names = await page.run(PARALLEL)
    async with await AsyncDatabase.create("elasticsearch", names["config"]) as db:
        made = await names["parallel_operations"](db, [{"n": number} for number in range(300)])
        assert [record["n"] for record in await db.read_batch(made) if record] == list(range(300))
        assert 20 < len(proxy.links) <= 50


async def test_twenty_connections_are_kept_open(page: Page, proxy: HttpFaultProxy) -> None:
    names = await page.run(CONFIG)
    async with await AsyncDatabase.create("elasticsearch", names["config"]):
        assert await settled(proxy, 20) in (20, 21)  # and the one by which it was opened


async def test_the_environment_that_the_page_exports_counts(
    page: Page, proxy: HttpFaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ES_POOL_CONNECTIONS", "4")
    monkeypatch.setenv("ES_POOL_MAXSIZE", "6")
    await page.run(CONFIG)
    names = await page.run(PARALLEL)
    del names["config"]["elasticsearch"]["pool"]
    async with await AsyncDatabase.create("elasticsearch", names["config"]) as db:
        assert await settled(proxy, 4) in (4, 5)
        await names["parallel_operations"](db, [{"n": number} for number in range(100)])
        assert len(proxy.links) <= 6


async def test_who_waits_too_long_for_a_connection_is_told(page: Page, proxy: HttpFaultProxy) -> None:
    names = await page.run(CONFIG)
    names["config"]["elasticsearch"]["pool"] = {"max_size": 1, "timeout": 0.3}
    async with await AsyncDatabase.create("elasticsearch", names["config"]) as db:
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
    async with await AsyncDatabase.create("elasticsearch", names["config"]) as db:
        proxy.cut()
        record = Record({"name": "Alice"})
        assert await names["resilient_operation"](db, record) == record.id
        assert await db.read(record.id) == record


async def test_the_older_way_in(page: Page) -> None:
    await page.run(CONFIG)
    names = await page.run(OLDER)
    db = names["db"]
    assert isinstance(db, AsyncElasticsearchDatabase)
    assert await db.exists(await db.create(Record({"n": 1})))
    await db.close()


# --- what becomes of a write whose connection is lost ---------------------------------------------------------------


@pytest.mark.parametrize("what", ["cut_before", "cut_after", "cut_within"])
async def test_a_create_that_was_cut_off_is_sent_again_and_stored_once(
    page: Page, proxy: HttpFaultProxy, what: Any
) -> None:
    names = await page.run(CONFIG)
    async with await AsyncDatabase.create("elasticsearch", names["config"]) as db:
        proxy.at_next_request("POST /.*_bulk", what)
        record = Record({"name": "Alice", "sizes": [1, 2.5]})
        assert await db.create(record) == record.id
        assert await db.all() == [record]


@pytest.mark.parametrize("what", ["cut_before", "cut_after"])
async def test_an_update_that_was_cut_off_happens_once(page: Page, proxy: HttpFaultProxy, what: Any) -> None:
    names = await page.run(CONFIG)
    async with await AsyncDatabase.create("elasticsearch", names["config"]) as db:
        await db.create(Record({"n": 1}, id="x"))
        read = await db.read("x")
        assert read is not None
        proxy.at_next_request("POST /.*_bulk", what)
        assert await db.update("x", {"n": 2}, expected_version=read.version)
        assert await db.all() == [Record({"n": 2}, id="x")]


async def test_a_create_without_a_server_fails_in_time_and_works_when_it_is_back(
    page: Page, proxy: HttpFaultProxy
) -> None:
    names = await page.run(CONFIG)
    names["config"]["elasticsearch"]["pool"] = {"connections": 0}
    async with await AsyncDatabase.create("elasticsearch", names["config"]) as db:
        proxy.refuse()
        proxy.cut()
        record = Record({"name": "Alice"})
        started = asyncio.get_running_loop().time()
        with pytest.raises(ConnectionError):
            await db.create(record)
        assert asyncio.get_running_loop().time() - started < 10
        proxy.heal()
        assert await db.create(record) == record.id
