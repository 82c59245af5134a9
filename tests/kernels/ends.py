"""The end of a kernel, forks, threads and the loss of the loop, with live pools and running calls: the tests that each
store passes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import pytest

from tests.kernels.driver import Kernel
from tests.kernels.stops import at_rest, gone_within
from tests.services.proxy import Proxy

LEFT_WITHIN = 20.0
"""Seconds until the server has noticed: it is as busy as the rest of the machine."""
GONE_WITHIN = 6.0
"""Seconds from the button to the end of the process: 0.4 to 1.1 when nothing else runs, 2.6 on a machine with twice as
much to do as it has processors for."""
NOTICED_WITHIN = 6.0
"""Seconds until the server has ended the query of a process that was killed."""
BACK_WITHIN = 4.0
"""Seconds to the prompt where the server does not answer."""


def in_a_thread(call: str) -> str:
    """A cell that leaves a call running in a thread."""
    return f"""
import threading
def quietly():
    try:
        {call}
    except BaseException:
        pass
threading.Thread(target=quietly, daemon=True).start()
print("running")
"""


def left_half_way(chunks: str) -> str:
    """A cell that takes the first chunk; ``chunks`` is the call that gives them."""
    return f"frames = {chunks}\nnext(frames)\nprint('running')"


FORKS = """
import json, os, threading
said = []
def loaded():
    try:
        {load}
    except BaseException as error:
        said.append(type(error).__name__)
loads = [threading.Thread(target=loaded) for _ in range({loads})]
for each in loads:
    each.start()
while len(dk.running()) < {loads}:
    pass
