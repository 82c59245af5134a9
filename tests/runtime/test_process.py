"""The ends of a process: exit, fork, and a loop of the user's own on the main thread."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.unit


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60)


BUSY = """
import threading, time, asyncio
from dk_notebook.runtime.thread import run
from dk_notebook.runtime.workers import in_worker
def work():
    try: run(in_worker(time.sleep, 60, interrupt=lambda: None))
    except BaseException: pass
threading.Thread(target=work, daemon=True).start()
time.sleep(0.3)
print(time.monotonic())
"""


def test_exit_with_a_running_call_is_quick_quiet_and_clean() -> None:
    done = python(BUSY)
    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - float(done.stdout) < 5


FORK = """
import os
from dk_notebook.runtime import thread
async def answer(): return os.getpid()
assert thread.run(answer()) == os.getpid()
child = os.fork()
if not child:
    assert thread.run(answer()) == os.getpid()
    os._exit(7)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 7, status
assert thread.run(answer()) == os.getpid()
"""


def test_a_forked_child_starts_afresh_and_the_parent_goes_on() -> None:
    done = python(FORK)
    assert (done.returncode, done.stderr) == (0, "")


LATE = """
import asyncio, os, signal, threading, time
from dk_notebook.runtime.operations import Operation
woken = []
async def call():
    loop = asyncio.get_running_loop()
    me = asyncio.current_task()
    # as ipykernel does: the handler only queues a callback, which a sleeping loop does not notice
    signal.signal(signal.SIGINT, lambda *_: loop._ready.append(asyncio.Handle(me.cancel, (), loop)))
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    with Operation("late") as operation:
        async with operation.step():
            await asyncio.sleep(20)
start = time.monotonic()
try: asyncio.run(call())
except asyncio.CancelledError: pass
assert time.monotonic() - start < 2, time.monotonic() - start
"""


def test_a_loop_on_the_main_thread_is_woken_for_a_late_interrupt() -> None:
    done = python(LATE)
    assert (done.returncode, done.stderr) == (0, "")


def test_importing_starts_no_thread() -> None:
    done = python("import threading, dk_notebook.runtime.thread; assert threading.active_count() == 1")
    assert (done.returncode, done.stderr) == (0, "")
