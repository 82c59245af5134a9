"""What our values, lines and errors look like in a page: readable in both themes, and within its width."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

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

# The least contrast between a text and what is behind it, of all texts in an element (as WCAG defines contrast).
CONTRAST = """
output => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
    const over = (colours) => {
        canvas.clearRect(0, 0, 1, 1);
        for (const [colour, opacity] of colours) {
            canvas.globalAlpha = opacity; canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
        }
        return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const luminance = (colour) => {
        const [r, g, b] = colour.map(c => c / 255).map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    let least = [21, ""];
    const texts = document.createTreeWalker(output, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const text = texts.currentNode.textContent.trim();
        if (!text || !texts.currentNode.parentElement.checkVisibility()) continue;
        const behind = []; let opacity = 1;
        for (let at = texts.currentNode.parentElement; at; at = at.parentElement) {
            behind.unshift([getComputedStyle(at).backgroundColor, 1]);
            opacity *= getComputedStyle(at).opacity;
        }
        const front = [...behind, [getComputedStyle(texts.currentNode.parentElement).color, opacity]];
        const [light, dark] = [luminance(over(front)), luminance(over(behind))].sort((a, b) => b - a);
        const contrast = (light + 0.05) / (dark + 0.05);
        if (contrast < least[0]) least = [contrast, text];
    }
    return least;
}
"""
READABLE = 4.5  # what WCAG asks of small print


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
    pale = {}
    for name, cell in cells.items():
        notebook.picture(f"{name.replace(' ', '-')}-{theme}", cell.place)
        for part in cell.shown if not cell.error.count() else ():  # the colours of errors are IPython's
            contrast, text = part.evaluate(CONTRAST)
            if contrast < READABLE:
                pale[name] = contrast, text
    assert pale == {}


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
