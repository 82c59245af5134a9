"""Searches: what they ask of the bucket, in which order things come, and how much is in memory."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import aclosing
from typing import Any

import pytest
import pytest_asyncio

from dk_notebook.backends.s3.flow import AHEAD
from dk_notebook.backends.s3.objects import Page
from dk_notebook.backends.s3.records import by_id, search, writes
from dk_notebook.backends.s3.records import folder as folders
from dk_notebook.backends.s3.records.body import encoded
from dk_notebook.backends.s3.records.folder import Folder
from dk_notebook.errors import QueryError
from dk_notebook.records.document import Document
from dk_notebook.records.query import Query
from tests.backends.s3.counted import CountedObjects
from tests.services.s3_address import S3Address
from tests.services.versitygw import VersityGateway

pytestmark = pytest.mark.s3

UNEVEN = ["a", "a-b", "a.", "a.b", "a.json", "a.z", "a/b", "a b", "ab", "a-", "b", "é"]
"""Ids of which a listing by keys has others first."""


async def stored(folder: Folder, documents: Iterable[Document]) -> None:
    await writes.put(folder, list(documents), "create")


async def found(folder: Folder, query: Query) -> list[str]:
    return [each.id async for batch in search.found(folder, query, batch_rows=100) for each in batch]


def numbered(count: int, **more: Any) -> list[Document]:
    return [Document(f"{number:05}", {"n": number, **more}) for number in range(count)]


# --- what is asked --------------------------------------------------------------------------------------------------


async def test_a_count_looks_into_nothing(folder: Folder, counted: CountedObjects) -> None:
    await stored(folder, numbered(3))
    counted.asked.clear()
    assert await search.counted(folder, Query()) == 3
    assert counted.asked == {"list": 1}


async def test_a_page_is_read_and_nothing_else(folder: Folder, counted: CountedObjects) -> None:
    await stored(folder, numbered(100))
    counted.asked.clear()
    assert await found(folder, Query().offset(40).limit(3)) == ["00040", "00041", "00042"]
    assert counted.asked == {"list": 1, "get": 3}


async def test_a_search_with_a_limit_ends_soon_after_it_is_reached(folder: Folder, counted: CountedObjects) -> None:
    await stored(folder, numbered(600))
    counted.asked.clear()
    assert await found(folder, Query().filter("n", ">", 4).limit(1)) == ["00005"]
    assert counted.asked["get"] < 600


async def test_nothing_is_asked_where_nothing_is_wanted(folder: Folder, counted: CountedObjects) -> None:
    assert await found(folder, Query().sort("n").limit(0)) == []
    assert counted.asked == {}


async def test_ids_are_read_once_each_and_at_once(folder: Folder, counted: CountedObjects) -> None:
    await stored(folder, numbered(60))
    counted.asked.clear()
    counted.most_under_way = 0
    wanted = [f"{number:05}" for number in range(60)] * 2
    assert [each and each.id for each in await by_id.get(folder, wanted)] == wanted
    assert (counted.asked, counted.most_under_way) == ({"get": 60}, folder.at_once)


# --- order ----------------------------------------------------------------------------------------------------------


async def test_a_part_is_one_of_the_ids_in_their_order(folder: Folder) -> None:
    await stored(folder, [Document(each, {}) for each in UNEVEN])
    ordered = sorted(UNEVEN)
    for skip in range(len(UNEVEN)):
        assert await found(folder, Query().offset(skip).limit(3)) == ordered[skip : skip + 3]
    assert (
        await found(folder, Query().filter("id", "!=", "a.b").offset(1))
        == [each for each in ordered if each != "a.b"][1:]
    )


async def test_a_listing_in_no_order_gives_the_ids_in_theirs(folder: Folder, counted: CountedObjects) -> None:
    await stored(folder, numbered(20))
    counted.pages = lambda page: [Page(page.entries[start : start + 5][::-1]) for start in (10, 0, 15, 5)]
    assert await found(folder, Query().limit(3)) == ["00000", "00001", "00002"]


async def test_a_listing_that_loses_its_order_is_told(folder: Folder, counted: CountedObjects) -> None:
    await stored(folder, numbered(20))
    counted.pages = lambda page: [Page(page.entries[10:]), Page(page.entries[:10])]
    with pytest.raises(QueryError, match="no order"):
        await found(folder, Query().offset(1))


async def test_equal_ones_are_sorted_by_id_however_many_are_dropped(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "SPARE", 0)
    monkeypatch.setattr(folders, "MOST", 5)
    await stored(folder, [Document(f"{number:03}", {"n": number % 3}) for number in range(60)])
    ordered = sorted(range(60), key=lambda number: (-(number % 3), number))
    assert await found(folder, Query().sort("n", "desc").offset(18).limit(7)) == [
        f"{each:03}" for each in ordered[18:25]
    ]


# --- memory ---------------------------------------------------------------------------------------------------------


async def test_a_slow_consumer_holds_the_reading(
    folder: Folder, counted: CountedObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "MOST", 5)
    await stored(folder, numbered(200))
    counted.asked.clear()
    async with aclosing(search.found(folder, Query(), batch_rows=5)) as batches:
        await anext(batches)
        assert counted.asked["get"] <= 5 * (AHEAD + 2)


async def test_few_large_documents_are_read_ahead(
    folder: Folder, counted: CountedObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "LARGEST", 1 << 16)
    await stored(folder, numbered(30, text="x" * (1 << 16)))
    counted.asked.clear()
    async with aclosing(search.found(folder, Query(), batch_rows=1)) as batches:
        await anext(batches)
        assert counted.asked["get"] <= AHEAD + 2


# --- what happens meanwhile -----------------------------------------------------------------------------------------


async def test_what_is_deleted_between_listing_and_reading_is_not_there(
    folder: Folder, counted: CountedObjects
) -> None:
    await stored(folder, numbered(10))

    async def delete_one(page: Page) -> None:
        await counted.delete([page.entries[4].key])

    counted.after = delete_one
    expected = [f"{number:05}" for number in range(10) if number != 4]
    assert await found(folder, Query()) == expected
    assert await search.counted(folder, Query().filter("n", "exists")) == len(expected) - 1


# --- many -----------------------------------------------------------------------------------------------------------


MANY = 25_000


@pytest_asyncio.fixture
async def many(folder: Folder, s3_store: S3Address, shared_bucket: str) -> list[str]:
    """The ids of so many documents that are there; where the store is a folder, they are put there as files."""
    documents = numbered(MANY)
    if isinstance(s3_store, VersityGateway):
        files = s3_store.folder / "data" / shared_bucket / folder.keys.prefix
        files.mkdir()
        for each in documents:
            (files / f"{each.id}.json").write_bytes(encoded(each))
    else:
        await stored(folder, documents)
    return [each.id for each in documents]


async def test_a_listing_goes_through_any_number_of_pages(
    folder: Folder, counted: CountedObjects, many: list[str]
) -> None:
    assert await search.counted(folder, Query()) == MANY
    assert counted.asked["list"] >= 25
    assert await found(folder, Query().offset(MANY - 10)) == many[-10:]
    assert await by_id.clear(folder) == MANY
    assert await search.counted(folder, Query()) == 0
