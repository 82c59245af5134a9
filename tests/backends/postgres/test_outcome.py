import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pyarrow as pa
import pytest
import pytest_asyncio

from dk_notebook.backends.base import TableWrite
from dk_notebook.backends.postgres.writing import outcome
from dk_notebook.backends.postgres.writing.ingest import ingest
from dk_notebook.errors import Conflict, ConnectionFailed, OutcomeUnknown
from dk_notebook.frames.stream import ArrowStream
from dk_notebook.runtime.operations import Operation
from tests.backends.postgres.writing import nobody, write
from tests.services.proxy import FaultProxy

pytestmark = pytest.mark.postgres


@pytest.fixture
def proxy(postgres_server) -> Iterator[FaultProxy]:
    with FaultProxy(postgres_server) as running:
        yield running


@pytest_asyncio.fixture
async def behind(proxy, postgres_database, schema) -> AsyncIterator[asyncpg.Connection]:
    """A connection by way of the proxy."""
    url = proxy.url_of(postgres_database.rpartition("/")[2])
    connection = await asyncpg.connect(url, server_settings={"search_path": schema})
    yield connection
    connection.terminate()
    await asyncio.sleep(0.05)  # for its socket to close


@pytest.fixture
def probe(admin):
    """Asks on a connection beside the proxy."""

    async def ask(number):
        return await admin.fetchval("SELECT pg_xact_status(($1::text)::xid8)", str(number))

    return ask


async def count(connection):
    return await connection.fetchval("select count(*) from t")


async def test_a_connection_that_is_cut_after_the_commit_has_written(behind, connection, proxy, probe):
    proxy.at_next_commit("cut_after")
    report = await write(behind, {"a": [1, 2]}, probe=probe)
    assert (report.outcome, report.rows) == ("ok", 2)
    assert await count(connection) == 2


async def test_a_connection_that_is_cut_before_the_commit_has_not(behind, connection, proxy, probe):
    await connection.execute("create table t (a int8)")
    proxy.at_next_commit("cut_before")
    with pytest.raises(ConnectionFailed, match="nothing was written") as raised:
        await write(behind, {"a": [1, 2]}, mode="append", probe=probe)
    assert not isinstance(raised.value, OutcomeUnknown)
    assert await count(connection) == 0


@pytest.mark.parametrize("cut", ["cut_before", "cut_after"])
async def test_where_nobody_can_be_asked_the_outcome_is_unknown(behind, proxy, cut):
    proxy.at_next_commit(cut)
    with pytest.raises(OutcomeUnknown) as raised:
        await write(behind, {"a": [1]}, probe=nobody)
    assert "pg_xact_status" in str(raised.value)


async def test_a_transaction_that_stays_in_progress_is_unknown(behind, proxy, monkeypatch):
    monkeypatch.setattr(outcome, "PATIENCE", 0.3)
    asked = []

    async def undecided(number):
        asked.append(number)
        return "in progress"

    proxy.at_next_commit("cut_after")
    with pytest.raises(OutcomeUnknown):
        await write(behind, {"a": [1]}, probe=undecided)
    assert len(asked) > 1


async def test_a_transaction_that_is_still_in_progress_is_asked_about_again(behind, proxy, probe):
    answers = ["in progress", "in progress"]

    async def slow(number):
        return answers.pop() if answers else await probe(number)

    proxy.at_next_commit("cut_after")
    assert (await write(behind, {"a": [1]}, probe=slow)).outcome == "ok"


async def test_a_connection_that_is_cut_while_rows_are_sent_has_written_nothing(behind, connection, proxy):
    await connection.execute("create table t (a int8)")

    async def batches():
        for number in range(10):
            yield pa.record_batch({"a": range(50_000)})
            if number == 5:
                proxy.cut()

    with Operation("a test") as operation, pytest.raises(ConnectionFailed, match="nothing was written"):
        stream = ArrowStream(pa.schema({"a": pa.int64()}), batches())
        target = TableWrite(table="t", mode="append")
        await ingest(behind, target, stream, operation, inside=False, probe=nobody)
    assert await count(connection) == 0


async def test_a_backend_that_is_killed_while_rows_are_sent_has_written_nothing(connection, admin):
    await connection.execute("create table t (a int8)")
    number = connection.get_server_pid()

    async def batches():
        yield pa.record_batch({"a": range(50_000)})
        await admin.execute(f"select pg_terminate_backend({number})")
        await asyncio.sleep(0.1)
        yield pa.record_batch({"a": range(50_000)})

    with Operation("a test") as operation, pytest.raises(ConnectionFailed, match=r"administrator.*nothing was written"):
        stream = ArrowStream(pa.schema({"a": pa.int64()}), batches())
        target = TableWrite(table="t", mode="append")
        await ingest(connection, target, stream, operation, inside=False, probe=nobody)
    schema = await admin.fetchval("select table_schema from information_schema.tables where table_name = 't'")
    assert await admin.fetchval(f"select count(*) from {schema}.t") == 0


async def test_a_stop_while_the_commit_is_on_its_way_is_told_what_became_of_it(behind, connection, proxy, probe):
    proxy.at_next_commit("swallow")
    task = asyncio.create_task(write(behind, {"a": [1]}, probe=probe))
    while not proxy.commits:  # noqa: ASYNC110 (counted in another thread)
        await asyncio.sleep(0.01)
    task.cancel()
    assert (await task).outcome == "ok"
    assert await count(connection) == 1


async def test_a_rule_that_is_checked_at_commit_undoes_the_write(connection):
    await connection.execute("create table t (a int unique deferrable initially deferred)")
    with pytest.raises(Conflict):
        await write(connection, {"a": [1, 1]}, mode="append")
    assert await count(connection) == 0
    assert not connection.is_in_transaction()


async def test_a_write_asks_nobody_while_all_goes_well(connection):
    async def never(number):
        raise AssertionError("asked")

    started = time.monotonic()
    assert (await write(connection, {"a": [1]}, probe=never)).outcome == "ok"
    assert time.monotonic() - started < 5
