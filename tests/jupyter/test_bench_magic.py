"""%dkbench and %%dkbench, on DuckDB."""

from __future__ import annotations

import gc
import importlib.util
import re
from typing import Any

import pandas as pd
import pytest
from IPython.core.error import UsageError

import dk_notebook as dk
from dk_notebook.benchmark import SECONDS
from dk_notebook.errors import MissingParameter, NotFound, QueryError
from tests.jupyter.conftest import Shell

pytestmark = [pytest.mark.duckdb, pytest.mark.usefixtures("nyc")]


def runs_of(shell: Shell, code: str) -> pd.DataFrame:
    """The frame that a line stores as ``runs``."""
    shell.run(code)
    runs: pd.DataFrame = shell.names["runs"]
    return runs


def told(shell: Shell) -> str:
    """The table and what stands below it."""
    return shell.notes[0]


def outputs(shell: Shell) -> list[Any]:
    """What was displayed, in every form."""
    found: list[Any] = shell.ipython.display_pub.outputs
    return found


def test_a_line_tells_quantiles_parts_and_rates(shell: Shell) -> None:
    shell.run("%dkbench -r 3 from flights")
    heads = [line.split("  ")[0] for line in told(shell).splitlines()[1:13]]
    assert heads == ["runs", "p50", "p95", "interquartile range", *SECONDS, "rows", "rows/s", "MB/s"]


def test_a_line_has_no_value(shell: Shell) -> None:
    assert shell.run("%dkbench -r 1 from flights") is None


def test_it_runs_seven_times_after_a_warm_up(shell: Shell) -> None:
    shell.run("%dkquery -q create sequence asked")
    runs = runs_of(shell, "%dkbench -o runs select nextval('asked') as n")
    asked = shell.run("%dkquery -q select nextval('asked') as n")["n"].tolist()
    assert (runs["run"].tolist(), asked) == ([1, 2, 3, 4, 5, 6, 7], [9])


def test_runs_and_warm_ups_can_be_chosen(shell: Shell) -> None:
    shell.run("%dkquery -q create sequence asked")
    runs = runs_of(shell, "%dkbench -r 2 -w 0 -o runs select nextval('asked') as n")
    asked = shell.run("%dkquery -q select nextval('asked') as n")["n"].tolist()
    assert (len(runs), asked) == (2, [3])


def test_a_frame_of_the_runs_has_a_row_a_run_and_a_column_a_part(shell: Shell) -> None:
    runs = runs_of(shell, "%%dkbench -r 2 -o runs\nselect carrier\nfrom flights;")
    assert list(runs) == ["contender", "connection", "cold", "run", *SECONDS, "total", "rows", "bytes"]
    assert (runs["rows"].tolist(), runs["connection"].tolist()) == ([5, 5], ["nyc", "nyc"])


def test_connections_stand_side_by_side(shell: Shell) -> None:
    dk.connect("duckdb://", name="memory")
    runs = runs_of(shell, "%dkbench -r 2 -c nyc -c memory -o runs select 1 as a")
    assert runs["contender"].tolist() == ["nyc", "nyc", "memory", "memory"]
    assert told(shell).splitlines()[0].split() == ["nyc", "memory"]


def test_cold_stands_beside_the_pool(shell: Shell) -> None:
    runs = runs_of(shell, "%dkbench -r 2 --cold -o runs from flights")
    assert runs["cold"].tolist() == [False, False, True, True]
    assert told(shell).splitlines()[0].split() == ["nyc", "nyc", "(cold)"]


def test_queries_stand_side_by_side(shell: Shell) -> None:
    shell.names["wanted"] = "AA"
    runs = runs_of(
        shell, "%%dkbench -r 2 --cold -o runs\nfrom flights; -- all\nselect ';' from flights where carrier = :wanted;"
    )
    names = ["nyc, query 1", "nyc, query 1 (cold)", "nyc, query 2", "nyc, query 2 (cold)"]
    assert runs.groupby("contender", sort=False)["rows"].max().to_dict() == dict(zip(names, [5, 5, 2, 2], strict=True))
    assert "fewer than 6 runs cannot tell nyc, query 2 from nyc, query 1" in told(shell)


