"""Tab on DuckDB: what is offered, where, and how it is written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import dk_notebook as dk
from tests.jupyter.completion.tabs import Tab
from tests.jupyter.conftest import Shell

pytestmark = [pytest.mark.duckdb, pytest.mark.usefixtures("shop")]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[dk.Connection]:
    """The default connection, and another one."""
    dk.close()
    connection = dk.connect(f"duckdb:///{tmp_path}/shop.duckdb", name="shop")
    connection.execute(
        'create table orders (id integer, day date, customer integer, "order" varchar, "a ""b" integer);'
        "create table customers (id integer, name varchar); create view recent as select id, day from orders;"
        'create table "Mixed" (n integer); create table "with blank" (n integer);'
        "create schema sales; create table sales.items (sku integer, qty integer)"
    )
    dk.connect(f"duckdb:///{tmp_path}/other.duckdb", name="my other").execute("create table elsewhere (n integer)")
    yield connection
    dk.close()


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("%%dkquery\nselect * from |", ["Mixed", "customers", "orders", "recent", '"with blank"', "sales.items"]),
        ("%%dkquery\nselect * from o|", ["orders"]),
        ("%%dkquery\nselect * from O|", ["orders"]),
        ("%%dkquery\nselect * from orders o\njoin cu|\nwhere true", ["customers"]),
        ("%%dkquery\nselect * from sales.|", ["items"]),
        ("%%dkquery\nselect * from it|", ["sales.items"]),
        ("%%dkquery\nselect * from sal|", ["sales.items"]),
        ('%%dkquery\nselect * from "w|', ['"with blank"']),
        ('%%dkquery\nselect * from "w|"', ['"with blank']),
        ('%%dkquery\nselect * from "with b|', ['"with blank"']),
        ("%%dkquery\nselect | from customers", ["id", "name", "customers"]),
        ("%%dkquery\nselect d| from orders", ["day"]),
        ("%%dkquery\nselect or| from orders", ['"order"', "orders"]),
        ('%%dkquery\nselect "a| from orders', ['"a ""b"']),
        ("%%dkquery\nselect o.| from orders o, customers c", ["id", "day", "customer", '"order"', '"a ""b"']),
        ("%%dkquery\nselect c.n| from orders o join customers c on o.customer = c.id", ["name"]),
        ("%%dkquery\nselect customers.| from customers", ["id", "name"]),
        ("%%dkquery\nselect s| from sales.items", ["sku"]),
        ("%%dkquery\nselect items.| from sales.items", ["sku", "qty"]),
        ("%%dkquery\nselect n| from ORDERS, Customers", ["name"]),
        ("%%dkquery\ninsert into customers (|", ["id", "name"]),
        ("%%dkquery\nupdate customers set |", ["id", "name", "customers"]),
        ("%%dkquery\nselect x.| from (select id as key, c.name, 1 + 1 from customers c) x", ["key", "name"]),
        ("%%dkquery\nselect x.| from (select * from customers) x", ["id", "name"]),
        ("%%dkquery\nselect x.| from (select o.*, 1 as one from customers c, recent o) x", ["id", "day", "one"]),
        ("%%dkquery\nwith x as (select name from customers) select x.| from x", ["name"]),
        ("%%dkquery\nwith x (called) as (select name from customers) select x.| from x", ["called"]),
        ("%%dkquery\nwith xyz as (select 1) select * from x|", ["xyz"]),
        ("%%dkquery\nwith recursive r as (select 1 as n union all select n from r) select r.| from r", ["n"]),
        ("%%dkquery\nselect 1; select na| from customers; select 2", ["name"]),
        ("%%dkquery\nselect * from nowhere where |", ["nowhere"]),
        ("%%dkquery\nselect 'fro|m' from orders", []),
        ("%dkquery select na| from customers", ["name"]),
        ("%dkquery -n 5 -- select na| from customers", ["name"]),
        ("frame = %dkquery select na| from customers", ["name"]),
        ("frame = 1\nif frame:\n    %dkquery select na| from customers\nprint(frame)", ["name"]),
        ("%dkquery select na| \\\n  from customers", ["name"]),
        ("%dkquery select id \\\n  from customers where na|", ["name"]),
        ("%dkquery recent << select na| from customers", ["name"]),
        ("%%dkquery recent << -n 10\nselect na| from customers", ["name"]),
        ("%dkexplain --analyze select na| from customers", ["name"]),
        ("%%dkexplain\nselect na| from customers", ["name"]),
        ("%dkbench -r 3 select na| from customers", ["name"]),
        ("%%dkbench\nselect na| from customers", ["name"]),
        ("%%time\n%%dkquery\nselect na| from customers", ["name"]),
        ("\n\n%%dkquery\nselect na| from customers", ["name"]),
        ('%%dkquery -c "my other"\nselect * from |', ["elsewhere"]),
        ("%dkquery -c 'my other' select * from |", ["elsewhere"]),
        ('%dkquery --connection="my other" select * from |', ["elsewhere"]),
        ("%dkbench -c 'my other' -c shop select * from e|", ["elsewhere"]),
        ("%dktables o|", ["orders"]),
        ("%dktables i|", []),
        ("%dktables s|", ["sales.items"]),
        ("%dktables w|", ['"with blank"']),
        ("%dktables e| -c 'my other'", ["elsewhere"]),
        ("%dktables -c 'my other' |", ["elsewhere"]),
        ("%dktables orders |", ["-c", "--connection", "-q", "--quiet"]),
    ],
)
def test_what_is_offered(tab: Tab, text: str, offered: list[str]) -> None:
    assert tab(text) == offered


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("%dkquery -c |", ["shop", '"my other"', "duckdb"]),
        ("%dkquery -c m|", ['"my other"']),
        ('%dkquery -c "m|', ['"my other"']),
        ("%dkquery -c 'my o|", ["'my other'"]),
        ('%dkquery -c "m|" select 1', ['"my other']),
        ("%dkquery -qc s| select 1", ["shop"]),
        ("%dkquery -cs|", ["shop"]),
        ("%dkquery --connection=s|", ["shop"]),
        ("%%dkquery -n 3 --connection s|\nselect 1", ["shop"]),
        ("%dkbench -c shop -c m|", ['"my other"']),
        ("%dkstatus -c s|", ["shop"]),
        ("%dkclose |", ["shop", '"my other"']),
        ("%dkconnect s|", ["shop", "s3://"]),
        ("%dkconnect shop --name |", []),
        ("%dkconnect shop |", ["--name", "--replace", "-w", "--no-password"]),
        ("%dkquery --|", ["--connection", "--out", "--limit", "--as", "--params", "--timeout", "--chunk", "--explain",
                          "--quiet", "--no-progress"]),
        ("%dkquery --co| select 1", ["--connection"]),
        ("%dkbench --c|", ["--connection", "--cold"]),
        ("%%dkexplain --an|\nselect 1", ["--analyze"]),
        ("%dkquery --as |", ["pandas", "arrow", "polars"]),
        ("%dkquery --as=po|", ["polars"]),
        ("%dkquery --params g|", ["given"]),
        ("%dkquery -n |", []),
        ("%dkquery -- -|", []),
        ("%dkquery --nonsense x select na| from customers", []),
    ],
)  # fmt: skip
def test_what_is_offered_on_the_line(tab: Tab, shell: Shell, text: str, offered: list[str]) -> None:
    shell.names["given"] = {"day": 1}
    assert tab(text) == offered


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("%%dkquery\nselect o.n| from customers o", "%%dkquery\nselect o.name from customers o"),
        ("%dkquery --connection=s| select 1", "%dkquery --connection=shop select 1"),
        ("%dkquery -cs|", "%dkquery -cshop"),
        ('%%dkquery\nselect * from "w|"', '%%dkquery\nselect * from "with blank"'),
        ("%%dkquery\nselect :n| from customers", "%%dkquery\nselect :number from customers"),
        ("%dkquery -c 'my o|' select 1", "%dkquery -c 'my other' select 1"),
    ],
)
def test_what_becomes_of_the_cell(tab: Tab, shell: Shell, text: str, written: str) -> None:
    shell.names["number"] = 1
    assert tab.written(text) == [written]


@pytest.mark.parametrize(
    "text", ["import o|", "x = {'%dkquery': 1}\nx|", "%dkquer|", "%timei|", "%%bash\nls |", "df.|", "%dknone -c |"]
)
def test_elsewhere_nothing_is(tab: Tab, shell: Shell, text: str) -> None:
    shell.ipython.Completer.use_jedi = False
    assert tab(text) == []


@pytest.mark.parametrize("jedi", [False, True])
def test_python_names_and_files_are_not_among_ours(tab: Tab, shell: Shell, jedi: bool) -> None:
    shell.ipython.Completer.use_jedi = jedi
    shell.names.update(nameless=1, customers_of_python=2)
    assert tab.others("%%dkquery\nselect na| from customers") == []


@pytest.mark.parametrize("jedi", [False, True])
@pytest.mark.parametrize("text", ["select * from na|", "select o.na| from orders o", "na|", "select * from orders na|"])
def test_python_is_silent_where_a_statement_has_no_such_name(tab: Tab, shell: Shell, text: str, jedi: bool) -> None:
    shell.ipython.Completer.use_jedi = jedi
    shell.names["nameless"] = 1
    assert (tab(f"%%dkquery\n{text}"), tab.others(f"%%dkquery\n{text}")) == ([], [])


def test_files_are_completed_in_a_string(
    tab: Tab, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.ipython.Completer.use_jedi = False
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trips.parquet").touch()
    assert "IPCompleter.file_matcher" in tab.others("%%dkquery\nselect * from 'tri|")


# --- the notebook's variables ---


def test_parameters_are_the_variables_that_could_be_one(tab: Tab, shell: Shell) -> None:
    shell.run("import datetime\nday = datetime.date(2024, 1, 1)\ndays = [day]\ndef dayly(): pass\n_day = 1")
    assert tab("%%dkquery\nselect * from orders where day = :da|") == ["day", "days"]


def test_parameters_of_a_dictionary_are_its_names(tab: Tab, shell: Shell) -> None:
    shell.names.update(given={"first": 1, 2: 3}, fifth=2)
    assert tab("%%dkquery --params given\nselect :f|") == ["first"]


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"sum": [1], "a b": [2]}),
        pl.DataFrame({"sum": [1], "a b": [2]}),
        pa.table({"sum": [1], "a b": [2]}),
    ],
    ids=["pandas", "polars", "pyarrow"],
)
def test_frames_of_the_notebook_are_tables(tab: Tab, shell: Shell, frame: object) -> None:
    shell.names["monthly"] = frame
    assert tab("%%dkquery\nselect * from mon|") == ["monthly"]
    assert tab("%%dkquery\nselect m.| from monthly m") == ["sum", '"a b"']


def test_clauses_that_read_each_other_twice_are_looked_through_once(tab: Tab) -> None:
    # 2 to the 40 ways lead from the last to the table.
    twice = (f"c{at} as (select * from c{at - 1} a join c{at - 1} b using (id))" for at in range(1, 41))
    clauses = ", ".join(["c0 as (select * from customers)", *twice])
    assert tab(f"%%dkquery\nwith {clauses} select na| from c40") == ["name"]


def test_a_table_wins_over_a_frame(tab: Tab, shell: Shell) -> None:
    shell.names["customers"] = pd.DataFrame({"other": [1]})
    assert tab("%%dkquery\nselect c.| from customers c") == ["id", "name"]


# --- connections ---


def test_nothing_is_opened(tab: Tab, shell: Shell) -> None:
    dk.close()
    shell.names["frame"] = pd.DataFrame({"n": [1]})
    assert tab("%%dkquery\nselect * from f|") == ["frame"]
    assert tab("%%dkquery -c duckdb\nselect n| from frame") == ["n"]
    assert dk.status().empty


def test_what_is_only_configured_gives_its_name_and_nothing_else(
    tab: Tab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "dk.toml"
    path.write_text(
        '[connections.far]\nbackend = "postgres"\nhost = "127.0.0.1"\nport = 1\npassword = {prompt = true}\n'
    )
    monkeypatch.setenv("DK_CONFIG", str(path))
    assert tab("%dkquery -c f|") == ["far"]
    assert tab("%%dkquery -c far\nselect * from |") == []


def test_a_connection_file_with_a_mistake_says_nothing(
    tab: Tab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "dk.toml"
    path.write_text("[connections.far\n")
    monkeypatch.setenv("DK_CONFIG", str(path))
    assert tab("%dkquery -c s|") == ["shop"]
    assert capsys.readouterr() == ("", "")


def test_the_default_is_the_one_that_is_used(tab: Tab) -> None:
    dk.use("my other")
    assert tab("%%dkquery\nselect * from |") == ["elsewhere"]


def test_a_url_is_its_connection(tab: Tab, tmp_path: Path) -> None:
    assert tab(f"%%dkquery -c duckdb:///{tmp_path}/other.duckdb\nselect * from |") == ["elsewhere"]


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("dkquery select * from o|", ["orders"]),
        ("  dkquery -n 5 select na| from customers\n", ["name"]),
        ("dkquery --expl|", ["--explain"]),
        ("dktables o|", ["orders"]),
        ("dkquery|", []),
        ("dkquery = o|", []),
        ("x = 1\ndkquery select * from o|", []),
    ],
)
def test_a_line_without_the_sign_is_completed_as_the_shell_runs_it(tab: Tab, text: str, offered: list[str]) -> None:
    assert tab(text) == offered


def test_a_variable_of_that_name_is_none_of_ours(tab: Tab, shell: Shell) -> None:
    shell.names["dktables"] = "mine"
    assert tab("dktables o|") == []


def test_without_automagic_the_sign_is_needed(tab: Tab, shell: Shell) -> None:
    shell.run("%automagic 0")
    assert (tab("dktables o|"), tab("%dktables o|")) == ([], ["orders"])
