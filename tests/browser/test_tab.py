"""Tab, and the menu of what it offers."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.lab import Notebook

pytestmark = [pytest.mark.browser, pytest.mark.duckdb]


@pytest.fixture(scope="module")
def notebook(notebook: Notebook) -> Notebook:
    notebook.run(
        "%dkquery create table orders (id integer, customer varchar)\n%dkquery create table order_lines (n integer)"
    )
    return notebook


@pytest.mark.parametrize(
    ("code", "offered", "completed"),
    [
        ("%dkquery select * from ", "orders", "%dkquery select * from orders"),
        ("%%dkquery\nselect * from ord", "orders", "%%dkquery\nselect * from orders"),
        ("%%dkquery\nselect o.cus|, 1\nfrom orders o", "customer", "%%dkquery\nselect o.customer, 1\nfrom orders o"),
        ("%dkquery --time| 5 select 1", "--timeout", "%dkquery --timeout 5 select 1"),
        ("%dkquery -c du", "duckdb", "%dkquery -c duckdb"),
    ],
)
def test_what_is_offered_is_put_in(notebook: Notebook, code: str, offered: str, completed: str) -> None:
    cell = notebook.write(code)
    notebook.page.keyboard.press("Tab")
    offer = notebook.offers.get_by_text(offered, exact=True)
    expect(offer).to_be_visible()
    offer.click()
    expect(cell.editor).to_have_text(completed.replace("\n", ""))


def test_the_menu_tells_what_is_what(notebook: Notebook) -> None:
    notebook.write("%%dkquery\nselect * from |\nwhere id = 1")
    notebook.page.keyboard.press("Tab")
    expect(notebook.offers).to_contain_text("order_linestable")
    notebook.picture("tab")
    notebook.page.keyboard.press("Escape")
