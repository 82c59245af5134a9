"""Restart, shutdown, exit, kill and fork with live pools and running queries, on PostgreSQL; and deaf servers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import asyncpg
import pytest

from dk_notebook.testing.services.postgres import PostgresAddress
from tests.kernels.driver import Kernel
from tests.kernels.places.postgres import CELLS, ENDLESS, LONG
from tests.services.proxy import FaultProxy

pytestmark = [pytest.mark.kernel, pytest.mark.postgres]

GONE_WITHIN = 6.0
"""Seconds from the button to the end of the process: 0.4 to 1.1 when nothing else runs, 2.6 on a machine with twice as
much to do as it has processors for."""
NOTICED_WITHIN = 6.0
"""Seconds until the server has ended the query of a process that was killed."""
BACK_WITHIN = 4.0
"""Seconds to the prompt where the server does not answer."""

IN_A_THREAD = f"""
import threading
def quietly():
    try:
        dk.read_query({LONG!r}, "pg")
    except BaseException:
        pass
threading.Thread(target=quietly, daemon=True).start()
print("running")
"""

RUNNING = {
    "nothing": "print('running')",
    "a blocking query": f"print('running'); dk.read_query({LONG!r}, 'pg')",
    "an awaited query": f"print('running'); await dk.aread_query({LONG!r}, 'pg')",
    "a query in a thread": IN_A_THREAD,
    "an iterator that was left half-way": f"""
frames = dk.iter_query({ENDLESS!r}, "pg", chunk_rows=1000)
next(frames)
print("running")
""",
    "a write": CELLS["a write"],
}


@pytest.fixture(scope="module")
def ask(postgres_url: str) -> Iterator[Callable[[str], Any]]:
    """The value of a query, on a connection of its own."""
    with asyncio.Runner() as runner:

        async def connected() -> asyncpg.Connection:
            return await asyncpg.connect(postgres_url)

        connection = runner.run(connected())
        yield lambda query: runner.run(connection.fetchval(query))
        runner.run(connection.close())


@pytest.fixture
def sessions(ask: Callable[[str], Any]) -> Callable[[], int]:
    """How many sessions a kernel of these tests has on the server."""
    return lambda: int(ask("select count(*) from pg_stat_activity where application_name = 'dk_ends'"))


@pytest.fixture
def new_kernel(new_kernel: Kernel, postgres_url: str) -> Kernel:
    return connected(new_kernel, postgres_url)


def connected(kernel: Kernel, url: str) -> Kernel:
    """The kernel, with a connection named ``pg``."""
    kernel.ok(
        "import dk_notebook as dk, pandas as pd\n%load_ext dk_notebook\n"
        f"_ = dk.connect({url!r}, name='pg', application_name='dk_ends', replace=True)\n%dkquery -q -c pg select 1"
    )
    return kernel


def none_within(sessions: Callable[[], int], seconds: float) -> float:
    """The seconds until the server has no session of the kernel; fails when that takes longer."""
    begun = time.monotonic()
    while sessions():
        assert time.monotonic() - begun < seconds, "the server still has a session"
        time.sleep(0.02)
    return time.monotonic() - begun


# --- the end (I5, I6)


@pytest.mark.parametrize("what", RUNNING)
def test_shutdown_ends_process_and_sessions_at_once_and_quietly(
    new_kernel: Kernel, sessions: Callable[[], int], what: str
) -> None:
    new_kernel.start(RUNNING[what]).until("running")
    time.sleep(0.3)
    process = new_kernel.process
    seconds = new_kernel.shutdown()
    assert (process.returncode, new_kernel.stderr, seconds < GONE_WITHIN) == (0, "", True), seconds
    none_within(sessions, 1)


def test_exit_ends_process_and_sessions_quietly(new_kernel: Kernel, sessions: Callable[[], int]) -> None:
    process = new_kernel.process
    new_kernel.start(IN_A_THREAD).until("running")
    begun = time.monotonic()
    new_kernel.start("exit()")
    assert (process.wait(timeout=10), new_kernel.stderr) == (0, "")
    assert time.monotonic() - begun < GONE_WITHIN
    none_within(sessions, 1)


def test_a_restart_during_a_query_gives_a_kernel_that_works(
    new_kernel: Kernel, sessions: Callable[[], int], postgres_url: str
) -> None:
    old = new_kernel.process
    new_kernel.start(RUNNING["a blocking query"]).until("running")
    new_kernel.restart()
    assert (old.returncode, new_kernel.stderr) == (0, "")
    none_within(sessions, 1)
    connected(new_kernel, postgres_url)
    assert new_kernel.json("int(dk.read_query('select 42 as a', 'pg')['a'][0])") == 42


@pytest.mark.parametrize("what", ["a blocking query", "a write"])
def test_the_work_of_a_killed_kernel_ends_and_its_locks_are_free(
    new_kernel: Kernel, sessions: Callable[[], int], ask: Callable[[str], Any], what: str
) -> None:
    new_kernel.ok("dk.write_table(pd.DataFrame({'n': [1]}), 'written', 'pg', mode='replace')")
    new_kernel.start(RUNNING[what].replace('mode="replace"', 'mode="truncate"')).until("running")
    time.sleep(0.3)
    new_kernel.kill()
    none_within(sessions, NOTICED_WITHIN)
    assert ask("set lock_timeout = '1s'") is None
    assert ask("with locked as (select * from written for update) select count(*) from locked") == 1


# --- fork and threads (I7)


def test_children_of_a_fork_under_load_work_and_the_parent_does_not_notice(new_kernel: Kernel) -> None:
    code = """
