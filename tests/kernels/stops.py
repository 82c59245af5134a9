"""The stop button in every place where a call can be waited for: the tests that each store passes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pytest

from tests.kernels.driver import Kernel, Outcome
from tests.promptness import LATEST, prompt

UNCONFIRMED = "did not answer the cancel and was cut off: it may still run on the server"
"""What is warned of where a store has not said in time that it has ended."""


def stopped(kernel: Kernel, code: str, *, after: float = 0.3) -> tuple[Outcome, float]:
    """What becomes of a cell that is interrupted when its query is under way, and how long that took."""
    cell = kernel.start(code)
    if "print('running')" in code or 'print("running")' in code:
        cell.until("running")
    else:  # a cell magic: a moment from here it runs
        cell.until_begun()
        after = max(after, 0.05)
    time.sleep(after)
    begun = time.monotonic()
    kernel.interrupt()
    outcome = cell.outcome(patience=20)
    return outcome, time.monotonic() - begun


def at_rest(kernel: Kernel) -> bool:
    """Whether within `LATEST` no call runs and no lease of a pool is in use.

    Not at once: of several calls that are stopped together the first one ends the cell.
    """
    until = time.monotonic() + LATEST
    while kernel.json("len(dk.running()) + int(dk.status()['in_use'].sum() + dk.status()['waiting'].sum())"):
        if time.monotonic() > until:
            return False
    return True


def gone_within(busy: Callable[[], int], seconds: float) -> float:
    """The seconds until the server runs nothing of ours; fails when that takes longer."""
    begun = time.monotonic()
    while busy():
        assert time.monotonic() - begun < seconds, "the server still runs it"
        time.sleep(0.01)
    return time.monotonic() - begun


def check_fifty_stops(kernel: Kernel, code: str, *, busy: Callable[[], int] = lambda: 0) -> None:
    """Stop a cell at many moments: promptly, and with nothing left on the server each time.

    Nothing is said, but that the server has not confirmed it yet: one of ten may be so where it is busy.
    """
    seconds, unconfirmed = [], []
    for outcome, took in many_stops(kernel, [code], times=50):
        assert outcome.error == "KeyboardInterrupt", outcome
        assert not outcome.stderr or UNCONFIRMED in outcome.stderr, outcome
        unconfirmed += [outcome] if outcome.stderr else []
        seconds.append(took)
        gone_within(busy, LATEST)
    assert prompt(seconds), seconds
    assert len(unconfirmed) * 10 <= len(seconds), unconfirmed


def many_stops(kernel: Kernel, codes: Sequence[str], *, times: int) -> Iterator[tuple[Outcome, float]]:
    """As `stopped`, of the cells in turn, each at another moment."""
    moments = random.Random(11)  # the same ones on every run
    for turn in range(times):
        yield stopped(kernel, codes[turn % len(codes)], after=moments.uniform(0, 0.15))


@dataclass(frozen=True)
class Stop:
    """A cell that was stopped, and the kernel and the server right after it."""

    outcome: Outcome
    seconds: float
    gone: float
    """Seconds until the server ran nothing of ours, after the cell had ended."""
    answer: int
    """What the next cell read; 42."""
    rested: bool
    """Whether no lease of a pool was in use then, and no call under way."""


IN_A_LOOP = """
import asyncio, concurrent.futures, time
workers = concurrent.futures.ThreadPoolExecutor(1)
try:
    future = workers.submit(asyncio.run, {call})
    while not len(dk.running()):
        time.sleep(0.01)
    print("running")
    while not future.done():
        time.sleep(0.05)
except KeyboardInterrupt:
    stopped = dk.cancel()
    print(stopped, type(future.exception(timeout=5)).__name__)
workers.shutdown()
"""
"""A cell that waits for a loop of its own in a thread, and cancels what runs there when it is stopped."""


class StopTests:
    """The places of one store. A subclass has a fixture ``kernel`` that is connected to it.

    Each place is stopped once, for all tests that look at what happened.
    """

    cells: ClassVar[Mapping[str, str]]
    """Place -> code, as in `tests.kernels.places.cells`; what is stopped there is a KeyboardInterrupt."""
    awaited: ClassVar[Mapping[str, str]]
    """The same for what is awaited on the kernel's own loop: a CancelledError."""
    minutes: ClassVar[str]
    """A call that is awaited, and takes minutes."""
    answer: ClassVar[str]
    """An expression that reads 42 from the store."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "place" in metafunc.fixturenames:
            metafunc.parametrize("place", [*self.cells, *self.awaited])

    @pytest.fixture
    def busy(self) -> Callable[[], int]:
        """How much of ours the server runs; what runs in the kernel itself ends with the cell."""
        return lambda: 0

    @pytest.fixture
    def stop(self, request: pytest.FixtureRequest, stops: dict[str, Stop], place: str) -> Stop:
        if place not in stops:
            kernel: Kernel = request.getfixturevalue("kernel")  # only here: it takes a second
            busy: Callable[[], int] = request.getfixturevalue("busy")
            outcome, seconds = stopped(kernel, {**self.cells, **self.awaited}[place])
            gone = gone_within(busy, 5)
            stops[place] = Stop(outcome, seconds, gone, kernel.json(self.answer), at_rest(kernel))
        return stops[place]

    def test_a_stop_is_raised_at_once(self, stop: Stop, place: str) -> None:
        error = "KeyboardInterrupt" if place in self.cells else "CancelledError"
        assert (stop.outcome.error, stop.seconds < LATEST) == (error, True), stop

    def test_a_stop_says_nothing_and_shows_few_lines(self, stop: Stop) -> None:
        assert "dk_notebook/" not in stop.outcome.traceback
        assert (len(stop.outcome.traceback.splitlines()) < 15, stop.outcome.stderr) == (True, "")

    def test_after_a_stop_the_next_cell_works_and_the_pool_is_whole(self, stop: Stop) -> None:
        assert (stop.answer, stop.rested) == (42, True)

    def test_stop_ends_asyncio_run_in_a_thread_of_the_cell(self, kernel: Kernel, busy: Callable[[], int]) -> None:
        outcome, seconds = stopped(kernel, IN_A_LOOP.format(call=self.minutes))
        assert (outcome.stdout, seconds < LATEST) == ("running\n1 QueryError\n", True), (seconds, outcome)
        gone_within(busy, LATEST)


class ServerStopTests(StopTests):
    """The places of a store with a server, which must hear of the stop. A subclass has the fixture ``busy``."""

    def test_what_the_server_runs_is_gone_too(self, stop: Stop) -> None:
        assert stop.gone < LATEST
