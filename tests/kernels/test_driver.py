"""The driver itself, on a kernel that has nothing of ours."""

from __future__ import annotations

import pytest

from tests.kernels.driver import Kernel

pytestmark = pytest.mark.kernel


def test_a_cell_gives_its_value_and_its_streams(kernel: Kernel) -> None:
    outcome = kernel.ok("import sys; print('out'); print('err', file=sys.stderr); 6 * 7")
    assert (outcome.value, outcome.stdout, outcome.stderr) == ("42", "out\n", "err\n")


def test_a_cell_that_fails_gives_its_error(kernel: Kernel) -> None:
    outcome = kernel.run("1 / 0")
    assert (outcome.status, outcome.error, outcome.message) == ("error", "ZeroDivisionError", "division by zero")


def test_a_value_comes_back_as_python_has_it(kernel: Kernel) -> None:
    assert kernel.json("[1, {'a': None}]") == [1, {"a": None}]


def test_an_interrupt_ends_a_sleeping_cell(kernel: Kernel) -> None:
    cell = kernel.start("import time; print('sleeping'); time.sleep(60)")
    cell.until("sleeping")
    kernel.interrupt()
    assert cell.outcome(patience=5).error == "KeyboardInterrupt"


def test_a_shutdown_ends_the_process_in_peace(new_kernel: Kernel) -> None:
    process = new_kernel.process
    new_kernel.shutdown()
    assert (process.returncode, new_kernel.stderr) == (0, "")


def test_a_restarted_kernel_has_forgotten_everything(new_kernel: Kernel) -> None:
    new_kernel.ok("a = 1")
    new_kernel.restart()
    assert new_kernel.run("a").error == "NameError"


def test_a_killed_kernel_is_gone(new_kernel: Kernel) -> None:
    process = new_kernel.process
    new_kernel.kill()
    assert process.returncode == -9
