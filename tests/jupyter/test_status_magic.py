"""%dkstatus, on DuckDB."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.error import UsageError

import dk_notebook as dk
from dk_notebook.errors import ConfigError, QueryError
from tests.jupyter.conftest import Shell

pytestmark = pytest.mark.duckdb

LONG = 'select count(*) as "<b>$n$" from range(100000000000) where hash(range) = 1'
"""Minutes of work."""


@pytest.fixture
def nothing() -> Iterator[None]:
    dk.close()
    yield
    dk.close()


@pytest.fixture
def long_call(nyc: dk.Connection) -> Iterator[None]:
    """A query of another thread that is under way."""
    ended: list[BaseException] = []

    def work() -> None:
        try:
            nyc.read_query(LONG)
        except QueryError as error:
            ended.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    while dk.status()["in_use"].sum() == 0:
        assert thread.is_alive()
        time.sleep(0.01)
    yield
    dk.cancel()
    thread.join(20)
    assert [error.code for error in ended if isinstance(error, QueryError)] == ["cancelled"]


@pytest.mark.usefixtures("nothing")
def test_with_nothing_connected_it_says_in_a_line_what_to_type(shell: Shell) -> None:
    status = shell.run("%dkstatus")
    shown = repr(status)
    assert (len(shown.splitlines()), "%dkconnect URL" in shown, "%dkconnect URL" in status._repr_html_()) == (
        1,
        True,
        True,
    )


@pytest.mark.usefixtures("nothing")
def test_looking_opens_nothing(shell: Shell) -> None:
    shell.run("%dkstatus")
    shell.run("%dkstatus -c duckdb")
    assert dk.status().empty


@pytest.mark.usefixtures("nyc")
def test_it_shows_the_pools_and_that_nothing_runs(shell: Shell) -> None:
    status = shell.run("%dkstatus   # now")
    assert (status.pools["connection"].tolist(), status.running.empty) == (["nyc"], True)
    assert re.search(r"Pools:\n.*in_use.*\n *nyc .*\n\nRunning: none$", repr(status))


@pytest.mark.usefixtures("long_call")
def test_it_shows_what_runs(shell: Shell) -> None:
    status = shell.run("%dkstatus")
    assert status.running["connection"].tolist() == ["nyc"]
    assert "select count(*)" in repr(status)


@pytest.mark.usefixtures("long_call")
def test_the_page_is_escaped_leaves_colours_to_the_theme_and_makes_no_formula_of_sql(shell: Shell) -> None:
    page = shell.run("%dkstatus")._repr_html_()
    assert ("&lt;b&gt;$n$" in page, "<b>$n$" in page) == (True, False)
    assert re.search(r"color|#[0-9a-f]{3}|background", page) is None
    assert page.count("<table") == page.count("mathjax_ignore") == 2


@pytest.mark.usefixtures("long_call")
def test_one_connection_can_be_named(shell: Shell, tmp_path: Path) -> None:
    dk.connect(f"duckdb:///{tmp_path}/other.duckdb", name="other")
    mine, other = shell.run("%dkstatus -c nyc"), shell.run("%dkstatus -c other")
    assert (len(mine.pools), len(mine.running)) == (1, 1)
    assert (other.pools["connection"].tolist(), other.running.empty) == (["other"], True)


@pytest.mark.usefixtures("nyc")
def test_one_that_is_not_open_is_told_with_what_to_type(shell: Shell) -> None:
    assert repr(shell.run("%dkstatus -c duckdb")) == "duckdb is not open; %dkconnect duckdb opens it"


@pytest.mark.usefixtures("nyc")
def test_an_unknown_connection_is_an_error_with_the_nearest(shell: Shell) -> None:
    error = shell.fail("%dkstatus -c nyk")
    assert (type(error), "did you mean 'nyc'?" in str(error)) == (ConfigError, True)


@pytest.mark.parametrize("line", ["nyc", "--conection nyc", "-c", "-c postgresql://ann:swordfish@db/shop"])
def test_a_line_that_makes_no_sense_is_explained(shell: Shell, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert isinstance(shell.fail(f"%dkstatus {line}"), UsageError)
    shown = capsys.readouterr()
    assert "swordfish" not in shown.out + shown.err
