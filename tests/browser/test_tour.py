"""The tour, run by the menu."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from tests.browser.lab import Notebook
from tests.notebooks.executed import NOTEBOOKS, code_cells

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

TOUR = NOTEBOOKS / "01-tour.ipynb"
LONG = 150_000
"""Milliseconds for all of its cells."""


@pytest.fixture(scope="module")
def tour(opened: Callable[[Path], Notebook]) -> Notebook:
    """The tour after all its cells ran."""
    notebook = opened(TOUR)
    notebook.run_all()
    notebook.cells[-1].ended(LONG)
    return notebook


def test_only_the_cell_that_should_ends_with_an_error(tour: Notebook) -> None:
    names = [cell.id for cell in code_cells(nbformat.read(TOUR, as_version=4))]
    cells = dict(zip(names, tour.cells, strict=True))
    tour.picture("tour", cells["error"].ended().place)
    assert [name for name, cell in cells.items() if cell.ended().error.count()] == ["error"]


def test_its_plots_are_there(tour: Notebook) -> None:
    assert tour.page.locator(".jp-RenderedImage img").count() == 3
