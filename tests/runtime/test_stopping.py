"""What ends before it is through: cancelled, too late, deaf, interrupted, or with its loop."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import signal
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from dk_notebook.errors import BlockingCallInLoop, ConnectionFailed, DeadlineExceeded, QueryError
from dk_notebook.runtime import operations, thread
from dk_notebook.runtime.bridges import enter, iterate
from dk_notebook.runtime.leases import Leases
from dk_notebook.runtime.operations import Operation
from dk_notebook.runtime.thread import run

pytestmark = pytest.mark.unit


@asynccontextmanager
async def nothing() -> AsyncIterator[int]:
    yield 1


# --- operations -------------------------------------------------------------------------------------------------


def test_a_drivers_own_error_does_not_hide_the_deadline() -> None:
    async def call() -> None:
        with Operation("slow", timeout=0.1) as operation:
            async with operation.step():
                try:
                    await asyncio.sleep(9)
                except asyncio.CancelledError:
                    raise LookupError("canceling statement due to user request") from None

    with pytest.raises(DeadlineExceeded, match="slow"):
        run(call())


@pytest.mark.parametrize("stop", ["deadline", "cancel"])
def test_work_that_is_deaf_is_cut_off(stop: str) -> None:
    cut = threading.Event()

    async def call() -> None:
        with Operation("deaf", timeout=0.1 if stop == "deadline" else None) as operation:
            if stop == "cancel":
                asyncio.get_running_loop().call_later(0.1, operation.cancel)
            async with operation.step():
                with operation.abortable(cut.set):
                    while not cut.is_set():
                        try:
                            await asyncio.sleep(0.02)
                        except asyncio.CancelledError:
                            continue
                    raise ConnectionError("cut off")

    start = time.monotonic()
    with pytest.raises((DeadlineExceeded, QueryError), match="deaf"):
        run(call())
    assert time.monotonic() - start < (0.1 + 0.5 if stop == "deadline" else 2)


async def parts(operation: Operation) -> None:
    async def part(seconds: float) -> None:
        async with operation.step():
            await asyncio.sleep(seconds)

    await asyncio.gather(part(0.01), part(9), part(9))


async def nested(operation: Operation) -> None:
    async with operation.step():
        async with operation.step():
            await asyncio.sleep(0.01)
        await asyncio.sleep(9)


@pytest.mark.parametrize("work", [parts, nested])
def test_cancel_reaches_every_step(work: Any) -> None:
    async def call() -> None:
        with Operation("long") as operation:
            asyncio.get_running_loop().call_later(0.1, operation.cancel)
            await work(operation)

    start = time.monotonic()
    with pytest.raises(QueryError, match="cancelled"):
        run(call())
    assert time.monotonic() - start < 2


def test_a_failing_callback_does_not_keep_the_others_from_aborting() -> None:
    heard = []

    def fail() -> None:
        raise LookupError

    operation = Operation("x")
    with operation.abortable(lambda: heard.append(1)), operation.abortable(fail), pytest.raises(LookupError):
        operation.abort()
    assert heard == [1]


async def test_drawing_that_fails_does_not_end_the_wake_ups() -> None:
    drawn = []

    def draw(operation: Operation) -> None:
        drawn.append(1)
        if len(drawn) == 1:
            raise LookupError

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)
    with Operation("x", draw=draw) as operation:
        async with operation.step():
            await asyncio.sleep(0.9)
    assert len(drawn) > 2


@pytest.fixture
async def timers(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the loop is to call later, and does not."""
    waiting: list[Any] = []
    monkeypatch.setattr(asyncio.get_running_loop(), "call_later", lambda _, callback: waiting.append(callback))
    return waiting


async def test_steps_that_follow_each_other_share_one_timer(timers: list[Any]) -> None:
    for _ in range(50):
        with Operation("x") as operation:
            async with operation.step(), Operation("y").step():
                pass
    assert len(timers) == 1


async def test_a_loop_without_steps_is_woken_no_more(timers: list[Any]) -> None:
    async with Operation("x").step():
        timers[0]()
    timers[1]()
    assert len(timers) == 2


async def test_drawing_that_fails_leaves_the_others_drawn(timers: list[Any]) -> None:
    def fail(operation: Operation) -> None:
        raise LookupError

    drawn: list[Operation] = []
    bad, good = Operation("bad", draw=fail), Operation("good", draw=drawn.append)
    async with bad.step(), good.step(), bad.step():
        with pytest.raises(LookupError):
            timers[0]()
    assert drawn == [good]


