"""Reading, as users type it, on DuckDB."""

from __future__ import annotations

import asyncio
import json
import threading
import time

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import dk_notebook as dk

pytestmark = pytest.mark.duckdb

MIXED = "select i::int as i, case when i % 2 = 0 then i end as n, 't' || i as t, i / 2 as f from range(10) r(i)"


def test_integers_with_nulls_stay_integers() -> None:
    assert dk.read_query(MIXED)["n"].dtype == pd.Int64Dtype()


def test_an_empty_result_has_the_dtypes_of_a_full_one() -> None:
    full, empty = dk.read_query(MIXED), dk.read_query(f"from ({MIXED}) where i > 100")
    assert len(empty) == 0
    assert list(empty.dtypes) == list(full.dtypes)


def test_two_to_the_53_plus_one_survives_beside_null() -> None:
    frame = dk.read_query("select unnest([9007199254740993, null]) as n")
    assert frame["n"].to_list() == [9007199254740993, pd.NA]


def test_named_parameters_are_bound() -> None:
    frame = dk.read_query(f"select t from ({MIXED}) where i between :low and :high", params={"low": 3, "high": 4})
    assert frame["t"].to_list() == ["t3", "t4"]


def test_a_list_of_ids_is_one_parameter() -> None:
    for ids, found in (([1, 2, 99], [1, 2]), ([], [])):
        frame = dk.read_query(f"select i from ({MIXED}) where i in :ids order by i", params={"ids": ids})
        assert frame["i"].to_list() == found


@pytest.mark.parametrize("ids", [pa.array([1, 2, None]), np.array([1, 2]), pd.Series([1, 2]), pl.Series([1, 2])])
def test_the_column_of_any_frame_is_a_list_of_ids(ids: object) -> None:
    frame = dk.read_query(f"select i from ({MIXED}) where i in :ids order by i", params={"ids": ids})
    assert frame["i"].to_list() == [1, 2]


def test_one_id_where_a_list_belongs_is_told_before_anything_runs() -> None:
    with pytest.raises(dk.QueryError, match="IN :ids takes a list, and the parameter :ids is one value"):
        dk.read_query(f"select i from ({MIXED}) where i in :ids", params={"ids": 1})


def test_not_in_an_empty_list_matches_everything() -> None:
    assert len(dk.read_query(f"from ({MIXED}) where i not in :ids", params={"ids": []})) == 10


def test_a_hostile_parameter_changes_nothing(shop: dk.Connection) -> None:
    shop.execute("create table t (s varchar)")
    hostile = "'); drop table t; --"
    assert len(shop.read_query("from t where s = :s", params={"s": hostile})) == 0
    assert shop.tables()["table"].to_list() == ["t"]


def test_a_missing_parameter_is_named() -> None:
    with pytest.raises(dk.MissingParameter, match="day"):
        dk.read_query("select :day", params={})


def test_an_unused_parameter_is_an_error() -> None:
    with pytest.raises(dk.DkError, match="dya"):
        dk.read_query("select :day", params={"day": 1, "dya": 2})


def test_a_syntax_error_points_at_the_place_in_the_users_text() -> None:
    query = "select 1\nform t"
    with pytest.raises(dk.QueryError) as raised:
        dk.read_query(query)
    assert "LINE 2: form t" in str(raised.value)


def test_an_unknown_table_is_not_found_with_the_nearest_name(shop: dk.Connection) -> None:
    shop.execute("create table orders (n int)")
    with pytest.raises(dk.NotFound, match="orders"):
        shop.read_query("from odrers")


def test_a_statement_without_a_result_is_refused_before_it_runs(shop: dk.Connection) -> None:
    shop.execute("create table t (n int)")
    with pytest.raises(dk.QueryError, match=r"dk\.execute"):
        shop.read_query("insert into t values (1)")
    assert len(shop.read_table("t")) == 0


def test_a_limit_runs_in_the_store() -> None:
    start = time.monotonic()
    assert len(dk.read_query("from range(100000000000)", limit=5)) == 5
    assert time.monotonic() - start < 5


def test_arrow_and_polars_forms() -> None:
    assert isinstance(dk.read_query(MIXED, as_="arrow"), pa.Table)
    assert isinstance(dk.read_query(MIXED, as_="polars"), pl.DataFrame)


def test_columns_become_the_index() -> None:
    assert dk.read_query(MIXED, index=["i", "t"]).index.names == ["i", "t"]


