"""%dkquery and %%dkquery, on DuckDB."""

from __future__ import annotations

import builtins

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from IPython.core.error import UsageError

from dk_notebook.errors import DeadlineExceeded, MissingParameter, NotFound, QueryError
from tests.jupyter.conftest import Shell

pytestmark = [pytest.mark.duckdb, pytest.mark.usefixtures("nyc")]


def test_the_value_of_a_cell_is_the_frame(shell: Shell) -> None:
    frame = shell.run("%%dkquery\nselect carrier\nfrom flights\nwhere delay > 4\norder by 1")
    assert frame["carrier"].tolist() == ["AA", "UA"]


def test_the_value_of_a_line_can_be_assigned(shell: Shell) -> None:
    shell.run("df = %dkquery -c nyc select count(*) as n from flights")
    assert shell.names["df"]["n"].tolist() == [5]


def test_the_last_value_is_the_frame(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(builtins, "_", raising=False)  # doctest leaves one there, and IPython then sets none
    frame = shell.run("%dkquery select 1 as a")
    assert shell.names["_"] is frame


def test_one_line_tells_rows_and_connection(shell: Shell) -> None:
    shell.run("%dkquery from flights")
    assert shell.note() == "5 rows · nyc"


def test_quiet_says_nothing(shell: Shell) -> None:
    shell.run("%dkquery -q from flights")
    assert shell.notes == []


def test_a_limit_says_that_there_is_more(shell: Shell) -> None:
    frame = shell.run("%dkquery -n 3 from flights")
    assert (len(frame), shell.note()) == (3, "3 shown; more on the server · nyc")


def test_a_limit_that_is_just_enough_says_nothing_of_more(shell: Shell) -> None:
    shell.run("%dkquery -n 5 from flights")
    assert shell.note() == "5 rows · nyc"


def test_a_limit_asks_the_store_once(shell: Shell) -> None:
    shell.run("%dkquery -q -c nyc create sequence asked")
    shell.run("%dkquery -q -c nyc -n 1 select nextval('asked') from range(2)")
    assert shell.run("%dkquery -q -c nyc select nextval('asked') as n")["n"].tolist() == [3]


def test_a_variable_travels_as_a_value(shell: Shell) -> None:
    shell.names["carrier"] = "AA'; drop table flights; --"
    assert len(shell.run("%dkquery select * from flights where carrier = :carrier")) == 0
    assert len(shell.run("%dkquery from flights")) == 5


def test_a_list_fills_in(shell: Shell) -> None:
    shell.names["wanted"] = ["UA", "DL"]
    assert len(shell.run("%dkquery select * from flights where carrier in :wanted")) == 2


def test_a_variable_of_the_function_around_it_counts(shell: Shell) -> None:
    shell.run("""
least = 100
def late(least):
    return get_ipython().run_line_magic("dkquery", "select * from flights where delay > :least")
""")
    assert len(shell.run("late(4)")) == 2


def test_a_missing_variable_is_an_error(shell: Shell) -> None:
    assert isinstance(shell.fail("%dkquery select :nowhere"), MissingParameter)


def test_a_colon_in_a_literal_or_a_cast_is_no_variable(shell: Shell) -> None:
    assert shell.run("%dkquery select ':nowhere' as a, '7'::integer as b")["b"].tolist() == [7]


def test_a_dictionary_can_stand_in_for_the_notebook(shell: Shell) -> None:
    shell.names["given"] = {"least": 4, "unused": 1}
    assert len(shell.run("%dkquery --params given select * from flights where delay > :least")) == 2


def test_a_list_can_serve_numbered_parameters(shell: Shell) -> None:
    shell.names["given"] = [4]
    assert len(shell.run("%dkquery --params given select * from flights where delay > $1")) == 2


def test_dollars_and_braces_are_left_to_sql(shell: Shell) -> None:
    shell.names["a"] = "expanded"
    assert shell.run("%dkquery select {'a': '$a {a}'}.a as b")["b"].tolist() == ["$a {a}"]


def test_frames_of_the_notebook_are_tables(shell: Shell) -> None:
    shell.names["airlines"] = pd.DataFrame({"carrier": ["UA"], "name": ["United"]})
    assert shell.run("%dkquery select name from flights join airlines using (carrier)")["name"].tolist() == ["United"]


@pytest.mark.parametrize(
    "code",
    [
        "%%dkquery -o late\nfrom flights",
        "%dkquery -o late from flights",
        "%dkquery late << from flights",
        "%%dkquery late << -c nyc\nfrom flights",
    ],
)
def test_a_frame_that_is_stored_is_not_shown(shell: Shell, code: str) -> None:
    assert (shell.run(code), len(shell.names["late"]), shell.note()) == (None, 5, "5 rows · nyc")


@pytest.mark.parametrize(("form", "kind"), [("pandas", pd.DataFrame), ("arrow", pa.Table), ("polars", pl.DataFrame)])
def test_a_frame_comes_in_the_form_that_is_asked_for(shell: Shell, form: str, kind: type) -> None:
    frame = shell.run(f"%dkquery --as {form} -n 2 from flights")
    assert (type(frame), len(frame)) == (kind, 2)


def test_chunks_come_one_after_another(shell: Shell) -> None:
    chunks = shell.run("%dkquery --chunk 2 from flights")
    assert [len(chunk) for chunk in chunks] == [2, 2, 1]


def test_a_plan_is_a_frame(shell: Shell) -> None:
    assert list(shell.run("%dkquery --explain from flights"))[:3] == ["depth", "node", "detail"]


def test_a_timeout_ends_a_query(shell: Shell) -> None:
    error = shell.fail("%dkquery --timeout 0.2 select count(*) from range(100000000000) where hash(range) = 1")
    assert isinstance(error, DeadlineExceeded)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("update flights set delay = 0 where carrier = 'AA'", "UPDATE 2"),
        ("insert into flights values ('WN', 1)", "INSERT 1"),
        ("delete from flights where delay is null", "DELETE 1"),
        ("create table other (n int)", "CREATE TABLE"),
    ],
)
def test_a_statement_without_columns_runs_and_says_so(shell: Shell, statement: str, said: str) -> None:
    assert (shell.run(f"%dkquery {statement}"), shell.note()) == (None, f"{said} · nyc")