children = []
for _ in range(2):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            answer = [{answer}, int(dk.status()["opened"].sum())]
            os.write(writer, json.dumps(answer).encode())
        except BaseException as error:
            os.write(writer, json.dumps(repr(error)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    children.append(json.loads(os.read(reader, 1000)))
    os.waitpid(child, 0)
    os.close(reader)
under_way = len(dk.running())
answer = {answer}
dk.cancel()
for each in loads:
    each.join(20)
print(json.dumps([children, under_way, answer, said, int(dk.status()["opened"].sum())]))
"""
"""A cell whose children, and then the kernel itself, ask while calls are under way."""


class EndTests:
    """One store. A subclass has the fixture ``connect``."""

    running: ClassVar[Mapping[str, str]]
    """What -> code that prints "running" before, or while, it waits."""
    load: ClassVar[str]
    """A call that takes minutes."""
    loads: ClassVar[int] = 3
    """How many of them run while the kernel forks."""
    answer: ClassVar[str]
    """An expression that reads 42 from the store."""
    beyond: ClassVar[int] = 0
    """How many connections there may be beyond those that the pool lends at once."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "what" in metafunc.fixturenames:
            metafunc.parametrize("what", self.running)

    @pytest.fixture
    def connect(self) -> str:
        """The cell that connects a kernel."""
        raise NotImplementedError

    @pytest.fixture
    def left(self) -> Callable[[], int]:
        """How much of a kernel the server has, connections included; what is in the kernel itself ends with it."""
        return lambda: 0

    @pytest.fixture
    def new_kernel(self, new_kernel: Kernel, connect: str) -> Kernel:
        new_kernel.ok(connect)
        return new_kernel

    @pytest.fixture
    def kernel(self, kernel: Kernel, connect: str) -> Kernel:
        kernel.ok(connect)
        return kernel

    # --- the end

    def test_shutdown_ends_the_process_at_once_and_quietly(
        self, new_kernel: Kernel, left: Callable[[], int], what: str
    ) -> None:
        new_kernel.start(self.running[what]).until("running")
        time.sleep(0.3)
        process = new_kernel.process
        seconds = new_kernel.shutdown()
        assert (process.returncode, new_kernel.stderr, seconds < GONE_WITHIN) == (0, "", True), seconds
        gone_within(left, LEFT_WITHIN)

    def test_exit_ends_the_process_quietly(self, new_kernel: Kernel, left: Callable[[], int]) -> None:
        process = new_kernel.process
        new_kernel.start(in_a_thread(self.load)).until("running")
        begun = time.monotonic()
        new_kernel.start("exit()")
        assert (process.wait(timeout=10), new_kernel.stderr) == (0, "")
        assert time.monotonic() - begun < GONE_WITHIN
        gone_within(left, LEFT_WITHIN)

    def test_a_restart_during_a_query_gives_a_kernel_that_works(
        self, new_kernel: Kernel, left: Callable[[], int], connect: str
    ) -> None:
        old = new_kernel.process
        new_kernel.start(f"print('running'); {self.load}").until("running")
        new_kernel.restart()
        assert (old.returncode, new_kernel.stderr) == (0, "")
        gone_within(left, LEFT_WITHIN)
        new_kernel.ok(connect)
        assert new_kernel.json(self.answer) == 42

    # --- forks and threads

    def test_children_of_a_fork_under_load_work_and_the_parent_does_not_notice(self, kernel: Kernel) -> None:
        self.check_forks(kernel)

    def check_forks(self, kernel: Kernel) -> tuple[list[int], int]:
        """How many connections each child has opened, and how many the kernel."""
        told: Any = kernel.json_of(FORKS.format(load=self.load, loads=self.loads, answer=self.answer))
        children, under_way, answer, said, opened = told
        assert [child[0] for child in children] == [42, 42], children
        assert (under_way, answer, said) == (self.loads, 42, ["QueryError"] * self.loads)
        assert at_rest(kernel)
        return [child[1] for child in children], opened

    def test_a_spawned_process_has_a_pool_of_its_own(self, kernel: Kernel, connect: str) -> None:
        imports = "\n".join(line for line in connect.splitlines() if not line.startswith("%"))
        code = f"""
import multiprocessing, pathlib, sys
pathlib.Path("child.py").write_text({f"{imports}{chr(10)}def answer(n):{chr(10)}    return n + {self.answer}"!r})
sys.path.insert(0, "")
sys.modules.pop("child", None)
import child
__spec__ = None  # which %reset has taken away, and multiprocessing looks for
with multiprocessing.get_context("spawn").Pool(2) as processes:
    print(processes.map(child.answer, [1, 2, 3]))
"""
        outcome = kernel.ok(code)
        assert outcome.stdout == "[43, 44, 45]\n", outcome.stdout

    def test_thirty_two_threads_at_once_share_the_pool(self, kernel: Kernel) -> None:
        code = f"""
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(32) as threads:
    answers = list(threads.map(lambda _: {self.answer}, range(128)))
status = dk.status()
print(sum(answers), status["in_use"].sum(), int((status["size"] - status["max_size"]).max()))
"""
        total, in_use, beyond = map(int, kernel.ok(code).stdout.split())
        assert (total, in_use, beyond <= self.beyond) == (128 * 42, 0, True), beyond

    # --- the loop thread dies

    def test_when_the_loop_ends_who_waits_is_told_and_the_next_call_starts_afresh(self, kernel: Kernel) -> None:
        code = f"""
import threading, time
from dk_notebook.runtime import background
home = background.serving()
threading.Timer(0.3, lambda: home.post(home.loop.stop)).start()
begun = time.monotonic()
try:
    {self.load}
except dk.ConnectionFailed as error:
    print("ended" in str(error), time.monotonic() - begun < 5)
print({self.answer})
"""
        outcome = kernel.ok(code)
        assert outcome.stdout == "True True\n42\n", outcome.stdout


class ServerEndTests(EndTests):
    """A store with a server: ``left`` is a subclass's own, and ``connect`` goes by the proxy ``way``."""

    silent: ClassVar[Sequence[tuple[str, int]]]
    """What of `running` is stopped where the server does not answer, and how often."""
    harmless: ClassVar[frozenset[str]] = frozenset()
    """What of it leaves nothing running there that one would have to be warned of."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "stops" in metafunc.fixturenames:
            metafunc.parametrize(("what", "stops"), self.silent)
        else:
            super().pytest_generate_tests(metafunc)

    def test_children_of_a_fork_under_load_work_and_the_parent_does_not_notice(
        self, kernel: Kernel, way: Proxy
    ) -> None:
        """They have connections of their own: the server has seen as many as all together have opened."""
        children, opened = self.check_forks(kernel)
        seen = sum(not link.is_cancel for link in way.links)
        assert (min(children) > 0, opened + sum(children)) == (True, seen), (children, opened, seen)

    def test_a_server_that_does_not_answer_holds_no_prompt(
        self, kernel: Kernel, way: Proxy, what: str, stops: int
    ) -> None:
        cell = kernel.start(self.running[what])
        cell.until("running")
        time.sleep(0.3)
        way.silence()
        begun = time.monotonic()
        for _ in range(stops):
            kernel.interrupt()
            time.sleep(0.1)
        outcome = cell.outcome()
        assert (outcome.error, time.monotonic() - begun < BACK_WITHIN) == ("KeyboardInterrupt", True), outcome
        assert ("may still run on the server" in outcome.stderr) == (what not in self.harmless), outcome
        way.cut()
        way.heal()
        assert kernel.json(self.answer) == 42
        assert at_rest(kernel)
