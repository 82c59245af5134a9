"""How reports and plans of writes show themselves in a page."""

from __future__ import annotations

import dataclasses
import re

import pytest

from dk_notebook.backends.base import PlannedColumn, Rejected, WritePlan, WriteReport

pytestmark = pytest.mark.unit

SCRIPT = "<script>alert('$a$')</script>"


def report(rejected: int) -> WriteReport:
    """Of a write that took five rows, and refused some."""
    refused = tuple(Rejected(position=n, label=f"{SCRIPT}{n}", column=SCRIPT, reason=SCRIPT) for n in range(rejected))
    return WriteReport(table=SCRIPT, mode="append", rows=5, rejected=refused, notes=(SCRIPT,))


PLAN = WritePlan(
    table=SCRIPT,
    mode="append",
    statements=(SCRIPT,),
    columns=(PlannedColumn(name=SCRIPT, arrow=SCRIPT, store=SCRIPT),),
    notes=(SCRIPT,),
)
PAGES = {"report": report(3)._repr_html_(), "plan": PLAN._repr_html_()}


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_markup_is_text(page: str) -> None:
    assert ("<script" in page, "&lt;script&gt;" in page) == (False, True)


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_colours_are_left_to_the_theme(page: str) -> None:
    assert re.search(r"color|background|#[0-9a-f]{3}", page) is None


def test_a_report_without_rejected_rows_has_no_table() -> None:
    assert "<table" not in report(0)._repr_html_()


def test_rejected_rows_are_listed_with_label_column_and_reason() -> None:
    page = report(3)._repr_html_()
    assert re.findall(r"<th[^>]*>(\w+)</th>", page) == ["row", "label", "column", "reason"]
    assert re.findall(r"<tr><td>(\d+)</td>", page) == ["0", "1", "2"]


def test_of_many_rejected_rows_the_first_ten_are_shown_and_the_others_counted() -> None:
    page = report(1_200)._repr_html_()
    assert (page.count("<td") // 4, "1,190 more in report.rejected" in page) == (10, True)


def test_a_row_without_label_and_column_shows_neither() -> None:
    one = WriteReport(table="t", mode="append", rows=0, rejected=(Rejected(position=4, column=None, reason="r"),))
    assert re.findall("<td[^>]*>([^<]*)<", one._repr_html_()) == ["4", "", "", "r"]


def test_what_made_a_table_does_not_read_as_a_failure() -> None:
    assert str(WriteReport(table="t", mode="fail", rows=1, seconds=0.5)) == "1 row written to t in 0.50 s"


def test_a_report_of_much_tells_its_size() -> None:
    report = WriteReport(table="t", mode="append", rows=9_000, skipped=1, seconds=0.5, bytes=1_250_000)
    assert str(report) == "9,000 rows written to t, 1 skipped, 1.2 MB in 0.50 s (append)"


@pytest.mark.parametrize(("mode", "head"), [("fail", "write to t"), ("upsert", "write to t (upsert)")])
def test_a_plan_begins_with_what_it_is_of(mode: str, head: str) -> None:
    assert str(dataclasses.replace(PLAN, table="t", mode=mode)).splitlines()[0] == head


def test_columns_of_a_plan_stay_columns() -> None:
    assert "white-space: pre-wrap" in PLAN._repr_html_()
