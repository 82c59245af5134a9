"""The quick start's page: its snippets that are the same for every store, and the tests that every store passes.

A store's own test module has a fixture ``page`` and a class that says which store it is::

    class TestPage(EveryStore):
        backend = "postgres"
        kind = AsyncPostgresDatabase
"""

from __future__ import annotations

import ast
import asyncio
import inspect
from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar

import pytest

from dk_notebook import AsyncDatabase, PoolTimeout, Query, Record
from tests.services.http_proxy import HttpFaultProxy

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
    """The names of a page whose snippets run one after the other; ``words``: what is written, and what is meant."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self.names: dict[str, Any] = {"AsyncDatabase": AsyncDatabase, "Record": Record, "Query": Query}
        self.names["asyncio"] = asyncio
        self._words = words

    async def run(self, snippet: str) -> Any:
        """The names after it; a snippet that awaits runs as in a cell."""
        for written, meant in self._words.items():
            snippet = snippet.replace(written, meant)
        made = eval(compile(snippet, "page", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), self.names)
        if inspect.isawaitable(made):
            await made
        return self.names


class EveryStore:
    """What the page says of every store."""

    backend: ClassVar[str]
    kind: ClassVar[type[AsyncDatabase]]

    async def test_the_service_shares_one_instance(self, page: Page) -> None:
        page.names["items"] = [{"served": number} for number in range(3)]
        await page.run(CONFIG)
        names = await page.run(SERVICE.replace("elasticsearch", self.backend))
        async with await AsyncDatabase.create(self.backend, names["config"]) as db:
            assert await db.count([("served", "in", [0, 1, 2])]) == 3

    async def test_the_older_way_in(self, page: Page) -> None:
        await page.run(CONFIG)
        older = OLDER.replace("AsyncElasticsearchDatabase", self.kind.__name__)
        names = await page.run(older.replace("backends.elasticsearch", f"backends.{self.backend}"))
        async with names["db"] as db:
            assert isinstance(db, self.kind)
            assert await db.exists(await db.create(Record({"n": 1})))


class EveryHttpStore(EveryStore):
    """And of those that are reached by HTTP, through a proxy that cuts."""

    async def test_a_resilient_create_outlives_the_end_of_all_connections(
        self, page: Page, proxy: HttpFaultProxy
    ) -> None:
        await page.run(CONFIG)
        names = await page.run(RESILIENT)
        async with await AsyncDatabase.create(self.backend, names["config"]) as db:
            proxy.cut()
            record = Record({"name": "Alice"})
            assert await names["resilient_operation"](db, record) == record.id
            assert await db.read(record.id) == record

    async def test_who_waits_too_long_for_a_connection_is_told(self, page: Page, proxy: HttpFaultProxy) -> None:
        names = await page.run(CONFIG)
        names["config"][self.backend]["pool"] = {"max_size": 1, "timeout": 0.3}
        async with await AsyncDatabase.create(self.backend, names["config"]) as db:
            proxy.silence()
            first = asyncio.create_task(db.count())
            await asyncio.sleep(0.1)
            with pytest.raises(PoolTimeout):
                await db.count()
            proxy.heal()
            first.cancel()
            await asyncio.wait([first])


class LostWrites:
    """What becomes of a write whose connection is lost.

    ``settings``: of the store, beside the page's. ``write``: the request that stores a record.
    """

    backend: ClassVar[str]
    settings: ClassVar[Mapping[str, Any]]
    write: ClassVar[str]

    @pytest.fixture
    async def db(self, page: Page) -> AsyncIterator[AsyncDatabase]:
        names = await page.run(CONFIG)
        names["config"][self.backend].update(self.settings)
        async with await AsyncDatabase.create(self.backend, names["config"]) as opened:
            yield opened

    @pytest.mark.parametrize("what", ["cut_before", "cut_after", "cut_within"])
    async def test_a_create_that_was_cut_off_is_sent_again_and_stored_once(
        self, db: AsyncDatabase, proxy: HttpFaultProxy, what: Any
    ) -> None:
        proxy.at_next_request(self.write, what)
        record = Record({"name": "Alice", "sizes": [1, 2.5]})
        assert await db.create(record) == record.id
        assert await db.all() == [record]

    @pytest.mark.parametrize("what", ["cut_before", "cut_after"])
    async def test_an_update_that_was_cut_off_happens_once(
        self, db: AsyncDatabase, proxy: HttpFaultProxy, what: Any
    ) -> None:
        await db.create(Record({"n": 1}, id="x"))
        read = await db.read("x")
        assert read is not None
        proxy.at_next_request(self.write, what)
        assert await db.update("x", {"n": 2}, expected_version=read.version)
        assert await db.all() == [Record({"n": 2}, id="x")]

    async def test_a_create_without_a_server_fails_in_time_and_works_when_it_is_back(
        self, db: AsyncDatabase, proxy: HttpFaultProxy
    ) -> None:
        proxy.refuse()
        proxy.cut()
        record = Record({"name": "Alice"})
        started = asyncio.get_running_loop().time()
        with pytest.raises(ConnectionError):
            await db.create(record)
        assert asyncio.get_running_loop().time() - started < 10
        proxy.heal()
        assert await db.create(record) == record.id
