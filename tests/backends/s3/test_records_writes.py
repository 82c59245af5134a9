"""Writes of documents: what they are put over, and what becomes of a batch of which one is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from dk_notebook.backends.s3.objects import Buffer
from dk_notebook.backends.s3.records import by_id, search, writes
from dk_notebook.backends.s3.records.folder import Folder
from dk_notebook.errors import Conflict, ConnectionFailed, QueryError
from dk_notebook.records.document import Document
from dk_notebook.records.query import Query
from tests.backends.s3.counted import CountedObjects

pytestmark = pytest.mark.s3

ANN = Document("ann", {"name": "Ann"})
TOO_LONG = Document("x" * 1_100, {})
"""Its key is longer than any store takes."""


async def data(folder: Folder) -> dict[str, object]:
    return {each.id: each.data async for batch in search.found(folder, Query(), batch_rows=99) for each in batch}


async def version(folder: Folder, name: str = "ann") -> str:
    found = await folder.version(name)
    assert found is not None
    return found


# --- what is asked --------------------------------------------------------------------------------------------------


async def test_a_batch_is_as_many_requests_as_documents_and_many_at_once(
    folder: Folder, counted: CountedObjects
) -> None:
    await writes.put(folder, [Document(f"{number}", {}) for number in range(100)], "create")
    assert (counted.asked, counted.most_under_way) == ({"put": 100}, folder.at_once)


async def test_an_upsert_looks_at_nothing(folder: Folder, counted: CountedObjects) -> None:
    await writes.put(folder, [ANN, Document("bob", {})], "upsert")
    assert counted.asked == {"put": 2}


async def test_an_update_of_a_version_is_one_request(folder: Folder, counted: CountedObjects) -> None:
    await writes.put(folder, [ANN], "create")
    seen = await version(folder)
    counted.asked.clear()
    assert await writes.put(folder, [Document("ann", {"n": 1}, {}, seen)], "update") == [True]
    assert counted.asked == {"put": 1}


# --- versions -------------------------------------------------------------------------------------------------------


async def test_a_version_that_is_none_is_not_the_one_there(folder: Folder) -> None:
    await writes.put(folder, [ANN], "create")
    for said in ("yesterday", "*", '"a", "b"', "", '"', 'W/"x"'):
        with pytest.raises(Conflict, match="changed since"):
            await writes.put(folder, [Document("ann", {"n": 1}, {}, said)], "update")
    assert await data(folder) == {"ann": ANN.data}


@pytest.mark.parametrize("said", ['"5d41402abc4b2a76b9719d911017c592"', "yesterday"])
async def test_an_update_of_a_version_of_what_is_not_there_says_so(folder: Folder, said: str) -> None:
    assert await writes.put(folder, [ANN._replace(version=said)], "update") == [False]
    assert await data(folder) == {}


async def test_an_upsert_of_a_version_replaces_that_one_or_what_is_not_there(folder: Folder) -> None:
    absent = '"5d41402abc4b2a76b9719d911017c592"'
    assert await writes.put(folder, [ANN._replace(version=absent)], "upsert") == [True]
    assert await writes.put(folder, [Document("ann", {"n": 1}, {}, await version(folder))], "upsert") == [True]
    with pytest.raises(Conflict, match="changed since"):
        await writes.put(folder, [Document("ann", {"n": 2}, {}, absent)], "upsert")
    assert await data(folder) == {"ann": {"n": 1}}


async def test_an_update_does_not_bring_back_what_is_deleted_meanwhile(folder: Folder, counted: CountedObjects) -> None:
    await writes.put(folder, [ANN], "create")
    put = counted.put

    async def late(key: str, body: Buffer, **how: object) -> str:
        await counted.delete([key])
        return await put(key, body, **how)

    counted.put = late  # type: ignore[method-assign]  # somebody else is faster
    assert await writes.put(folder, [Document("ann", {"n": 1})], "update") == [False]
    assert await data(folder) == {}


async def test_an_update_goes_over_what_somebody_else_has_just_put(folder: Folder, counted: CountedObjects) -> None:
    await writes.put(folder, [ANN], "create")
    put, others = counted.put, [b'{"n": 1}', b'{"n": 2}']

    async def late(key: str, body: Buffer, **how: object) -> str:
        if others:
            await put(key, others.pop())
        return await put(key, body, **how)

    counted.put = late  # type: ignore[method-assign]  # somebody else is faster, twice
    assert await writes.put(folder, [Document("ann", {"n": 3})], "update") == [True]
    assert await data(folder) == {"ann": {"n": 3}}


async def test_a_store_that_refuses_its_own_version_is_not_asked_for_ever(
    folder: Folder, counted: CountedObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writes, "PAUSE", 0.0)
    await writes.put(folder, [ANN], "create")

    async def never(key: str, body: Buffer, **how: object) -> str:
        raise Conflict("no")

    counted.put = never  # type: ignore[method-assign,assignment]  # a store without conditional puts
    with pytest.raises(Conflict):
        await writes.put(folder, [Document("ann", {"n": 1})], "update")


# --- batches of which one is refused --------------------------------------------------------------------------------


async def test_of_new_documents_with_one_that_is_there_none_stays(folder: Folder, counted: CountedObjects) -> None:
    await writes.put(folder, [ANN], "create")
    batch = [Document(f"{number:03}", {}) for number in range(100)]
    batch.insert(60, Document("ann", {"n": 1}))
    with pytest.raises(Conflict, match="one of the records"):
        await writes.put(folder, batch, "create")
    assert await data(folder) == {"ann": ANN.data}


async def test_of_new_documents_with_one_that_is_refused_none_stays(folder: Folder) -> None:
    with pytest.raises(QueryError, match="record 1: "):
        await writes.put(folder, [ANN, TOO_LONG, Document("bob", {})], "create")
    assert await data(folder) == {}


async def test_what_could_not_be_taken_out_again_is_told(folder: Folder, counted: CountedObjects) -> None:
    await writes.put(folder, [ANN], "create")

    async def gone(keys: Sequence[str]) -> None:
        raise ConnectionFailed("the connection was lost")

    delete, counted.delete = counted.delete, gone  # type: ignore[method-assign]
    with pytest.raises(ConnectionFailed, match=r"lost \(2 of 3 are written\)") as raised:
        await writes.put(folder, [Document("a", {}), Document("b", {}), ANN], "create")
    counted.delete = delete  # type: ignore[method-assign]
    assert isinstance(raised.value.__cause__, Conflict)
    assert await data(folder) == {"a": {}, "b": {}, "ann": ANN.data}


async def test_an_upsert_says_how_many_it_has_written_where_one_is_refused(folder: Folder) -> None:
    with pytest.raises(QueryError, match=r"record 2: .*\(2 of 3 are written\)"):
        await writes.put(folder, [ANN, Document("bob", {}), TOO_LONG], "upsert")
    assert set(await data(folder)) == {"ann", "bob"}


async def test_a_lost_connection_says_how_many_are_written(folder: Folder, counted: CountedObjects) -> None:
    put = counted.put

    async def lossy(key: str, body: Buffer, **how: object) -> str:
        if key.endswith("/bob.json"):
            await asyncio.sleep(0.2)  # the other one is there by then
            raise ConnectionFailed("the connection was lost")
        return await put(key, body, **how)

    counted.put = lossy  # type: ignore[method-assign]
    with pytest.raises(ConnectionFailed, match=r"lost \(1 of 2 are written\)"):
        await writes.put(folder, [ANN, Document("bob", {})], "create")
    assert set(await data(folder)) == {"ann"}


async def test_after_a_refusal_no_more_is_sent(folder: Folder, counted: CountedObjects) -> None:
    batch = [TOO_LONG, *(Document(f"{number}", {}) for number in range(300))]
    with pytest.raises(QueryError):
        await writes.put(folder, batch, "upsert")
    assert counted.asked["put"] < 300


# --- taking away ----------------------------------------------------------------------------------------------------


async def test_of_many_that_are_deleted_each_is_told(folder: Folder) -> None:
    await writes.put(folder, [Document(f"{number}", {}) for number in range(0, 100, 2)], "create")
    wanted = [f"{number}" for number in range(100)]
    assert await by_id.delete(folder, wanted) == [number % 2 == 0 for number in range(100)]
    assert await data(folder) == {}
