"""%dkconnect, on DuckDB."""

from __future__ import annotations

from pathlib import Path

import pytest
from IPython.core.error import UsageError

from dk_notebook.errors import ConfigError
from tests.jupyter.conftest import Shell

pytestmark = [pytest.mark.duckdb, pytest.mark.usefixtures("nyc")]


def test_without_a_url_it_lists(shell: Shell) -> None:
    assert "nyc" in shell.run("%dkconnect")["name"].tolist()


def test_a_comment_is_no_url(shell: Shell) -> None:
    assert "nyc" in shell.run("%dkconnect    # the list")["name"].tolist()


def test_a_url_opens_under_its_name(shell: Shell, tmp_path: Path) -> None:
    connection = shell.run(f"%dkconnect duckdb:///{tmp_path}/other.duckdb --name other")
    assert (connection.name, len(shell.run("%dkquery -c other select 1"))) == ("other", 1)


def test_a_name_gives_the_connection_that_has_it(shell: Shell) -> None:
    assert shell.run("%dkconnect nyc").name == "nyc"


def test_a_name_that_is_taken_is_an_error(shell: Shell, tmp_path: Path) -> None:
    assert isinstance(shell.fail(f"%dkconnect duckdb:///{tmp_path}/other.duckdb --name nyc"), ConfigError)


def test_a_name_that_is_taken_can_be_replaced(shell: Shell, tmp_path: Path) -> None:
    shell.run(f"%dkconnect duckdb:///{tmp_path}/other.duckdb --name nyc --replace")
    assert len(shell.run("%dkquery -c nyc select * from duckdb_tables()")) == 0


def test_a_password_in_the_url_is_refused_and_not_repeated(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    error = shell.fail("%dkconnect postgresql://ann:hush@db/shop --name pg")
    shown = capsys.readouterr()
    assert isinstance(error, UsageError)
    assert "hush" not in shown.out + shown.err


@pytest.mark.parametrize("line", ["--name pg", "--replace", "-w", "a b", "nyc --nmae pg"])
def test_a_line_that_makes_no_sense_is_explained(shell: Shell, line: str) -> None:
    assert isinstance(shell.fail(f"%dkconnect {line}"), UsageError)
