"""The magics, on Elasticsearch: its language decides what a parameter is."""

from __future__ import annotations

import datetime as dt

import pytest

import dk_notebook as dk
from dk_notebook.errors import MissingParameter, NotFound
from tests.jupyter.conftest import Shell

pytestmark = pytest.mark.elasticsearch


def test_a_line_is_esql(shell: Shell, es: str) -> None:
    frame = shell.run(f"%dkquery -c es FROM {es} | STATS n = COUNT(*) BY carrier | SORT n DESC, carrier | LIMIT 1")
    assert frame.to_dict("records") == [{"n": 2, "carrier": "AA"}]
    assert (shell.notes[-1][:5], shell.notes[-1][-5:]) == ("1 row", " · es")


def test_variables_are_bound_in_a_cell(shell: Shell, es: str) -> None:
    shell.names.update(carriers=["AA", "UA"], since=dt.date(2024, 1, 2))
    frame = shell.run(
        f"%%dkquery -c es -o late\nFROM {es} // ?nothing\n"
        '| WHERE carrier IN ?carriers AND at >= ?since AND "?x" != ""\n| SORT at | KEEP carrier, delay;'
    )
    assert frame is None
    assert shell.names["late"]["delay"].tolist() == [8, 5]


def test_variables_are_bound_in_a_line(shell: Shell, es: str) -> None:
    shell.names["least"] = 5
    frame = shell.run(f"frame = %dkquery -c es FROM {es} | WHERE delay >= ?least | STATS n = COUNT(*)\nframe")
    assert frame["n"].tolist() == [2]


def test_a_colon_is_no_parameter_there(shell: Shell, es: str) -> None:
    assert shell.run(f"%dkquery -c es FROM {es} | STATS n = MAX(delay)::long :: keyword")["n"].tolist() == ["8"]


def test_a_name_without_a_variable_is_told(shell: Shell, es: str) -> None:
    shell.names["since"] = dt.date(2024, 1, 2)
    error = shell.fail(f"%dkquery -c es FROM {es} | WHERE at > ?sinc | LIMIT 1")
    assert isinstance(error, MissingParameter)
    assert "?sinc has no value" in str(error)
    assert "did you mean 'since'?" in str(error)


def test_params_takes_another_mapping(shell: Shell, es: str) -> None:
    shell.names["given"] = {"least": 5, "unused": 1}
    frame = shell.run(f"%dkquery -c es --params given FROM {es} | WHERE delay >= ?least | STATS n = COUNT(*)")
    assert frame["n"].tolist() == [2]


def test_a_limit_shows_that_there_is_more(shell: Shell, es: str) -> None:
    frame = shell.run(f"%dkquery -c es -n 2 FROM {es} | KEEP carrier")
    assert len(frame) == 2
    assert shell.notes[-1].startswith("2 shown; more on the server · ")


def test_an_error_shows_a_caret(shell: Shell, es: str) -> None:
    error = shell.fail(f"%dkquery -c es FROM {es} | KEEP nope")
    assert isinstance(error, NotFound)
    assert str(error).splitlines()[2].rstrip().endswith("^")


def test_explain_runs_nothing(shell: Shell, es: str) -> None:
    frame = shell.run(f"%dkquery -c es --explain FROM {es} | KEEP carrier | LIMIT 1")
    assert frame["node"].tolist() == ["result", "LIMIT", "KEEP", "FROM"]
    assert shell.notes[-1] == "the plan; nothing was run · es"


def test_tables_and_columns_are_listed(shell: Shell, es: str) -> None:
    assert es in shell.run("%dktables -c es")["table"].tolist()
    assert {"carrier", "delay", "at"} <= set(shell.run(f"%dktables -c es {es}")["column"])


def test_an_unknown_index_is_an_error_with_the_nearest(shell: Shell, es: str) -> None:
    error = shell.fail(f"%dktables -c es {es}x")
    assert (type(error), f"did you mean '{es}'?" in str(error)) == (NotFound, True)


def test_a_plan_has_the_commands_and_variables_are_bound(shell: Shell, es: str) -> None:
    shell.names["least"] = 5
    plan = shell.run(f"%%dkexplain -c es\nFROM {es}\n| WHERE delay >= ?least")
    assert (plan["node"].tolist(), shell.notes[-1]) == (
        ["result", "WHERE", "FROM"],
        "the plan; nothing was run · es",
    )


def test_analyze_shows_what_the_node_did(shell: Shell, es: str) -> None:
    plan = shell.run(f"%dkexplain --analyze -c es FROM {es} | LIMIT 1")
    assert ("OutputOperator" in repr(plan), plan["seconds"].notna().any()) == (True, True)


@pytest.mark.parametrize("flag", ["", "--analyze"])
def test_a_mistake_in_a_plan_shows_a_caret(shell: Shell, es: str, flag: str) -> None:
    error = shell.fail(f"%dkexplain {flag} -c es FROM {es} | KEEP nope")
    assert isinstance(error, NotFound)
    assert str(error).splitlines()[2].rstrip().endswith("^")


def test_its_pool_is_shown_and_closed(shell: Shell, es: str) -> None:
    assert shell.run("%dkstatus -c es").pools["connection"].tolist() == ["es"]
    shell.run("%dkclose es")
    assert (shell.notes[-1], dk.status()["connection"].tolist()) == ("closed es", ["duckdb"])


def test_sql_of_the_default_connection_is_sql_still(shell: Shell, es: str) -> None:
    shell.names["day"] = 7
    assert shell.run("%dkquery select :day as day, '?x' as x")["day"].tolist() == [7]


def test_a_benchmark_repeats_esql(shell: Shell, es: str) -> None:
    shell.names["least"] = 4
    shell.run(f"%dkbench -r 2 --cold -c es -o runs FROM {es} | WHERE delay > ?least | KEEP delay")
    runs = shell.names["runs"]
    assert (runs["contender"].unique().tolist(), runs["rows"].nunique()) == (["es", "es (cold)"], 1)
    assert (runs["server"] > 0).all()
