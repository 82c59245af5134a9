"""`asyncio.run` in a cell: refused by Python as it is, allowed on request, and all of ours works as before."""

from __future__ import annotations

import pytest

from tests.kernels.driver import Kernel
from tests.kernels.stops import stopped

pytestmark = [pytest.mark.kernel, pytest.mark.duckdb]

NESTED = "import asyncio\nasync def answer():\n    await asyncio.sleep(0.01)\n    return 42\nasyncio.run(answer())"
IN_THE_LOOP = "asyncio.get_event_loop().run_until_complete(answer())"
LONG = "select count(*) from range(100000000000) a where hash(range) = 1"


@pytest.fixture
def allowed(new_kernel: Kernel) -> Kernel:
    new_kernel.ok("import dk_notebook as dk\ndk.read_query('select 1')\ndk.allow_nested_run()\ndk.allow_nested_run()")
    return new_kernel


def test_a_cell_cannot_run_a_loop_before_and_can_after(new_kernel: Kernel) -> None:
    new_kernel.ok("import dk_notebook as dk\n%load_ext dk_notebook\ndk.read_query('select 1')\n%dkquery select 1")
    refused = new_kernel.run(NESTED)
    assert (refused.error, "running event loop" in refused.message) == ("RuntimeError", True)
    new_kernel.ok("dk.allow_nested_run()")
    assert new_kernel.ok(NESTED).value == "42"
    assert new_kernel.ok(IN_THE_LOOP).value == "42"


def test_queries_work_blocking_awaited_and_nested(allowed: Kernel) -> None:
    allowed.ok(NESTED)
    assert allowed.ok("int(dk.read_query('select 42 as a')['a'][0])").value == "42"
    assert allowed.ok("int((await dk.aread_query('select 42 as a'))['a'][0])").value == "42"
    assert allowed.ok("int(asyncio.run(dk.aread_query('select 42 as a'))['a'][0])").value == "42"
    assert allowed.json("sum(len(frame) for frame in dk.iter_query('from range(5000)', chunk_rows=999))") == 5000


@pytest.mark.parametrize(
    ("cell", "error"),
    [
        (f"print('running'); dk.read_query({LONG!r})", "KeyboardInterrupt"),
        (f"print('running'); await dk.aread_query({LONG!r})", "CancelledError"),  # so ipykernel tells it
    ],
    ids=["a plain cell", "an awaited query"],
)
def test_the_stop_button_stops(allowed: Kernel, cell: str, error: str) -> None:
    allowed.run("raise KeyboardInterrupt")  # the first traceback of a kernel takes long
    outcome, _ = stopped(allowed, cell)
    assert outcome.error == error, outcome
    assert allowed.ok("int(dk.read_query('select 42 as a')['a'][0])").value == "42"
    assert allowed.json("len(dk.running())") == 0
