"""Progress bars."""

from __future__ import annotations

import time

import pytest

import dk_notebook as dk
from dk_notebook.progress import bar
from dk_notebook.runtime.operations import Operation

pytestmark = pytest.mark.unit


def drawn(seconds: float, capsys: pytest.CaptureFixture[str]) -> str:
    operation = Operation("select everything", draw=bar(True))
    operation.started -= seconds
    operation.total_rows = 2000
    with operation:
        operation.count(1000, 5_000_000)
        operation.draw()
    operation.draw()
    return capsys.readouterr().err


def test_a_long_call_shows_rows_of_a_total_bytes_and_its_label(capsys: pytest.CaptureFixture[str]) -> None:
    text = drawn(1.0, capsys)
    assert "select everything" in text
    assert " 50%|" in text
    assert "| 1,000 of 2,000 rows" in text
    assert "5.0 MB" in text


def test_bytes_of_files_stand_in_for_rows_that_nobody_has_counted(capsys: pytest.CaptureFixture[str]) -> None:
    operation = Operation("many files", draw=bar(True))
    operation.started -= 1
    operation.total_read = 4_000_000
    with operation:
        operation.read = 1_000_000
        operation.count(1234, 5_000_000)
        operation.draw()
    text = capsys.readouterr().err
    assert ("25%" in text, "1,234 rows · 1.0 of 4.0 MB" in text) == (True, True), text


def test_time_and_rate_are_those_of_the_call(capsys: pytest.CaptureFixture[str]) -> None:
    text = drawn(40.0, capsys)
    assert "25 rows/s · 40 s, 40 s to go" in text


def test_without_a_total_there_is_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    operation = Operation("select everything", draw=bar(True))
    operation.started -= 4
    with operation:
        operation.draw()
        assert set(capsys.readouterr().err.split("\r")) - {""} == {"select everything: 4 s"}


def test_a_short_call_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert drawn(0.0, capsys) == ""


def test_nobody_to_see_it_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    assert bar(None) is None
    assert bar(False) is None


def test_a_query_draws_while_it_runs(capsys: pytest.CaptureFixture[str]) -> None:
    start = time.monotonic()
    with pytest.raises(dk.DeadlineExceeded):
        dk.read_query("select count(*) from range(100000000000) r(i) where hash(i) = 1", timeout=1.5, progress=True)
    assert time.monotonic() - start < 5
    assert "select count(*)" in capsys.readouterr().err
