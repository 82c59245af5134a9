"""How a plan shows itself."""

from __future__ import annotations

import pickle
from typing import Any

import pandas as pd
import pytest

from dk_notebook.frames.plans import Plan

pytestmark = pytest.mark.unit


def plan(**columns: Any) -> Plan:
    """Of two nodes, the second below the first."""
    said = {
        "depth": pd.array([0, 1], "Int64"),
        "node": ["JOIN", "SCAN"],
        "detail": ["a = b", None],
        "rows_estimated": pd.array([1_000, None], "Int64"),
        "rows": pd.array([None, None], "Int64"),
        "seconds": pd.array([None, None], "Float64"),
    }
    return Plan({**said, **columns})


def test_deeper_nodes_are_indented_and_figures_that_no_node_has_are_left_out() -> None:
    assert repr(plan()) == "node    rows estimated  detail\nJOIN             1,000  a = b\n  SCAN"


def test_a_measured_plan_shows_rows_and_seconds() -> None:
    measured = plan(rows=pd.array([7, 0], "Int64"), seconds=[0.25, 0.000012])
    assert [line.split() for line in repr(measured).splitlines()] == [
        ["node", "rows", "estimated", "rows", "seconds", "detail"],
        ["JOIN", "1,000", "7", "0.250000", "a", "=", "b"],
        ["SCAN", "0", "0.000012"],
    ]


def test_a_detail_of_several_lines_stays_on_one() -> None:
    assert repr(plan(detail=["a\n  and b", ""])).splitlines()[1].endswith("a and b")


def test_a_long_detail_is_shown_whole() -> None:
    assert "x" * 500 in repr(plan(detail=["x" * 500, ""]))


def test_a_plan_without_nodes_shows_its_head() -> None:
    assert repr(Plan(pd.DataFrame(plan()).iloc[:0])) == "node  detail"


def test_markup_in_a_plan_is_text() -> None:
    page = plan(node=["<script>", "&"])._repr_html_() or ""
    assert ("<script>" in page, "&lt;script&gt;" in page, "&amp;" in page) == (False, True, True)


def test_columns_of_a_plan_stay_columns_in_a_page() -> None:
    page = plan()._repr_html_() or ""
    assert [rule in page for rule in ("font-family: monospace;", "white-space: pre;")] == [True, True]


@pytest.mark.parametrize("part", [lambda one: one.head(1), lambda one: one[["node"]], lambda one: one.copy()])
def test_what_is_made_of_a_plan_is_a_plain_frame(part: Any) -> None:
    assert type(part(plan())) is pd.DataFrame


def test_a_plan_that_was_changed_shows_as_a_frame() -> None:
    changed = plan()
    del changed["depth"]
    frame = pd.DataFrame(changed)
    assert (repr(changed), changed._repr_html_()) == (repr(frame), frame._repr_html_())


def test_a_plan_is_equal_to_its_frame_and_travels() -> None:
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(plan())), pd.DataFrame(plan()), check_frame_type=False)
