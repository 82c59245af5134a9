"""The magics, on PostgreSQL."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from IPython.core.error import UsageError

import dk_notebook as dk
from tests.jupyter.conftest import Shell

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("pg")]

FLIGHTS = (
    "drop table if exists flights; create table flights (carrier text, delay int, day date);"
    "insert into flights values ('AA', 3, '2024-01-01'), ('UA', 8, '2024-01-02'), ('AA', 5, '2024-01-02'),"
    " ('B6', null, null), ('DL', -2, '2024-01-03')"
)


@pytest.fixture
def pg(postgres_database: str) -> Iterator[dk.Connection]:
    """A connection called pg, with a table of five flights; the default is another one."""
    dk.close()
    dk.connect("duckdb://")
    connection = dk.connect(postgres_database, name="pg")
    connection.execute(FLIGHTS)
    yield connection
    dk.close()


@pytest.fixture
def login(postgres_database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL without its password, which the environment has."""
    parts = urlsplit(postgres_database)
    for name in ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PGPASSWORD", parts.password or "")
    return f"postgresql://{parts.username}@{parts.hostname}:{parts.port}{parts.path}"


# --- %dkconnect -------------------------------------------------------------------------------------------------------


def test_a_url_opens_under_its_name_with_the_password_of_the_environment(shell: Shell, login: str) -> None:
    connection = shell.run(f"%dkconnect {login} --name mine")
    assert connection.name == "mine"
    assert shell.run("%dkquery -c mine select 1 as a")["a"].tolist() == [1]


def test_a_password_is_asked_for_where_nothing_has_it(
    shell: Shell, login: str, monkeypatch: pytest.MonkeyPatch, postgres_database: str, tmp_path: Any
) -> None:
    monkeypatch.delenv("PGPASSWORD")
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "none"))
    monkeypatch.setattr("getpass.getpass", lambda _question: urlsplit(postgres_database).password)
    assert shell.run(f"%dkconnect {login} --name mine").name == "mine"


