"""The stop button, in every place where a call can be waited for, on DuckDB."""

from __future__ import annotations

import time

import pytest

from tests.kernels.driver import Kernel
from tests.kernels.places import duckdb
from tests.kernels.places.cells import writing
from tests.kernels.places.duckdb import AWAITED, CELLS, LONG
from tests.kernels.stops import StopTests, at_rest, many_stops, stopped
from tests.promptness import LATEST, prompt

pytestmark = [pytest.mark.kernel, pytest.mark.duckdb]


@pytest.fixture
def kernel(kernel: Kernel) -> Kernel:
    kernel.ok(duckdb.CONNECT)
    return kernel


class TestStops(StopTests):
    cells = CELLS
    awaited = AWAITED
    minutes = f"dk.aread_query({LONG!r})"
    answer = duckdb.ANSWER


def test_a_stopped_query_keeps_no_processor_busy(kernel: Kernel) -> None:
    stopped(kernel, CELLS["a plain cell"])
    time.sleep(0.2)
    assert kernel.busy() < 0.2


def test_a_stopped_write_has_written_nothing(kernel: Kernel) -> None:
    kernel.ok("dk.write_table(pd.DataFrame({'n': [1, 2, 3]}), 'written', mode='replace')")
    stopped(kernel, CELLS["a write"])
    assert kernel.json("dk.read_table('written')['n'].tolist()") == [1, 2, 3]


def test_a_stopped_first_write_leaves_no_table(kernel: Kernel) -> None:
    kernel.ok("dk.execute('drop table if exists written')")
    stopped(kernel, writing("written", "duckdb", mode="fail"))
    assert kernel.run("dk.read_table('written')").error == "NotFound"


def test_nothing_is_in_flight_after_a_stop(kernel: Kernel) -> None:
    stopped(kernel, CELLS["iter_query"])
    assert kernel.json("len(dk.running())") == 0


def test_stops_while_the_progress_bar_appears_say_nothing_and_block_no_later_bar(kernel: Kernel) -> None:
    places = [CELLS["a plain cell"], AWAITED["an awaited query"]]
    for turn in range(10):
        # The bar comes after half a second.
        outcome, seconds = stopped(kernel, places[turn % 2], after=0.45 + 0.02 * turn)
        assert (outcome.stderr, seconds < LATEST) == ("", True), (seconds, outcome)


def test_fifty_stops_at_random_moments_leave_nothing_behind(kernel: Kernel) -> None:
    kernel.ok("import asyncio, gc, threading")
    places = [CELLS["a plain cell"], CELLS["iter_query"], CELLS["a write"], *AWAITED.values()]
    threads = kernel.json("threading.active_count()")
    seconds = []
    for outcome, took in many_stops(kernel, places, times=50):
        assert (outcome.error in ("KeyboardInterrupt", "CancelledError"), outcome.stderr) == (True, ""), outcome
        seconds.append(took)
    assert prompt(seconds), seconds
    assert kernel.json(duckdb.ANSWER) == 42
    assert at_rest(kernel)
    # Workers are kept for the next call, so there may be a few more than before: not one a stop.
    assert kernel.json("threading.active_count()") <= threads + 8
    assert kernel.json("sum(not task.done() for task in asyncio.all_tasks())") <= kernel.json("3 + len(dk.status())")
