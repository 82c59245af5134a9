"""Widgets where no page is: in a notebook that was run without one, and at the end of a kernel."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from tests.kernels.driver import Kernel
from tests.notebooks.executed import execute
from tests.promptness import LATEST

pytestmark = [pytest.mark.kernel, pytest.mark.duckdb]


def test_a_notebook_that_was_run_shows_them_where_no_kernel_is(tmp_path: Path) -> None:
    cells = ["import dk_notebook as dk\ndk.execute('create table shown as select 42 as answer')"]
    cells += ["dk.browser()", "dk.monitor()"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in cells])
    execute(notebook, tmp_path)
    browser, monitor = (cell.outputs[0].data for cell in notebook.cells[1:])
    assert (">shown</td>" in browser["text/html"], "shown" in browser["text/plain"]) == (True, True)
    assert (">duckdb</td>" in monitor["text/html"], "in_use" in monitor["text/plain"]) == (True, True)


def test_a_kernel_that_ends_with_widgets_says_nothing(new_kernel: Kernel) -> None:
    new_kernel.ok("import dk_notebook as dk\ndk.connect()\nmonitor, browser = dk.monitor(), dk.browser()\nmonitor")
    new_kernel.ok(
        "import asyncio\nlong = 'select count(*) from range(100000000000) where hash(range) = 1'\n"
        "task = asyncio.create_task(dk.aread_query(long))"
    )
    seconds = new_kernel.shutdown()
    assert (new_kernel.stderr, seconds < LATEST) == ("", True)
