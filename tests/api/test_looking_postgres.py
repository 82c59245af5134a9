"""Looking around and executing, as users type it, on PostgreSQL."""

from __future__ import annotations

import pandas as pd
import pytest

import dk_notebook as dk

pytestmark = pytest.mark.postgres

# --- looking around ---------------------------------------------------------------------------------------------------


def test_tables_tell_their_kind_rows_and_size(pg: dk.Connection) -> None:
    pg.execute(
        "create table orders as select i from generate_series(1, 1000) i; analyze orders;"
        "create view recent as select * from orders; create materialized view cached as select * from orders"
    )
    found = dk.tables("pg").set_index("table")
    assert list(found.columns) == ["schema", "kind", "rows", "bytes"]
    assert found["kind"].to_dict() == {"orders": "table", "recent": "view", "cached": "materialized view"}
    assert (found["rows"]["orders"], found["bytes"]["orders"] > 0, pd.isna(found["rows"]["recent"])) == (
        1000,
        True,
        True,
    )


def test_tables_of_an_empty_database_are_an_empty_frame_of_the_same_columns(pg: dk.Connection) -> None:
    empty = dk.tables("pg")
    pg.execute("create table t (n int)")
    assert (len(empty), empty.dtypes.to_dict()) == (0, dk.tables("pg").dtypes.to_dict())


def test_columns_tell_type_dtype_key_and_default(pg: dk.Connection) -> None:
    pg.execute(
        "create table other (id int primary key);"
        "create table t (id int primary key, s varchar(5) not null default 'x', u text unique,"
        " o int references other, twice int generated always as (id * 2) stored)"
    )
    found = dk.columns("t", "pg")
    assert list(found.columns) == ["column", "type", "dtype", "nullable", "key", "default"]
    assert found["type"].to_list() == ["integer", "character varying(5)", "text", "integer", "integer"]
    assert found["nullable"].to_list() == [False, False, True, True, True]
    assert found["key"].fillna("").to_list() == ["primary key", "", "unique", "foreign key", ""]
    assert "'x'" in found["default"][1]
    assert found["default"][4].startswith("generated")


def test_columns_of_an_unknown_table_are_not_found_with_the_nearest(pg: dk.Connection) -> None:
    pg.execute("create table orders (n int)")
    with pytest.raises(dk.NotFound, match="orders"):
        dk.columns("odrers", "pg")


@pytest.mark.parametrize("analyze", [False, True])
def test_a_plan_is_a_frame_of_nodes(pg: dk.Connection, analyze: bool) -> None:
    pg.execute("create table t as select i from generate_series(1, 1000) i")
    found = dk.explain("select count(*) from t where i > :low", "pg", params={"low": 5}, analyze=analyze)
    assert list(found.columns) == ["depth", "node", "detail", "rows_estimated", "rows", "seconds"]
    assert found["node"].to_list() == ["Aggregate", "Seq Scan"]
    assert found["rows"].to_list() == ([1, 995] if analyze else [pd.NA, pd.NA])
    assert found["seconds"].notna().to_list() == [analyze, analyze]


def test_a_plan_changes_nothing_even_when_it_runs(pg: dk.Connection) -> None:
    pg.execute("create table t (n int)")
    dk.explain("insert into t values (1)", "pg", analyze=True)
    assert pg.read_table("t").empty


# --- executing --------------------------------------------------------------------------------------------------------


def test_execute_counts_rows(pg: dk.Connection) -> None:
    assert dk.execute("create table t (n int)", "pg") == 0
    assert dk.execute("insert into t select generate_series(1, 5)", "pg") == 5
    assert dk.execute("update t set n = :n where n < 3", "pg", params={"n": 9}) == 2
    assert dk.execute("delete from t", "pg") == 5


def test_several_statements_are_one_transaction(pg: dk.Connection) -> None:
    with pytest.raises(dk.NotFound, match="nope"):
        pg.execute("create table t (n int); insert into nope values (1)")
    assert pg.tables().empty


def test_several_statements_count_together(pg: dk.Connection) -> None:
    assert pg.execute("create table t (n int); insert into t values (1), (2); update t set n = 3;") == 4


def test_several_statements_point_at_the_mistake_of_the_one(pg: dk.Connection) -> None:
    with pytest.raises(dk.QueryError) as raised:
        pg.execute("create table t (n int);\n-- a comment; with a semicolon\nisnert into t values (1)")
    assert "LINE 3: isnert into t\n        ^" in str(raised.value).replace(" values (1)", "")


def test_several_statements_take_no_params(pg: dk.Connection) -> None:
    with pytest.raises(dk.ConfigError, match="params"):
        pg.execute("select :a::int; select 1", params={"a": 1})


def test_what_execute_sets_does_not_reach_the_next_call(pg: dk.Connection) -> None:
    before = pg.read_query("show work_mem")["work_mem"][0]
    pg.execute("set work_mem = '77MB'")
    assert [pg.read_query("show work_mem")["work_mem"][0] for _ in range(3)] == [before] * 3


def test_a_transaction_that_is_left_open_is_undone_and_told(pg: dk.Connection) -> None:
    pg.execute("create table t (n int)")
    with pytest.raises(dk.QueryError, match="open"):
        pg.execute("begin; insert into t values (1)")
    assert pg.read_table("t").empty


async def test_executing_on_a_loop_of_ones_own(pg: dk.Connection) -> None:
    assert await dk.aexecute("create table t as select 1 as a", "pg") == 0
