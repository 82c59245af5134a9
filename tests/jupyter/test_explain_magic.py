"""%dkexplain and %%dkexplain, on DuckDB."""

from __future__ import annotations

from typing import Any

import pytest
from IPython.core.error import UsageError

from dk_notebook.errors import MissingParameter, NotFound
from tests.jupyter.conftest import Shell

pytestmark = [pytest.mark.duckdb, pytest.mark.usefixtures("nyc")]

COLUMNS = ["depth", "node", "detail", "rows_estimated", "rows", "seconds"]


def test_the_value_is_the_plan(shell: Shell) -> None:
    shell.run("plan = %dkexplain select carrier from flights where delay > 4")
    assert (list(shell.names["plan"]), shell.note()) == (COLUMNS, "the plan; nothing was run · nyc")


def test_a_cell_is_a_statement(shell: Shell) -> None:
    plan = shell.run("%%dkexplain -c nyc\nselect carrier,\n  count(*)\nfrom flights\ngroup by 1")
    assert any("GROUP" in node for node in plan["node"])


def test_the_plan_shows_itself_as_a_tree_in_text_and_page(shell: Shell) -> None:
    plan = shell.run("%dkexplain select carrier || '<b>' from flights")
    assert repr(plan).startswith("node")
    assert ("&lt;b&gt;" in plan._repr_html_(), "<b>" in plan._repr_html_()) == (True, False)


def test_without_analyze_nothing_runs(shell: Shell) -> None:
    shell.run("%dkquery -q create sequence asked")
    plan = shell.run("%dkexplain select nextval('asked') from range(3)")
    assert plan["seconds"].isna().all()
    assert shell.run("%dkquery -q select nextval('asked') as n")["n"].tolist() == [1]


def test_analyze_runs_the_statement_and_measures(shell: Shell) -> None:
    shell.run("%dkquery -q create sequence asked")
    plan = shell.run("%dkexplain --analyze select nextval('asked') from range(3)")
    assert (plan["rows"].max(), plan["seconds"].notna().any()) == (3, True)
    assert shell.run("%dkquery -q select nextval('asked') as n")["n"].tolist() == [4]


def test_the_line_of_analyze_says_that_it_ran(shell: Shell) -> None:
    shell.run("%dkexplain --analyze from flights")
    assert shell.note() == "the plan, measured in a run · nyc"


def test_what_analyze_changes_stays_as_its_help_says(shell: Shell) -> None:
    shell.run("%dkexplain --analyze delete from flights where delay > 4")
    assert len(shell.run("%dkquery -q from flights")) == 3


@pytest.mark.parametrize("flag", ["", "--analyze"])
def test_variables_are_bound(shell: Shell, flag: str) -> None:
    shell.names["least"] = 4
    assert "4" in " ".join(shell.run(f"%dkexplain {flag} select * from flights where delay > :least")["detail"])


def test_a_dictionary_can_stand_in_for_the_notebook(shell: Shell) -> None:
    shell.names["given"] = {"least": 4}
    assert len(shell.run("%dkexplain --params given select * from flights where delay > :least"))


def test_a_variable_of_the_function_around_it_counts(shell: Shell) -> None:
    shell.run("def plan(least):\n    found = %dkexplain select * from flights where delay > :least\n    return found")
    assert "delay > 7" in " ".join(shell.run("plan(7)")["detail"])


def test_frames_of_the_notebook_are_tables(shell: Shell) -> None:
    shell.run("import pandas as pd\nairlines = pd.DataFrame({'carrier': ['UA']})")
    assert len(shell.run("%dkexplain select * from flights join airlines using (carrier)"))


@pytest.mark.parametrize(
    "code", ["%dkexplain -o plan from flights", "%dkexplain plan << from flights", "%%dkexplain plan <<\nfrom flights"]
)
def test_a_plan_that_is_stored_is_not_shown(shell: Shell, code: str) -> None:
    assert (shell.run(code), list(shell.names["plan"])) == (None, COLUMNS)


def test_quiet_says_nothing(shell: Shell) -> None:
    shell.run("%dkexplain -q from flights")
    assert shell.notes == []


def test_the_body_is_never_looked_at_for_flags(shell: Shell) -> None:
    plan = shell.run("%%dkexplain\n-- --analyze\nselect 1 -- -q\n  as a")
    assert (plan["seconds"].isna().all(), shell.note()) == (True, "the plan; nothing was run · nyc")


def test_two_dashes_end_the_flags_of_a_line(shell: Shell) -> None:
    assert shell.run("%dkexplain -c nyc -- select 1 as a -- --analyze")["seconds"].isna().all()


def test_a_mistake_is_shown_with_its_place_in_few_lines(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    error = shell.fail("%%dkexplain\nselect carrier,\n       dleay\nfrom flights")
    shown = capsys.readouterr().out
    assert isinstance(error, NotFound)
    assert "LINE 2:        dleay\n               ^" in shown
    assert ("dk_notebook" in shown, len(shown.splitlines()) < 12) == (False, True)


def test_a_mistake_that_only_a_run_finds_has_few_lines_too(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    shell.fail("%dkexplain --analyze select carrier::integer from flights")
    shown = capsys.readouterr().out
    assert ("dk_notebook" in shown, "Could not convert" in shown, len(shown.splitlines()) < 12) == (False, True, True)


def test_a_missing_variable_is_an_error(shell: Shell) -> None:
    assert isinstance(shell.fail("%dkexplain select :nowhere"), MissingParameter)


@pytest.mark.parametrize(
    "code",
    [
        "%dkexplain",
        "%%dkexplain\n \n",
        "%dkexplain --analyse from flights",
        "%dkexplain -n 5 from flights",
        "%%dkexplain from flights\nfrom flights",
        "%dkexplain a << -o b from flights",
        "%dkexplain -o 1a from flights",
    ],
)
def test_a_line_that_makes_no_sense_is_explained(shell: Shell, code: str) -> None:
    error = shell.fail(code)
    assert (type(error), "dkexplain: " in str(error)) == (UsageError, True)


def test_a_password_in_a_url_is_refused(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    error: Any = shell.fail("%dkexplain -c postgresql://ann:swordfish@db/shop select 1")
    shown = capsys.readouterr()
    assert (type(error), "swordfish" in shown.out + shown.err) == (UsageError, False)
