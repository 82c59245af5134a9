"""Restart, shutdown, exit, kill and fork with live pools and running queries, on DuckDB."""

from __future__ import annotations

import time

import pytest

from tests.kernels.driver import Kernel
from tests.kernels.places.duckdb import LONG

pytestmark = [pytest.mark.kernel, pytest.mark.duckdb]

GONE_WITHIN = 6.0
"""Seconds from the button to the end of the process: 0.4 to 1.1 when nothing else runs, 2.6 on a machine with twice as
much to do as it has processors for."""

RUNNING = {
    "nothing": "print('running')",
    "a blocking query": f"print('running'); dk.read_query({LONG!r})",
    "an awaited query": f"print('running'); await dk.aread_query({LONG!r})",
    "a query in a task of the kernel's loop": f"""
import asyncio
task = asyncio.get_running_loop().create_task(dk.aread_query({LONG!r}))
await asyncio.sleep(0.2)
print("running")
""",
    "a query in a thread": f"""
import threading
def quietly():
    try:
        dk.read_query({LONG!r})
    except BaseException:
        pass
threading.Thread(target=quietly, daemon=True).start()
print("running")
""",
    "an iterator that was left half-way": """
frames = dk.iter_query("from range(100000000000)", chunk_rows=1000)
next(frames)
print("running")
""",
    "a file that is open": """
dk.connect("duckdb:///kernel.duckdb", name="file")
dk.write_table(pd.DataFrame({"n": range(1000)}), "t", "file", mode="replace")
print("running")
""",
}


@pytest.fixture
def new_kernel(new_kernel: Kernel) -> Kernel:
    new_kernel.ok("import dk_notebook as dk, pandas as pd\n%load_ext dk_notebook\n%dkquery -q select 1")
    return new_kernel


@pytest.mark.parametrize("what", RUNNING)
def test_shutdown_ends_the_process_at_once_and_quietly(new_kernel: Kernel, what: str) -> None:
    new_kernel.start(RUNNING[what]).until("running")
    time.sleep(0.3)
    process = new_kernel.process
    seconds = new_kernel.shutdown()
    assert (process.returncode, new_kernel.stderr, seconds < GONE_WITHIN) == (0, "", True), seconds


def test_exit_ends_the_process_quietly(new_kernel: Kernel) -> None:
    process = new_kernel.process
    new_kernel.start(RUNNING["a query in a thread"]).until("running")
    begun = time.monotonic()
    new_kernel.start("exit()")
    assert (process.wait(timeout=10), new_kernel.stderr) == (0, "")
    assert time.monotonic() - begun < GONE_WITHIN


def test_a_restart_during_a_query_gives_a_kernel_that_works(new_kernel: Kernel) -> None:
    old = new_kernel.process
    new_kernel.start(RUNNING["a blocking query"]).until("running")
    new_kernel.restart()
    assert (old.returncode, new_kernel.stderr) == (0, "")
    assert new_kernel.ok("import dk_notebook as dk\nint(dk.read_query('select 42 as a')['a'][0])").value == "42"


def test_a_killed_kernel_leaves_its_file_free_and_whole(new_kernel: Kernel) -> None:
    new_kernel.ok(RUNNING["a file that is open"])
    new_kernel.start(f"print('running'); dk.read_query({LONG!r}, 'file')").until("running")
    new_kernel.kill()
    new_kernel.restart()
    new_kernel.ok("import dk_notebook as dk\nfile = dk.connect('duckdb:///kernel.duckdb')")
    assert new_kernel.json("int(file.read_query('select count(*) as n from t')['n'][0])") == 1000


def test_a_cell_that_is_run_again_keeps_one_pool(new_kernel: Kernel) -> None:
    for _ in range(3):
        new_kernel.ok("pg = dk.connect('duckdb:///kernel.duckdb', name='shop'); pg.read_query('select 1')")
    status = new_kernel.json("dk.status().to_dict('list')")
    assert status["connection"].count("shop") == 1


def test_a_forked_child_works_and_the_parent_does_not_notice(new_kernel: Kernel) -> None:
    code = """
import os
reader, writer = os.pipe()
child = os.fork()
if child == 0:
    try:
        answer = dk.read_query("select 40 + 2 as a")["a"][0]
        os.write(writer, str(answer).encode())
    except BaseException as error:
        os.write(writer, repr(error).encode())
    finally:
        os._exit(0)
os.close(writer)
said = os.read(reader, 1000).decode()
os.waitpid(child, 0)
print(said, dk.read_query("select 6 * 7 as a")["a"][0])
"""
    assert new_kernel.ok(code).stdout == "42 42\n"