def test_a_wrong_password_is_told_in_few_lines(
    shell: Shell, login: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PGPASSWORD", "swordfish")
    error = shell.fail(f"%dkconnect {login} --name mine")
    shown = capsys.readouterr()
    assert isinstance(error, dk.ConnectionFailed)
    assert "password authentication failed" in shown.out
    assert "swordfish" not in shown.out + shown.err
    assert len(shown.out.splitlines()) < 12


def test_a_password_in_the_url_is_refused_and_not_repeated(
    shell: Shell, postgres_database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    error = shell.fail(f"%dkconnect {postgres_database} --name mine")
    shown = capsys.readouterr()
    assert isinstance(error, UsageError)
    assert (urlsplit(postgres_database).password or "") not in shown.out + shown.err


def test_the_list_shows_it(shell: Shell) -> None:
    listed = shell.run("%dkconnect").set_index("name")
    assert listed["backend"]["pg"] == "postgres"


# --- %dkquery ---------------------------------------------------------------------------------------------------------


def test_the_value_of_a_cell_is_the_frame(shell: Shell) -> None:
    frame = shell.run("%%dkquery -c pg\nselect carrier\nfrom flights\nwhere delay > 4\norder by 1;")
    assert frame["carrier"].tolist() == ["AA", "UA"]


def test_the_value_of_a_line_can_be_assigned(shell: Shell) -> None:
    shell.run("df = %dkquery -c pg select count(*) as n from flights")
    assert shell.names["df"]["n"].tolist() == [5]


def test_one_line_tells_rows_and_connection(shell: Shell) -> None:
    shell.run("%dkquery -c pg table flights")
    assert shell.note() == "5 rows · pg"


def test_a_limit_says_that_there_is_more(shell: Shell) -> None:
    frame = shell.run("%dkquery -c pg -n 3 select * from flights")
    assert (len(frame), shell.note()) == (3, "3 shown; more on the server · pg")


def test_a_limit_that_is_just_enough_says_nothing_of_more(shell: Shell) -> None:
    shell.run("%dkquery -c pg -n 5 select * from flights")
    assert shell.note() == "5 rows · pg"


def test_a_limit_asks_the_store_once(shell: Shell) -> None:
    shell.run("%dkquery -q -c pg create sequence if not exists asked")
    before = shell.run("%dkquery -q -c pg select nextval('asked') as n")["n"][0]
    shell.run("%dkquery -q -c pg -n 1 select nextval('asked') from generate_series(1, 10)")
    after = shell.run("%dkquery -q -c pg select nextval('asked') as n")["n"][0]
    assert after - before == 3


@pytest.mark.parametrize(
    ("value", "rows"),
    [("UA", 1), ("AA'; drop table flights; --", 0), (None, 0), (np.str_("AA"), 2), (float("nan"), 0)],
)
def test_a_variable_travels_as_a_value(shell: Shell, value: Any, rows: int) -> None:
    shell.names["carrier"] = value
    assert len(shell.run("%dkquery -c pg select * from flights where carrier = :carrier")) == rows
    assert len(shell.run("%dkquery -c pg table flights")) == 5


@pytest.mark.parametrize("condition", ["carrier in :ids", "carrier in (:ids)", "carrier = any(:ids)"])
@pytest.mark.parametrize("ids", [["UA", "DL"], ("UA", "DL"), pd.Series(["UA", "DL"]), np.array(["UA", "DL"])])
def test_a_list_fills_in(shell: Shell, condition: str, ids: Any) -> None:
    shell.names["ids"] = ids
    assert len(shell.run(f"%dkquery -c pg select * from flights where {condition}")) == 2


def test_an_empty_list_matches_nothing(shell: Shell) -> None:
    shell.names["ids"] = []
    assert len(shell.run("%%dkquery -c pg\nselect * from flights where carrier = any(:ids)")) == 0
    assert len(shell.run("%%dkquery -c pg\nselect * from flights where carrier not in :ids")) == 5


@pytest.mark.parametrize("day", [dt.date(2024, 1, 2), pd.Timestamp("2024-01-02"), "2024-01-02"])
def test_a_day_is_a_day(shell: Shell, day: Any) -> None:
    shell.names["day"] = day
    assert len(shell.run("%dkquery -c pg select * from flights where day = :day")) == 2


def test_a_missing_variable_is_an_error(shell: Shell) -> None:
    assert isinstance(shell.fail("%dkquery -c pg select :nowhere::int"), dk.MissingParameter)


def test_what_looks_like_a_variable_stays_sql(shell: Shell) -> None:
    frame = shell.run("%%dkquery -c pg\nselect ':no' as a, '7'::int as b, (array[1,2,3])[1:2] as c -- :no {no} $no")
    assert frame.loc[0, ["a", "b"]].to_list() == [":no", 7]


@pytest.mark.parametrize(
    "code",
    [
        "%%dkquery -c pg -o late\ntable flights",
        "%dkquery -c pg -o late table flights",
        "%dkquery late << -c pg table flights",
    ],
)
def test_a_frame_that_is_stored_is_not_shown(shell: Shell, code: str) -> None:
    assert (shell.run(code), len(shell.names["late"]), shell.note()) == (None, 5, "5 rows · pg")


@pytest.mark.parametrize(("form", "kind"), [("pandas", pd.DataFrame), ("arrow", pa.Table), ("polars", pl.DataFrame)])
def test_a_frame_comes_in_the_form_that_is_asked_for(shell: Shell, form: str, kind: type) -> None:
    frame = shell.run(f"%dkquery -c pg --as {form} -n 2 table flights")
    assert (type(frame), len(frame), shell.note()) == (kind, 2, "2 shown; more on the server · pg")


def test_chunks_come_one_after_another(shell: Shell) -> None:
    assert [len(chunk) for chunk in shell.run("%dkquery -c pg --chunk 2 table flights")] == [2, 2, 1]


def test_a_plan_is_a_frame(shell: Shell) -> None:
    shell.names["least"] = 4
    plan = shell.run("%dkquery -c pg --explain select * from flights where delay > :least")
    assert (plan["node"].to_list(), shell.note()) == (["Seq Scan"], "the plan; nothing was run · pg")


def test_a_timeout_ends_a_query(shell: Shell) -> None:
    assert isinstance(shell.fail("%dkquery -c pg --timeout 0.2 select pg_sleep(60)"), dk.DeadlineExceeded)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("update flights set delay = 0", "UPDATE 5"),
        ("with late as (select 'AA' as c) update flights set delay = 0 from late where carrier = c", "UPDATE 2"),
        ("insert into flights values ('WN', 1)", "INSERT 1"),
        ("delete from flights where delay is null", "DELETE 1"),
        ("create temporary table other (n int)", "CREATE TABLE"),
        ("truncate flights", "TRUNCATE"),
        ("do $$ begin delete from flights; end $$", "DO"),
        ("analyze flights", "ANALYZE"),
    ],
)
def test_a_statement_without_columns_runs_and_says_so(shell: Shell, statement: str, said: str) -> None:
    assert (shell.run(f"%dkquery -c pg {statement}"), shell.note()) == (None, f"{said} · pg")