import os, threading
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(4) as threads:
    loads = [threads.submit(dk.read_query, f"select {n} as a from pg_sleep(0.5)", "pg") for n in range(4)]
    said = []
    for _ in range(3):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                answer = dk.read_query("select 40 + 2 as a", "pg")["a"][0]
                os.write(writer, str(answer).encode())
            except BaseException as error:
                os.write(writer, repr(error).encode())
            finally:
                os._exit(0)
        os.close(writer)
        said.append(os.read(reader, 1000).decode())
        os.waitpid(child, 0)
    print(said, [int(load.result()["a"][0]) for load in loads])
"""
    assert new_kernel.ok(code).stdout == "['42', '42', '42'] [0, 1, 2, 3]\n"


def test_a_spawned_process_has_a_pool_of_its_own(new_kernel: Kernel, postgres_url: str) -> None:
    code = f"""
import multiprocessing, pathlib
pathlib.Path("child.py").write_text('''
import dk_notebook as dk
def answer(n):
    return int(dk.read_query("select :n + 2 as a", {postgres_url!r}, params=dict(n=n))["a"][0])
''')
import child
with multiprocessing.get_context("spawn").Pool(2) as processes:
    print(processes.map(child.answer, [40, 41, 42]))
"""
    assert new_kernel.ok("import sys; sys.path.insert(0, '')\n" + code).stdout == "[42, 43, 44]\n"


def test_thirty_two_threads_at_once_share_the_pool(new_kernel: Kernel) -> None:
    code = """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(32) as threads:
    frames = list(threads.map(lambda n: dk.read_query(f"select {n} as a from pg_sleep(0.02)", "pg"), range(128)))
print(sum(int(frame["a"][0]) for frame in frames), dk.status()["in_use"].sum(), dk.status()["size"].max() <= 8)
"""
    assert new_kernel.ok(code).stdout == "8128 0 True\n"


def test_a_blocking_call_on_the_loops_own_thread_is_an_error_at_once(new_kernel: Kernel) -> None:
    code = """
from dk_notebook.runtime.thread import run
async def inside():
    return dk.read_query("select 1", "pg")
run(inside())
"""
    assert new_kernel.run(code).error == "BlockingCallInLoop"


# --- the loop thread dies (I8)


def test_when_the_loop_ends_who_waits_is_told_and_the_next_call_starts_afresh(new_kernel: Kernel) -> None:
    code = f"""
import threading, time
from dk_notebook.runtime import background
home = background.serving()
threading.Timer(0.3, lambda: home.post(home.loop.stop)).start()
begun = time.monotonic()
try:
    dk.read_query({LONG!r}, "pg")
except dk.ConnectionFailed as error:
    print("ended" in str(error), time.monotonic() - begun < 5)
print(dk.read_query("select 42 as a", "pg")["a"][0])
"""
    assert new_kernel.ok(code).stdout == "True True\n42\n"


# --- who does not answer (I2)


@pytest.fixture
def proxy(postgres_server: PostgresAddress) -> Iterator[FaultProxy]:
    with FaultProxy(postgres_server) as running:
        yield running


@pytest.mark.parametrize("what", ["a blocking query", "a write"])
@pytest.mark.parametrize("stops", [1, 2])
def test_a_server_that_does_not_answer_holds_no_prompt(
    kernel: Kernel, proxy: FaultProxy, what: str, stops: int
) -> None:
    connected(kernel, proxy.url)
    cell = kernel.start(RUNNING[what])
    cell.until("running")
    time.sleep(0.3)
    proxy.silence()
    begun = time.monotonic()
    for _ in range(stops):
        kernel.interrupt()
        time.sleep(0.1)
    outcome = cell.outcome()
    assert (outcome.error, time.monotonic() - begun < BACK_WITHIN) == ("KeyboardInterrupt", True), outcome
    assert "may still run on the server" in outcome.stderr
    proxy.cut()
    proxy.heal()
    assert kernel.json("int(dk.read_query('select 42 as a', 'pg')['a'][0])") == 42
    assert kernel.json("int(dk.status()['in_use'].sum())") == 0


def test_what_could_not_be_cancelled_is_warned_of(kernel: Kernel, proxy: FaultProxy, ask: Callable[[str], Any]) -> None:
    connected(kernel, proxy.url)
    proxy.lose_cancels(answered=False)
    cell = kernel.start(RUNNING["a blocking query"])
    cell.until("running")
    time.sleep(0.3)
    kernel.interrupt()
    outcome = cell.outcome()
    assert (outcome.error, "may still run on the server" in outcome.stderr) == ("KeyboardInterrupt", True), outcome
    ask("select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'dk_ends'")
