"""Tab on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import dk_notebook as dk
from tests.jupyter.completion.tabs import Tab
from tests.jupyter.conftest import Shell

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("pg")]


@pytest.fixture
def pg(postgres_database: str) -> Iterator[dk.Connection]:
    """A connection called pg; the default is another one."""
    dk.close()
    dk.connect("duckdb://")
    connection = dk.connect(postgres_database, name="pg")
    connection.execute(
        'drop schema if exists sales cascade; drop table if exists orders, "Orders", "user" cascade;'
        'create table orders (id int, "Day" date, total numeric); create table "Orders" (other int);'
        'create table "user" (name text); create schema sales; create table sales.items (sku int, "offset" int)'
    )
    yield connection
    dk.close()


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("%%dkquery -c pg\nselect * from ord|", ["orders", '"Orders"']),
        ("%%dkquery -c pg\nselect * from us|", ['"user"']),
        ("%%dkquery -c pg\nselect * from it|", ["sales.items"]),
        ("%%dkquery -c pg\nselect * from sales.|", ["items"]),
        ("%%dkquery -c pg\nselect o.| from orders o", ["id", '"Day"', "total"]),
        ('%%dkquery -c pg\nselect o.| from "Orders" o', ["other"]),
        ("%%dkquery -c pg\nselect o| from sales.items", ['"offset"']),
        ("%%dkquery -c pg\nselect c.reln| from pg_catalog.pg_class c", ["relname", "relnamespace", "relnatts"]),
        ("%dkquery -c pg select to| from orders", ["total"]),
        ("%dktables -c pg ord|", ["orders", "Orders"]),
        ("%dktables -c pg sal|", ["sales.items"]),
    ],
)
def test_what_is_offered(tab: Tab, text: str, offered: list[str]) -> None:
    assert sorted(tab(text)) == sorted(offered)


def test_frames_are_none_of_its_tables(tab: Tab, shell: Shell) -> None:
    shell.run("import pandas as pd\nordinary = pd.DataFrame({'n': [1]})")
    assert "ordinary" not in tab("%%dkquery -c pg\nselect * from ord|")


def test_a_call_that_holds_the_only_connection_is_not_waited_for(
    tab: Tab, postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # Tab's own patience
    dk.close("pg")
    dk.connect(postgres_database, name="one", pool={"max_size": 1})
    chunks = dk.iter_query("select generate_series(1, 1000000)", "one", chunk_rows=10)
    next(chunks)
    assert tab("%%dkquery -c one\nselect * from ord|") == []
    chunks.close()


def test_a_table_that_is_not_there_is_silent(tab: Tab, capfd: pytest.CaptureFixture[str]) -> None:
    assert tab("%%dkquery -c pg\nselect * from nowhere.at_all where |") == ["at_all"]
    assert capfd.readouterr() == ("", "")
