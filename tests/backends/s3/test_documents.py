"""Records in a bucket, ours and those of other programs."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

import dk_notebook as dk
from dk_notebook import AsyncDatabase, ConfigError, NotFound, Query, QueryError, Record, StreamConfig, Unsupported
from tests.services.s3_address import S3Address

pytestmark = pytest.mark.s3

Put = Callable[[str, bytes], None]


@pytest_asyncio.fixture
async def db(place: dict[str, Any]) -> AsyncIterator[AsyncDatabase]:
    async with await AsyncDatabase.create("s3", place) as database:
        yield database


@pytest.fixture
def put(s3_store: S3Address, place: dict[str, Any]) -> Put:
    """Stores an object below the place, as another program."""
    return lambda name, body: s3_store.put(place["bucket"], f"{place['prefix']}/{name}", body)


def ids(records: list[Record]) -> list[str]:
    return [record.id for record in records]


# --- the layout -----------------------------------------------------------------------------------------------------


async def test_a_document_is_an_object_under_its_id(
    db: AsyncDatabase, s3_store: S3Address, place: dict[str, Any]
) -> None:
    await db.create(Record({"name": "Ann"}, {"from": "form"}, id="a/b"))
    key = f"{place['prefix']}/a/b.json"
    assert s3_store.keys(place["bucket"], place["prefix"]) == [key]
    assert json.loads(s3_store.get(place["bucket"], key)) == {
        "fields": {"name": {"name": "name", "value": "Ann", "type": "string", "metadata": {}}},
        "id": "a/b",
        "metadata": {"from": "form"},
    }


async def test_its_content_type_is_json(db: AsyncDatabase, s3_store: S3Address, place: dict[str, Any]) -> None:
    await db.create(Record({}, id="x"))
    client = s3_store.client()
    told = client.head_object(Bucket=place["bucket"], Key=f"{place['prefix']}/x.json")
    client.close()
    assert told["ContentType"] == "application/json"


async def test_without_a_prefix_keys_are_ids(s3_store: S3Address, s3_bucket: str) -> None:
    async with await AsyncDatabase.create("s3", {**s3_store.settings, "bucket": s3_bucket}) as db:
        await db.create_batch([Record({}, id="a/b"), Record({}, id="c")])
        assert s3_store.keys(s3_bucket) == ["a/b.json", "c.json"]
        assert sorted(ids(await db.all())) == ["a/b", "c"]


async def test_a_prefix_does_not_match_what_only_begins_like_it(s3_store: S3Address, s3_bucket: str) -> None:
    where = {**s3_store.settings, "bucket": s3_bucket}
    async with (
        await AsyncDatabase.create("s3", {**where, "prefix": "data"}) as data,
        await AsyncDatabase.create("s3", {**where, "prefix": "database"}) as other,
    ):
        await other.create(Record({}, id="x"))
        await data.create(Record({}, id="y"))
        assert (ids(await data.all()), await data.count(), await data.clear()) == (["y"], 1, 1)
        assert ids(await other.all()) == ["x"]


async def test_a_table_is_a_prefix_under_the_prefix(place: dict[str, Any], s3_store: S3Address) -> None:
    async with await AsyncDatabase.create("s3", {**place, "table": "people"}) as db:
        await db.create(Record({}, id="x"))
    assert s3_store.keys(place["bucket"], place["prefix"]) == [f"{place['prefix']}/people/x.json"]


HOSTILE = [
    "a/b/c",
    "x.json",
    "x.json.json",
    ".json",
    "Grüße 🎈",
    "a b",
    "a%20b",
    "a+b",
    "a&b=c#d?",
    "a\tb",
    "..",
    "é",
    "x/",
]


async def test_hostile_ids_come_back_exactly(db: AsyncDatabase) -> None:
    assert await db.create_batch([Record({"n": n}, id=each) for n, each in enumerate(HOSTILE)]) == HOSTILE
    assert [record and record["n"] for record in await db.read_batch(HOSTILE)] == list(range(len(HOSTILE)))
    assert ids(await db.search(Query().sort("n"))) == HOSTILE
    assert await db.delete_batch(HOSTILE) == [True] * len(HOSTILE)
    assert await db.count() == 0


@pytest.mark.parametrize("name", ["../x", "a/../x", "./x", "a//b", "/a", "_dk_manifest"])
async def test_an_id_that_leads_elsewhere_is_refused_and_never_read(db: AsyncDatabase, name: str) -> None:
    await db.create_batch([Record({}, id="x"), Record({}, id="a/b"), Record({}, id="a")])
    with pytest.raises(QueryError, match="id"):
        await db.upsert(Record({"n": 1}, id=name))
    assert (await db.read(name), await db.update(name, {}), await db.delete(name)) == (None, False, False)
    assert sorted(ids(await db.all())) == ["a", "a/b", "x"]
    assert [record["n"] for record in await db.search(Query().filter("n", "exists"))] == []


async def test_the_key_says_the_id_whatever_lies_inside(db: AsyncDatabase, put: Put) -> None:
    put("a.json", b'{"fields": {"n": 1}, "id": "other", "metadata": {}}')
    assert [(record.id, record.data) for record in await db.all()] == [("a", {"n": 1})]


# --- what is no document --------------------------------------------------------------------------------------------


async def test_other_objects_are_no_documents(
    db: AsyncDatabase, put: Put, s3_store: S3Address, place: dict[str, Any]
) -> None:
    for name in ("part-0.parquet", "_dk_manifest.json", "flights/_dk_manifest.json", "a.jsonl", "notes", ".json"):
        put(name, b"PAR1")
    await db.create(Record({}, id="x"))
    assert (ids(await db.all()), await db.count(), await db.clear()) == (["x"], 1, 1)
    assert len(s3_store.keys(place["bucket"], place["prefix"])) == 6


@pytest.mark.parametrize("body", [b"", b"PAR1", b"[1, 2]"])
async def test_an_object_that_looks_like_a_document_and_is_none_is_an_error_that_names_it(
    db: AsyncDatabase, put: Put, body: bytes
) -> None:
    await db.create(Record({"n": 1}, id="x"))
    put("bad.json", body)
    asked = [
        db.all(),
        db.search(Query().filter("n", "=", 1)),
        db.search(Query().filter("nothing", "exists").sort("n")),
        db.search_frame(),
        db.count(Query().filter("n", "=", 1)),
        db.read("bad"),
    ]
    for each in asked:
        with pytest.raises(QueryError, match=r"/bad\.json"):
            await each


async def test_a_stream_asks_whether_to_go_on_without_what_is_no_document(db: AsyncDatabase, put: Put) -> None:
    await db.create_batch([Record({"n": n}, id=f"{n}") for n in range(3)])
    put("bad.json", b"?")
    told: list[tuple[str, str]] = []

    def on_error(error: Exception, record: Record) -> bool:
        told.append((type(error).__name__, record.id))
        return True

    query = Query().filter("n", ">", 0)
    found = [record.id async for record in db.stream_read(query, StreamConfig(on_error=on_error))]
    assert (found, told) == (["1", "2"], [("QueryError", "bad")])


async def test_what_is_no_document_can_be_replaced_and_deleted(db: AsyncDatabase, put: Put) -> None:
    put("a.json", b"?")
    put("b.json", b"?")
    assert await db.update("a", {"n": 1})
    assert await db.delete("b")
    assert await db.all() == [Record({"n": 1}, id="a")]


# --- a bucket that is not there -------------------------------------------------------------------------------------


async def test_a_bucket_is_never_made(s3_store: S3Address) -> None:
    with pytest.raises(NotFound, match="dk-test-absent"):
        await AsyncDatabase.create("s3", {**s3_store.settings, "bucket": "dk-test-absent"})


async def test_no_bucket_at_all_is_said_when_it_is_opened(s3_store: S3Address) -> None:
    with pytest.raises(ConfigError, match="bucket"):
        await AsyncDatabase.create("s3", s3_store.settings)


async def test_a_bucket_that_is_gone_is_never_an_empty_answer(s3_store: S3Address) -> None:
    where = {**s3_store.settings, "bucket": "dk-test-gone"}
    s3_store.make_bucket("dk-test-gone")
    async with await AsyncDatabase.create("s3", where) as db:
        s3_store.remove_bucket("dk-test-gone")
        asked = [
            db.read("x"),
            db.all(),
            db.count(),
            db.create(Record({})),
            db.update("x", {}),
            db.upsert("x", {}),
            db.delete("x"),
            db.clear(),
        ]
        for each in asked:
            with pytest.raises(NotFound, match="dk-test-gone"):
                await each


# --- stopping -------------------------------------------------------------------------------------------------------


async def test_a_batch_that_was_stopped_ends_at_once_and_can_be_repeated(db: AsyncDatabase) -> None:
    records = [Record({"n": n, "text": "x" * 1_000}, id=f"{n:04}") for n in range(600)]
    batch = asyncio.create_task(db.create_batch(records))
    for _ in range(1_000):
        if await db.exists("0000"):  # a request, and so a while
            break
    stopped = time.monotonic()
    batch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await batch
    assert time.monotonic() - stopped < 5
    assert 0 < len(await db.all()) < 600  # each of them whole
    assert await db.create_batch(records) == ids(records)
    assert await db.count() == 600


# --- frames ---------------------------------------------------------------------------------------------------------


async def test_records_are_rows_and_rows_are_records(db: AsyncDatabase, place: dict[str, Any]) -> None:
    await db.create_batch([Record({"n": 1, "tags": ["a"]}, id="x"), Record({"n": 2}, id="y")])
    async with dk.connect(backend="s3", name=place["prefix"], **{**place, "prefix": ""}) as connection:
        where = {"layout": "documents", "connection": connection}
        frame = await connection.aread_table(place["prefix"], layout="documents", order_by="-n")
        assert frame.to_dict("list") == {"id": ["y", "x"], "n": [2, 1], "tags": [None, ["a"]]}
        frame["n"] += 10
        assert (await frame.dk.ato_backend(table=place["prefix"], mode="upsert", **where)).rows == 2
        with pytest.raises(NotFound, match="nowhere"):
            await connection.aread_table("nowhere", layout="documents")
    assert [record["n"] for record in await db.search(Query().sort("n"))] == [11, 12]


async def test_a_transaction_is_refused_in_words(db: AsyncDatabase) -> None:
    with pytest.raises(Unsupported, match="transactions"):
        async with db.transaction():
            pass
