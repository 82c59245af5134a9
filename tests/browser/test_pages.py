"""What our values, lines and errors look like in a page: readable in both themes, and within its width."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.contrast import pale
from tests.browser.lab import Cell, Notebook, Theme

pytestmark = [pytest.mark.browser, pytest.mark.duckdb]

CELLS = {
    "connection": "dk.connect('duckdb://', name='shop')",
    "report": "orders.dk.to_backend('shop', 'orders')",
    "rejected": "orders.dk.to_backend('shop', 'few', mode='append', errors='collect')",
    "plan of a write": "dk.plan_write(orders, 'copy')",
    "frame": "%%dkquery -n 3\nselect * from orders where n > :least order by n",
    "statement": "%dkquery delete from orders where n < :least",
    "plan": "%dkexplain --analyze select day, sum(n) from orders group by day order by day",
    "tables": "%dktables orders",
    "status": "%dkstatus",
    "pools": "dk.status()",
    "benchmark": "%dkbench -r 3 --cold select count(*) from orders",
    "error": "%%dkquery\nselect day,\n       sum(m) as total\nfrom orders\ngroup by day",
    "error far to the right": f"%dkquery select {'n + n, ' * 20} m, 0 as {'z' * 40} from orders",
    "error in Python": "totals = dk.read_query('select sum(m) from orders')",
}
SETUP = """
least = 2
orders = pd.DataFrame({"n": range(50), "day": pd.Timestamp("2026-01-05") + pd.to_timedelta(range(50), "h")})
_ = dk.execute("create table few (n integer check (n < 48), day timestamp)", dk.connect("duckdb://", name="shop"))
"""


@pytest.fixture(scope="module")
def cells(notebook: Notebook) -> dict[str, Cell]:
    """The cells after they ran."""
    notebook.run(SETUP)
    return {name: notebook.run(code) for name, code in CELLS.items()}


@pytest.fixture(scope="module", params=["light", "dark"])
def theme(request: pytest.FixtureRequest, notebook: Notebook, cells: dict[str, Cell]) -> Iterator[Theme]:
    with notebook.theme(request.param):
        yield request.param


def test_all_texts_stand_out_from_what_is_behind_them(notebook: Notebook, cells: dict[str, Cell], theme: Theme) -> None:
    found = {}
    for name, cell in cells.items():
        notebook.picture(f"{name.replace(' ', '-')}-{theme}", cell.place)
        # The colours of errors are IPython's.
        found[name] = [pale(part) for part in cell.shown if not cell.error.count()]
    assert {name: texts for name, texts in found.items() if any(texts)} == {}


@pytest.mark.parametrize("name", ["error", "error far to the right"])
def test_the_caret_is_under_the_place(cells: dict[str, Cell], name: str) -> None:
    lines = cells[name].error.inner_text().splitlines()
    (caret,) = (number for number, line in enumerate(lines) if line.strip() == "^")
    assert lines[caret - 1][lines[caret].index("^")] == "m"
    one_line = cells[name].error.evaluate(
        "error => parseFloat(getComputedStyle(error.querySelector('pre')).lineHeight)"
    )
    height = cells[name].error.locator("pre").evaluate("pre => pre.getBoundingClientRect().height")
    assert height < (len(lines) + 1) * one_line  # none is wrapped


def test_an_error_of_a_magic_is_a_few_lines(cells: dict[str, Cell]) -> None:
    assert len(cells["error"].error.inner_text().strip().splitlines()) <= 4


def test_the_line_of_a_query_stands_under_its_table(cells: dict[str, Cell]) -> None:
    table = cells["frame"].output.get_by_role("table").bounding_box()
    line = cells["frame"].output.get_by_text("3 shown; more on the server").bounding_box()
    assert table is not None
    assert line is not None
    assert table["y"] + table["height"] <= line["y"]


@pytest.mark.parametrize(
    "name", ["report", "rejected", "plan of a write", *(name for name in CELLS if "error" in name)]
)
def test_text_is_as_wide_as_the_page(cells: dict[str, Cell], name: str) -> None:
    for part in cells[name].shown:
        assert part.evaluate("part => part.scrollWidth - part.clientWidth") <= 0


def test_the_text_of_a_report_begins_where_tables_do(cells: dict[str, Cell]) -> None:
    expect(cells["report"].output.locator("pre")).to_have_css("margin-left", "0px")
