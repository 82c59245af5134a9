"""Streams: every option acts, and the result tells the truth."""

from __future__ import annotations

from typing import Any

import pytest

from dk_notebook import (
    AsyncDatabase,
    ConfigError,
    ConversionError,
    Query,
    Record,
    StreamConfig,
    StreamResult,
)
from dk_notebook.backends.base import Native
from tests.database.conftest import on


def numbered(count: int) -> list[Record]:
    return [Record({"n": n}, id=f"{n:05}") for n in range(count)]


# --- reading ----------------------------------------------------------------------------------------------------


async def test_a_stream_gives_what_a_search_gives(db: AsyncDatabase) -> None:
    await db.create_batch(numbered(2_500))
    query = Query().filter("n", ">=", 100).sort("n", "desc").offset(5).limit(1_234)
    streamed = [record async for record in db.stream_read(query, StreamConfig(batch_size=100))]
    assert streamed == await db.search(query)


async def test_a_stream_left_early_frees_the_connection(db: AsyncDatabase, settings: dict[str, Any]) -> None:
    narrow = {**settings, "pool": {"max_size": 1, "timeout": 5}}
    await db.create_batch(numbered(5_000))
    await db.close()
    async with await AsyncDatabase.create(db.backend, narrow) as small:
        stream = small.stream_read(config=StreamConfig(batch_size=10))
        assert (await anext(stream)).id == "00000"
        await stream.aclose()
        assert await small.count() == 5_000


@on("duckdb", "postgres")
async def test_a_record_that_is_none_is_asked_about(db: AsyncDatabase, junk: str) -> None:
    await db.create(Record({}, id="good"))
    told: list[tuple[str, str]] = []

    def on_error(error: Exception, record: Record) -> bool:
        told.append((type(error).__name__, record.id))
        return True

    assert [record.id async for record in db.stream_read(config=StreamConfig(on_error=on_error))] == ["good"]
    assert told == [("ConversionError", junk)]


@on("duckdb", "postgres")
async def test_without_an_answer_it_is_raised(db: AsyncDatabase, junk: str) -> None:
    with pytest.raises(ConversionError, match="mapping of fields"):
        [record async for record in db.stream_read()]


@pytest.fixture
async def junk(db: AsyncDatabase) -> str:
    """Something that another program has put among the records."""

    def stored(session: Any) -> Any:
        return session.execute(Native(text="insert into records (id, data) values ('junk', '[1, 2]')"))

    await db._sessions.call("test", stored)
    return "junk"


@pytest.mark.unit
@pytest.mark.parametrize(
    "wrong",
    [{"batch_size": 0}, {"batch_size": 1.5}, {"prefetch": -1}, {"timeout": 0}, {"timeout": "1"}, {"on_error": "go on"}],
)
def test_a_setting_that_cannot_be_used_is_an_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        StreamConfig(**wrong)


@pytest.mark.unit
def test_a_result_prints_in_one_line() -> None:
    assert str(StreamResult(10, 9, 1, duration=0.5, total_batches=2)) == (
        "9 of 10 records written in 0.50 s (2 batches, 1 failed)"
    )


@pytest.mark.unit
@pytest.mark.parametrize(("result", "rate"), [(StreamResult(10, 9, 1), 90.0), (StreamResult(), 0.0)])
def test_a_result_tells_how_much_of_it_is_written(result: StreamResult, rate: float) -> None:
    assert result.success_rate == rate
