"""dk.browser() on DuckDB: connections, tables, columns, rows, and what goes wrong."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import ipywidgets
import pandas as pd
import pytest
from ipywidgets.widgets.widget import _instances

import dk_notebook as dk
from dk_notebook.errors import ConfigError
from dk_notebook.jupyter.widgets.browser import Browser
from dk_notebook.jupyter.widgets.tables import SHOWN
from tests.jupyter.widgets.controls import choose, labelled, text, type_into, until

pytestmark = pytest.mark.duckdb

Browse = Callable[..., Browser]
SCRIPT = "<script>alert(1)</script>"
FIXED = re.compile(r"color|background|#[0-9a-f]{3,8}\b|rgb|<font", re.IGNORECASE)
"""How a page says a colour, which is the theme's to say."""


@pytest.fixture
def shop(clean: None, tmp_path: Path) -> dk.Connection:
    """A connection called shop, the default one, with three tables and a view."""
    connection = dk.connect(f"duckdb:///{tmp_path}/shop.duckdb", name="shop")
    connection.execute(
        "create table orders as select range as n, 'x' as what from range(50);"
        'create table "of \'a\' day.""" as select 42 as answer;'
        f'create table "{SCRIPT}" as select \'{SCRIPT}\' as "{SCRIPT}";'
        "create view busy as select * from orders where n > 40;"
    )
    return connection


def tables(browser: Browser) -> list[str]:
    """What the list of tables offers, once it is there."""
    found = until(lambda: labelled(browser, "Tables"))
    return list(found._options_labels)


def opened(browser: Browser, table: str) -> Browser:
    """The browser with that table chosen, and its columns there."""
    tables(browser)
    choose(labelled(browser, "Tables"), table)
    until(lambda: "dk.read_table(" in text(browser))
    return browser


def previewed(browser: Browser, label: str = "First 20 rows") -> str:
    labelled(browser, label).click()
    until(lambda: "dk-note" in browser._found.value or "<pre" in browser._found.value)
    found: str = browser._found.value
    return found


def test_it_begins_with_the_default_connection_if_that_is_open(shop: dk.Connection, browse: Browse) -> None:
    assert "main.orders · table · 50 rows" in tables(browse())


@pytest.mark.usefixtures("clean")
def test_it_opens_nothing_by_itself(browse: Browse) -> None:
    browser = browse()
    labels = labelled(browser, "Connection")._options_labels
    assert (labels, dk.status().empty, labelled(browser, "Tables")) == (("choose one", "duckdb · duckdb"), True, None)


@pytest.mark.usefixtures("clean")
def test_choosing_a_connection_opens_it_and_says_so(browse: Browse) -> None:
    browser = browse()
    choose(labelled(browser, "Connection"), "duckdb")
    until(lambda: re.search(r"\b[0-9,]+ tables?\b", text(browser)))  # the store in memory is that of all tests
    assert labelled(browser, "Connection")._options_labels[1] == "duckdb · duckdb · open"


