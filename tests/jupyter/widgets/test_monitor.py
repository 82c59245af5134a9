"""dk.monitor(): what it shows of the pools and the calls, and its buttons."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from ipywidgets.widgets.widget import _instances

import dk_notebook as dk
from dk_notebook.jupyter.widgets import monitor as module
from dk_notebook.jupyter.widgets.monitor import SHOWN, Monitor
from dk_notebook.runtime.operations import Operation
from tests.jupyter.widgets.controls import labelled, text, until, within

pytestmark = pytest.mark.duckdb

LONG = 'select count(*) as "<b>$n$" from range(100000000000) where hash(range) = 1'
"""Minutes of work."""


@contextmanager
def running(query: str = LONG) -> Iterator[list[BaseException]]:
    """A query of another thread that is under way, and what it raised."""
    raised: list[BaseException] = []

    def work() -> None:
        try:
            dk.read_query(query, "duckdb")
        except dk.DkError as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    until(lambda: dk.status()["in_use"].sum())
    try:
        yield raised
    finally:
        dk.cancel()
        thread.join(20)


@pytest.fixture(autouse=True)
def duckdb(clean: None, monkeypatch: pytest.MonkeyPatch) -> None:
    dk.connect("duckdb://")
    for pause in ("BUSY", "IDLE"):
        monkeypatch.setattr(module, pause, 0.05)


def stops(monitor: Monitor) -> list[Any]:
    return [each for each in within(monitor) if getattr(each, "description", "") == "Stop"]


def looks() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "dk_notebook monitor"]


def test_it_shows_the_pools(monitor: Monitor) -> None:
    assert ">duckdb</td>" in text(monitor)


def test_with_nothing_connected_it_says_so(monitor: Monitor) -> None:
    dk.close()
    until(lambda: "Nothing is connected." in text(monitor))


def test_a_query_that_began_later_gets_a_button_and_loses_it_at_its_end(monitor: Monitor) -> None:
    with running():
        until(lambda: stops(monitor))
    until(lambda: not stops(monitor))
    assert "Nothing runs." in text(monitor)


def test_the_button_of_a_query_stops_it(monitor: Monitor) -> None:
    with running() as raised:
        (stop,) = until(lambda: stops(monitor))
        stop.click()
        until(lambda: raised)
    assert [error.code for error in raised if isinstance(error, dk.QueryError)] == ["cancelled"]


def test_one_button_stops_all(monitor: Monitor) -> None:
    with running() as first, running() as second:
        until(lambda: len(stops(monitor)) == 2)
        labelled(monitor, "Stop all").click()
        until(lambda: first and second)


def test_it_tells_rows_and_seconds_as_they_grow(monitor: Monitor) -> None:
    with Operation("count", connection="pg") as call:
        call.total_rows = 9_000
        call.started -= 70
        call.count(1_200)
        until(lambda: "pg · 1,200 of 9,000 rows · 7" in text(monitor))
        call.count(800)
        until(lambda: "2,000 of 9,000 rows" in text(monitor))


def test_a_label_is_text_and_not_longer_than_a_line_can_show(monitor: Monitor) -> None:
    with Operation("<script>alert(1)</script>" + "x" * 10_000):
        until(lambda: "&lt;script&gt;" in text(monitor))
        assert ("<script>" in text(monitor), len(text(monitor)) < 3_000) == (False, True)


def test_of_very_many_calls_it_shows_some_and_tells_the_number_of_the_others(monitor: Monitor) -> None:
    calls = [Operation(f"call {number}") for number in range(SHOWN + 5)]
    for call in calls:
        call.__enter__()
    until(lambda: (len(stops(monitor)), "and 5 more" in text(monitor)) == (SHOWN, True))
    for call in calls:
        call.__exit__()


def test_a_view_that_is_gone_ends_the_looking_and_one_that_comes_begins_it_again(monitor: Monitor) -> None:
    monitor.set_state({"_view_count": 1})
    monitor.set_state({"_view_count": 0})
    until(lambda: not looks())
    monitor.set_state({"_view_count": 1})
    until(looks)


def test_closed_it_leaves_no_thread_and_no_model() -> None:
    before = set(_instances)
    monitor = dk.monitor()
    with running():
        until(lambda: stops(monitor))
        monitor.close()
        monitor.close()
    until(lambda: not looks())
    assert set(_instances) == before


def test_two_of_them_show_the_same(monitor: Monitor) -> None:
    other = dk.monitor()
    with running():
        until(lambda: stops(monitor) and stops(other))
    until(lambda: not stops(monitor) and not stops(other))
    other.close()


def test_on_a_page_without_a_kernel_it_shows_what_was_when_it_was_displayed(monitor: Monitor) -> None:
    with running():
        bundle = monitor._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == monitor.model_id
    shown = ("select count(*)" in bundle["text/plain"], "&lt;b&gt;$n$" in bundle["text/html"])
    assert (shown, "<b>$n$" in bundle["text/html"]) == ((True, True), False)


def test_nothing_of_it_is_left_running_in_a_program_that_ends(run_program: Callable[[str], tuple[int, str]]) -> None:
    assert run_program("import dk_notebook as dk; dk.connect(); monitor = dk.monitor()") == (0, "")
