"""Queries, their parameters, errors and time-outs, as users type them, on PostgreSQL."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import threading
import time
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import dk_notebook as dk

pytestmark = pytest.mark.postgres

SERIES = "select i, 't' || i as t from generate_series(0, 9) i"
SLOW = "select pg_sleep(60)"


def asked(connection: dk.Connection, what: str) -> Any:
    """The one value of a query."""
    return connection.read_query(f"select {what} as v").iloc[0, 0]


def sleeping(connection: dk.Connection) -> int:
    """How many statements of the tests' sleep are running on the server."""
    return int(
        asked(
            connection,
            "(select count(*) from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() "
            "and datname = current_database() and query like '%pg_sleep(60)%')",
        )
    )


def within(seconds: float, happens: Any) -> bool:
    """Whether it happens within that time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if happens():
            return True
        time.sleep(0.01)
    return False


# --- parameters -------------------------------------------------------------------------------------------------------


def test_named_parameters_are_bound(pg: dk.Connection) -> None:
    frame = pg.read_query(f"select t from ({SERIES}) s where i between :low and :high", params={"low": 3, "high": 4})
    assert frame["t"].to_list() == ["t3", "t4"]


def test_numbered_parameters_are_bound(pg: dk.Connection) -> None:
    assert pg.read_query("select $2 || $1 as v", params=["a", "b"])["v"].to_list() == ["ba"]


@pytest.mark.parametrize("condition", ["i in :ids", "i in (:ids)", "i = any(:ids)"])
@pytest.mark.parametrize(
    "ids", [[1, 2, 99], (1, 2), np.array([1, 2]), pd.Series([1, 2]), pd.array([1, 2, None], "Int64"), {1, 2},
            pa.array([1, 2, None]), pa.chunked_array([[1], [2]]), pl.Series([1, 2])],
    ids=["list", "tuple", "numpy", "Series", "nullable", "set", "Arrow", "chunks", "polars"],
)  # fmt: skip
def test_a_list_of_ids_is_one_parameter(pg: dk.Connection, condition: str, ids: Any) -> None:
    frame = pg.read_query(f"select i from ({SERIES}) s where {condition} order by i", params={"ids": ids})
    assert frame["i"].to_list() == [1, 2]


@pytest.mark.parametrize("condition", ["i in :id", "i not in :id"])
def test_one_id_where_a_list_belongs_is_told_before_anything_runs(pg: dk.Connection, condition: str) -> None:
    with pytest.raises(dk.QueryError, match=r"IN :id takes a list, and the parameter :id is one value") as caught:
        pg.read_query(f"select i from ({SERIES}) s where {condition}", params={"id": 1})
    assert str(caught.value).splitlines()[2].index("^") == str(caught.value).splitlines()[1].index(":id")


def test_one_id_for_any_is_told_by_the_parameters_name(pg: dk.Connection) -> None:
    with pytest.raises(dk.ConfigError, match=r"parameter :id: one value cannot be a parameter of the type int4\[\]"):
        pg.read_query(f"select i from ({SERIES}) s where i = any(:id)", params={"id": 1})


@pytest.mark.parametrize(("condition", "rows"), [("in :ids", 0), ("in (:ids)", 0), ("not in :ids", 10)])
def test_an_empty_list_matches_nothing_and_its_negation_everything(
    pg: dk.Connection, condition: str, rows: int
) -> None:
    assert len(pg.read_query(f"select i from ({SERIES}) s where i {condition}", params={"ids": []})) == rows


HOSTILE = ["'); drop table t; --", "\\'; drop table t; --", "$$; drop table t; $$", ":s", "$1", "E'\\x41'", "{}", "%s"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_value_is_a_value(pg: dk.Connection, text: str) -> None:
    pg.execute("create table t (s text)")
    assert pg.read_query("select :s || '' as v from (select 1) x", params={"s": text})["v"].to_list() == [text]
    assert pg.execute("insert into t values (:s)", params={"s": text}) == 1
    assert pg.read_query("select s from t where s in :many", params={"many": [text, "'"]})["s"].to_list() == [text]


@pytest.mark.parametrize(
    ("what", "value", "found"),
    [
        (":v::float8", 0.1 + 0.2, 0.1 + 0.2),
        (":v::int8", np.int64(2**53 + 1), 2**53 + 1),
        (":v::numeric(5,2)", Decimal("1.10"), 1.1),
        (":v::text", np.str_("é"), "é"),
        (":v::bool", np.bool_(True), True),
        (":v::timestamp", pd.Timestamp("2024-01-01 00:00:00.000001"), pd.Timestamp("2024-01-01 00:00:00.000001")),
        (":v::date", dt.date(2024, 2, 29), dt.date(2024, 2, 29)),
        (":v::bytea", b"\0'", b"\0'"),
        ("(:v::jsonb)->'a'->>0", {"a": ["b"]}, "b"),
        ("coalesce(:v, 7)", float("nan"), 7),
        ("coalesce(:v, 7)", pd.NA, 7),
        ("coalesce(:v::timestamptz, 'epoch')", pd.NaT, pd.Timestamp(0, tz="UTC")),
    ],
)
def test_a_value_arrives_as_it_is(pg: dk.Connection, what: str, value: Any, found: Any) -> None:
    assert pg.read_query(f"select {what} as v", params={"v": value}).iloc[0, 0] == found


def test_nanoseconds_are_not_dropped_in_silence(pg: dk.Connection) -> None:
    with pytest.raises(dk.ConfigError, match="nanoseconds"):
        pg.read_query("select :at::timestamp", params={"at": pd.Timestamp("2024-01-01 00:00:00.000000001")})


def test_a_naive_time_is_read_in_the_sessions_zone(postgres_database: str) -> None:
    with dk.connect(postgres_database, name="oslo", options="-c TimeZone=Europe/Oslo") as oslo:
        frame = oslo.read_query("select :at::timestamptz as at", params={"at": dt.datetime(2024, 7, 1, 12)})
        assert frame["at"][0] == pd.Timestamp("2024-07-01 10:00", tz="UTC")


def test_colons_that_are_sql_stay_sql(pg: dk.Connection) -> None:
    query = "select '7'::int as a, ':no' as b, (array[1,2,3])[2:3] as c, $$:no$$ as d, :yes::int as e -- :no"
    assert pg.read_query(query, params={"yes": 1}).loc[0, ["a", "b", "d", "e"]].to_list() == [7, ":no", ":no", 1]


def test_a_missing_parameter_is_named(pg: dk.Connection) -> None:
    with pytest.raises(dk.MissingParameter, match="day"):
        pg.read_query("select :day", params={})


def test_an_unused_parameter_is_an_error(pg: dk.Connection) -> None:
    with pytest.raises(dk.ConfigError, match="dya"):
        pg.read_query("select :day::int", params={"day": 1, "dya": 2})


# --- mistakes ---------------------------------------------------------------------------------------------------------


def test_a_syntax_error_points_at_the_place_in_the_users_text(pg: dk.Connection) -> None:
    with pytest.raises(dk.QueryError) as raised:
        pg.read_query("select 1\nform t where a = :a", params={"a": 5})
    assert "LINE 2: form t where a = :a\n             ^" in str(raised.value)
    assert raised.value.code == "42601"


def test_a_value_that_is_refused_points_at_its_parameter_and_is_not_shown(pg: dk.Connection) -> None:
    with pytest.raises(dk.QueryError) as raised:
        pg.read_query("select 1,\n   :n::int", params={"n": "swordfish"})
    assert "swordfish" not in str(raised.value)


def test_an_unknown_table_is_not_found_with_the_nearest_name(pg: dk.Connection) -> None:
    pg.execute("create table orders (n int)")
    with pytest.raises(dk.NotFound, match="orders"):
        pg.read_query("select * from odrers")


def test_an_unknown_column_is_not_found(pg: dk.Connection) -> None:
    pg.execute("create table orders (number int)")
    with pytest.raises(dk.NotFound, match="number"):
        pg.read_table("orders", columns=["nubmer"])


def test_a_statement_without_a_result_is_refused_before_it_runs(pg: dk.Connection) -> None:
    pg.execute("create table t (n int)")
    with pytest.raises(dk.QueryError, match=r"dk\.execute"):
        pg.read_query("insert into t values (1)")
    assert pg.read_table("t").empty


def test_several_statements_are_refused_before_any_runs(pg: dk.Connection) -> None:
    pg.execute("create table t (n int)")
    with pytest.raises(dk.QueryError, match="execute"):
        pg.read_query("insert into t values (1) returning n; select 1")
    assert pg.read_table("t").empty


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"timeout": 0}, "timeout"),
        ({"limit": -1}, "limit"),
        ({"as_": "spark"}, "as_"),
        ({"decimals": "round"}, "decimals"),
        ({"arrays": ["a"]}, "arrays"),
        ({"index": "nope"}, "nope"),
        ({"dtypes": {"nope": "int64"}}, "nope"),
        ({"params": "x"}, "params"),
    ],
)
def test_a_bad_argument_is_named(pg: dk.Connection, arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(dk.ConfigError, match=named):
        pg.read_query("select 1 as one", **arguments)


# --- rows as they come ------------------------------------------------------------------------------------------------


def test_returning_gives_rows_and_the_change_stays(pg: dk.Connection) -> None:
    pg.execute("create table t (id int generated always as identity, s text)")
    assert pg.read_query("insert into t (s) values (:s) returning id", params={"s": "a"})["id"].to_list() == [1]
    assert pg.read_table("t")["s"].to_list() == ["a"]


def test_a_limit_runs_in_the_store(pg: dk.Connection) -> None:
    start = time.monotonic()
    assert len(pg.read_query("select generate_series(1, 100000000000)", limit=5, timeout=20)) == 5
    assert time.monotonic() - start < 5


def test_the_frame_tells_where_it_comes_from_in_plain_json(pg: dk.Connection) -> None:
    about = pg.read_query("select 1 as one").attrs["dk"]
    assert json.loads(json.dumps(about)) == about
    assert (about["query"], about["connection"], about["rows"]) == ("select 1 as one", "pg", 1)


def test_chunks_have_the_rows_asked_for(pg: dk.Connection) -> None:
    chunks = pg.iter_query("select * from generate_series(1, 250)", chunk_rows=100)
    assert [len(chunk) for chunk in chunks] == [100, 100, 50]


def test_an_empty_result_is_one_empty_chunk(pg: dk.Connection) -> None:
    assert [len(chunk) for chunk in pg.iter_query("select 1 as a limit 0")] == [0]


def test_leaving_the_loop_early_frees_the_connection(pg: dk.Connection) -> None:
    for _ in range(10):
        for _chunk in pg.iter_query("select generate_series(1, 1000000)", chunk_rows=10):
            break
    assert within(5, lambda: not dk.status()["in_use"].sum())


def test_a_table_is_read_in_part(pg: dk.Connection) -> None:
    pg.write_table(pd.DataFrame({"n": [3, 1, 2], "s": ["c", "a", None]}), "t")
    frame = pg.read_table("t", columns=["s", "n"], where=[("n", ">=", 2)], order_by="-n", index="n")
    assert (frame.index.to_list(), list(frame.columns)) == ([3, 2], ["s"])


def test_a_table_is_read_in_parts_at_once(pg: dk.Connection) -> None:
    pg.execute("create table t as select i from generate_series(1, 20000) i")
    assert sorted(pg.read_table("t", partitions=3)["i"]) == list(range(1, 20_001))


def test_parts_have_no_order(pg: dk.Connection) -> None:
    pg.execute("create table t as select 1 as i")
    with pytest.raises(dk.ConfigError, match="partitions"):
        pg.read_table("t", partitions=2, order_by="i")


async def test_reading_on_a_loop_of_ones_own(pg: dk.Connection) -> None:
    frames = await asyncio.gather(*(dk.aread_query("select :n::int as n", "pg", params={"n": n}) for n in range(20)))
    assert [frame["n"][0] for frame in frames] == list(range(20))


async def test_chunks_on_a_loop_of_ones_own(pg: dk.Connection) -> None:
    chunks = dk.aiter_query("select * from generate_series(1, 250)", "pg", chunk_rows=100)
    assert [len(chunk) async for chunk in chunks] == [100, 100, 50]


# --- stopping ---------------------------------------------------------------------------------------------------------


def test_a_time_out_ends_the_query_here_and_on_the_server(pg: dk.Connection) -> None:
    start = time.monotonic()
    with pytest.raises(dk.DeadlineExceeded, match=r"0\.3 s"):
        pg.read_query(SLOW, timeout=0.3)
    assert time.monotonic() - start < 2
    assert within(1, lambda: sleeping(pg) == 0)


@pytest.mark.parametrize("how", ["execute", "iter", "write"])
def test_a_time_out_ends_whatever_it_is(pg: dk.Connection, how: str) -> None:
    pg.execute(
        "create function slow() returns trigger language plpgsql as 'begin perform pg_sleep(60); return new; end';"
        "create table t (n int); create trigger slow before insert on t for each row execute function slow()"
    )
    with pytest.raises(dk.DeadlineExceeded):
        match how:
            case "execute":
                pg.execute(SLOW, timeout=0.3)
            case "iter":
                list(pg.iter_query(SLOW, timeout=0.3))
            case _:
                pg.write_table(pd.DataFrame({"n": [1]}), "t", mode="append", timeout=0.3)
    assert within(1, lambda: sleeping(pg) == 0)
    assert pg.read_table("t").empty


def test_running_tells_what_is_in_flight_and_cancel_stops_it(pg: dk.Connection) -> None:
    seen: list[pd.DataFrame] = []

    def stop() -> None:
        assert within(10, lambda: len(dk.running()) and sleeping(pg))
        seen.append(dk.running())
        dk.cancel(int(seen[0]["id"][0]))

    stopper = threading.Thread(target=stop)
    stopper.start()
    with pytest.raises(dk.QueryError, match="cancelled"):
        pg.read_query(SLOW)
    stopper.join()
    assert seen[0].loc[0, ["label", "connection"]].to_list() == [SLOW, "pg"]
    assert within(1, lambda: sleeping(pg) == 0)


def test_the_pool_is_whole_after_a_stop(pg: dk.Connection) -> None:
    with pytest.raises(dk.DeadlineExceeded):
        pg.read_query(SLOW, timeout=0.1)
    assert asked(pg, "1") == 1
    assert dk.status().query("connection == 'pg'")["in_use"].to_list() == [0]
