"""Loops and processes that end with pools open and work in flight."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.unit

STORE = """
import asyncio, gc, os, signal, sys, threading, time
from dk_notebook.runtime import operations, pools, thread, workers
from dk_notebook.runtime.leases import PoolStatus
from dk_notebook.runtime.operations import Operation
from dk_notebook.runtime.thread import run
class Store:
    name = "fake"; log = []; seconds = 0.0; deaf = False
    @classmethod
    async def open(cls, config):
        await asyncio.sleep(cls.seconds); cls.log.append("open"); return cls()
    async def close(self):
        await asyncio.sleep(60 if self.deaf else 0); self.log.append("close")
    def terminate(self): os.write(1, b"terminated")
    def status(self): return PoolStatus(1, 1, 0, 1, 0, 1, 0, 0)
def acquire(owner="me", config="a"): return pools.acquire(Store, config, owner=owner)
"""


def python(code: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", STORE + code], capture_output=True, text=True, timeout=30
    )
    return done.returncode, done.stdout.strip(), done.stderr


def test_a_pool_that_does_not_close_is_terminated_at_exit() -> None:
    assert python("Store.deaf = True; run(acquire())") == (0, "terminated", "")


def test_a_pool_that_does_not_close_holds_no_asyncio_run() -> None:
    code = "Store.deaf = True; t = time.monotonic(); asyncio.run(acquire()); assert time.monotonic() - t < 2"
    assert python(code) == (0, "terminated", "")


def test_a_pool_of_a_loop_that_was_never_closed_is_terminated_at_exit() -> None:
    assert python("loop = asyncio.new_event_loop(); loop.run_until_complete(acquire())") == (0, "terminated", "")


def test_a_pool_released_while_it_opens_does_not_take_the_next_one_with_it() -> None:
    code = """
Store.seconds = 0.1
async def story():
    first = asyncio.create_task(acquire("one")); await asyncio.sleep(0.01)
    await pools.release(owner="one")
    second = await acquire("two")
    assert await acquire("three") is second
    await asyncio.gather(first, return_exceptions=True)
    print(len(pools.status()))
asyncio.run(story())
"""
    assert python(code) == (0, "1", "")


def test_connecting_that_nobody_waits_for_any_more_is_cancelled() -> None:
    code = """
Store.seconds = 20
async def story():
    try:
        async with asyncio.timeout(0.05): await acquire()
    except TimeoutError: pass
    print(len(asyncio.all_tasks()), Store.log)
asyncio.run(story())
"""
    assert python(code) == (0, "1 []", "")


def test_the_last_release_leaves_no_task_on_the_loop() -> None:
    code = """
async def story():
    await acquire(); await pools.release(owner="me"); await asyncio.sleep(0.01)
    print(len(asyncio.all_tasks()), Store.log)
asyncio.run(story())
"""
    assert python(code) == (0, "1 ['open', 'close']", "")


def test_loops_that_are_freed_while_pools_are_looked_up_do_not_block_them() -> None:
    code = """
import faulthandler; faulthandler.dump_traceback_later(20, exit=True)
Store.terminate = lambda self: None
gc.set_threshold(1)
for number in range(100):
    loop = asyncio.new_event_loop(); loop.run_until_complete(acquire(config=number)); loop.close(); del loop
    pools.status()
print("through")
"""
    assert python(code) == (0, "through", "")


FORK = """
sys.stdout.flush(); child = os.fork()
if not child:
    signal.alarm(5)
    {child}
    os._exit(0)
print(os.waitpid(child, 0)[1]); sys.stdout.flush()
"""


def test_a_child_of_a_process_that_only_awaited_has_threads_of_its_own() -> None:
    before = "asyncio.run(workers.in_worker(lambda: 1)); time.sleep(0.1)"
    assert python(before + FORK.format(child="asyncio.run(workers.in_worker(lambda: 1))")) == (0, "0", "")


def test_a_child_of_a_process_that_only_awaited_knows_nothing_of_its_parents_pools() -> None:
    before = """
loop = asyncio.new_event_loop(); loop.run_until_complete(acquire())
Operation("of the parent").__enter__()
"""
    code = before + FORK.format(child="assert not pools.status() and not operations.running()")
    assert python(code + "os._exit(0)") == (0, "0", "")


@pytest.mark.parametrize(
    "work",
    [
        "workers.in_worker(time.sleep, 60)",
        "workers.in_worker(time.sleep, 60, interrupt=lambda: None)",
        "asyncio.sleep(60)",
        "deaf()",
        "blocked()",
    ],
)
def test_exit_is_quick_and_silent_whatever_runs(work: str) -> None:
    code = f"""
async def deaf():
    while True:
        try: await asyncio.sleep(60)
        except asyncio.CancelledError: pass
async def blocked(): time.sleep(60)
begun = threading.Event()
async def work():
    begun.set()
    await {work}
threading.Thread(target=lambda: run(work()), daemon=True).start()
begun.wait(); time.sleep(0.1)
print(time.monotonic())
"""
    returned, began, errors = python(code)
    assert (returned, errors) == (0, "")
    assert time.monotonic() - float(began) < 4  # 1.7 s at most are ours


def test_exit_waits_for_a_worker_that_lets_go_when_the_loop_has_ended() -> None:
    """The end of the interpreter would meet it in a driver's C++, which ends the process."""
    code = """
def work():
    begun.set(); stopped.wait(); loop.join(); time.sleep(0.1); os.write(1, b"ended")
begun, stopped = threading.Event(), threading.Event()
threading.Thread(target=lambda: run(workers.in_worker(work, interrupt=stopped.set)), daemon=True).start()
begun.wait()
(loop,) = (each for each in threading.enumerate() if each.name == "dk_notebook loop")
"""
    assert python(code) == (0, "ended", "")
