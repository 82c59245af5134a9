"""What each verb gives, on every store."""

from __future__ import annotations

import asyncio
from typing import Any

import pandas as pd
import pytest

from dk_notebook import AsyncDatabase, ConfigError, Conflict, ConnectionFailed, ConversionError, Query, Record

ALICE = Record({"name": "Alice", "age": 30}, id="alice")
BOB = Record({"name": "Bob", "age": 41}, {"source": "form"}, id="bob")


async def test_a_record_is_read_as_it_was_created(db: AsyncDatabase) -> None:
    record = Record({"name": "Zoë", "tags": ["a", "1"], "sizes": [1, 2.5]}, {"source": "form"})
    assert await db.read(await db.create(record)) == record


async def test_create_gives_the_id_of_the_record(db: AsyncDatabase) -> None:
    record = Record({"name": "Alice"})
    assert await db.create(record) == record.id


async def test_an_id_that_exists_is_a_conflict(db: AsyncDatabase) -> None:
    await db.create(ALICE)
    with pytest.raises(Conflict):
        await db.create(Record({"name": "Another"}, id="alice"))
    assert await db.read("alice") == ALICE


async def test_an_absent_id_is_none_and_false(db: AsyncDatabase) -> None:
    told = [await db.read("x"), await db.update("x", ALICE), await db.delete("x"), await db.exists("x")]
    assert told == [None, False, False, False]


async def test_a_search_after_a_create_finds_the_record(db: AsyncDatabase) -> None:
    await db.create(ALICE)
    assert await db.search(Query().filter("age", ">=", 25)) == [ALICE]


async def test_an_update_replaces_the_whole_record(db: AsyncDatabase) -> None:
    await db.create(ALICE)
    assert await db.update("alice", Record({"age": 31}))
    assert await db.read("alice") == Record({"age": 31}, id="alice")


async def test_a_stale_version_is_a_conflict(db: AsyncDatabase) -> None:
    await db.create(ALICE)
    first = await db.read("alice")
    assert first is not None
    assert await db.update("alice", {"age": 31}, expected_version=first.version)
    with pytest.raises(Conflict):
        await db.update("alice", {"age": 32}, expected_version=first.version)


async def test_a_version_comes_with_a_search_too(db: AsyncDatabase) -> None:
    await db.create(ALICE)
    (found,) = await db.search()
    assert found.version is not None
    assert await db.update("alice", found, expected_version=found.version)


async def test_an_absent_record_has_no_version_to_conflict_with(db: AsyncDatabase) -> None:
    assert await db.update("nobody", ALICE, expected_version="1") is False


async def test_upsert_takes_a_record_or_an_id_and_a_record(db: AsyncDatabase) -> None:
    assert [await db.upsert(ALICE), await db.upsert("alice", BOB), await db.upsert("carl", ALICE)] == [
        "alice",
        "alice",
        "carl",
    ]
    assert [record["name"] for record in await db.search(Query().sort("name"))] == ["Alice", "Bob"]


async def test_upsert_of_an_id_alone_is_an_error(db: AsyncDatabase) -> None:
    with pytest.raises(ConfigError):
        await db.upsert("alice")


async def test_a_batch_gives_its_ids_in_the_order_of_the_records(db: AsyncDatabase) -> None:
    assert await db.create_batch([Record({"id": i}) for i in range(100)]) == [str(i) for i in range(100)]


async def test_of_a_batch_with_a_conflict_nothing_is_stored(db: AsyncDatabase) -> None:
    await db.create(ALICE)
    with pytest.raises(Conflict):
        await db.create_batch([BOB, ALICE])
    assert await db.count() == 1


async def test_batches_tell_of_each(db: AsyncDatabase) -> None:
    await db.create_batch([ALICE, BOB])
    assert await db.read_batch(["bob", "x", "alice"]) == [BOB, None, ALICE]
    assert await db.update_batch([("alice", BOB), ("x", BOB)]) == [True, False]
    assert await db.upsert_batch([ALICE, Record({}, id="carl")]) == ["alice", "carl"]
    assert await db.delete_batch(["carl", "x"]) == [True, False]
    assert await db.read_batch(["alice", "bob", "carl"]) == [ALICE, BOB, None]


