"""Hostile names and values in every argument: quoted or refused, and what they do not name stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pandas as pd
import pytest

import dk_notebook as dk

pytestmark = pytest.mark.postgres

HOSTILE = [
    'a"; drop table victim; --',
    "a'; drop table victim; --",
    "a); drop table victim; --",
    "a/* */; drop table victim; --",
    "$$; drop table victim; --",
    "\\'; drop table victim; --",
    "victim; drop table victim",
    ":a $1 %s {}",
    "ctid",
    "select",
    " lead and trail ",
    "new\nline",
    "Grüße 你好",
    "<script>alert(1)</script>",
]
CATALOGUE = """
select string_agg(kind || ' ' || name, ', ' order by kind, name) as catalogue from (
    select 'relation' as kind, oid::regclass::text || ' ' || relkind::text as name from pg_class
        where relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace)
    union all select 'column', attrelid::regclass || '.' || attname || ' ' || atttypid::regtype from pg_attribute
        where attrelid = 'victim'::regclass and attnum > 0
    union all select 'type', oid::regtype::text from pg_type
        where typnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace)
    union all select 'function', oid::regprocedure::text from pg_proc
        where pronamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
    union all select 'schema', nspname from pg_namespace where nspname !~ '^pg_(toast_)?temp'
    union all select 'role', rolname from pg_roles
    union all select 'row', victim::text from victim
) found
"""  # noqa: E501 (names of schemas)


@pytest.fixture
def victim(pg: dk.Connection) -> dk.Connection:
    pg.execute("create table victim (id int primary key, s text); insert into victim values (1, 'kept')")
    return pg


def catalogue(connection: dk.Connection) -> str:
    """All that anybody has made in the database."""
    found: str = connection.read_query(CATALOGUE).iloc[0, 0]
    return found


ONE = pd.DataFrame({"id": [1], "s": ["new"]})
CALLS: dict[str, Callable[[dk.Connection, str], Any]] = {
    # what a hostile text can be given as, where nothing may be changed by it
    "table read": lambda c, text: c.read_table(text),
    "table described": lambda c, text: c.columns(text),
    "columns": lambda c, text: c.read_table("victim", columns=[text]),
    "where name": lambda c, text: c.read_table("victim", where=[(text, "=", 1)]),
    "where value": lambda c, text: c.read_table("victim", where=[("s", "=", text)]),
    "where list": lambda c, text: c.read_table("victim", where=[("s", "in", [text, "x"])]),
    "where like": lambda c, text: c.read_table("victim", where=[("s", "like", text)]),
    "where starts": lambda c, text: c.read_table("victim", where=[("s", "starts_with", text)]),
    "where regex": lambda c, text: c.read_table("victim", where=[("s", "regex", text)]),
    "where operator": lambda c, text: c.read_table("victim", where=[("s", text, 1)]),
    "order_by": lambda c, text: c.read_table("victim", order_by=text),
    "index": lambda c, text: c.read_table("victim", index=text),
    "parameter": lambda c, text: c.read_query("select * from victim where s = :s", params={"s": text}),
    "parameter name": lambda c, text: c.read_query("select * from victim where s = :s", params={text: 1}),
    "list parameter": lambda c, text: c.read_query("select * from victim where s in :s", params={"s": [text]}),
    "json parameter": lambda c, text: c.read_query("select :s::jsonb as j", params={"s": {text: text}}),
    "explained parameter": lambda c, text: c.explain("select * from victim where s = :s", params={"s": text}),
    "planned table": lambda c, text: dk.plan_write(ONE, f'"{text}"' if '"' not in text else text, c),
    "planned column": lambda c, text: dk.plan_write(pd.DataFrame({text: [1]}), "planned", c),
    "type": lambda c, text: ONE.dk.to_backend(c, "typed", types={"s": text}),
    "typed column": lambda c, text: ONE.dk.to_backend(c, "typed", types={text: "int"}),
    "extra column": lambda c, text: pd.DataFrame({"id": [2], text: [1]}).dk.to_backend(c, "victim", mode="append"),
    "key": lambda c, text: ONE.dk.to_backend(c, "victim", mode="upsert", key=text),
    "mode": lambda c, text: ONE.dk.to_backend(c, "victim", mode=text),
    "schema": lambda c, text: ONE.dk.to_backend(c, f'"{text}".victim'),
    "connection": lambda _, text: dk.read_query("select 1", text),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_hostile_text_changes_nothing_whatever_it_is_given_as(victim: dk.Connection, call: str) -> None:
    before = catalogue(victim)
    for text in HOSTILE:
        with suppress(dk.DkError):
            CALLS[call](victim, text)
    assert catalogue(victim) == before


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_name_is_only_a_name(victim: dk.Connection, text: str) -> None:
    before = catalogue(victim)
    table = text if '"' in text else f'"{text}"'
    with suppress(dk.ConfigError):  # a quote inside of a quoted name cannot be said
        frame = pd.DataFrame({text: [1, 2], "id": [1, 2]})
        if text == "ctid":
            frame.columns = pd.Index(["c", "id"])
        for mode in ("fail", "append", "replace", "truncate"):
            frame.dk.to_backend(victim, table, mode=mode)
        assert list(victim.read_table(table).columns) == list(frame.columns)
        victim.execute('drop table "' + text.replace('"', '""') + '"')
    assert catalogue(victim) == before


@pytest.mark.parametrize("mode", ["append", "upsert", "ignore"])
def test_hostile_values_are_only_values(victim: dk.Connection, mode: Any) -> None:
    frame = pd.DataFrame({"id": range(2, 2 + len(HOSTILE)), "s": HOSTILE})
    frame.dk.to_backend(victim, "victim", mode=mode, key=None if mode == "append" else "id")
    assert victim.read_table("victim", order_by="id")["s"].to_list() == ["kept", *HOSTILE]


def test_hostile_labels_are_labels_of_an_enum(victim: dk.Connection) -> None:
    frame = pd.DataFrame({"c": pd.Categorical([*HOSTILE, None], categories=HOSTILE, ordered=True)})
    frame.dk.to_backend(victim, "t", types={"c": "enum"})
    pd.testing.assert_frame_equal(victim.read_table("t"), frame)


def test_hostile_text_inside_of_lists_and_documents_stays_text(victim: dk.Connection) -> None:
    frame = pd.DataFrame({"list": [[*HOSTILE, None]], "dict": [{text: [text] for text in HOSTILE}]})
    frame.dk.to_backend(victim, "t")
    back = victim.read_table("t")
    assert (list(back["list"][0]), back["dict"][0]) == (frame["list"][0], frame["dict"][0])


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a" * 63, "é" * 31, "select", "user", "a.b", "A", "ID", '"', " "])
def test_an_odd_name_of_a_column_is_kept_as_it_is(pg: dk.Connection, name: str) -> None:
    frame = pd.DataFrame({name: [1], "id": [2]})
    frame.dk.to_backend("pg", "t")
    frame.dk.to_backend("pg", "t", mode="append")
    assert pg.read_table("t", columns=[name])[name].to_list() == [1, 1]


def test_names_that_differ_in_capitals_are_two(pg: dk.Connection) -> None:
    pd.DataFrame({"a": [1], "A": [2]}).dk.to_backend("pg", "t")
    assert pg.read_table("t").loc[0].to_dict() == {"a": 1, "A": 2}


@pytest.mark.parametrize("table", ["a" * 64, "é" * 32, f"public.{'a' * 64}"])
def test_a_table_name_that_the_server_would_cut_is_refused(pg: dk.Connection, table: str) -> None:
    with pytest.raises(dk.ConfigError, match="64 bytes"):
        ONE.dk.to_backend("pg", table)
    assert pg.tables().empty


@pytest.mark.parametrize("table", ["", ".", "a.", ".a", "a.b.c", '"a', 'a"b"', "a\0b"])
def test_what_is_no_table_name_is_refused(pg: dk.Connection, table: str) -> None:
    with pytest.raises(dk.DkError):
        ONE.dk.to_backend("pg", table)
    assert pg.tables().empty


@pytest.mark.parametrize("column", ["ctid", "xmin", "tableoid"])
def test_a_name_that_the_server_keeps_for_itself_is_refused_in_its_words(pg: dk.Connection, column: str) -> None:
    with pytest.raises(dk.DkError, match=column):
        pd.DataFrame({column: [1]}).dk.to_backend("pg", "t")
    assert pg.tables().empty


def test_a_table_in_a_schema_and_a_table_with_a_dot_are_two(pg: dk.Connection) -> None:
    pd.DataFrame({"n": [1]}).dk.to_backend("pg", "public.t")
    pd.DataFrame({"n": [2]}).dk.to_backend("pg", '"public.t"')
    assert [pg.read_table(name)["n"][0] for name in ("t", '"public.t"')] == [1, 2]
