"""Two contenders in turn, and what the table says of them."""

from __future__ import annotations

import pytest
from timing import Amount, Measured, Pair, side_by_side

pytestmark = pytest.mark.unit


def measured(ours: list[float], peer: list[float], bound: float | None = 1.0) -> Pair:
    return Pair("read (ms)", "other", bound, ours, peer)


def test_the_contenders_take_turns_in_going_first_and_each_is_prepared_for():
    calls: list[str] = []
    side_by_side(
        "read",
        lambda: calls.append("ours"),
        lambda: calls.append("peer"),
        named="other",
        bound=1,
        runs=1,
        before=lambda: calls.append("before"),
    )
    assert calls == ["before", "ours", "before", "peer", "before", "peer", "before", "ours"]


def test_the_first_run_of_each_does_not_count():
    ours = iter([Measured(100, 0), Measured(1, 0), Measured(2, 0)])
    pair = side_by_side("read", lambda: next(ours), lambda: Measured(4, 0), named="other", bound=1, runs=2)
    assert pair.ours_seconds == [1, 2]


def test_what_a_process_reports_of_itself_counts_not_the_way_to_it():
    pair = side_by_side("read", lambda: Measured(7, 0), lambda: Measured(9, 0), named="other", bound=1, runs=1)
    assert (pair.ours_seconds, pair.peer_seconds) == ([7], [9])


def test_a_function_that_reports_nothing_is_timed_here():
    pair = side_by_side("read", lambda: None, lambda: None, named="other", bound=1, runs=1)
    assert 0 <= pair.ours_seconds[0] < 1


def test_the_ratio_is_that_of_runs_that_stood_beside_each_other():
    assert measured([1, 10, 3], [2, 20, 3]).ratio == 0.5


@pytest.mark.parametrize(("bound", "end"), [(0.5, "| 0.50 | ok |"), (0.4, "| 0.40 | TOO SLOW |"), (None, "|  |  |")])
def test_a_row_says_whether_its_bound_is_held(bound: float | None, end: str):
    assert measured([1], [2], bound).row().endswith(end)


def test_a_row_has_milliseconds_and_the_quartiles_of_the_ratio():
    row = measured([1, 2, 3, 4, 5], [1, 1, 1, 1, 1]).row()
    assert row == "| read (ms) | 3,000.00 | other: 1,000.00 | 3.00 (2.00-4.00) | 1.00 | TOO SLOW |"


def test_a_bound_in_seconds_is_stated_as_a_ratio():
    assert measured([1], [2]).at_most_later(1).bound == 1.5


@pytest.mark.parametrize(
    ("amount", "row"),
    [
        (Amount("growth (MB)", 100, 250), "| growth (MB) | 100 | | | 250 | ok |"),
        (Amount("growth (MB)", 300, 250), "| growth (MB) | 300 | | | 250 | TOO MUCH |"),
        (
            Amount("peak (MB)", 300, 2.2, "the frame", 100),
            "| peak (MB) | 300 | the frame: 100 | 3.00 | 2.20 | TOO MUCH |",
        ),
    ],
)
def test_an_amount_is_held_against_a_limit_or_against_another(amount: Amount, row: str):
    assert amount.row() == row
