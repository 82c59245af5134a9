"""Async iterators and context managers, used from a thread that blocks."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import pytest

from dk_notebook.errors import DeadlineExceeded, QueryError
from dk_notebook.runtime import operations
from dk_notebook.runtime.bridges import enter, iterate
from dk_notebook.runtime.operations import Operation
from dk_notebook.runtime.thread import run

pytestmark = pytest.mark.unit


class Source:
    """Counts to ``last``, and tells what became of it."""

    def __init__(self, last: int = 5, pause: float = 0.0) -> None:
        self.made = 0
        self.closed = threading.Event()
        self.last = last
        self.pause = pause

    async def items(self) -> AsyncGenerator[int, None]:
        try:
            for number in range(self.last):
                await asyncio.sleep(self.pause)
                self.made += 1
                yield number
        finally:
            self.closed.set()


def test_items_come_in_order_and_the_source_is_closed() -> None:
    source = Source()
    assert list(iterate(source.items())) == [0, 1, 2, 3, 4]
    assert source.closed.is_set()


def test_a_slow_consumer_holds_the_source_back() -> None:
    source = Source(1000)
    items = iterate(source.items(), buffer=2)
    next(items)
    time.sleep(0.2)
    assert source.made <= 4
    items.close()


def test_an_error_of_the_source_comes_after_its_items() -> None:
    async def failing() -> AsyncGenerator[int, None]:
        yield 1
        raise LookupError("gone")

    items = iterate(failing())
    assert next(items) == 1
    with pytest.raises(LookupError, match="gone"):
        next(items)
    assert list(items) == []


def test_an_iterator_left_early_closes_its_source() -> None:
    source = Source(1000)
    with iterate(source.items()) as items:
        next(items)
    assert source.closed.is_set()


def test_an_abandoned_iterator_closes_its_source() -> None:
    source = Source(1000)
    items = iterate(source.items())
    next(items)
    del items
    gc.collect()
    assert source.closed.wait(2)


def test_a_time_out_spans_the_steps_of_a_generator() -> None:
    async def slow() -> AsyncGenerator[int, None]:
        with Operation("slow", timeout=0.3) as operation:
            for number in range(100):
                async with operation.step():
                    await asyncio.sleep(0.1)
                yield number

    start = time.monotonic()
    with pytest.raises(DeadlineExceeded, match=r"0\.3 s: slow"):
        list(iterate(slow()))
    assert 0.2 < time.monotonic() - start < 5


def test_a_call_is_cancelled_from_another_thread() -> None:
    async def long() -> None:
        with Operation("long") as operation:
            async with operation.step():
                await asyncio.sleep(30)

    def stop() -> None:
        while not operations.cancel():
            time.sleep(0.01)

    threading.Thread(target=stop).start()
    with pytest.raises(QueryError, match="cancelled after") as raised:
        run(long())
    assert raised.value.code == "cancelled"
    assert operations.running() == []


def test_a_context_manager_is_entered_and_left_in_one_task() -> None:
    tasks = []

    @asynccontextmanager
    async def manager() -> AsyncIterator[str]:
        tasks.append(asyncio.current_task())
        yield "value"
        tasks.append(asyncio.current_task())

    with enter(manager()) as value:
        assert value == "value"
    assert len(tasks) == 2
    assert tasks[0] is tasks[1]


def test_what_the_block_raises_is_thrown_into_the_manager() -> None:
    thrown: list[BaseException] = []

    @asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        try:
            yield
        except LookupError as error:
            thrown.append(error)
            raise

    with pytest.raises(LookupError, match="mine"), enter(manager()):
        raise LookupError("mine")
    assert [str(error) for error in thrown] == ["mine"]


def test_a_manager_may_swallow_what_the_block_raises() -> None:
    @asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        try:
            yield
        except LookupError:
            return

    with enter(manager()):
        raise LookupError("mine")


def test_a_manager_that_fails_to_enter_raises_there() -> None:
    @asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        raise LookupError("never entered")
        yield

    with pytest.raises(LookupError, match="never entered"), enter(manager()):
        pytest.fail("the block must not run")
