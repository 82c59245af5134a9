"""The stop button, in every place where a call can be waited for, on DuckDB."""

from __future__ import annotations

import random
import time

import pytest

from tests.kernels.driver import Kernel
from tests.kernels.stops import StopTests, at_rest, stopped
from tests.promptness import LATEST, prompt

pytestmark = [pytest.mark.kernel, pytest.mark.duckdb]

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
    "a benchmark": f"print('running')\n%dkbench {LONG}",
    "execute": f"print('running'); dk.execute({'create or replace table t as ' + LONG!r})",
    "explain analyze": f"print('running'); dk.explain({LONG!r}, analyze=True)",
    "an explain magic": f"print('running')\n%dkexplain --analyze {LONG}",
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


class TestStops(StopTests):
    cells = CELLS
    awaited = AWAITED
    answer = "int(dk.read_query('select 42 as a')['a'][0])"


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
    assert (outcome.stdout, seconds < LATEST) == ("running\n1 QueryError\n", True), (seconds, outcome)


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
        assert (outcome.stderr, seconds < LATEST) == ("", True), (seconds, outcome)


def test_fifty_stops_at_random_moments_leave_nothing_behind(kernel: Kernel) -> None:
    kernel.ok("import asyncio, gc, threading")
    places = [CELLS["a plain cell"], CELLS["iter_query"], CELLS["a write"], *AWAITED.values()]
    moments = random.Random(7)  # the same ones on every run
    threads = kernel.json("threading.active_count()")
    seconds = []
    for turn in range(50):
        outcome, took = stopped(kernel, places[turn % len(places)], after=moments.uniform(0, 0.12))
        assert (outcome.error in ("KeyboardInterrupt", "CancelledError"), outcome.stderr) == (True, ""), outcome
        seconds.append(took)
    assert prompt(seconds), seconds
    assert kernel.json("int(dk.read_query('select 42 as a')['a'][0])") == 42
    assert at_rest(kernel)
    # Workers are kept for the next call, so there may be a few more than before: not one a stop.
    assert kernel.json("threading.active_count()") <= threads + 8
    assert kernel.json("sum(not task.done() for task in asyncio.all_tasks())") <= kernel.json("3 + len(dk.status())")
