import asyncio
import tracemalloc

import asyncpg
import pandas as pd
import pyarrow as pa
import pytest
import pytest_asyncio

from dk_notebook.backends.base import TableWrite
from dk_notebook.backends.postgres.writing.ingest import ingest
from dk_notebook.errors import ConfigError, Conflict, ConversionError, QueryError
from dk_notebook.frames.stream import ArrowStream
from dk_notebook.runtime.operations import Operation
from tests.backends.postgres.writing import nobody, shown, write

pytestmark = pytest.mark.postgres


async def test_a_write_inside_of_a_transaction_goes_with_it(connection):
    await connection.execute("create table t (a int)")
    change = connection.transaction()
    await change.start()
    await write(connection, {"a": [1]}, mode="append", inside=True)
    await write(connection, {"a": [1]}, "other", inside=True)
    await change.rollback()
    assert await shown(connection) == []
    assert await connection.fetchval("select to_regclass('other')") is None


async def test_a_write_that_fails_inside_of_a_transaction_leaves_it_usable(connection):
    await connection.execute("create table t (a int unique)")
    async with connection.transaction():
        await write(connection, {"a": [1]}, mode="append", inside=True)
        for bad in ({"a": [1]}, {"a": [1.5]}):
            with pytest.raises((Conflict, ConversionError)):
                await write(connection, bad, mode="append", inside=True)
        await write(connection, {"a": [2, 1]}, mode="append", inside=True, errors="collect")
    assert await shown(connection) == ["1", "2"]


@pytest.mark.parametrize("mode", ["replace", "upsert", "truncate"])
async def test_every_mode_works_twice_in_one_transaction(connection, mode):
    key = ("a",) if mode == "upsert" else ()
    await connection.execute("create table t (a int primary key)")
    async with connection.transaction():
        for number in (1, 2):
            await write(connection, {"a": [number]}, mode=mode, key=key, inside=True)
    assert await shown(connection) == (["1", "2"] if mode == "upsert" else ["2"])


async def test_the_declared_types_cannot_change_under_a_write(connection, postgres_database, schema):
    await connection.execute("create table t (a int8)")
    other = await asyncpg.connect(postgres_database, server_settings={"search_path": schema})
    altered = []

    async def batches():
        yield pa.record_batch({"a": [1]})
        altered.append(asyncio.create_task(other.execute("alter table t alter a type float8")))
        await asyncio.sleep(0.2)
        assert not altered[0].done()
        yield pa.record_batch({"a": [2]})

    with Operation("a test") as operation:
        target = TableWrite(table="t", mode="append")
        stream = ArrowStream(pa.schema({"a": pa.int64()}), batches())
        await ingest(connection, target, stream, operation, inside=False, probe=nobody)
    await altered[0]
    await other.close()
    assert await shown(connection) == ["1", "2"]


async def test_a_cancelled_write_leaves_nothing_and_the_connection_works(connection):
    await connection.execute("create table t (a int8)")

    async def batches():
        while True:
            yield pa.record_batch({"a": range(100_000)})

    async def endless():
        with Operation("a test") as operation:
            target = TableWrite(table="t", mode="append")
            stream = ArrowStream(pa.schema({"a": pa.int64()}), batches())
            await ingest(connection, target, stream, operation, inside=False, probe=nobody)

    task = asyncio.create_task(endless())
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await shown(connection) == []
    assert not connection.is_in_transaction()


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("x" * 20_000), FileNotFoundError("rows.csv"), ConnectionError("far")]
)
async def test_a_stream_that_fails_raises_its_own_error(connection, error):
    async def batches():
        yield pa.record_batch({"a": range(100_000)})
        raise error

    with Operation("a test") as operation, pytest.raises(type(error)) as raised:
        stream = ArrowStream(pa.schema({"a": pa.int64()}), batches())
        await ingest(connection, TableWrite(table="t"), stream, operation, inside=False, probe=nobody)
    assert raised.value is error
    assert await connection.fetchval("select to_regclass('t')") is None


