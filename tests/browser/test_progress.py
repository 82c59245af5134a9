"""Progress bars: what they show while a call runs, and that nothing of them stays."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.lab import PATIENCE, Notebook

pytestmark = [pytest.mark.browser, pytest.mark.duckdb]

# A frame a moment, each of ten thousand rows.
ROWS = """
import time
def rows(count):
    for _ in range(count):
        time.sleep(0.02)
        yield pd.DataFrame({"n": range(10_000)})
"""
WRITE = "_ = dk.write_table(rows(1_000), 'written', 'duckdb', mode='replace')"
LATE = """
from dk_notebook.progress import bar
from dk_notebook.runtime.operations import Operation
call = Operation("write orders", draw=bar(True))
call.started -= 1
try:
    with call:
        call.draw()
        call.total_rows = 100
        call.count(25)
        call.draw()
        time.sleep(60)
finally:
    call.draw()
"""
LONG = "select count(*) from range(100000000000) where hash(range) = 1"
"""Minutes of work."""


@pytest.fixture(scope="module")
def notebook(notebook: Notebook) -> Notebook:
    notebook.run(ROWS)
    return notebook


def test_a_bar_counts_the_rows_and_goes_when_the_cell_is_stopped(notebook: Notebook) -> None:
    cell = notebook.start(WRITE)
    counted = cell.output.get_by_text(re.compile(r"^[\d,]+ rows · [\d.]+ MB · [\d,]+ rows/s · \d+ s$"))
    expect(counted).to_be_visible(timeout=PATIENCE)
    before = counted.inner_text()
    expect(counted).not_to_have_text(before)
    notebook.stop()
    assert "KeyboardInterrupt" in cell.ended().said
    expect(counted).to_have_count(0)


def test_a_total_that_is_told_late_makes_a_bar(notebook: Notebook) -> None:
    cell = notebook.start(LATE)
    bar = cell.output.locator(".progress-bar")
    expect(bar).to_have_attribute("style", re.compile("width: 25%"), timeout=PATIENCE)
    assert cell.output.locator(".progress").bounding_box()["width"] > 100
    notebook.picture("progress", cell.place)
    notebook.stop()
    cell.ended()
    expect(bar).to_have_count(0)


def test_a_call_without_rows_tells_the_seconds(notebook: Notebook) -> None:
    cell = notebook.start(f"%dkquery {LONG}")
    expect(cell.output.get_by_text(re.compile(r"^\d+ s$"))).to_be_visible(timeout=PATIENCE)
    assert not cell.output.locator(".progress").is_visible()
    notebook.stop()
    assert cell.ended().said.strip() == "KeyboardInterrupt: stopped"
