"""Widgets in a kernel: buttons that are pressed while it works, and what the page and the notebook get."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernels.driver import Cell, Kernel
from tests.kernels.page import Page, page_of
from tests.promptness import LATEST

pytestmark = [pytest.mark.kernel, pytest.mark.duckdb]

LONG = "select count(*) from range(100000000000) where hash(range) = 1"
"""Minutes of work."""

CANARY = "swordfish-1f0c9a77"

BLOCKING = f"dk.read_query({LONG!r})"
AWAITED = f"await dk.aread_query({LONG!r})"
TASK = f"import asyncio\ntask = asyncio.create_task(dk.aread_query({LONG!r}))"


@pytest.fixture
def kernel(kernel: Kernel) -> Iterator[Kernel]:
    kernel.ok("import dk_notebook as dk\ndk.connect('duckdb://')")
    yield kernel
    kernel.ok("monitor.close() if 'monitor' in globals() else None\ndk.cancel()\ndk.close()")


@pytest.fixture
def page(kernel: Kernel) -> Iterator[Page]:
    """A page with a monitor."""
    with page_of(kernel) as page:
        kernel.ok("monitor = dk.monitor()\nmonitor")
        yield page


def begun(kernel: Kernel, page: Page, code: str) -> tuple[Cell, str]:
    """A cell whose query has a button on the page, and that."""
    cell = kernel.start(code)
    return cell, page.until(lambda: page.find("ButtonModel", description="Stop"))


def test_the_button_stops_what_a_task_of_the_notebook_waits_for(kernel: Kernel, page: Page) -> None:
    cell, stop = begun(kernel, page, TASK)
    cell.outcome()
    page.press(stop)
    # Without subshells a cell that awaits keeps the button from being heard, so that it must have been.
    page.until(lambda: page.find("ButtonModel", description="Stop") is None)
    page.until(lambda: page.shows("Nothing runs."))
    assert kernel.run("await task").message.startswith("cancelled")


def test_a_cell_that_blocks_is_seen_to_go_on(kernel: Kernel, page: Page) -> None:
    cell = kernel.start("for frame in dk.iter_query('from range(100000000000)', chunk_rows=1000): pass")
    page.until(lambda: page.shows(r"\d rows · [1-9]\d* s"))
    kernel.interrupt()
    assert cell.outcome().error == "KeyboardInterrupt"


def test_the_widget_says_when_its_buttons_are_heard(page: Page) -> None:
    said = "The buttons work while a cell runs too" if page.subshell else "This kernel hears the buttons between cells"
    assert page.until(lambda: page.shows(said))


@pytest.mark.parametrize(
    ("code", "interrupted"), [(BLOCKING, "KeyboardInterrupt"), (AWAITED, "CancelledError")], ids=["blocks", "awaits"]
)
def test_a_cell_is_stopped_by_the_button_where_the_kernel_has_subshells(
    kernel: Kernel, page: Page, code: str, interrupted: str
) -> None:
    cell, stop = begun(kernel, page, code)
    page.press(stop)
    if page.subshell is None:
        kernel.interrupt()
    expected = interrupted if page.subshell is None else "QueryError"
    outcome = cell.outcome(patience=LATEST)
    assert (outcome.error, outcome.stderr) == (expected, "")


def test_what_other_cells_show_is_not_disturbed(kernel: Kernel, page: Page) -> None:
    cell, _ = begun(kernel, page, TASK)
    cell.outcome()
    outcome = kernel.ok("import time\nprint('one')\ntime.sleep(1.2)\nprint('two')")
    assert [output["output_type"] for output in outcome.outputs] == ["stream"] * len(outcome.outputs)
    assert (outcome.stdout, outcome.stderr) == ("one\ntwo\n", "")


def test_a_page_that_is_left_is_not_spoken_to_any_more(kernel: Kernel, page: Page) -> None:
    box = page.until(lambda: page.find("VBoxModel", _view_count=0))
    page.change(box, _view_count=1)
    page.change(box, _view_count=0)
    page.until(lambda: not kernel.json("monitor._ticker.runs"))


def test_what_is_typed_is_kept_by_no_page_and_said_by_no_kernel(kernel: Kernel, tmp_path: Path) -> None:
    file = tmp_path / "dk.toml"
    file.write_text('[connections.pg]\nbackend = "postgres"\nhost = "127.0.0.1"\nport = 1\nuser = "ann"\n')
    with page_of(kernel) as page:
        shown = kernel.ok(
            f"import os, json, ipywidgets\nos.environ['DK_CONFIG'] = {str(file)!r}\nmonitor = dk.browser('pg')\nmonitor"
        )
        page.change(page.until(lambda: page.find("PasswordModel")), value=CANARY)
        refused = len(page.heard)
        page.until(lambda: any("asking pg" in said for said in page.heard[refused:]))
        page.until(lambda: page.find("PasswordModel", value=""))
        state = kernel.ok("del os.environ['DK_CONFIG']\nprint(json.dumps(ipywidgets.Widget.get_manager_state()))")
        page.listen(0.2)
        said = [*page.heard, json.dumps(page.models), json.dumps(shown.outputs), json.dumps(state.outputs)]
    assert ("PasswordModel" in state.stdout, [text for text in said if CANARY in text]) == (True, [])
