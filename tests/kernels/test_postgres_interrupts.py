"""The stop button, in every place where a call can be waited for, on PostgreSQL: back at once, and gone there too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import asyncpg
import pytest

from tests.kernels.driver import Kernel
from tests.kernels.stops import ServerStopTests, at_rest, check_stops, gone_within, stopped
from tests.promptness import LATEST

pytestmark = [pytest.mark.kernel, pytest.mark.postgres]

LONG = "select pg_sleep(60)"
# In FROM the server would first make all of the numbers.
ENDLESS = "select i, 'text ' || i as t, i * 0.5 as f from (select generate_series(1, 1000000000) as i) as numbers"

WRITING = """
def rows():
    for _ in range(1_000_000):
        yield pd.DataFrame({"n": range(100_000), "t": "some text"})

print("running"); dk.write_table(rows(), "written", "pg", mode="replace")
"""

CELLS = {
    "a plain cell": f"print('running'); dk.read_query({LONG!r}, 'pg')",
    "a cell with a top-level await before the call": f"""
import asyncio
await asyncio.sleep(0.01)
print("running"); dk.read_query({LONG!r}, "pg")
""",
    "a line magic": f"print('running')\n%dkquery -c pg {LONG}",
    "a cell magic": f"%%dkquery -c pg\n{LONG}",
    "a benchmark": f"print('running')\n%dkbench -c pg {LONG}",
    # The warm-ups begin with the last contender.
    "a cold benchmark": f"print('running')\n%dkbench -c pg --cold {LONG}",
    "execute": f"print('running'); dk.execute({LONG!r}, 'pg')",
    "explain analyze": f"print('running'); dk.explain({LONG!r}, 'pg', analyze=True)",
    "an explain magic": f"print('running')\n%dkexplain --analyze -c pg {LONG}",
    "a big read": f"print('running'); dk.read_query({ENDLESS!r}, 'pg')",
    "iter_query": f"""
print("running")
for frame in dk.iter_query({ENDLESS!r}, "pg", chunk_rows=10_000):
    pass
""",
    "a write": WRITING,
}

AWAITED = {
    "an awaited read": f"print('running'); await dk.aread_query({LONG!r}, 'pg')",
    "an awaited big read": f"print('running'); await dk.aread_query({ENDLESS!r}, 'pg')",
    "an awaited write": WRITING.replace("dk.write_table", "await dk.awrite_table"),
    "async for": f"""
print("running")
async for frame in dk.aiter_query({ENDLESS!r}, "pg", chunk_rows=10_000):
    pass
""",
    "a gather": f"""
import asyncio
print("running")
await asyncio.gather(*(dk.aread_query({LONG!r}, "pg") for _ in range(3)))
""",
}

ACTIVE = """
select count(*) from pg_stat_activity
where application_name = 'dk_notebook' and state <> 'idle' and backend_type = 'client backend'
"""


@pytest.fixture(scope="module")
def busy(postgres_url: str) -> Iterator[Callable[[], int]]:
    """How many of our sessions do something on the server."""
    with asyncio.Runner() as runner:

        async def connected() -> asyncpg.Connection:
            return await asyncpg.connect(postgres_url)

        connection = runner.run(connected())
        yield lambda: runner.run(connection.fetchval(ACTIVE))
        runner.run(connection.close())


@pytest.fixture
def kernel(kernel: Kernel, postgres_url: str) -> Kernel:
    kernel.ok(
        "import dk_notebook as dk, pandas as pd\n%load_ext dk_notebook\n"
        f"_ = dk.connect({postgres_url!r}, name='pg', replace=True)\n%dkquery -q -c pg select 1"
    )
    kernel.run("raise KeyboardInterrupt")  # the first traceback of a kernel takes long: IPython imports what draws it
    return kernel


class TestStops(ServerStopTests):
    cells = CELLS
    awaited = AWAITED
    answer = "int(dk.read_query('select 42 as a', 'pg')['a'][0])"

    @pytest.fixture
    def busy(self, busy: Callable[[], int]) -> Callable[[], int]:
        return busy


def test_a_stopped_replace_has_left_the_old_contents(kernel: Kernel) -> None:
    kernel.ok("dk.write_table(pd.DataFrame({'n': [1, 2, 3]}), 'written', 'pg', mode='replace')")
    stopped(kernel, CELLS["a write"])
    assert kernel.json("dk.read_table('written', 'pg')['n'].tolist()") == [1, 2, 3]


def test_a_stopped_first_write_leaves_no_table(kernel: Kernel) -> None:
    kernel.ok("dk.execute('drop table if exists written', 'pg')")
    stopped(kernel, WRITING.replace("replace", "fail"))
    assert kernel.run("dk.read_table('written', 'pg')").error == "NotFound"


@pytest.mark.parametrize("place", ["a plain cell", "a big read", "a write"])
def test_fifty_stops_are_back_at_once_and_gone_from_the_server(
    kernel: Kernel, place: str, busy: Callable[[], int]
) -> None:
    check_stops(kernel, CELLS[place], times=50, busy=busy)
    assert kernel.json("int(dk.read_query('select 42 as a', 'pg')['a'][0])") == 42
    assert at_rest(kernel)


def test_stop_ends_asyncio_run_in_a_thread_of_the_cell(kernel: Kernel, busy: Callable[[], int]) -> None:
    code = f"""
import asyncio, concurrent.futures, time
workers = concurrent.futures.ThreadPoolExecutor(1)
print("running")
try:
    future = workers.submit(asyncio.run, dk.aread_query({LONG!r}, "pg"))
    while not future.done():
        time.sleep(0.05)
except KeyboardInterrupt:
    stopped = dk.cancel()
    print(stopped, type(future.exception(timeout=5)).__name__)
workers.shutdown()
"""
    outcome, seconds = stopped(kernel, code)
    assert (outcome.stdout, seconds < LATEST) == ("running\n1 QueryError\n", True), (seconds, outcome)
    gone_within(busy, LATEST)
