"""The stop button, in every place where a call can be waited for, on DuckDB."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

import pytest

from tests.kernels.driver import Kernel, Outcome

pytestmark = [pytest.mark.kernel, pytest.mark.duckdb]

WITHIN = 1.0
"""Seconds from the stop button to the end of the cell."""

LONG = "select count(*) from range(100000000000) a where hash(range) = 1"
"""Minutes of work."""

WRITING = """
def rows():
    for _ in range(1_000_000):
        yield pd.DataFrame({"n": range(100_000)})

print("running"); dk.write_table(rows(), "written", mode="replace")
"""

CELLS = {
    "a plain cell": f"print('running'); dk.read_query({LONG!r})",
    "a cell with a top-level await before the call": f"""
import asyncio
await asyncio.sleep(0.01)
print("running"); dk.read_query({LONG!r})
""",
    "a line magic": f"print('running')\n%dkquery {LONG}",
    "a cell magic": f"%%dkquery\n{LONG}",
    "execute": f"print('running'); dk.execute({'create or replace table t as ' + LONG!r})",
    "explain analyze": f"print('running'); dk.explain({LONG!r}, analyze=True)",
    "iter_query": """
print("running")
for frame in dk.iter_query("from range(100000000000)", chunk_rows=10_000):
    pass
""",
    "a write": WRITING,
    "several calls in a row": f"""
print("running")
[dk.read_query(query) for query in [{LONG!r}] * 3]
""",
}

AWAITED = {
    "an awaited read": f"print('running'); await dk.aread_query({LONG!r})",
    "an awaited write": WRITING.replace("dk.write_table", "await dk.awrite_table"),
    "async for": """
print("running")
async for frame in dk.aiter_query("from range(100000000000)", chunk_rows=10_000):
    pass
""",
    "a gather": f"""
import asyncio
print("running")
await asyncio.gather(*(dk.aread_query({LONG!r}) for _ in range(3)))
""",
}


@pytest.fixture
def kernel(kernel: Kernel) -> Kernel:
    kernel.ok("import dk_notebook as dk, pandas as pd\n%load_ext dk_notebook\n%dkquery -q select 1")
    return kernel


def stopped(kernel: Kernel, code: str, *, after: float = 0.3) -> tuple[Outcome, float]:
    """What becomes of a cell that is interrupted when its query is under way, and how long that took."""
    cell = kernel.start(code)
    if "print(" in code:
        cell.until("running")
    time.sleep(after)
    begun = time.monotonic()
    kernel.interrupt()
    outcome = cell.outcome(patience=20)
    return outcome, time.monotonic() - begun


def leases_in_use(kernel: Kernel) -> int:
    """Over all pools."""
    in_use: int = kernel.json("int(dk.status()['in_use'].sum() + dk.status()['waiting'].sum())")
    return in_use


@dataclass(frozen=True)
class Stop:
    """A cell that was stopped, and the kernel right after it."""

    outcome: Outcome
    seconds: float
    answer: int
    """What the next cell read; 42."""
    in_use: int


@pytest.fixture(scope="module")
def stops() -> dict[str, Stop]:
    """Each place is stopped once, for all tests that look at what happened."""
    return {}


@pytest.fixture
def stop(kernel: Kernel, stops: dict[str, Stop], place: str) -> Stop:
    if place not in stops:
        outcome, seconds = stopped(kernel, (CELLS | AWAITED)[place])
        answer = kernel.json("int(dk.read_query('select 42 as a')['a'][0])")
        stops[place] = Stop(outcome, seconds, answer, leases_in_use(kernel))
    return stops[place]


@pytest.mark.parametrize("place", CELLS)
def test_stop_raises_keyboard_interrupt_at_once(stop: Stop, place: str) -> None:
    assert (stop.outcome.error, stop.seconds < WITHIN) == ("KeyboardInterrupt", True), stop


@pytest.mark.parametrize("place", AWAITED)
def test_stop_cancels_what_is_awaited_at_once(stop: Stop, place: str) -> None:
    assert (stop.outcome.error, stop.seconds < WITHIN) == ("CancelledError", True), stop


@pytest.mark.parametrize("place", CELLS | AWAITED)
def test_after_a_stop_the_next_cell_works_and_the_pool_is_whole(stop: Stop, place: str) -> None:
    assert (stop.answer, stop.in_use) == (42, 0)


@pytest.mark.parametrize("place", CELLS | AWAITED)
def test_a_stop_shows_few_lines(stop: Stop, place: str) -> None:
    assert "dk_notebook/" not in stop.outcome.traceback
    assert len(stop.outcome.traceback.splitlines()) < 15


def test_stop_ends_asyncio_run_in_a_thread_of_the_cell(kernel: Kernel) -> None:
    code = f"""
import asyncio, concurrent.futures, time
pool = concurrent.futures.ThreadPoolExecutor(1)
print("running")
try:
    future = pool.submit(asyncio.run, dk.aread_query({LONG!r}))
    while not future.done():
        time.sleep(0.05)
except KeyboardInterrupt:
    stopped = dk.cancel()
    print(stopped, type(future.exception(timeout=5)).__name__)
pool.shutdown()
"""
    outcome, seconds = stopped(kernel, code)
    assert (outcome.stdout, seconds < WITHIN) == ("running\n1 QueryError\n", True), (seconds, outcome)


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
    stopped(kernel, WRITING.replace("replace", "fail"))
    assert kernel.run("dk.read_table('written')").error == "NotFound"


def test_nothing_is_in_flight_after_a_stop(kernel: Kernel) -> None:
    stopped(kernel, CELLS["iter_query"])
    assert kernel.json("len(dk.running())") == 0


def test_stops_while_the_progress_bar_appears_say_nothing_and_block_no_later_bar(kernel: Kernel) -> None:
    places = [CELLS["a plain cell"], AWAITED["an awaited read"]]
    for turn in range(10):
        # The bar comes after half a second.
        outcome, seconds = stopped(kernel, places[turn % 2], after=0.45 + 0.02 * turn)
        assert (outcome.stderr, seconds < 2 * WITHIN) == ("", True), (seconds, outcome)


def test_fifty_stops_at_random_moments_leave_nothing_behind(kernel: Kernel) -> None:
    kernel.ok("import asyncio, gc, threading")
    places = [CELLS["a plain cell"], CELLS["iter_query"], CELLS["a write"], *AWAITED.values()]
    moments = random.Random(7)  # the same ones on every run
    threads = kernel.json("threading.active_count()")
    for turn in range(50):
        outcome, _ = stopped(kernel, places[turn % len(places)], after=moments.uniform(0, 0.12))
        assert (outcome.error in ("KeyboardInterrupt", "CancelledError"), outcome.stderr) == (True, ""), outcome
    assert kernel.json("int(dk.read_query('select 42 as a')['a'][0])") == 42
    assert (leases_in_use(kernel), kernel.json("len(dk.running())")) == (0, 0)
    # Workers are kept for the next call, so there may be a few more than before: not one a stop.
    assert kernel.json("threading.active_count()") <= threads + 8
    assert kernel.json("sum(not task.done() for task in asyncio.all_tasks())") <= kernel.json("3 + len(dk.status())")
