"""The main things in Notebook 7, which is made of JupyterLab's parts; the other files are of JupyterLab."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SETUP
from tests.browser.lab import PATIENCE, Notebook

pytestmark = [pytest.mark.browser, pytest.mark.duckdb]

DATA = f"""{SETUP}
_ = dk.connect("duckdb://", name="shop")
_ = pd.DataFrame({{"id": range(1, 51), "customer": "ann"}}).dk.to_backend("shop", "orders")"""
LONG = "%dkquery select count(*) from range(100000000000) where hash(range) = 1"
"""Minutes of work."""


@pytest.fixture(scope="module")
def notebook(opened: Callable[..., Notebook], tmp_path_factory: pytest.TempPathFactory) -> Notebook:
    """A notebook that is open in Notebook 7."""
    notebook = opened(Notebook.file(tmp_path_factory.mktemp("notebook") / "notebook_7.ipynb"), by="Notebook")
    notebook.run(DATA)
    return notebook


def test_a_query_shows_its_table_and_its_line(notebook: Notebook) -> None:
    cell = notebook.run("%%dkquery -n 3\nselect * from orders order by id")
    expect(cell.output.get_by_role("table").get_by_text("ann")).to_have_count(3)
    expect(cell.output.get_by_text("3 shown; more on the server")).to_be_visible()


def test_tab_offers_the_columns_of_the_table(notebook: Notebook) -> None:
    cell = notebook.write("%%dkquery\nselect o.cus| from orders o")
    notebook.page.keyboard.press("Tab")
    notebook.offers.get_by_text("customer", exact=True).click()
    expect(cell.editor).to_have_text("%%dkqueryselect o.customer from orders o")


def test_an_error_has_a_caret_under_the_place(notebook: Notebook) -> None:
    *_, line, caret = notebook.run("%%dkquery\nselect id, nme from orders").error.inner_text().rstrip().splitlines()
    assert line[caret.index("^") :].startswith("nme")


def test_the_stop_button_ends_the_query(notebook: Notebook) -> None:
    cell = notebook.start(LONG)
    expect(cell.output.get_by_text(re.compile(r"^\d+ s$"))).to_be_visible(timeout=PATIENCE)
    notebook.stop()
    assert cell.ended().said.strip() == "KeyboardInterrupt: stopped"
    assert "42" in notebook.run("%dkquery select 42 as answer").said


def test_a_button_of_the_monitor_ends_the_query_of_a_cell_that_waits_for_it(notebook: Notebook) -> None:
    monitor = notebook.run("dk.monitor()")
    cell = notebook.start(LONG)
    monitor.output.get_by_role("button", name="Stop", exact=True).click(timeout=PATIENCE)
    assert "QueryError" in cell.ended().said
