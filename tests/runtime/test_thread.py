"""The bridge from a blocking thread to the background loop."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from dk_notebook.errors import BlockingCallInLoop, ConnectionFailed, QueryError
from dk_notebook.frames.notices import warn
from dk_notebook.runtime import thread
from dk_notebook.runtime.operations import Operation
from dk_notebook.runtime.thread import run

pytestmark = pytest.mark.unit


def tasks_left() -> int:
    """Tasks on the background loop, but the one that counts them and the keepers."""

    async def count() -> int:
        return len(
            [
                task
                for task in asyncio.all_tasks()
                if task is not asyncio.current_task() and "keeper" not in task.get_name()
            ]
        )

    return run(count())


def until_no_task_is_left() -> None:
    """A deaf task ends some time after it may: the next test must not meet it."""
    until = time.monotonic() + 2
    while tasks_left() and time.monotonic() < until:
        time.sleep(0.01)


def interrupt_after(seconds: float) -> threading.Timer:
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    return timer


def test_a_result_comes_back() -> None:
    async def answer() -> int:
        await asyncio.sleep(0)
        return 42

    assert run(answer()) == 42


def test_an_error_comes_back() -> None:
    async def fail() -> None:
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        run(fail())


def test_calling_from_the_loops_own_thread_is_refused_at_once() -> None:
    async def inner() -> None: ...

    async def outer() -> None:
        run(inner())  # a coroutine that is refused is closed: a warning would fail this test

    with pytest.raises(BlockingCallInLoop, match="await"):
        run(outer())


def test_a_task_that_ends_cancelled_is_an_error_and_not_none() -> None:
    async def vanish() -> None:
        raise asyncio.CancelledError

    with pytest.raises(QueryError, match="cancelled"):
        run(vanish())


@pytest.mark.parametrize("seconds", [0.001, 0.02, 0.3])
def test_ctrl_c_stops_what_runs_and_leaves_no_task(seconds: float) -> None:
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupt_after(seconds)
        run(asyncio.sleep(30))
    assert time.monotonic() - start < 2
    assert tasks_left() == 0


async def warned_then_waiting() -> None:
    warn("what the store said first")
    await asyncio.sleep(60)


def test_what_a_stopped_call_warned_of_before_is_told() -> None:
    interrupt_after(0.2)
    with pytest.warns(UserWarning, match="what the store said first"), pytest.raises(KeyboardInterrupt):
        run(warned_then_waiting())


def test_a_warning_that_is_an_error_does_not_replace_the_stop() -> None:
    interrupt_after(0.2)
    with pytest.raises(KeyboardInterrupt) as stop:
        run(warned_then_waiting())
    assert stop.value.__notes__ == ["what the store said first"]


def test_ctrl_c_works_under_a_foreign_handler_which_is_put_back() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        interrupt_after(0.1)
        with pytest.raises(KeyboardInterrupt):
            run(asyncio.sleep(30))
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_deaf_operation_is_cut_off_after_a_second_and_said_so() -> None:
    heard = threading.Event()
    over = threading.Event()

    async def deaf() -> None:
        with Operation("deaf") as operation, operation.abortable(heard.set):
            while not over.is_set():
                try:
                    await asyncio.sleep(0.05)
                except asyncio.CancelledError:
                    continue

    interrupt_after(0.1)
    start = time.monotonic()
    try:
        with pytest.warns(RuntimeWarning, match="may still run"), pytest.raises(KeyboardInterrupt):
            run(deaf())
        assert time.monotonic() - start < 3
        assert heard.is_set()
    finally:
        over.set()
        until_no_task_is_left()


def test_a_second_ctrl_c_does_not_wait_for_the_cancel() -> None:
    over = threading.Event()

    async def deaf() -> None:
        with Operation("deaf"):
            while not over.is_set():
                try:
                    await asyncio.sleep(0.05)
                except asyncio.CancelledError:
                    continue

    interrupt_after(0.1)
    interrupt_after(0.3)
    start = time.monotonic()
    try:
        with pytest.warns(RuntimeWarning, match="cut off"), pytest.raises(KeyboardInterrupt):
            run(deaf())
        assert time.monotonic() - start < 5
    finally:
        over.set()
        until_no_task_is_left()


def test_thirty_two_threads_at_once() -> None:
    async def echo(number: int) -> int:
        await asyncio.sleep(0.01)
        return number

    with ThreadPoolExecutor(32) as threads:
        assert list(threads.map(lambda n: run(echo(n)), range(200))) == list(range(200))


def test_a_dead_loop_is_noticed_and_the_next_call_starts_afresh() -> None:
    async def kill() -> None:
        asyncio.get_running_loop().stop()
        await asyncio.sleep(30)

    first = thread.loop()
    with pytest.raises(ConnectionFailed, match="ended"):
        run(kill())
    assert run(asyncio.sleep(0, "afresh")) == "afresh"
    assert thread.loop() is not first


async def warned_then_failing() -> None:
    warn("what the store said first")
    raise QueryError("refused")


def test_a_warning_that_is_an_error_does_not_replace_the_stores_error() -> None:
    with pytest.raises(QueryError, match="refused") as raised:
        run(warned_then_failing())
    assert raised.value.__notes__ == ["what the store said first"]
