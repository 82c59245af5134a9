"""A connection that is lost while somebody writes: rolled back and said so, or found committed; never twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any

import pyarrow as pa
import pytest
import pytest_asyncio

from dk_notebook.backends.base import Native, TableWrite, WriteReport
from dk_notebook.backends.postgres.writing import outcome
from dk_notebook.errors import ConnectionFailed, DeadlineExceeded, DkError, OutcomeUnknown, QueryError
from dk_notebook.frames.stream import ArrowStream
from dk_notebook.testing.place import Place
from tests.backends.postgres.behind import SESSIONS, is_whole, kill, opened, until
from tests.services.faults import AtCommit
from tests.services.proxy import FaultProxy

pytestmark = pytest.mark.postgres

OLD, NEW = [1, 2, 3], [4, 5]


@pytest_asyncio.fixture
async def place(proxied: str, admin: Any) -> AsyncIterator[Place]:
    """By way of the proxy; with a table that holds `OLD`."""
    async with opened(proxied) as place:
        await place.write({"a": OLD}, key=("a",), mode="upsert")
        yield place
        await admin.execute(f"drop table {place.table}")


@pytest.fixture
def held(place: Place, admin: Any) -> Callable[[], Awaitable[list[int]]]:
    """What the table holds, asked on a way without faults."""

    async def values() -> list[int]:
        return [row["a"] for row in await admin.fetch(f"select a from {place.table} order by a")]

    return values


async def write(place: Place, mode: Any, *, key: tuple[str, ...] = (), **operation: Any) -> WriteReport:
    async with place.session(**operation) as session:
        rows = ArrowStream.from_table(pa.table({"a": NEW}))
        return await session.ingest(TableWrite(table=place.table, mode=mode, key=key), rows)


async def fed(place: Place, source: AsyncGenerator[pa.RecordBatch, None], mode: Any, **how: Any) -> WriteReport:
    async with place.session() as session:
        stream = ArrowStream(pa.schema({"a": pa.int64()}), source)
        return await session.ingest(TableWrite(table=place.table, mode=mode, **how), stream)


# Mode, its key, what the table holds when it was written
WRITES: dict[str, tuple[tuple[str, ...], list[int]]] = {
    "append": ((), OLD + NEW),
    "replace": ((), NEW),
    "truncate": ((), NEW),
    "upsert": (("a",), OLD + NEW),
    "ignore": (("a",), OLD + NEW),
}


# --- before COMMIT (P3, W4)


@pytest.mark.parametrize("mode", WRITES)
async def test_killed_while_rows_come_nothing_is_written_and_the_error_says_so(
    place: Place, admin: Any, held: Any, mode: str
) -> None:
    async def rows() -> AsyncGenerator[pa.RecordBatch, None]:
        yield pa.record_batch({"a": list(range(10, 100_000))})
        await kill(admin, await until(lambda: admin.fetchval(f"select pid {SESSIONS} and state <> 'idle'")))
        yield pa.record_batch({"a": list(range(100_000, 200_000))})

    with pytest.raises(ConnectionFailed, match="nothing was written, the server rolled it back"):
        await fed(place, rows(), mode, key=WRITES[mode][0])
    assert (await held(), await is_whole(place)) == (OLD, True)


async def test_a_loss_is_noticed_while_the_write_waits_until_there_is_room_to_send(
    place: Place, proxy: FaultProxy, held: Any
) -> None:
    async def rows() -> AsyncGenerator[pa.RecordBatch, None]:
        yield pa.record_batch({"a": [10]})
        proxy.silence("to_server")
        for start in range(1_000_000, 11_000_000, 500_000):  # 140 MB, which no buffers hold
            yield pa.record_batch({"a": list(range(start, start + 500_000))})

    task = asyncio.create_task(fed(place, rows(), "append"))
    await asyncio.sleep(1.5)
    proxy.heal()
    proxy.cut("reset")
    with pytest.raises(ConnectionFailed, match="nothing was written"):
        await asyncio.wait_for(task, 10)
    assert (await held(), await is_whole(place)) == (OLD, True)


@pytest.mark.parametrize("mode", WRITES)
async def test_cut_before_commit_came_it_is_rolled_back_and_said_so(
    place: Place, proxy: FaultProxy, held: Any, mode: str
) -> None:
    proxy.at_next_commit("cut_before")
    with pytest.raises(ConnectionFailed, match="nothing was written, the server rolled it back"):
        await write(place, mode, key=WRITES[mode][0])
    assert (await held(), await is_whole(place)) == (OLD, True)


@pytest.mark.parametrize("mode", WRITES)
async def test_a_source_that_fails_leaves_the_old_contents(place: Place, held: Any, mode: str) -> None:
    async def rows() -> AsyncGenerator[pa.RecordBatch, None]:
        yield pa.record_batch({"a": list(range(10, 100_000))})
        raise ValueError("the source is broken")

    with pytest.raises(ValueError, match="the source is broken"):
        await fed(place, rows(), mode, key=WRITES[mode][0])
    assert (await held(), await is_whole(place)) == (OLD, True)


async def test_a_replace_that_is_cancelled_at_any_moment_leaves_the_old_or_the_new(place: Place, held: Any) -> None:
    for moment in range(20):
        task = asyncio.create_task(write(place, "replace"))
        await asyncio.sleep(0.002 * moment)
        task.cancel()
        written = not isinstance((await asyncio.gather(task, return_exceptions=True))[0], BaseException)
        assert await held() in ([NEW] if written else [OLD, NEW])
        await place.write({"a": OLD}, mode="replace")


async def test_a_replace_that_the_server_refuses_at_its_end_leaves_the_old_contents(
    place: Place, admin: Any, held: Any
) -> None:
    await admin.execute(f"create view seen as select a from {place.table}")
    with pytest.raises(DkError):
        await write(place, "replace")
    await admin.execute("drop view seen")
    assert await held() == OLD


# --- after COMMIT (P3)


@pytest.mark.parametrize("mode", WRITES)
async def test_cut_after_commit_it_is_found_committed_and_written_once(
    place: Place, proxy: FaultProxy, held: Any, mode: str
) -> None:
    proxy.at_next_commit("cut_after")
    report = await write(place, mode, key=WRITES[mode][0])
    assert (report.outcome, report.rows, await held()) == ("ok", 2, WRITES[mode][1])
    assert await is_whole(place)


async def test_with_the_answer_to_commit_swallowed_the_deadline_ends_the_wait_and_the_report_is_true(
    place: Place, proxy: FaultProxy, held: Any
) -> None:
    proxy.at_next_commit("swallow")
    begun = time.monotonic()
    report = await write(place, "append", timeout=1)
    assert (report.outcome, await held(), time.monotonic() - begun < 5) == ("ok", OLD + NEW, True)
    assert await is_whole(place)


async def test_a_stop_while_commit_is_on_its_way_gets_the_report(place: Place, proxy: FaultProxy, held: Any) -> None:
    proxy.at_next_commit("swallow")
    task = asyncio.create_task(write(place, "append"))
    await until(lambda: asyncio.sleep(0, proxy.commits > 1))
    task.cancel()
    begun = time.monotonic()
    assert ((await task).outcome, await held(), time.monotonic() - begun < 5) == ("ok", OLD + NEW, True)
    assert await is_whole(place)


async def test_a_stop_while_commit_is_on_its_way_and_nobody_answers_says_that_it_is_unknown(
    place: Place, proxy: FaultProxy
) -> None:
    proxy.refuse()
    proxy.at_next_commit("swallow")
    begun = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        await write(place, "append", timeout=0.5)
    assert time.monotonic() - begun < 5


async def test_told_twice_to_stop_while_commit_is_on_its_way_nobody_waits(place: Place, proxy: FaultProxy) -> None:
    proxy.at_next_commit("swallow")
    task = asyncio.create_task(write(place, "append"))
    await until(lambda: asyncio.sleep(0, proxy.commits > 1))
    task.cancel()
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await is_whole(place)


async def test_when_nobody_can_be_asked_the_outcome_is_unknown_and_says_how_to_ask(
    place: Place, proxy: FaultProxy, held: Any
) -> None:
    proxy.refuse()
    proxy.at_next_commit("cut_after")
    with pytest.raises(OutcomeUnknown) as raised:
        await write(place, "append")
    assert "pg_xact_status(" in (raised.value.hint or "")
    assert await held() == OLD + NEW


async def test_a_transaction_that_the_server_has_not_ended_yet_is_asked_again(
    place: Place, held: Any, monkeypatch: pytest.MonkeyPatch, proxy: FaultProxy
) -> None:
    answers = iter(["in progress", "in progress", "committed"])

    async def told(self: Any, number: int) -> str:
        return next(answers)

    monkeypatch.setattr("dk_notebook.backends.postgres.session.PostgresSession._became_of", told)
    proxy.at_next_commit("cut_after")
    assert (await write(place, "append")).outcome == "ok"
    assert next(answers, "all asked") == "all asked"


async def test_a_commit_that_never_ends_is_given_up(
    place: Place, monkeypatch: pytest.MonkeyPatch, proxy: FaultProxy
) -> None:
    async def told(self: Any, number: int) -> str:
        return "in progress"

    monkeypatch.setattr("dk_notebook.backends.postgres.session.PostgresSession._became_of", told)
    monkeypatch.setattr(outcome, "PATIENCE", 0.3)
    proxy.at_next_commit("cut_after")
    with pytest.raises(OutcomeUnknown):
        await write(place, "append")


# --- statements and transactions of the caller


@pytest.mark.parametrize(("what", "rows"), [("cut_before", 0), ("cut_after", 1)])
async def test_several_statements_that_are_cut_at_commit_run_once_at_most(
    place: Place, proxy: FaultProxy, admin: Any, what: AtCommit, rows: int
) -> None:
    await admin.execute("drop table if exists several; create table several (a int)")
    proxy.at_next_commit(what)
    with pytest.raises(ConnectionFailed):
        await place.execute("insert into several values (1); select 1")
    assert await admin.fetchval("select count(*) from several") == rows


async def test_a_statement_that_was_killed_is_not_run_again(place: Place, admin: Any) -> None:
    await admin.execute("drop table if exists once; create table once (a int)")
    task = asyncio.create_task(place.execute("insert into once select 1 from pg_sleep(30)"))
    await kill(admin, await until(lambda: admin.fetchval(f"select pid {SESSIONS} and state = 'active'")))
    with pytest.raises(ConnectionFailed, match="administrator"):
        await task
    assert (await admin.fetchval("select count(*) from once"), await is_whole(place)) == (0, True)


async def test_a_loss_inside_of_a_transaction_ends_it_with_an_error(place: Place, admin: Any, held: Any) -> None:
    with pytest.raises(ConnectionFailed):
        async with place.session() as session, session.transaction():
            await session.execute(Native(text=f"insert into {place.table} values (9)"))
            await kill(admin, await until(lambda: admin.fetchval(f"select pid {SESSIONS} and state <> 'idle'")))
            await session.scan(Native(text="select 1"))
    assert (await held(), await is_whole(place)) == (OLD, True)


async def test_after_an_error_of_the_server_the_connection_goes_on(place: Place, held: Any) -> None:
    with pytest.raises(QueryError):
        await place.execute(f"insert into {place.table} values ('no number')")
    await write(place, "append")
    assert (await held(), place.backend.status().opened) == (OLD + NEW, 1)


async def test_a_write_that_takes_too_long_is_not_written(place: Place, held: Any) -> None:
    async def rows() -> AsyncGenerator[pa.RecordBatch, None]:
        yield pa.record_batch({"a": NEW})
        await asyncio.sleep(30)

    begun = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        async with place.session(timeout=0.5) as session:
            await session.ingest(
                TableWrite(table=place.table, mode="append"), ArrowStream(pa.schema({"a": pa.int64()}), rows())
            )
    assert (await held(), time.monotonic() - begun < 5, await is_whole(place)) == (OLD, True, True)
