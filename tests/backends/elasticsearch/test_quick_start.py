"""The statements that users were promised for Elasticsearch, run as they are written, but for the address."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import pytest

from dk_notebook import AsyncDatabase
from dk_notebook.backends.elasticsearch import AsyncElasticsearchDatabase
from tests.backends.quick_start_page import CONFIG, PARALLEL, EveryHttpStore, LostWrites, Page
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
    index = repr(elasticsearch_index)
    return Page({"http://localhost:9200": address, '"my_index"': index, '"my_data"': index})


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


class TestPage(EveryHttpStore):
    backend, kind = "elasticsearch", AsyncElasticsearchDatabase


class TestLostWrites(LostWrites):
    backend, write = "elasticsearch", "POST /.*_bulk"
    settings: ClassVar = {"pool": {"connections": 0}}