def test_a_connection_of_a_file_is_offered_and_opened(
    shop: dk.Connection, browse: Browse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dk.toml").write_text('[connections.other]\nbackend = "duckdb"\npath = "other.duckdb"\n')
    monkeypatch.chdir(tmp_path)
    browser = browse("other")
    until(lambda: "0 tables" in text(browser))
    assert dk.status()["connection"].tolist() == ["shop", "other"]


def test_a_table_shows_its_columns_and_how_to_read_it(shop: dk.Connection, browse: Browse) -> None:
    shown = text(opened(browse("shop"), "main.orders"))
    assert ">BIGINT</td>" in shown
    assert "dk.read_table(&#x27;main.orders&#x27;, &#x27;shop&#x27;)" in shown


def test_the_call_that_it_shows_reads_the_table_whatever_its_name(shop: dk.Connection, browse: Browse) -> None:
    browser = opened(browse("shop"), "main.\"of 'a'")
    assert dk.read_table(browser.static().table, "shop")["answer"].tolist() == [42]


def test_a_preview_shows_the_first_rows_and_that_there_are_more(shop: dk.Connection, browse: Browse) -> None:
    shown = previewed(opened(browse("shop", rows=7), "main.orders"), "First 7 rows")
    assert (shown.count("<tr>"), "7 shown; more on the server" in shown) == (7, True)


def test_a_preview_of_a_short_table_counts_its_rows(shop: dk.Connection, browse: Browse) -> None:
    assert "9 rows" in previewed(opened(browse("shop"), "main.busy"))


def test_names_and_values_are_text(shop: dk.Connection, browse: Browse) -> None:
    browser = opened(browse("shop"), f"main.{SCRIPT}")
    shown = previewed(browser) + text(browser) + browser._repr_mimebundle_()["text/html"]
    assert ("<script" in shown, "&lt;script&gt;" in shown) == (False, True)


def test_the_colours_are_those_of_the_theme(shop: dk.Connection, browse: Browse) -> None:
    browser = opened(browse("shop"), "main.orders")
    assert FIXED.findall(previewed(browser) + text(browser) + browser._repr_mimebundle_()["text/html"]) == []


def test_another_table_takes_the_place_of_the_one_before(shop: dk.Connection, browse: Browse) -> None:
    browser = opened(browse("shop"), "main.orders")
    previewed(browser)
    choose(labelled(browser, "Tables"), "main.busy")
    until(lambda: "main.busy&#x27;" in text(browser))
    assert ("main.orders" in text(browser), browser._found.value) == (False, "")


def test_a_table_that_is_gone_is_an_error_in_the_widget_as_short_as_in_a_cell(
    shop: dk.Connection, browse: Browse
) -> None:
    browser = browse("shop")
    tables(browser)
    shop.execute("drop table orders cascade")
    choose(labelled(browser, "Tables"), "main.orders")
    until(lambda: "NotFound: " in text(browser))
    assert ("Traceback" in text(browser), text(browser).count("\n") < 12) == (False, True)


def test_a_preview_that_fails_is_an_error_in_the_widget(shop: dk.Connection, browse: Browse) -> None:
    shop.execute("create view broken as select (what || 'x')::integer as n from orders")
    assert "Error: " in previewed(opened(browse("shop"), "main.broken"))


def test_the_kernel_is_not_held_up_by_a_preview_and_another_choice_ends_it(shop: dk.Connection, browse: Browse) -> None:
    shop.execute("create view slow as select count(*) as n from range(100000000000) where hash(range) = 1")
    browser = opened(browse("shop"), "main.slow")
    begun = time.monotonic()
    labelled(browser, "First 20 rows").click()
    returned = time.monotonic() - begun
    until(lambda: len(dk.running()))
    choose(labelled(browser, "Tables"), "main.orders")
    until(lambda: "main.orders&#x27;" in text(browser))
    until(lambda: not len(dk.running()))
    assert returned < 1


def test_refresh_finds_new_tables_and_connections(shop: dk.Connection, browse: Browse) -> None:
    browser = browse("shop")
    assert "main.later · table · 1 row" not in tables(browser)
    shop.execute("create table later as select 1 as n")
    dk.connect("duckdb://", name="more")
    labelled(browser, "Refresh").click()
    until(lambda: (found := labelled(browser, "Tables")) and "main.later · table · 1 row" in found._options_labels)
    assert "more · duckdb · open" in labelled(browser, "Connection")._options_labels


def test_a_connection_that_is_closed_meanwhile_is_opened_again(shop: dk.Connection, browse: Browse) -> None:
    dk.connect("duckdb://")
    browser = browse("duckdb")
    tables(browser)
    dk.close("duckdb")
    labelled(browser, "Refresh").click()
    until(lambda: dk.status()["connection"].tolist() == ["shop", "duckdb"])


def test_the_filter_finds_one_of_two_thousand_which_are_no_widget_each(shop: dk.Connection, browse: Browse) -> None:
    shop.execute("".join(f"create table t{number} (n integer);" for number in range(2_000)))
    before = len(_instances)
    browser = browse("shop")
    assert (len(tables(browser)), "and 1,504 more" in text(browser)) == (SHOWN, True)
    type_into(labelled(browser, "Filter"), "T1999 main")
    assert (tables(browser), len(_instances) - before < 60) == (["main.t1999 · table · 0 rows"], True)


def test_a_filter_that_hides_the_chosen_table_chooses_none(shop: dk.Connection, browse: Browse) -> None:
    browser = opened(browse("shop"), "main.orders")
    type_into(labelled(browser, "Filter"), "busy")
    assert (labelled(browser, "Tables").index, labelled(browser, "First 20 rows")) == (None, None)


def test_a_page_without_a_kernel_has_the_tables_at_once(shop: dk.Connection, browse: Browse) -> None:
    bundle = browse("shop")._repr_mimebundle_()
    assert ("orders" in bundle["text/plain"], ">orders</td>" in bundle["text/html"]) == (True, True)
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_closed_it_asks_nothing_more_and_leaves_no_model(shop: dk.Connection) -> None:
    shop.execute("create view slow as select count(*) as n from range(100000000000) where hash(range) = 1")
    before = set(_instances)
    browser = opened(dk.browser("shop"), "main.slow")
    labelled(browser, "First 20 rows").click()
    until(lambda: len(dk.running()))
    browser.close()
    until(lambda: not len(dk.running()))
    assert set(_instances) == before


@pytest.mark.parametrize("rows", [0, -1, 2.5, True])
def test_a_number_of_rows_that_is_none_is_an_error(rows: object) -> None:
    with pytest.raises(ConfigError, match="rows takes a whole number"):
        dk.browser(rows=rows)


@pytest.mark.usefixtures("shop")
def test_an_unknown_connection_is_an_error_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'shop'"):
        dk.browser("shup")


@pytest.mark.usefixtures("clean")
def test_a_url_is_a_connection_too(browse: Browse, tmp_path: Path) -> None:
    dk.write_table(pd.DataFrame({"n": [1]}), "only", f"duckdb:///{tmp_path}/there.duckdb")
    assert tables(browse(f"duckdb:///{tmp_path}/there.duckdb")) == ["main.only · table · 1 row"]


@pytest.mark.parametrize("widget", ["browser", "monitor"])
def test_without_ipywidgets_the_error_is_the_line_that_installs_it(
    widget: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ipywidgets", None)
    with pytest.raises(dk.MissingDependency, match=r"pip install 'dk-notebook\[notebook\]'"):
        getattr(dk, widget)()
    assert ipywidgets is not None