def test_the_frame_tells_where_it_comes_from_in_plain_json() -> None:
    about = dk.read_query("select 1 as one", "duckdb").attrs["dk"]
    assert json.loads(json.dumps(about)) == about
    assert (about["query"], about["connection"], about["rows"]) == ("select 1 as one", "duckdb", 1)


def test_frames_of_the_calling_cell_can_be_named() -> None:
    mine = pd.DataFrame({"n": [1, 2, 3]})
    theirs = pl.DataFrame({"n": [10]})
    table = pa.table({"n": [100]})
    total = dk.read_query(
        "select sum(n) as s from (from mine union all from theirs union all from table)".replace(
            "from table)", 'from "table")'
        )
    )
    assert total["s"].to_list() == [116.0]
    del mine, theirs, table


def test_a_real_table_wins_over_a_frame(shop: dk.Connection) -> None:
    shop.execute("create table things as select 'real' as which")
    things = pd.DataFrame({"which": ["frame"]})
    assert shop.read_query("from things")["which"].to_list() == ["real"]
    del things


def test_chunks_have_the_rows_asked_for_and_one_set_of_dtypes() -> None:
    chunks = list(dk.iter_query("select i, case when i > 150 then i end as late from range(250) r(i)", chunk_rows=100))
    assert [len(chunk) for chunk in chunks] == [100, 100, 50]
    assert len({tuple(map(str, chunk.dtypes)) for chunk in chunks}) == 1


def test_an_empty_result_is_one_empty_chunk() -> None:
    assert [len(chunk) for chunk in dk.iter_query("from range(0)")] == [0]


def test_leaving_the_loop_early_frees_the_connection() -> None:
    for _ in range(20):
        for _chunk in dk.iter_query("from range(10000000)", chunk_rows=10):
            break
    deadline = time.monotonic() + 5
    while dk.status()["in_use"].sum() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert dk.status()["in_use"].sum() == 0


async def test_reading_on_a_loop_of_ones_own() -> None:
    frames = await asyncio.gather(*(dk.aread_query("select :n as n", params={"n": n}) for n in range(20)))
    assert [frame["n"][0] for frame in frames] == list(range(20))


async def test_chunks_on_a_loop_of_ones_own() -> None:
    assert [len(chunk) async for chunk in dk.aiter_query("from range(250)", chunk_rows=100)] == [100, 100, 50]


LONG = "select count(*) from range(100000000000) r(i) where hash(i) = 1"


def test_a_time_out_stops_the_query() -> None:
    start = time.monotonic()
    with pytest.raises(dk.DeadlineExceeded, match=r"0\.3 s"):
        dk.read_query(LONG, timeout=0.3)
    assert time.monotonic() - start < 2
    assert dk.read_query("select 1 as one")["one"].to_list() == [1]


def test_cancel_from_another_thread() -> None:
    def stop() -> None:
        while dk.running().empty:
            time.sleep(0.01)
        dk.cancel(int(dk.running()["id"][0]))

    threading.Thread(target=stop).start()
    with pytest.raises(dk.QueryError, match="cancelled"):
        dk.read_query(LONG)


def test_a_table_is_read_in_part(shop: dk.Connection) -> None:
    shop.write_table(pd.DataFrame({"n": [3, 1, 2], "s": ["c", "a", None]}), "t")
    frame = shop.read_table("t", columns=["s", "n"], where=[("n", ">=", 2)], order_by="-n")
    assert frame.to_dict("list") == {"s": ["c", None], "n": [3, 2]} or frame["n"].to_list() == [3, 2]
    assert list(frame.columns) == ["s", "n"]


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
def test_a_bad_argument_is_named(arguments: dict[str, object], named: str) -> None:
    with pytest.raises(dk.ConfigError, match=named):
        dk.read_query("select 1 as one", **arguments)  # type: ignore[call-overload]


def test_duplicate_names_are_numbered_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="a_1"):
        frame = dk.read_query("select 1 as a, 2 as a, 3 as a")
    assert list(frame.columns) == ["a", "a_1", "a_2"]


def test_a_computed_decimal_beyond_floats_is_warned_of_once_for_all_chunks() -> None:
    query = "select 9007199254740993::hugeint as h from range(250)"
    with pytest.warns(UserWarning, match="exact") as said:
        chunks = list(dk.iter_query(query, chunk_rows=100))
    assert len(chunks) == 3
    assert len([one for one in said if "exact" in str(one.message)]) == 1
