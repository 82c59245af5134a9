"""Blocking work off the loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator

import pyarrow as pa
import pytest

from dk_notebook.frames.stream import ArrowStream
from dk_notebook.runtime import workers
from dk_notebook.runtime.workers import Pulled, in_worker
from tests.under_way import within

pytestmark = pytest.mark.unit


async def test_the_result_comes_back_from_a_daemon_thread() -> None:
    assert await in_worker(lambda: threading.current_thread().daemon)


async def test_an_error_comes_back() -> None:
    with pytest.raises(ZeroDivisionError):
        await in_worker(lambda: 1 / 0)


async def test_threads_are_used_again() -> None:
    first = await in_worker(threading.get_ident)
    # Its turn to say that it is idle comes after it gave the result.
    assert await within(10, lambda: [worker.ident for worker in workers._idle][-1:] == [first])
    assert await in_worker(threading.get_ident) == first


async def test_a_cancelled_function_is_interrupted_until_it_has_ended() -> None:
    calls, ended = [], threading.Event()

    def work() -> None:
        while len(calls) < 3:
            time.sleep(0.01)
        ended.set()

    task = asyncio.create_task(in_worker(work, interrupt=lambda: calls.append(1)))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_a_function_that_is_cancelled_twice_has_ended_before_its_caller_goes_on() -> None:
    told, ended = [], threading.Event()

    def work() -> None:
        while len(told) < 4:
            time.sleep(0.01)
        ended.set()
        raise LookupError("nobody waits for it any more")

    task = asyncio.create_task(in_worker(work, interrupt=lambda: told.append(1)))
    for _ in range(3):
        await asyncio.sleep(0.02)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_a_deadline_interrupts_the_function_and_is_a_time_out() -> None:
    stop = threading.Event()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await in_worker(stop.wait, interrupt=stop.set)
    assert stop.is_set()


async def test_a_cancelled_function_without_interrupt_is_left_to_itself() -> None:
    over = threading.Event()
    task = asyncio.create_task(in_worker(over.wait))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    over.set()


def batches(*values: int) -> ArrowStream:
    return ArrowStream.from_table(pa.table({"n": list(values)}), batch_rows=1)


async def test_a_worker_reads_an_async_stream() -> None:
    pulled = Pulled(batches(1, 2, 3), asyncio.get_running_loop())
    assert await in_worker(lambda: [batch["n"][0].as_py() for batch in pulled]) == [1, 2, 3]


async def test_a_stopped_read_ends_with_an_error() -> None:
    async def never() -> AsyncGenerator[pa.RecordBatch, None]:
        await asyncio.sleep(30)
        yield pa.record_batch({"n": [1]})

    pulled = Pulled(ArrowStream(pa.schema([("n", pa.int64())]), never()), asyncio.get_running_loop())
    task = asyncio.create_task(in_worker(list, pulled, interrupt=pulled.stop))
    await asyncio.sleep(0.05)
    task.cancel()
    start = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - start < 2


async def test_an_error_of_the_stream_is_kept() -> None:
    async def failing() -> AsyncGenerator[pa.RecordBatch, None]:
        raise LookupError("gone")
        yield

    pulled = Pulled(ArrowStream(pa.schema([("n", pa.int64())]), failing()), asyncio.get_running_loop())
    with pytest.raises(LookupError):
        await in_worker(list, pulled)
    assert isinstance(pulled.error, LookupError)
