"""What we show where no style sheet of Jupyter is, as in VS Code: the colours are those around it."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pandas as pd
import pytest
from playwright.sync_api import Browser

import dk_notebook as dk
from dk_notebook.benchmark import Contender, measured
from dk_notebook.jupyter.benchmark_report import BenchmarkReport
from dk_notebook.jupyter.display import Note
from dk_notebook.jupyter.status import Status
from dk_notebook.reading import native
from dk_notebook.runtime.operations import Operation
from tests.browser.contrast import pale

pytestmark = [pytest.mark.browser, pytest.mark.duckdb]

AROUND = {"dark": "color: #cccccc; background: #1f1f1f", "light": "color: #3b3b3b; background: #ffffff"}
"""As VS Code's own themes have it."""


@pytest.fixture(scope="module")
def pages() -> Mapping[str, str]:
    """Our objects as pages. Made before there is a browser, whose loop runs in this thread."""
    dk.close()
    orders = pd.DataFrame({"n": range(5), "day": pd.Timestamp("2026-01-05")})
    with dk.connect("duckdb://", name="shop") as shop:
        dk.execute("create or replace table few (n integer check (n < 3), day timestamp)", shop)
        browser, monitor = dk.browser("shop"), dk.monitor()
        with Operation("select 1", connection="shop"):
            shown = {
                "connection": shop,
                "report": orders.dk.to_backend(shop, "few", mode="append", errors="collect"),
                "plan of a write": dk.plan_write(orders, "orders", shop),
                "plan": dk.explain("from few", shop),
                "tables": dk.tables(shop),
                "columns": dk.columns("few", shop),
                "connections": dk.connections(),
                "status": Status(dk.status(), dk.running(), ""),
                "benchmark": BenchmarkReport(measured([Contender(shop, native("from few", {}))], runs=2)),
                "line": Note(("3 rows",)),
                "browser": browser.static(),
                "monitor": monitor.static(),
            }
            pages = {name: each._repr_html_() for name, each in shown.items()}
        browser.close()
        monitor.close()
    return pages


def test_they_need_no_script_and_no_style_of_jupyter(pages: Mapping[str, str]) -> None:
    foreign = re.compile(r"<script|javascript:|<link|--jp-|class=\"jp-| src=|@import", re.IGNORECASE)
    assert {name: foreign.findall(page) for name, page in pages.items() if foreign.search(page)} == {}


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
def test_their_texts_stand_out_from_what_is_behind_them(
    pages: Mapping[str, str], browser: Browser, around: str
) -> None:
    view = browser.new_page()
    sections = (f'<section id="{name}">{page}</section>' for name, page in pages.items())
    view.set_content("<!doctype html>" + "".join(sections))
    view.add_style_tag(content=f"body {{ {around} }}")
    found = {name: pale(view.locator(f'[id="{name}"]')) for name in pages}
    view.close()
    assert found == dict.fromkeys(pages)
