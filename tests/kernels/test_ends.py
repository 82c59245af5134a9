"""Restart, shutdown, exit, kill and fork with live pools and running queries, on DuckDB."""

from __future__ import annotations

import pytest

from tests.kernels.driver import Kernel
from tests.kernels.ends import EndTests, in_a_thread, left_half_way
from tests.kernels.places import duckdb
from tests.kernels.places.duckdb import LONG

pytestmark = [pytest.mark.kernel, pytest.mark.duckdb]

LOAD = f"dk.read_query({LONG!r})"
OPEN_FILE = """
dk.connect("duckdb:///kernel.duckdb", name="file")
dk.write_table(pd.DataFrame({"n": range(1000)}), "t", "file", mode="replace")
print("running")
"""


class TestEnds(EndTests):
    running = {
        "nothing": "print('running')",
        "a blocking query": f"print('running'); {LOAD}",
        "an awaited query": f"print('running'); await dk.aread_query({LONG!r})",
        "a query in a task of the kernel's loop": f"""
import asyncio
task = asyncio.get_running_loop().create_task(dk.aread_query({LONG!r}))
await asyncio.sleep(0.2)
print("running")
""",
        "a query in a thread": in_a_thread(LOAD),
        "an iterator that was left half-way": left_half_way(
            "dk.iter_query('from range(100000000000)', chunk_rows=1000)"
        ),
        "a file that is open": OPEN_FILE,
    }
    load = LOAD
    answer = duckdb.ANSWER

    @pytest.fixture
    def connect(self) -> str:
        return duckdb.CONNECT


@pytest.fixture
def connected(new_kernel: Kernel) -> Kernel:
    new_kernel.ok(duckdb.CONNECT)
    return new_kernel


def test_a_killed_kernel_leaves_its_file_free_and_whole(connected: Kernel) -> None:
    connected.ok(OPEN_FILE)
    connected.start(f"print('running'); dk.read_query({LONG!r}, 'file')").until("running")
    connected.kill()
    connected.restart()
    connected.ok("import dk_notebook as dk\nfile = dk.connect('duckdb:///kernel.duckdb')")
    assert connected.json("int(file.read_query('select count(*) as n from t')['n'][0])") == 1000


def test_a_cell_that_is_run_again_keeps_one_pool(connected: Kernel) -> None:
    for _ in range(3):
        connected.ok("pg = dk.connect('duckdb:///kernel.duckdb', name='shop'); pg.read_query('select 1')")
    status = connected.json("dk.status().to_dict('list')")
    assert status["connection"].count("shop") == 1