def test_a_statement_without_columns_runs_once_with_its_variables(shell: Shell) -> None:
    shell.names["more"] = 1
    shell.run("%dkquery -c pg update flights set delay = delay + :more")
    assert shell.run("%dkquery -c pg select sum(delay)::int as n from flights")["n"].tolist() == [18]


def test_a_change_that_returns_rows_shows_them(shell: Shell) -> None:
    frame = shell.run("%dkquery -c pg delete from flights where delay > 4 returning carrier")
    assert (sorted(frame["carrier"]), shell.note()) == (["AA", "UA"], "2 rows · pg")


def test_several_statements_run_together(shell: Shell) -> None:
    shell.run("%%dkquery -c pg\ncreate temporary table other (n int);\ninsert into other values (1), (2);")
    assert shell.note() == "2 statements, 2 rows · pg"


def test_settings_of_the_server_are_shown(shell: Shell) -> None:
    assert shell.run("%dkquery -c pg show timezone").iloc[0, 0]


# --- %dktables, %dkexplain, %dkstatus, %dkclose ----------------------------------------------------------------------


def test_tables_and_columns_are_listed(shell: Shell) -> None:
    assert "flights" in shell.run("%dktables -c pg")["table"].tolist()
    assert shell.run("%dktables -c pg public.flights")["column"].tolist() == ["carrier", "delay", "day"]
    assert shell.note() == "3 columns · pg"


def test_an_unknown_table_is_an_error_with_the_nearest(shell: Shell) -> None:
    error = shell.fail("%dktables -c pg flihgts")
    assert (type(error), "did you mean 'flights'?" in str(error)) == (dk.NotFound, True)


def test_a_plan_with_variables_runs_nothing(shell: Shell) -> None:
    shell.names["least"] = 4
    plan = shell.run("%%dkexplain -c pg\ndelete from flights where delay > :least")
    assert (plan["node"].tolist(), plan["seconds"].notna().any()) == (["ModifyTable", "Seq Scan"], False)
    assert shell.note() == "the plan; nothing was run · pg"


def test_analyze_measures_and_what_it_changes_is_rolled_back(shell: Shell) -> None:
    shell.names["least"] = 4
    plan = shell.run("%dkexplain --analyze -c pg delete from flights where delay > :least")
    assert (plan["rows"].tolist()[-1], plan["seconds"].notna().all()) == (2, True)
    assert len(shell.run("%dkquery -c pg table flights")) == 5


