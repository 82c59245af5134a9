"""%dkclose, on DuckDB."""

from __future__ import annotations

from pathlib import Path

import pytest
from IPython.core.error import UsageError

import dk_notebook as dk
from dk_notebook.errors import ConfigError
from tests.jupyter.conftest import Shell

pytestmark = [pytest.mark.duckdb, pytest.mark.usefixtures("nyc")]


@pytest.fixture
def other(tmp_path: Path) -> dk.Connection:
    return dk.connect(f"duckdb:///{tmp_path}/other.duckdb", name="other")


def test_one_is_closed_and_named(shell: Shell, other: dk.Connection) -> None:
    assert (shell.run("%dkclose nyc"), shell.notes) == (None, ["closed nyc"])
    assert (dk.status()["connection"].tolist(), other.is_open) == (["other"], True)


def test_all_are_closed_and_named(shell: Shell, other: dk.Connection) -> None:
    shell.run("%dkclose   # all")
    assert (shell.notes, dk.status().empty, other.closed) == (["closed nyc, other"], True, True)


def test_closing_nothing_says_so(shell: Shell) -> None:
    shell.run("%dkclose")
    shell.run("%dkclose")
    assert shell.notes == ["closed nyc", "no connection was open"]


def test_one_that_is_only_known_was_not_open(shell: Shell) -> None:
    shell.run("%dkclose duckdb")
    assert (shell.notes, dk.status()["connection"].tolist()) == (["duckdb was not open"], ["nyc"])


def test_a_second_name_keeps_the_pool_open(shell: Shell, nyc: dk.Connection) -> None:
    dk.connect(f"duckdb:///{nyc.location}", name="flights")
    shell.run("%dkclose nyc")
    assert (shell.notes, dk.status()["connection"].tolist()) == (
        ["closed nyc; its pool stays open for flights"],
        ["flights"],
    )


def test_a_name_with_blanks_stands_in_quotes(shell: Shell, tmp_path: Path) -> None:
    dk.connect(f"duckdb:///{tmp_path}/mine.duckdb", name="my own")
    shell.run("%dkclose 'my own'")
    assert shell.notes == ["closed my own"]


def test_an_unknown_name_is_an_error_with_the_nearest_and_closes_nothing(
    shell: Shell, capsys: pytest.CaptureFixture[str]
) -> None:
    error = shell.fail("%dkclose nyk")
    shown = capsys.readouterr().out
    assert (type(error), "did you mean 'nyc'?" in shown, "dk_notebook" in shown) == (ConfigError, True, False)
    assert (shell.notes, len(dk.status())) == ([], 1)


def test_the_next_cell_opens_it_again(shell: Shell, nyc: dk.Connection) -> None:
    shell.run("%dkclose nyc")
    shell.run(f"%dkconnect duckdb:///{nyc.location} --name nyc")
    assert len(shell.run("%dkquery -c nyc from flights")) == 5


@pytest.mark.parametrize("line", ["nyc other", "--al", "-c nyc", "postgresql://ann:swordfish@db/shop"])
def test_a_line_that_makes_no_sense_is_explained_and_closes_nothing(
    shell: Shell, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert isinstance(shell.fail(f"%dkclose {line}"), UsageError)
    shown = capsys.readouterr()
    assert ("swordfish" in shown.out + shown.err, len(dk.status())) == (False, 1)