async def test_one_operation_may_hold_several_leases() -> None:
    leases, operation = Leases(4, 1), Operation("parts")
    async with leases.lease(operation):
        async with leases.lease(operation):
            assert leases.in_use == 2
        assert leases.in_use == 1
    assert leases.in_use == 0


# --- the loop survives what calls raise, and calls survive the loop ---------------------------------------------


def test_ctrl_c_in_a_with_block_leaves_the_loop_alone() -> None:
    before = thread.loop()
    with pytest.raises(KeyboardInterrupt), enter(nothing()):
        raise KeyboardInterrupt
    assert thread.loop() is before


def test_a_call_for_exit_reaches_the_caller_and_not_the_loop() -> None:
    async def leave() -> None:
        raise SystemExit(3)

    before = thread.loop()
    with pytest.raises(SystemExit):
        run(leave())
    assert thread.loop() is before


def test_waiters_are_told_of_a_dead_loop_at_once_and_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    told: list[BaseException] = []

    async def long() -> None:
        with Operation("long"):
            await asyncio.sleep(30)

    def wait() -> None:
        try:
            run(long())
        except ConnectionFailed as error:
            told.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not operations.running():
        time.sleep(0.01)
    loop = thread.loop()
    loop.call_soon_threadsafe(loop.stop)
    waiting.join(10)
    until = time.monotonic() + 10
    while operations.running() and time.monotonic() < until:
        time.sleep(0.01)
    gc.collect()
    assert (len(told), capfd.readouterr().err, operations.running()) == (1, "", [])


def test_a_manager_that_is_never_entered_warns_of_nothing() -> None:
    unused = enter(nothing())
    del unused
    gc.collect()


# --- iterators --------------------------------------------------------------------------------------------------


class Stream:
    """An async iterator that is no generator, but must be closed."""

    def __init__(self) -> None:
        self.closed = False

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> int:
        return 1

    async def aclose(self) -> None:
        self.closed = True


@pytest.mark.parametrize("taken", [0, 1])
def test_a_stream_that_is_no_generator_is_closed_too(taken: int) -> None:
    stream = Stream()
    items = iterate(stream)
    for _ in range(taken):
        next(items)
    items.close()
    assert stream.closed


def test_an_iterator_that_has_begun_is_refused_on_the_loops_thread() -> None:
    async def slow() -> AsyncGenerator[int, None]:
        yield 1
        await asyncio.sleep(0.2)
        yield 2

    items = iterate(slow(), buffer=1)
    next(items)

    async def on_the_loop() -> None:
        next(items)

    with pytest.raises(BlockingCallInLoop):
        run(on_the_loop())
    with pytest.raises(StopIteration):
        next(items)


# --- a stop at any moment ---------------------------------------------------------------------------------------


@pytest.fixture
def alarms() -> Iterator[None]:
    """SIGINT at a moment set by a timer, and all handlers as they were afterwards."""
    before = signal.getsignal(signal.SIGALRM), signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before[0])
    signal.signal(signal.SIGINT, before[1])


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")  # a stop before `run` began
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Python drops one in a finalizer
def test_a_stop_at_a_random_moment_leaves_nothing_behind(alarms: None) -> None:
    loop, chance, stopped = thread.loop(), random.Random(7), 0
    lease = Leases(1, 1)

    async def call() -> None:
        with Operation("random") as operation:
            async with operation.step(), lease.lease(operation):
                await asyncio.sleep(0.0003)

    for _ in range(500):
        try:
            try:
                signal.setitimer(signal.ITIMER_REAL, 1e-6 + chance.random() * 6e-4)
                run(call())
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            stopped += 1
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # one may be on its way

    def tasks() -> list[asyncio.Task[object]]:
        return [task for task in asyncio.all_tasks(loop) if "keeper" not in task.get_name()]

    until = time.monotonic() + 10
    while tasks() and time.monotonic() < until:
        time.sleep(0.01)
    assert stopped > 50
    assert (tasks(), operations.running(), lease.in_use, thread.loop() is loop) == ([], [], 0, True)


def test_a_call_costs_less_than_a_millisecond() -> None:
    async def trivial() -> None: ...

    costs = []
    for _ in range(300):
        start = time.perf_counter()
        run(trivial())
        costs.append(time.perf_counter() - start)
    assert min(costs) < 0.001, costs  # of a busy machine the quickest one tells
