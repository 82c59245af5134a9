"""What a page shows of our objects, when names and data are hostile and the theme is dark."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
import pytest
from IPython.lib.pretty import pretty

import dk_notebook as dk
from dk_notebook import benchmark
from dk_notebook.jupyter.benchmark_report import BenchmarkReport
from dk_notebook.jupyter.display import Note
from dk_notebook.jupyter.status import Status
from dk_notebook.runtime.operations import Operation

pytestmark = [pytest.mark.unit, pytest.mark.duckdb]

SCRIPT = "<script>alert(1)</script>"
TABLE = f'"{SCRIPT}"'
FIXED = re.compile(r"color|background|#[0-9a-f]{3,8}\b|rgb|<font", re.IGNORECASE)
"""How a page says a colour, which is the theme's to say."""


def _running() -> pd.DataFrame:
    with Operation(f"select {SCRIPT}", connection=SCRIPT):
        return dk.running()


def _benchmark() -> BenchmarkReport:
    return BenchmarkReport(_runs())


def _runs() -> pd.DataFrame:
    figures = dict.fromkeys([*benchmark.SECONDS, "total"], 0.5)
    return pd.DataFrame([{"contender": SCRIPT, "run": run, "rows": 5, "bytes": 40, **figures} for run in (1, 2)])


SHOWN = {
    "a report": lambda: dk.write_table(pd.DataFrame({SCRIPT: [SCRIPT]}), TABLE, SCRIPT, mode="replace"),
    "a plan of a write": lambda: dk.plan_write(pd.DataFrame({SCRIPT: [SCRIPT]}), TABLE, SCRIPT, mode="replace"),
    "a connection": lambda: dk.connect("duckdb://", name=SCRIPT),
    "connections": dk.connections,
    "pools": dk.status,
    "what runs": _running,
    "a status": lambda: Status(dk.status(), _running(), "nothing"),
    "a status of nothing": lambda: Status(dk.status().head(0), dk.running().head(0), SCRIPT),
    "tables": lambda: dk.tables(SCRIPT),
    "columns": lambda: dk.columns(TABLE, SCRIPT),
    "a plan": lambda: dk.explain(f"select '{SCRIPT}' as a from {TABLE}", SCRIPT),
    "rows": lambda: dk.read_table(TABLE, SCRIPT),
    "a benchmark": _benchmark,
    "a line under a cell": lambda: Note((SCRIPT,)),
}


@pytest.fixture(params=SHOWN)
def shown(request: pytest.FixtureRequest) -> Any:
    dk.close()
    dk.connect("duckdb://", name=SCRIPT)
    dk.write_table(pd.DataFrame({SCRIPT: [SCRIPT]}), TABLE, SCRIPT, mode="replace")
    with pd.option_context("display.max_colwidth", None, "display.max_columns", None, "display.width", 1000):
        yield SHOWN[request.param]()
    dk.close()


def test_a_script_is_text(shown: Any) -> None:
    page = shown._repr_html_()
    assert ("<script" in page, "&lt;script&gt;" in page) == (False, True)


def test_the_colours_are_those_of_the_theme(shown: Any) -> None:
    assert FIXED.findall(shown._repr_html_()) == []


def test_a_front_end_without_pages_shows_text(shown: Any) -> None:
    assert SCRIPT in pretty(shown)