async def test_count_counts_all_or_what_a_query_finds(db: AsyncDatabase) -> None:
    await db.create_batch([Record({"n": n}, id=str(n)) for n in range(10)])
    counts = [await db.count(), await db.count(Query().filter("n", "<", 3)), await db.count(Query().limit(4))]
    assert counts == [10, 3, 4]


async def test_search_takes_what_where_takes(db: AsyncDatabase) -> None:
    await db.create_batch([ALICE, BOB])
    assert await db.search([("age", ">", 35), ("name", "exists")]) == [BOB]


async def test_clear_tells_how_many_there_were(db: AsyncDatabase) -> None:
    await db.create_batch([ALICE, BOB])
    assert (await db.clear(), await db.all()) == (2, [])


async def test_a_frame_has_a_column_a_field(db: AsyncDatabase) -> None:
    await db.create_batch([ALICE, Record({"age": None, "tags": [1]}, id="bob")])
    frame = await db.search_frame(Query().sort("id"))
    expected = {"id": ["alice", "bob"], "name": ["Alice", None], "age": [30, None], "tags": [None, [1]]}
    assert {name: [None if value is pd.NA else value for value in frame[name].astype(object).where(
        frame[name].notna(), None)] for name in frame} == expected  # fmt: skip
    assert str(frame["age"].dtype) == "Int64"


async def test_a_frame_of_nothing_has_the_selected_columns(db: AsyncDatabase) -> None:
    assert list(await db.search_frame(Query().select("name", "home.city"))) == ["name", "home.city"]


async def test_many_creates_at_once_share_the_pool(db: AsyncDatabase) -> None:
    ids = await asyncio.gather(*(db.create(Record({"n": n})) for n in range(200)))
    assert (len(set(ids)), await db.count()) == (200, 200)


async def test_a_closed_database_says_so(db: AsyncDatabase) -> None:
    await db.close()
    await db.close()
    with pytest.raises(ConnectionFailed, match="closed"):
        await db.read("alice")


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"a": float("nan")}, "a"),
        ({"a": {"b": [1, float("inf")]}}, r"a\.b\[1\]"),
        ({"raw": b"bytes"}, "raw"),
        ({"a": {1, 2}}, "a"),
        ({"a": {3: 4}}, "a"),
        ({"a": "nul\0"}, "a"),
        ({"a": "\ud800"}, "a"),
    ],
)
async def test_a_value_that_json_does_not_have_is_named_and_nothing_stored(
    db: AsyncDatabase, data: dict[Any, Any], field: str
) -> None:
    for verb in (db.create, db.upsert, lambda record: db.update("alice", record)):
        with pytest.raises(ConversionError, match=f"column '{field}'"):
            await verb(Record(data, id="x"))
    with pytest.raises(ConversionError, match="row 1"):
        await db.create_batch([ALICE, Record(data)])
    assert await db.count() == 0


async def test_a_time_is_stored_as_iso_text_and_found_by_a_time(db: AsyncDatabase) -> None:
    moment = pd.Timestamp("2024-01-02 03:04:05")
    await db.create(Record({"at": moment}, id="x"))
    (found,) = await db.search(Query().filter("at", "<=", moment))
    assert found["at"] == "2024-01-02T03:04:05"


async def test_names_of_fields_may_be_anything(db: AsyncDatabase) -> None:
    names = ["a b", 'quo"te', "it's", "a.b", "é", "$", "~/"]
    await db.create(Record({name: number for number, name in enumerate(names)}, id="x"))
    for number, name in enumerate(names):
        assert await db.count(Query().filter(Query.field(name, literal=True), "=", number)) == 1


async def test_an_unknown_operator_is_an_error_before_the_store_is_asked(db: AsyncDatabase) -> None:
    with pytest.raises(ConfigError, match="operator"):
        await db.search([("age", "=<>", 1)])


@pytest.mark.parametrize("wrong", [None, 5, "text", [("a", 1)]])
async def test_what_is_no_record_is_refused(db: AsyncDatabase, wrong: Any) -> None:
    with pytest.raises(ConfigError):
        await db.create(wrong)


@pytest.mark.parametrize("wrong", ["", "a\0b", None, b"raw", ["x"]])
async def test_what_is_no_id_is_refused(db: AsyncDatabase, wrong: Any) -> None:
    with pytest.raises(ConfigError):
        await db.read(wrong)
