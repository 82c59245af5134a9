"""dk.browser() on Elasticsearch and S3: what is listed there, and looked into."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import dk_notebook as dk
from dk_notebook.jupyter.widgets.browser import Browser
from tests.jupyter.widgets.controls import choose, labelled, text, until

Browse = Callable[..., Browser]


def looked_into(browser: Browser, table: str) -> str:
    """The columns and rows of a table."""
    choose(until(lambda: labelled(browser, "Tables")), table)
    until(lambda: "dk.read_table(" in text(browser))
    labelled(browser, "First 20 rows").click()
    until(lambda: "dk-note" in browser._found.value or "<pre" in browser._found.value)
    return text(browser)


@pytest.mark.elasticsearch
def test_an_index_shows_its_fields_and_hits_and_which_fields_hold_lists(es: str, browse: Browse) -> None:
    shown = looked_into(browse("es"), f"{es} · index")
    assert (">keyword</td>" in shown, ">AA</td>" in shown) == (True, True)
    assert "arrays=[&#x27;tags&#x27;]" in shown


@pytest.mark.s3
def test_a_dataset_shows_its_columns_and_rows(lake: dk.Connection, browse: Browse) -> None:
    shown = looked_into(browse("lake"), "flights · dataset")
    assert (">partition</td>" in shown, ">AA</td>" in shown, "5 rows" in shown) == (True, True, True)