def test_one_query_of_several_that_fails_is_shown(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    assert isinstance(shell.fail("%%dkbench\nselect 1 as a;\nselect dleay from flights"), QueryError)
    shown = capsys.readouterr().out
    assert ("select dleay from flights" in shown, "select 1 as a" in shown) == (True, False)


def test_a_variable_travels_as_a_value(shell: Shell) -> None:
    shell.names["wanted"] = ["AA"]
    assert runs_of(shell, "%dkbench -r 1 -o runs from flights where carrier in :wanted")["rows"].tolist() == [2]


def test_a_variable_of_the_function_around_it_counts(shell: Shell) -> None:
    shell.run("""
least = 100
def late(least):
    get_ipython().run_line_magic("dkbench", "-r 1 -o runs from flights where delay > :least")
    return runs
""")
    assert shell.run("late(4)")["rows"].tolist() == [2]


def test_frames_of_the_notebook_are_tables(shell: Shell) -> None:
    shell.names["mine"] = pd.DataFrame({"a": [1, 2, 3]})
    assert runs_of(shell, "%dkbench -r 1 --cold -o runs from mine")["rows"].tolist() == [3, 3]


def test_the_body_is_never_looked_at_for_flags(shell: Shell) -> None:
    runs = runs_of(shell, "%%dkbench -r 1 -o runs\n-- -r 5\nselect 1 -- --cold\n as a")
    assert (len(runs), runs["cold"].any()) == (1, False)


def test_dollars_and_braces_are_left_to_sql(shell: Shell) -> None:
    shell.names["a"] = "expanded"
    assert runs_of(shell, "%dkbench -r 1 -o runs select 1 where {'a': '$a {a}'}.a = '$' || 'a {a}'")["rows"][0] == 1


def test_a_plot_stands_below(shell: Shell) -> None:
    shell.run("%dkbench -r 1 from flights")
    assert [sorted(output["data"])[0] for output in outputs(shell)] == ["text/html", "image/png"]


def test_without_matplotlib_a_line_says_so(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "dk_notebook.jupyter.benchmark_report.find_spec", lambda name: None if name == "matplotlib" else found(name)
    )
    shell.run("%dkbench -r 1 from flights")
    assert shell.notes[-1] == "no plot: matplotlib is not installed"


def test_a_name_with_markup_is_text(shell: Shell) -> None:
    dk.connect("duckdb://", name="<i>")
    shell.run("%dkbench -r 1 -c nyc -c <i> select 1 as a")
    html = outputs(shell)[0]["data"]["text/html"]
    assert ("&lt;i&gt;" in html, "<i>" in html) == (True, False)


def test_results_are_not_kept(shell: Shell) -> None:
    shell.run("%dkbench -r 3 from range(123456)")
    gc.collect()
    assert not [each for each in gc.get_objects() if isinstance(each, pd.DataFrame) and len(each) == 123456]


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("select dleay from flights", QueryError),
        ("from flihgts", NotFound),
        ("select :nowhere", MissingParameter),
        ("delete from flights", QueryError),
    ],
)
def test_a_query_that_fails_raises_in_few_lines(
    shell: Shell, query: str, kind: type, capsys: pytest.CaptureFixture[str]
) -> None:
    assert isinstance(shell.fail(f"%dkbench {query}"), kind)
    shown = capsys.readouterr().out
    assert ("dk_notebook" in shown, len(shown.splitlines()) < 12, shell.notes) == (False, True, [])


def test_a_statement_without_columns_does_not_run(shell: Shell) -> None:
    assert "dk.execute" in str(shell.fail("%dkbench delete from flights"))
    assert len(shell.run("%dkquery from flights")) == 5


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("%dkbench", "there is no query"),
        ("%%dkbench -r 2\n \n", "there is no query"),
        ("%%dkbench select 1\nselect 2", "below the first line"),
        ("%dkbench --clod select 1", "did you mean '--cold'"),
        ("%dkbench -r 0 select 1", "1 or more"),
        ("%dkbench -w -1 select 1", "0 or more"),
        ("%dkbench -r many select 1", "invalid int value"),
        ("%dkbench -o 4a select 1", "cannot be the name"),
        ("%dkbench -c nyc -c postgresql://ann:hush@db/shop select 1", "does not belong on this line"),
    ],
)
def test_a_line_that_makes_no_sense_is_explained(shell: Shell, code: str, said: str) -> None:
    error = shell.fail(code)
    assert isinstance(error, UsageError)
    assert said in str(error)


def test_the_documentation_has_every_flag(shell: Shell) -> None:
    text = shell.ipython.find_line_magic("dkbench").__doc__
    for flag in ["-r", "-w", "-c", "--cold", "-o"]:
        assert re.search(rf"^  {flag}[, ]", text, re.MULTILINE)
    assert text.index("Examples::") < text.index("-r, --runs N")
