"""Writing in every mode, as users type it, on PostgreSQL."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pytest

import dk_notebook as dk
from tests.under_way import wait_for_rows

pytestmark = pytest.mark.postgres

Rows = list[tuple[Any, ...]]


@pytest.fixture
def towns() -> pd.DataFrame:
    return pd.DataFrame({"id": [1, 2, 3], "town": ["Oslo", "Rome", None], "size": [0.7, np.nan, 2.8]})


def rows(connection: dk.Connection, table: str = "t") -> Rows:
    """The rows of a table as Python values, in order."""
    found = connection.read_table(table, as_="arrow").to_pylist()
    return sorted((tuple(row.values()) for row in found), key=str)


# --- fail and append --------------------------------------------------------------------------------------------------


def test_a_frame_goes_in_and_comes_back(pg: dk.Connection, towns: pd.DataFrame) -> None:
    report = towns.dk.to_backend("pg", "t")
    assert (report.rows, report.outcome, report.table, report.mode) == (3, "ok", "t", "fail")
    assert rows(pg) == [(1, "Oslo", 0.7), (2, "Rome", None), (3, None, 2.8)]


def test_a_report_is_one_line_and_its_html_is_text(pg: dk.Connection) -> None:
    report = pd.DataFrame({"n": [1]}).dk.to_backend("pg", "<b>")
    first, *more = str(report).splitlines()
    assert first.startswith("1 row written to <b> in ")
    assert (more, "<b>" in report._repr_html_(), "&lt;b&gt;" in report._repr_html_()) == ([], False, True)


def test_fail_finds_the_table_and_writes_nothing(pg: dk.Connection, towns: pd.DataFrame) -> None:
    towns.dk.to_backend("pg", "t")
    with pytest.raises(dk.Conflict, match="'t'"):
        towns.dk.to_backend("pg", "t")
    assert len(pg.read_table("t")) == 3


def test_of_many_that_make_one_table_one_does_and_the_others_are_told(pg: dk.Connection, towns: pd.DataFrame) -> None:
    def write(_: int) -> str:
        try:
            return towns.dk.to_backend("pg", "t").outcome
        except dk.Conflict as error:
            return "conflict" if "pg_" not in str(error) else str(error)

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(write, range(4))) == ["conflict"] * 3 + ["ok"]
    assert len(pg.read_table("t")) == 3


def test_if_exists_is_another_spelling_of_mode(pg: dk.Connection, towns: pd.DataFrame) -> None:
    for _ in range(2):
        towns.dk.to_backend("pg", "t", if_exists="append")
    assert len(pg.read_table("t")) == 6


@pytest.mark.parametrize("mode", ["fail", "append", "replace", "upsert", "ignore"])
def test_an_absent_table_is_made(pg: dk.Connection, towns: pd.DataFrame, mode: Any) -> None:
    key = "id" if mode in ("upsert", "ignore") else None
    assert towns.dk.to_backend("pg", "t", mode=mode, key=key).rows == 3
    assert pg.columns("t")["key"].to_list()[0] == ("primary key" if key else None) or key is None


@pytest.mark.parametrize("mode", ["append", "truncate", "upsert", "ignore"])
def test_columns_are_matched_by_name(pg: dk.Connection, mode: Any) -> None:
    pg.execute("create table t (a int primary key, b text)")
    key = "a" if mode in ("upsert", "ignore") else None
    pd.DataFrame({"b": ["x"], "a": [1]}).dk.to_backend("pg", "t", mode=mode, key=key)
    assert rows(pg) == [(1, "x")]


@pytest.mark.parametrize("mode", ["append", "truncate"])
def test_an_extra_and_a_missing_column_are_listed(pg: dk.Connection, mode: Any) -> None:
    pg.execute("create table t (a int, b text); insert into t values (1)")
    with pytest.raises(dk.ConfigError) as raised:
        pd.DataFrame({"a": [1], "other": [2]}).dk.to_backend("pg", "t", mode=mode)
    assert ("b" in str(raised.value), "other" in str(raised.value), rows(pg)) == (True, True, [(1, None)])


def test_index_levels_become_columns_and_come_back(pg: dk.Connection, towns: pd.DataFrame) -> None:
    indexed = towns.set_index(["id", "town"])
    indexed.dk.to_backend("pg", "t", index=True)
    assert pg.read_table("t", index=["id", "town"]).index.names == ["id", "town"]
    assert rows(pg) == [(1, "Oslo", 0.7), (2, "Rome", None), (3, None, 2.8)]


@pytest.mark.parametrize("mode", ["fail", "append", "replace", "truncate", "upsert", "ignore"])
@pytest.mark.parametrize("errors", ["raise", "collect"])
def test_the_callers_frame_is_never_changed(pg: dk.Connection, towns: pd.DataFrame, mode: Any, errors: Any) -> None:
    if mode != "fail":
        pg.execute("create table t (id int primary key, town varchar(4), size float4)")
    frame = towns.assign(size=[0.5, np.nan, 2.5]).set_index(pd.Index(list("abc"), name="label"))
    before = frame.copy(deep=True)
    frame.dk.to_backend("pg", "t", mode=mode, errors=errors, key="id" if mode in ("upsert", "ignore") else None)
    pd.testing.assert_frame_equal(frame, before)


# --- replace ----------------------------------------------------------------------------------------------------------


def test_replace_gives_new_contents_and_columns(pg: dk.Connection, towns: pd.DataFrame) -> None:
    towns.dk.to_backend("pg", "t")
    pd.DataFrame({"other": ["x"]}).dk.to_backend("pg", "t", mode="replace")
    assert (rows(pg), pg.tables()["table"].to_list()) == ([("x",)], ["t"])


def test_replace_with_a_dependent_view_hints_at_truncate_which_works(pg: dk.Connection, towns: pd.DataFrame) -> None:
    towns.dk.to_backend("pg", "t")
    pg.execute("create view recent as select * from t")
    with pytest.raises(dk.QueryError, match="recent") as raised:
        towns.head(1).dk.to_backend("pg", "t", mode="replace")
    assert "truncate" in (raised.value.hint or "")
    towns.head(1).dk.to_backend("pg", "t", mode="truncate")
    assert len(pg.read_table("recent")) == 1


def broken(frame: pd.DataFrame) -> Iterator[pd.DataFrame]:
    yield frame
    raise LookupError("the source broke")


@pytest.mark.parametrize("mode", ["append", "replace", "truncate", "upsert", "ignore"])
def test_a_write_whose_source_breaks_leaves_what_was_there(pg: dk.Connection, towns: pd.DataFrame, mode: Any) -> None:
    towns.dk.to_backend("pg", "t", mode="upsert", key="id")
    before = rows(pg)
    key = "id" if mode in ("upsert", "ignore") else None
    with pytest.raises(LookupError, match="broke"):
        pg.write_table(broken(towns.assign(id=[7, 8, 9])), "t", mode=mode, key=key)
    assert (rows(pg), pg.tables()["table"].to_list()) == (before, ["t"])


def test_a_write_whose_source_breaks_leaves_no_new_table(pg: dk.Connection, towns: pd.DataFrame) -> None:
    with pytest.raises(LookupError, match="broke"):
        pg.write_table(broken(towns), "t")
    assert pg.tables().empty


# --- truncate, upsert, ignore -----------------------------------------------------------------------------------------


def test_truncate_needs_the_table(pg: dk.Connection, towns: pd.DataFrame) -> None:
    with pytest.raises(dk.NotFound, match="'t'"):
        towns.dk.to_backend("pg", "t", mode="truncate")


def test_truncate_empties_fills_and_keeps_the_index(pg: dk.Connection, towns: pd.DataFrame) -> None:
    towns.dk.to_backend("pg", "t", mode="upsert", key="id")
    towns.head(1).dk.to_backend("pg", "t", mode="truncate")
    assert (len(rows(pg)), pg.columns("t")["key"][0]) == (1, "primary key")


def test_upsert_inserts_and_updates(pg: dk.Connection, towns: pd.DataFrame) -> None:
    towns.dk.to_backend("pg", "t", mode="upsert", key="id")
    more = pd.DataFrame({"id": [3, 4], "town": ["Bern", "Kyiv"], "size": [0.1, 2.9]})
    assert more.dk.to_backend("pg", "t", mode="upsert", key=["id"]).rows == 2
    assert [row[1] for row in rows(pg)] == ["Oslo", "Rome", "Bern", "Kyiv"]


def test_upsert_of_some_columns_leaves_the_others(pg: dk.Connection) -> None:
    pg.execute("create table t (id int primary key, a text, b text default 'kept'); insert into t values (1, 'old')")
    pd.DataFrame({"id": [1, 2], "a": ["new", "new"]}).dk.to_backend("pg", "t", mode="upsert", key="id")
    assert rows(pg) == [(1, "new", "kept"), (2, "new", "kept")]


def test_ignore_keeps_what_is_there_and_counts_it(pg: dk.Connection, towns: pd.DataFrame) -> None:
    towns.dk.to_backend("pg", "t", mode="ignore", key="id")
    more = pd.DataFrame({"id": [1, 4], "town": ["Bern", "Kyiv"], "size": [0.1, 2.9]})
    report = more.dk.to_backend("pg", "t", mode="ignore", key="id")
    assert (report.rows, report.skipped, rows(pg)[0][1]) == (1, 1, "Oslo")
    assert "1 skipped" in str(report)


def test_upsert_without_a_unique_index_prints_the_one_to_make(pg: dk.Connection, towns: pd.DataFrame) -> None:
    towns.dk.to_backend("pg", "t")
    with pytest.raises(dk.ConfigError) as raised:
        towns.dk.to_backend("pg", "t", mode="upsert", key="id")
    text = str(raised.value)
    pg.execute(text[text.index("CREATE UNIQUE INDEX") :])
    assert towns.dk.to_backend("pg", "t", mode="upsert", key="id").rows == 3


@pytest.mark.parametrize("mode", ["upsert", "ignore"])
@pytest.mark.parametrize("ids", [[1, 1], [1, None]], ids=["twice", "missing"])
@pytest.mark.parametrize("there", [True, False])
def test_a_bad_key_is_found_before_anything_is_written(pg: dk.Connection, mode: Any, ids: Any, there: bool) -> None:
    if there:
        pg.execute("create table t (id int primary key)")
    with pytest.raises(dk.DkError, match="id"):
        pd.DataFrame({"id": pd.array(ids, "Int64")}).dk.to_backend("pg", "t", mode=mode, key="id")
    assert rows(pg) == [] if there else pg.tables().empty


# --- collecting, conflicts --------------------------------------------------------------------------------------------


def test_collect_writes_the_good_rows_and_lists_the_bad_by_label(pg: dk.Connection) -> None:
    pg.execute("create table t (id int primary key, n smallint not null check (n < 100), ip inet)")
    pg.execute("insert into t values (7, 7)")
    frame = pd.DataFrame(
        {
            "id": [1, 2, 7, 4, 5, 1, 6],
            "n": [1.0, 2.5, 3, np.nan, 120, 9, 70_000],
            "ip": ["::1", None, None, None, None, None, None],
        },
        index=list("abcdefg"),
    )
    report = frame.dk.to_backend("pg", "t", mode="append", errors="collect")
    assert [(row.label, row.position, row.column) for row in report.rejected] == [
        ("b", 1, "n"), ("c", 2, "id"), ("d", 3, "n"), ("e", 4, "n"), ("f", 5, "id"), ("g", 6, "n"),
    ]  # fmt: skip
    assert all(row.reason for row in report.rejected)
    assert (report.rows, [row[0] for row in rows(pg)]) == (1, [1, 7])
    assert "6 rejected" in str(report)


def test_collect_keeps_no_value(pg: dk.Connection) -> None:
    pg.execute("create table t (n int primary key, ip inet, s varchar(3) check (s <> 'abc'))")
    frame = pd.DataFrame(
        {"n": [1, 2, 3, 3], "ip": ["swordfish", None, None, None], "s": ["a", "swordfish", "abc", "b"]}
    )
    report = frame.dk.to_backend("pg", "t", mode="append", errors="collect")
    assert [row.position for row in report.rejected] == [0, 1, 2]
    assert "swordfish" not in repr(report)
    assert rows(pg) == [(3, None, "b")]


@pytest.mark.parametrize("mode", ["upsert", "ignore"])
def test_collect_goes_with_a_key(pg: dk.Connection, mode: Any) -> None:
    pg.execute("create table t (id int primary key, n smallint); insert into t values (1, 1)")
    frame = pd.DataFrame({"id": [1, 2, 3], "n": [5, 70_000, 6]}, index=list("abc"))
    report = frame.dk.to_backend("pg", "t", mode=mode, key="id", errors="collect")
    assert [row.label for row in report.rejected] == ["b"]
    assert rows(pg) == [(1, 5 if mode == "upsert" else 1), (3, 6)]


def test_a_conflict_names_the_row_and_shows_no_value(pg: dk.Connection) -> None:
    pg.execute("create table t (id text primary key); insert into t values ('secret')")
    with pytest.raises(dk.Conflict, match="row 1") as raised:
        pd.DataFrame({"id": ["new", "secret"]}).dk.to_backend("pg", "t", mode="append")
    assert "secret" not in str(raised.value)
    assert rows(pg) == [("secret",)]


# --- plans ------------------------------------------------------------------------------------------------------------


MADE = "create table t (id int primary key, town text, size float8); insert into t values (9, 'x', 2)"


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("mode", ["fail", "append", "replace", "truncate", "upsert", "ignore"])
def test_a_plan_is_what_then_happens(pg: dk.Connection, towns: pd.DataFrame, mode: Any, there: bool) -> None:
    if there:
        pg.execute(MADE)
    how: dict[str, Any] = {"mode": mode, "key": "id" if mode in ("upsert", "ignore") else None}
    if (mode, there) in (("fail", True), ("truncate", False)):
        with pytest.raises(dk.DkError) as planned:
            dk.plan_write(towns, "t", "pg", **how)
        with pytest.raises(type(planned.value)) as raised:
            towns.dk.to_backend("pg", "t", **how)
        assert str(raised.value) == str(planned.value)
        return
    plan = dk.plan_write(towns, "t", "pg", **how)
    towns.dk.to_backend("pg", "t", **how)
    found = pg.columns("t")
    assert [column.store for column in plan.columns] == found["type"].to_list()
    assert [column.nullable for column in plan.columns] == found["nullable"].to_list()


@pytest.mark.parametrize("mode", ["append", "replace", "truncate", "upsert", "ignore"])
def test_a_plan_changes_nothing(pg: dk.Connection, towns: pd.DataFrame, mode: Any) -> None:
    pg.execute(MADE)
    dk.plan_write(towns, "t", "pg", mode=mode, key="id" if mode in ("upsert", "ignore") else None)
    assert (rows(pg), pg.tables()["table"].to_list()) == ([(9, "x", 2.0)], ["t"])


def test_the_statements_of_a_plan_make_the_table_that_the_write_makes(pg: dk.Connection, towns: pd.DataFrame) -> None:
    frame = towns.assign(mood=pd.Categorical(["ok", "sad", None]), tags=[["a"], None, []])
    plan = dk.plan_write(frame, "t", "pg", mode="upsert", key="id", types={"mood": "enum", "size": "numeric(10,2)"})
    pg.execute("; ".join(statement for statement in plan.statements if statement.startswith("CREATE")))
    planned = pg.columns("t")
    pg.execute("drop table t; drop type t_mood")
    frame.dk.to_backend("pg", "t", mode="upsert", key="id", types={"mood": "enum", "size": "numeric(10,2)"})
    pd.testing.assert_frame_equal(pg.columns("t"), planned)


# --- mistakes, loops, stops -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"mode": "apend"}, "append"),
        ({"mode": "upsert"}, "key"),
        ({"key": "id"}, "key"),
        ({"mode": "upsert", "key": "nope"}, "nope"),
        ({"errors": "ignore"}, "errors"),
        ({"partition_by": ["id"]}, "partition_by"),
        ({"format": "csv"}, "format"),
        ({"compression": "zstd"}, "compression"),
        ({"types": {"nope": "int"}}, "nope"),
        ({"mode": "append", "if_exists": "replace"}, "if_exists"),
        ({"timeout": -1}, "timeout"),
    ],
)
def test_a_bad_argument_is_named(pg: dk.Connection, towns: pd.DataFrame, arguments: Any, named: str) -> None:
    with pytest.raises(dk.ConfigError, match=named):
        towns.dk.to_backend("pg", "t", **arguments)
    assert pg.tables().empty


def test_a_schema_that_is_not_there_is_not_found(pg: dk.Connection, towns: pd.DataFrame) -> None:
    with pytest.raises(dk.NotFound, match="nowhere"):
        towns.dk.to_backend("pg", "nowhere.t")


async def test_writing_on_a_loop_of_ones_own(pg: dk.Connection, towns: pd.DataFrame) -> None:
    assert (await towns.dk.ato_backend(pg, "t")).rows == 3


def test_chunks_of_one_query_feed_another_table(pg: dk.Connection) -> None:
    chunks = pg.iter_query("select i, null::text as s from generate_series(1, 250) i", chunk_rows=100)
    assert pg.write_table(chunks, "t").rows == 250


def test_a_table_is_copied_between_stores(pg: dk.Connection, towns: pd.DataFrame) -> None:
    with dk.connect("duckdb://") as memory:
        towns.dk.to_backend("pg", "t")
        memory.write_table(pg.iter_table("t", as_="arrow"), "copied", mode="replace")
        assert memory.read_query("select count(*) as n from copied")["n"].to_list() == [3]


def test_a_cancelled_write_leaves_nothing(pg: dk.Connection) -> None:
    def frames() -> Iterator[pd.DataFrame]:
        while True:
            time.sleep(0.01)
            yield pd.DataFrame({"n": range(1000)})

    def stop() -> None:
        wait_for_rows(5000)
        dk.cancel()

    threading.Thread(target=stop).start()
    with pytest.raises(dk.QueryError, match="cancelled"):
        pg.write_table(frames(), "t")
    assert pg.tables().empty
