"""%dkconnect, on DuckDB."""

from __future__ import annotations

from pathlib import Path

import pytest
from IPython.core.error import UsageError

from dk_notebook.backends import registry
from dk_notebook.backends.postgres.config import PostgresConfig
from dk_notebook.errors import ConfigError, ConnectionFailed
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


class Deaf:
    """A server that lets nobody in."""

    name = "postgres"
    config_class = PostgresConfig

    @classmethod
    async def open(cls, config: PostgresConfig) -> None:
        raise ConnectionFailed(config.location)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The questions; nothing is answered, and nothing else knows a password."""
    questions: list[str] = []
    monkeypatch.setattr("getpass.getpass", lambda question: questions.append(question) or "")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("PGPASSWORD", "PGPASSFILE", "PGUSER", "PGHOST", "DATABASE_URL", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)
    load = registry.load
    monkeypatch.setattr(registry, "load", lambda name: Deaf if name == "postgres" else load(name))
    return questions


NOBODY = "postgresql://ann@127.0.0.1:1/shop"


def test_the_password_of_the_urls_user_is_asked_for(shell: Shell, asked: list[str]) -> None:
    shell.fail(f"%dkconnect {NOBODY}")
    assert asked == ["Password of ann at 127.0.0.1:1: "]


@pytest.mark.parametrize("flag", ["-w", "--no-password"])
def test_no_password_is_asked_for_where_the_user_says_so(shell: Shell, asked: list[str], flag: str) -> None:
    shell.fail(f"%dkconnect {flag} {NOBODY}")
    assert asked == []


def test_a_password_that_is_known_is_not_asked_for(
    shell: Shell, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "hunter2")
    shell.fail(f"%dkconnect {NOBODY}")
    assert asked == []


@pytest.mark.parametrize("line", ["--name pg", "--replace", "-w", "a b", "nyc --nmae pg"])
def test_a_line_that_makes_no_sense_is_explained(shell: Shell, line: str) -> None:
    assert isinstance(shell.fail(f"%dkconnect {line}"), UsageError)