def test_a_mistake_in_a_plan_shows_its_place_and_no_lines_of_ours(
    shell: Shell, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.fail("%%dkexplain --analyze -c pg\nselect carrier,\n       dleay\nfrom flights")
    shown = capsys.readouterr().out
    assert "LINE 2:        dleay\n               ^" in shown
    assert ("asyncpg" in shown, "dk_notebook" in shown, len(shown.splitlines()) < 12) == (False, False, True)


def test_a_closed_connection_is_named_and_gone(shell: Shell, pg: dk.Connection) -> None:
    shell.run("%dkclose pg")
    assert (shell.notes, pg.is_open, dk.status()["connection"].tolist()) == (["closed pg"], False, ["duckdb"])


def test_no_password_is_shown(shell: Shell, login: str, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "swordfish-of-nobody"
    dk.execute(f"create role ann login password '{secret}'; grant all on table flights to ann", "pg")
    monkeypatch.setenv("PGPASSWORD", secret)
    try:
        values = [
            shell.run(code)
            for code in (
                f"%dkconnect {login.replace(urlsplit(login).username or '', 'ann', 1)} --name mine",
                "%dkconnect",
                "%dktables -c mine",
                "%dkexplain --analyze -c mine select * from flights",
                "%dkstatus",
                "%dkstatus -c mine",
            )
        ]
        shell.run("%dkclose mine")
    finally:
        dk.execute("drop owned by ann; drop role ann", "pg")
    shown = [part for value in values for part in (repr(value), str(value), value._repr_html_())] + shell.notes
    assert [part for part in shown if secret in part] == []


# --- mistakes ---------------------------------------------------------------------------------------------------------


def test_a_failed_query_shows_the_servers_message_a_caret_and_a_hint(
    shell: Shell, capsys: pytest.CaptureFixture[str]
) -> None:
    error = shell.fail("%%dkquery -c pg\nselect carrier,\n       dleay\nfrom flights")
    shown = capsys.readouterr().out
    assert isinstance(error, dk.NotFound)
    assert 'column "dleay" does not exist' in shown
    assert "LINE 2:        dleay\n               ^" in shown
    assert "flights.delay" in shown


def test_a_failed_query_shows_no_lines_of_ours_or_the_drivers(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    shell.fail("%%dkquery -c pg\nselect 1 / 0")
    shown = capsys.readouterr().out
    assert ("asyncpg" in shown, "dk_notebook" in shown, "division by zero" in shown) == (False, False, True)
    assert len(shown.splitlines()) < 12


def test_a_caret_stands_right_of_a_variable(shell: Shell) -> None:
    shell.names["a_long_value"] = "x" * 50
    error = shell.fail("%%dkquery -c pg\nselect :a_long_value || '', nope from flights")
    assert "LINE 1: select :a_long_value || '', nope from flights\n" + " " * 36 + "^" in str(error)


def test_the_next_cell_works_after_a_mistake(shell: Shell) -> None:
    shell.fail("%dkquery -c pg selct 1")
    assert shell.run("%dkquery -c pg select 1 as a")["a"].tolist() == [1]


def test_frames_of_the_notebook_are_no_tables_here(shell: Shell) -> None:
    shell.names["mine"] = pd.DataFrame({"a": [1]})
    assert isinstance(shell.fail("%dkquery -c pg select * from mine"), dk.NotFound)


def test_script_in_data_names_and_errors_is_text(shell: Shell) -> None:
    script = "<script>alert(1)</script>"
    shell.names["script"] = script
    frame = shell.run(f'%%dkquery -c pg\nselect :script::text as "{script}"')
    assert (frame.iloc[0, 0], script in frame._repr_html_()) == (script, False)
    shell.fail(f'%%dkquery -c pg\nselect * from "{script}"')
    shown = [output["data"].get("text/html", "") for output in shell.ipython.display_pub.outputs]
    assert not any("<script>" in html for html in shown)


# --- %dkbench ---------------------------------------------------------------------------------------------------------


def test_a_benchmark_uses_one_connection_and_a_cold_one_opens_its_own(shell: Shell) -> None:
    shell.run("%dkquery -q -c pg create table if not exists seen (pid int)")
    shell.run("%dkbench -r 3 --cold -c pg insert into seen values (pg_backend_pid()) returning pid")
    runs = shell.run("%dkquery -q -c pg select count(*) as runs from seen group by pid order by 1 desc")
    assert runs["runs"].tolist() == [4, 1, 1, 1, 1]


def test_two_stores_stand_side_by_side(shell: Shell) -> None:
    shell.names["least"] = 4
    shell.run("%dkbench -r 2 -c pg -c duckdb -o runs select 5 as a where :least < 5")
    runs = shell.names["runs"]
    assert (runs["contender"].unique().tolist(), runs["rows"].unique().tolist()) == (["pg", "duckdb"], [1])


def test_the_time_of_the_server_is_measured(shell: Shell) -> None:
    shell.run("%dkbench -r 2 -w 0 -c pg -o runs select 1 as a from pg_sleep(0.1)")
    assert (shell.names["runs"]["server"] >= 0.1).all()
