"""What is listed: a blank where there is nothing, and data like those of any frame."""

from __future__ import annotations

import pandas as pd
import pytest

import dk_notebook as dk

pytestmark = [pytest.mark.unit, pytest.mark.duckdb]


@pytest.fixture
def columns() -> pd.DataFrame:
    dk.execute("create or replace table listed (n integer, name varchar default 'Ann')", "duckdb")
    return dk.columns("listed", "duckdb")


def test_nothing_is_shown_where_there_is_nothing(columns: pd.DataFrame) -> None:
    page = columns._repr_html_()
    assert (page.count("<td></td>"), "NaN" in page or "None" in page) == (3, False)
    assert repr(columns).splitlines()[1].split() == ["0", "n", "INTEGER", "Int32", "True"]


def test_the_data_are_those_of_the_store(columns: pd.DataFrame) -> None:
    assert columns["default"].isna().tolist() == [True, False]
    assert columns["nullable"].dtype == "boolean"


def test_what_is_made_of_it_is_a_plain_frame(columns: pd.DataFrame) -> None:
    assert {type(each) for each in (columns.copy(), columns.head(1), columns[["key"]])} == {pd.DataFrame}


def test_an_empty_one_is_shown_with_its_heads(columns: pd.DataFrame) -> None:
    page = type(columns)(columns.head(0))._repr_html_()
    assert ("<th>nullable</th>" in page, "<td>" in page) == (True, False)