async def test_a_stream_is_not_read_on_after_the_server_has_refused_a_row(connection):
    await connection.execute("create table t (a int8 check (a < 5))")
    read = []

    async def batches():
        for number in range(2000):
            read.append(number)
            yield pa.record_batch({"a": range(10_000)})

    with Operation("a test") as operation, pytest.raises(QueryError, match="row 5"):
        target = TableWrite(table="t", mode="append")
        stream = ArrowStream(pa.schema({"a": pa.int64()}), batches())
        await ingest(connection, target, stream, operation, inside=False, probe=nobody)
    assert len(read) < 1000


async def test_a_long_stream_is_written_in_bounded_memory(connection):
    one = pa.record_batch({"a": range(20_000), "b": ["x" * 50] * 20_000})

    async def batches():
        for _ in range(100):
            yield one.take(one["a"])  # a copy, made without a Python object a value

    held = pa.total_allocated_bytes()
    most = [0]
    tracemalloc.start()

    class Counting(Operation):
        def count(self, *came):
            super().count(*came)
            most[0] = max(most[0], pa.total_allocated_bytes() - held)

    with Counting("a test") as operation:
        stream = ArrowStream(pa.schema({"a": pa.int64(), "b": pa.string()}), batches())
        report = await ingest(connection, TableWrite(table="t"), stream, operation, inside=False, probe=nobody)
        assert operation.rows == report.rows == 2_000_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert report.bytes > 100_000_000
    assert most[0] + peak < 50_000_000


# --- two that write first


@pytest_asyncio.fixture
async def other(postgres_database, schema):
    connection = await asyncpg.connect(postgres_database, server_settings={"search_path": schema})
    yield connection
    await connection.close()


async def waits(admin, connection):
    """When the connection waits for another."""
    async with asyncio.timeout(5):
        while not await admin.fetchval("select pg_blocking_pids($1) <> '{}'", connection.get_server_pid()):  # noqa: ASYNC110 (the event is the server's)
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("types", [{}, {"s": "enum"}], ids=["table", "enum"])
async def test_of_two_first_appends_the_second_adds_its_rows_to_the_table_of_the_first(connection, other, admin, types):
    data = pd.DataFrame({"a": [1, 2], "s": pd.Categorical(["x", "y"])})
    change = other.transaction()
    await change.start()
    await write(other, data, mode="append", types=types, inside=True)
    second = asyncio.create_task(write(connection, data, mode="append", types=types))
    await waits(admin, connection)
    await change.commit()
    assert ((await second).rows, await shown(connection)) == (2, ["1", "2", "1", "2"])


async def test_a_second_first_append_of_other_columns_is_told_those_of_the_table(connection, other, admin):
    change = other.transaction()
    await change.start()
    await write(other, {"a": [1]}, mode="append", inside=True)
    second = asyncio.create_task(write(connection, {"b": [1]}, mode="append"))
    await waits(admin, connection)
    await change.commit()
    with pytest.raises(ConfigError, match='not in the table: "b"'):
        await second


async def test_inside_of_a_transaction_a_second_first_append_leaves_it_as_it_was(connection, other, admin):
    change = other.transaction()
    await change.start()
    await write(other, {"a": [1]}, mode="append", inside=True)
    async with connection.transaction():
        await connection.execute("create table before_it (a int)")
        second = asyncio.create_task(write(connection, {"a": [2]}, mode="append", inside=True))
        await waits(admin, connection)
        await change.commit()
        await second
    assert (await shown(connection), await shown(connection, table="before_it")) == (["1", "2"], [])


@pytest.mark.parametrize("mode", ["fail", "upsert", "ignore"])
async def test_in_other_modes_a_second_first_write_is_told_of_the_first(connection, other, admin, mode):
    key = {} if mode == "fail" else {"key": ("a",)}
    change = other.transaction()
    await change.start()
    await write(other, {"a": [1]}, inside=True)
    second = asyncio.create_task(write(connection, {"a": [2]}, mode=mode, **key))
    await waits(admin, connection)
    await change.commit()
    with pytest.raises(Conflict, match="another session has just made something of that name"):
        await second


async def test_many_first_appends_at_once_all_come_in(connection, postgres_database, schema):
    async def append(number):
        another = await asyncpg.connect(postgres_database, server_settings={"search_path": schema})
        try:
            await write(another, {"a": [number]}, mode="append")
        finally:
            await another.close()

    await asyncio.gather(*map(append, range(12)))
    assert sorted(map(int, await shown(connection))) == list(range(12))