def test_a_statement_without_columns_runs_once(shell: Shell) -> None:
    shell.run("%dkquery update flights set delay = delay + 1")
    assert shell.run("%dkquery select sum(delay)::integer as n from flights")["n"].tolist() == [18]


def test_several_statements_run_together(shell: Shell) -> None:
    shell.run("%%dkquery\ncreate table other (n int);\ninsert into other values (1), (2);")
    assert shell.note() == "2 statements, 2 rows · nyc"


def test_a_query_among_several_statements_is_refused(shell: Shell) -> None:
    shell.fail("%%dkquery\ncreate table other (n int);\nselect * from other")
    assert isinstance(shell.fail("%dkquery from other"), NotFound)


def test_the_body_is_never_looked_at_for_flags(shell: Shell) -> None:
    assert shell.run("%%dkquery\n-- -n 1 -o nothing\nselect 1 -- -q\n   as a")["a"].tolist() == [1]


def test_two_dashes_end_the_flags_of_a_line(shell: Shell) -> None:
    assert shell.run("%dkquery -c nyc -- select 1 as a -- -n 1")["a"].tolist() == [1]


def test_a_semicolon_does_not_silence_the_value(shell: Shell) -> None:
    assert len(shell.run("%%dkquery\nfrom flights;")) == 5


def test_a_failed_query_raises_with_its_place(shell: Shell) -> None:
    error = shell.fail("%%dkquery\nselect carrier,\n       dleay\nfrom flights")
    assert isinstance(error, QueryError)
    assert "LINE 2:        dleay\n               ^" in str(error)


def test_a_failed_query_raises_with_its_place_right_of_a_list(shell: Shell) -> None:
    shell.names["wanted"] = ["AA", "UA"]
    error = shell.fail("%dkquery select * from flights where carrier in :wanted and dleay > 1")
    assert "carrier in :wanted and dleay > 1\n" + " " * 59 + "^\nHint: did you mean 'delay'?" in str(error)


def test_a_failed_query_shows_no_lines_of_ours(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    shell.fail("%%dkquery\nselect dleay from flights")
    shown = capsys.readouterr().out
    assert "dk_notebook" not in shown
    assert len(shown.splitlines()) < 12


def test_a_failed_call_in_a_plain_cell_shows_the_cells_line_only(
    shell: Shell, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.fail("import dk_notebook as dk\nx = 1\ndk.read_query('select * from nowhere')")
    shown = capsys.readouterr().out
    assert "----> 3 dk.read_query('select * from nowhere')" in shown
    assert "dk_notebook/" not in shown


STOPPED = """
import dk_notebook as dk
def rows():
    raise KeyboardInterrupt
    yield
dk.write_table(rows(), 'stopped')
"""


def test_a_stop_is_drawn_short_wherever_ipython_draws_it(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    stop = shell.fail(STOPPED)
    drawn = "\n".join(stop._render_traceback_())  # as IPython does it for its history
    assert drawn in capsys.readouterr().out
    assert "----> 5 dk.write_table(rows(), 'stopped')" in drawn
    assert "dk_notebook/" not in drawn


def test_the_whole_traceback_of_a_stop_is_a_magic_away(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    shell.fail(STOPPED)
    shell.run("%xmode Verbose")
    shell.run("%tb")
    assert "dk_notebook/" in capsys.readouterr().out


def test_the_whole_traceback_is_a_magic_away(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    shell.run("%xmode Verbose")
    shell.fail("import dk_notebook as dk\ndk.read_query('select * from nowhere')")
    assert "dk_notebook/" in capsys.readouterr().out


def test_an_unknown_table_is_not_found(shell: Shell) -> None:
    assert isinstance(shell.fail("%dkquery from flihgts"), NotFound)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("%dkquery", "there is no statement"),
        ("%dkquery -c nyc", "there is no statement"),
        ("%%dkquery\n \n", "there is no statement"),
        ("%%dkquery select 1\nselect 2", "below the first line"),
        ("%dkquery --limti 4 select 1", "did you mean '--limit'"),
        ("%dkquery -n -4 select 1", "0 or more"),
        ("%dkquery -o 4a select 1", "cannot be the name"),
        ("%dkquery -o class select 1", "cannot be the name"),
        ("%dkquery a << -o b select 1", "both say where"),
        ("%dkquery --explain -n 4 select 1", "-n does nothing with --explain"),
        ("%dkquery --as excel select 1", "invalid choice"),
        ("%dkquery -c postgresql://ann:hush@db/shop select 1", "does not belong on this line"),
    ],
)
def test_a_line_that_makes_no_sense_is_explained(shell: Shell, code: str, said: str) -> None:
    error = shell.fail(code)
    assert isinstance(error, UsageError)
    assert said in str(error)


def test_the_documentation_has_every_flag(shell: Shell) -> None:
    text = shell.ipython.find_line_magic("dkquery").__doc__
    for flag in ["-c", "-o", "-n", "--as", "--params", "--timeout", "--chunk", "--explain", "-q", "--no-progress"]:
        assert f"  {flag} " in text or f"  {flag}, " in text
    assert text.index("Examples::") < text.index("-c, --connection NAME")
