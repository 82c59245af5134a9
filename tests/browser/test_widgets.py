"""The widgets in the page: a store walked with the mouse, a query stopped with its button."""

from __future__ import annotations

import re
import uuid

import pytest
from playwright.sync_api import Locator, expect

from dk_notebook.testing.services.postgres import PostgresAddress
from tests.browser.contrast import pale
from tests.browser.lab import PATIENCE, Cell, Notebook, Theme
from tests.browser.running import until_running

pytestmark = [pytest.mark.browser, pytest.mark.postgres]

SETUP = """
_ = dk.connect("duckdb://", name="shop"), dk.connect({url!r}, name="pg")
orders = pd.DataFrame({{"id": range(1, 51), "customer": ["ann", "bob"] * 25, "total": [12.5, None] * 25}})
_ = orders.dk.to_backend("pg", "orders")
_ = dk.execute("analyze orders", "pg")
"""


@pytest.fixture(scope="module")
def notebook(notebook: Notebook, postgres_database: str) -> Notebook:
    notebook.run(SETUP.format(url=postgres_database))
    return notebook


@pytest.fixture(scope="module")
def browser_cell(notebook: Notebook) -> Cell:
    return notebook.run("dk.browser()")


@pytest.fixture(scope="module")
def monitor_cell(notebook: Notebook) -> Cell:
    return notebook.run("dk.monitor()")


@pytest.fixture(scope="module")
def column(browser_cell: Cell) -> Locator:
    """The line of a column, in the browser in which a connection and a table were chosen."""
    output = browser_cell.output
    column = output.get_by_role("row", name="customer text")
    output.get_by_label("Connection").select_option(label="pg · postgres · open")
    expect(output.get_by_label("Tables")).to_contain_text("public.orders", timeout=PATIENCE)
    expect(column).to_have_count(0)  # nobody asked for it yet
    output.get_by_label("Tables").select_option(label="public.orders · table · 50 rows")
    expect(column).to_be_visible(timeout=PATIENCE)
    return column


def test_the_browser_shows_the_columns_of_the_table_that_is_chosen(column: Locator, browser_cell: Cell) -> None:
    expect(column).to_be_visible()
    expect(browser_cell.output.get_by_text("dk.read_table('public.orders', 'pg')")).to_be_visible()


@pytest.mark.usefixtures("column")
def test_its_button_shows_the_first_rows(browser_cell: Cell) -> None:
    browser_cell.output.get_by_role("button", name="First 20 rows").click()
    expect(browser_cell.output.get_by_text("20 shown; more on the server")).to_be_visible(timeout=PATIENCE)
    expect(browser_cell.output.get_by_role("row").filter(has_text="bob")).to_have_count(10)


def test_the_button_of_a_query_ends_it_on_the_server_and_its_cell(
    notebook: Notebook, monitor_cell: Cell, postgres_server: PostgresAddress
) -> None:
    name = f"n{uuid.uuid4().hex}"
    cell = notebook.start(f"%dkquery -c pg select pg_sleep(300) as {name}")
    call = monitor_cell.output.locator(".widget-hbox").filter(has_text=name)
    expect(call).to_contain_text(re.compile(r"pg · \d+ s$"), timeout=PATIENCE)
    until_running(postgres_server, name, 1)
    call.get_by_role("button", name="Stop").click()
    assert "QueryError" in cell.ended().said
    until_running(postgres_server, name, 0)
    expect(monitor_cell.output.get_by_text("Nothing runs.")).to_be_visible(timeout=PATIENCE)


@pytest.mark.usefixtures("column")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_their_texts_stand_out_from_what_is_behind_them(
    notebook: Notebook, browser_cell: Cell, monitor_cell: Cell, theme: Theme
) -> None:
    with notebook.theme(theme):
        cells = {"browser": browser_cell, "monitor": monitor_cell}
        for name, cell in cells.items():
            notebook.picture(f"{name}-{theme}", cell.place)
        found = {name: [pale(part) for part in cell.shown] for name, cell in cells.items()}
    assert {name: texts for name, texts in found.items() if any(texts)} == {}
