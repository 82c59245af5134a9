"""%dktables, on DuckDB."""

from __future__ import annotations

import pytest
from IPython.core.error import UsageError

import dk_notebook as dk
from dk_notebook.errors import ConfigError, NotFound
from tests.jupyter.conftest import Shell

pytestmark = [pytest.mark.duckdb, pytest.mark.usefixtures("nyc")]


def test_without_a_table_it_lists_them(shell: Shell) -> None:
    frame = shell.run("%dktables    # all")
    assert (list(frame), frame["table"].tolist()) == (["schema", "table", "kind", "rows", "bytes"], ["flights"])


def test_of_a_table_it_shows_the_columns(shell: Shell) -> None:
    shell.run("columns = %dktables flights")
    assert shell.names["columns"]["column"].tolist() == ["carrier", "delay"]


@pytest.mark.parametrize(("line", "said"), [("", "1 table · nyc"), ("flights", "2 columns · nyc")])
def test_one_line_tells_how_many_and_where(shell: Shell, line: str, said: str) -> None:
    shell.run(f"%dktables {line}")
    assert shell.note() == said


def test_quiet_says_nothing(shell: Shell) -> None:
    shell.run("%dktables -q")
    assert shell.notes == []


@pytest.mark.parametrize("line", ["-c nyc flights", "flights -c nyc", "flights --connection=nyc", "-c nyc -- flights"])
def test_another_connection_than_the_default_can_be_named(shell: Shell, line: str) -> None:
    dk.connect("duckdb://", name="other")
    dk.use("other")
    assert len(shell.run(f"%dktables {line}")) == 2


@pytest.mark.parametrize("line", ['"dotted.name"', "main.'dotted name'", "\"a 'quoted' one\"", 'main."dotted.name"'])
def test_odd_names_are_found(shell: Shell, line: str) -> None:
    for name in ("dotted.name", "dotted name", "a 'quoted' one"):
        dk.execute(f'create table "{name}" (n int)', "nyc")
    assert shell.run(f"%dktables {line}")["column"].tolist() == ["n"]


def test_no_table_is_no_error(shell: Shell) -> None:
    shell.run("%dkquery -q drop table flights")
    assert (len(shell.run("%dktables")), shell.note()) == (0, "0 tables · nyc")


def test_an_unknown_table_is_an_error_with_the_nearest_in_few_lines(
    shell: Shell, capsys: pytest.CaptureFixture[str]
) -> None:
    error = shell.fail("%dktables flihgts")
    shown = capsys.readouterr().out
    assert (type(error), "did you mean 'flights'?" in shown) == (NotFound, True)
    assert ("dk_notebook" in shown, len(shown.splitlines()) < 8) == (False, True)


def test_an_unknown_connection_is_an_error_with_the_nearest(shell: Shell) -> None:
    error = shell.fail("%dktables -c nyk")
    assert (type(error), "did you mean 'nyc'?" in str(error)) == (ConfigError, True)


def test_markup_in_a_name_is_text(shell: Shell) -> None:
    dk.execute('create table "<script>" ("<b>" int)', "nyc")
    pages = [shell.run("%dktables")._repr_html_(), shell.run("%dktables '<script>'")._repr_html_()]
    assert [("<script>" in page, "<b>" in page) for page in pages] == [(False, False)] * 2


@pytest.mark.parametrize("line", ["flights -n 5", "--conection nyc", "-c", "flights planes"])
def test_a_line_that_makes_no_sense_is_explained(shell: Shell, line: str) -> None:
    assert isinstance(shell.fail(f"%dktables {line}"), UsageError)


def test_a_password_in_a_url_is_refused(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    error = shell.fail("%dktables -c postgresql://ann:swordfish@db/shop")
    shown = capsys.readouterr()
    assert (type(error), "swordfish" in shown.out + shown.err) == (UsageError, False)
