"""Progress bars as widgets: there while a call runs, gone when it ends, however it does."""

from __future__ import annotations

import pytest

from tests.kernels.driver import Kernel

pytestmark = [pytest.mark.kernel, pytest.mark.duckdb]

LONG = "select count(*) from range(100000000000) where hash(range) = 1"
"""Minutes of work."""

BARS = """
import asyncio, threading, time
import ipywidgets
import dk_notebook as dk
from ipywidgets.widgets.widget import _instances

%load_ext dk_notebook

def bars():
    return [one for one in list(_instances.values()) if isinstance(one, ipywidgets.HBox)]

for left in bars():  # of a test that failed
    left.close()

def tell(number):
    while len(bars()) < number:
        time.sleep(0.01)
    print("shown")

"""

CALLS = {
    "a read": f"dk.read_query({LONG!r})",
    "chunks": f"for frame in dk.iter_query({LONG!r}): pass",
    "an awaited read": f"await dk.aread_query({LONG!r})",
    "a magic": f"%dkquery {LONG}",
    "a statement": f"dk.execute('create or replace table made as {LONG}')",
    "a measured plan": f"dk.explain({LONG!r}, analyze=True)",
    "a write": """
def rows():
    while True:
        yield dk.read_query("from range(1000)", progress=False)
dk.write_table(rows(), "written", mode="replace")
""",
}


@pytest.fixture
def kernel(kernel: Kernel) -> Kernel:
    kernel.ok(BARS)
    return kernel


def stop_when_shown(kernel: Kernel, code: str, bars: int = 1) -> str:
    """Press stop when the cell shows so many bars; the name of its error."""
    cell = kernel.start(f"threading.Thread(target=tell, args=({bars},), daemon=True).start()\n{code}")
    cell.until("shown")
    kernel.interrupt()
    return cell.outcome().error


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_long_call_shows_a_bar_that_a_stop_closes(kernel: Kernel, call: str) -> None:
    assert stop_when_shown(kernel, call) in ("KeyboardInterrupt", "CancelledError")
    assert kernel.json("len(bars())") == 0


def test_two_calls_at_once_have_a_bar_each(kernel: Kernel) -> None:
    stop_when_shown(kernel, f"await asyncio.gather(*(dk.aread_query({LONG!r}) for _ in range(2)))", bars=2)
    assert kernel.json("len(bars())") == 0


def test_a_total_that_comes_late_is_shown_too(kernel: Kernel) -> None:
    kernel.ok(
        "from dk_notebook.progress import bar\nfrom dk_notebook.runtime.operations import Operation\n"
        "call = Operation('late', draw=bar(True))\ncall.started -= 1\ncall.draw()\n"
        "call.total_rows = 40\ncall.rows = 10\ncall.draw()\n"
        "[shown] = [one.children[1] for one in bars()]"
    )
    assert kernel.json("[shown.value, shown.max, shown.bar_style]") == [10, 40, ""]
    kernel.ok("call.done = True\ncall.draw()")


def test_a_bar_that_is_short_of_its_total_goes_too(kernel: Kernel) -> None:
    kernel.ok(
        "from dk_notebook.progress import bar\nfrom dk_notebook.runtime.operations import Operation\n"
        "call = Operation('half', draw=bar(True))\ncall.started -= 1\ncall.total_rows = 2\n"
        "with call:\n    call.count(1)\n    call.draw()\n    call._drawn_here = True"
    )
    assert kernel.json("len(bars())") == 0


@pytest.mark.parametrize(
    "call",
    [
        f"dk.read_query({LONG!r}, timeout=1.5, progress=False)",
        f"%dkquery --no-progress --timeout 1.5 {LONG}",
        f"%dkquery --no-progress --timeout 1.5 create or replace table made as {LONG}",
    ],
)
def test_a_call_without_progress_shows_none(kernel: Kernel, call: str) -> None:
    outcome = kernel.run(call)
    assert (outcome.error, outcome.displayed, outcome.stderr) == ("DeadlineExceeded", [], "")
