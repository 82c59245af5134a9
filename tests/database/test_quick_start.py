"""The statements that users were promised, on every store; what differs between stores are the settings."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dk_notebook import AsyncDatabase, Conflict, ConnectionFailed, OutcomeUnknown, Query, Record, Unsupported
from dk_notebook.database.sessions import Sessions
from tests.database.conftest import WITHOUT_TRANSACTIONS, on, with_transactions


async def test_create_and_search(backend: str, settings: dict[str, Any]) -> None:
    db = await AsyncDatabase.create(backend, settings)
    record = Record({"name": "Alice", "age": 30})
    id = await db.create(record)  # noqa: A001 (as promised)
    results = await db.search(Query().filter("age", ">=", 25))
    await db.close()
    assert [(found.id, found["name"]) for found in results] == [(id, "Alice")]


async def test_batches(backend: str, settings: dict[str, Any]) -> None:
    db = await AsyncDatabase.create(backend, settings)
    records = [Record({"id": i}) for i in range(100)]
    ids = await db.create_batch(records)
    assert ids == [str(i) for i in range(100)]
    await db.close()


@on(*WITHOUT_TRANSACTIONS)
async def test_a_store_without_transactions_says_so(db: AsyncDatabase) -> None:
    with pytest.raises(Unsupported, match="no transactions"):
        async with db.transaction():
            await db.create(Record({"data": "test"}))
    assert await db.count() == 0


@with_transactions
async def test_transactions(backend: str, settings: dict[str, Any]) -> None:
    db = await AsyncDatabase.create(backend, {**settings, "max_connections": 20})
    await db.create(Record({"data": "test"}))
    id1, id2 = await db.create_batch([Record({"n": 1}), Record({"n": 2})])
    async with db.transaction():
        await db.update(id1, Record({"n": 10}))
        await db.update(id2, Record({"n": 20}))
    assert await db.count(Query().filter("n", ">=", 10)) == 2
    await db.close()


async def test_one_instance_for_a_service(backend: str, settings: dict[str, Any]) -> None:
    config = {"elasticsearch": {"index": "x"}, backend: settings, "s3": {"bucket": "my-bucket"}}

    class DataService:
        def __init__(self) -> None:
            self.db: AsyncDatabase | None = None

        async def initialize(self) -> None:
            self.db = await AsyncDatabase.create(backend, config)

        async def process_item(self, item: dict[str, Any]) -> str:
            assert self.db is not None
            return await self.db.create(Record(item))

        async def cleanup(self) -> None:
            if self.db:
                await self.db.close()

    service = DataService()
    await service.initialize()
    ids = [await service.process_item({"n": n}) for n in range(3)]
    await service.cleanup()
    assert len(set(ids)) == 3


async def test_operations_in_parallel(db: AsyncDatabase) -> None:
    tasks = [db.create(Record({"n": n})) for n in range(50)]
    results = await asyncio.gather(*tasks)
    assert len(await db.read_batch(results)) == 50


async def resilient_operation(db: AsyncDatabase, record: Record, max_retries: int = 3) -> str | None:
    for attempt in range(max_retries):
        try:
            return await db.create(record)
        except ConnectionError:
            if attempt == max_retries - 1:
                raise
            await asyncio.sleep(0.01 * 2**attempt)
    return None


@pytest.fixture
def losing(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes the connection get lost once, before or after the store has done its work."""

    def lose(*, after: bool) -> None:
        kept = Sessions.call
        lost: list[bool] = []

        async def call(self: Sessions, *arguments: Any, **options: Any) -> Any:
            first = not lost
            lost.append(True)
            if first and not after:
                raise ConnectionFailed("the connection was lost")
            given = await kept(self, *arguments, **options)
            if first:
                raise OutcomeUnknown("the connection was lost at the end")
            return given

        monkeypatch.setattr(Sessions, "call", call)

    return lose


@pytest.mark.parametrize("after", [False, True])
async def test_a_create_is_tried_again_and_never_stored_twice(db: AsyncDatabase, losing: Any, after: bool) -> None:
    record = Record({"name": "Alice"})
    losing(after=after)
    assert await resilient_operation(db, record) == record.id
    assert await db.all() == [record]


async def test_a_batch_whose_outcome_was_unknown_finds_its_own(db: AsyncDatabase, losing: Any) -> None:
    records = [Record({"n": n}) for n in range(10)]
    losing(after=True)
    with pytest.raises(OutcomeUnknown):
        await db.create_batch(records[:5])
    assert len(await db.create_batch(records)) == 10
    assert await db.count() == 10


async def test_somebody_elses_document_is_a_conflict_all_the_same(db: AsyncDatabase, losing: Any) -> None:
    losing(after=True)
    record = Record({"name": "Alice"}, id="x")
    with pytest.raises(OutcomeUnknown):
        await db.create(record)
    await db.update("x", {"name": "Bob"})
    with pytest.raises(Conflict):
        await db.create(record)
