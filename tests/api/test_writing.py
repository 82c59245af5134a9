"""Writing, as users type it, on DuckDB."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Iterator
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import dk_notebook as dk
from tests.under_way import wait_for_rows

pytestmark = pytest.mark.duckdb


@pytest.fixture
def towns() -> pd.DataFrame:
    return pd.DataFrame({"id": [1, 2, 3], "town": ["Oslo", "Rome", None], "size": [0.7, np.nan, 2.8]})


def rows(connection: dk.Connection, table: str = "t") -> list[tuple[object, ...]]:
    return sorted(
        connection.read_query(f"from {table}", as_="arrow")
        .to_pandas()
        .astype(object)
        .itertuples(index=False, name=None),
        key=str,
    )


def test_a_frame_goes_in_and_comes_back(shop: dk.Connection, towns: pd.DataFrame) -> None:
    report = towns.dk.to_backend("shop", "t")
    assert (report.rows, report.outcome, report.table, report.mode) == (3, "ok", "t", "fail")
    back = shop.read_table("t", order_by="id")
    assert back["town"].isna().to_list() == [False, False, True]
    assert back["size"].isna().to_list() == [False, True, False]


def test_the_callers_frame_is_not_changed(shop: dk.Connection, towns: pd.DataFrame) -> None:
    before = towns.copy(deep=True)
    towns.dk.to_backend("shop", "t")
    pd.testing.assert_frame_equal(towns, before)


def test_fail_finds_the_table_and_writes_nothing(shop: dk.Connection, towns: pd.DataFrame) -> None:
    towns.dk.to_backend("shop", "t")
    with pytest.raises(dk.Conflict, match="t"):
        towns.dk.to_backend("shop", "t")
    assert len(shop.read_table("t")) == 3


def test_append_adds(shop: dk.Connection, towns: pd.DataFrame) -> None:
    for _ in range(2):
        towns.dk.to_backend("shop", "t", mode="append")
    assert len(shop.read_table("t")) == 6


def test_append_matches_columns_by_name(shop: dk.Connection) -> None:
    shop.execute("create table t (a int, b varchar)")
    pd.DataFrame({"b": ["x"], "a": [1]}).dk.to_backend("shop", "t", mode="append")
    assert rows(shop) == [(1, "x")]


def test_an_extra_and_a_missing_column_are_listed(shop: dk.Connection) -> None:
    shop.execute("create table t (a int, b varchar)")
    with pytest.raises(dk.DkError) as raised:
        pd.DataFrame({"a": [1], "c": [2]}).dk.to_backend("shop", "t", mode="append")
    assert "b" in str(raised.value)
    assert "c" in str(raised.value)


@pytest.mark.parametrize(
    ("declared", "value"),
    [("int", 1.5), ("decimal(10,2)", 1.239), ("tinyint", 300), ("utinyint", -1), ("date", "no date"), ("real", 0.1)],
)
def test_a_value_that_does_not_fit_is_an_error_and_nothing_is_written(
    shop: dk.Connection, declared: str, value: object
) -> None:
    shop.execute(f"create table t (c {declared})")
    good = {"date": "2024-01-02"}.get(declared, 1)
    frame = pd.DataFrame({"c": [good, value]}, index=["first", "second"])
    with pytest.raises(dk.ConversionError) as raised:
        frame.dk.to_backend("shop", "t", mode="append")
    assert (raised.value.column, raised.value.position, raised.value.label) == ("c", 1, "second")
    assert len(shop.read_table("t")) == 0


def test_replace_gives_new_contents_in_one_step(shop: dk.Connection, towns: pd.DataFrame) -> None:
    towns.dk.to_backend("shop", "t")
    pd.DataFrame({"other": ["x"]}).dk.to_backend("shop", "t", mode="replace")
    assert rows(shop) == [("x",)]


def test_a_replace_that_fails_leaves_the_old(shop: dk.Connection, towns: pd.DataFrame) -> None:
    towns.dk.to_backend("shop", "t")

    def frames() -> Iterator[pd.DataFrame]:
        yield towns
        raise LookupError("the source broke")

    with pytest.raises(LookupError, match="broke"):
        shop.write_table(frames(), "t", mode="replace")
    assert len(shop.read_table("t")) == 3


def test_truncate_needs_the_table(shop: dk.Connection, towns: pd.DataFrame) -> None:
    with pytest.raises(dk.NotFound):
        towns.dk.to_backend("shop", "t", mode="truncate")


def test_truncate_empties_and_fills(shop: dk.Connection, towns: pd.DataFrame) -> None:
    towns.dk.to_backend("shop", "t")
    towns.head(1).dk.to_backend("shop", "t", mode="truncate")
    assert len(shop.read_table("t")) == 1


def test_upsert_inserts_and_updates(shop: dk.Connection, towns: pd.DataFrame) -> None:
    towns.dk.to_backend("shop", "t", mode="upsert", key="id")
    more = pd.DataFrame({"id": [3, 4], "town": ["Bern", "Kyiv"], "size": [0.1, 2.9]})
    report = more.dk.to_backend("shop", "t", mode="upsert", key=["id"])
    assert report.rows == 2
    assert [row[1] for row in rows(shop)] == ["Oslo", "Rome", "Bern", "Kyiv"]


def test_ignore_keeps_what_is_there_and_counts_it(shop: dk.Connection, towns: pd.DataFrame) -> None:
    towns.dk.to_backend("shop", "t", mode="ignore", key="id")
    more = pd.DataFrame({"id": [1, 4], "town": ["Bern", "Kyiv"], "size": [0.1, 2.9]})
    report = more.dk.to_backend("shop", "t", mode="ignore", key="id")
    assert (report.rows, report.skipped) == (1, 1)
    assert rows(shop)[0][1] == "Oslo"


def test_upsert_without_a_unique_index_prints_the_one_to_make(shop: dk.Connection, towns: pd.DataFrame) -> None:
    towns.dk.to_backend("shop", "t")
    with pytest.raises(dk.DkError, match=r"(?i)create unique index"):
        towns.dk.to_backend("shop", "t", mode="upsert", key="id")


@pytest.mark.parametrize("ids", [[1, 1], [1, None]])
def test_a_duplicate_or_missing_key_is_found_before_anything_is_written(shop: dk.Connection, ids: list[object]) -> None:
    shop.execute("create table t (id int primary key)")
    with pytest.raises(dk.DkError, match="id"):
        pd.DataFrame({"id": pd.array(ids, "Int64")}).dk.to_backend("shop", "t", mode="upsert", key="id")
    assert len(shop.read_table("t")) == 0


def test_collect_writes_the_good_rows_and_lists_the_bad(shop: dk.Connection) -> None:
    shop.execute("create table t (id int primary key, n tinyint not null check (n < 100))")
    shop.execute("insert into t values (7, 7)")
    frame = pd.DataFrame({"id": [1, 2, 7, 4, 5], "n": [1.0, 2.5, 3, np.nan, 120]}, index=list("abcde"))
    report = frame.dk.to_backend("shop", "t", mode="append", errors="collect")
    assert report.rows == 1
    assert [(row.label, row.position) for row in report.rejected] == [("b", 1), ("c", 2), ("d", 3), ("e", 4)]
    assert all(row.reason for row in report.rejected)
    assert [row[0] for row in rows(shop)] == [1, 7]


def test_a_conflict_shows_no_values(shop: dk.Connection) -> None:
    shop.execute("create table t (id varchar primary key)")
    shop.execute("insert into t values ('secret')")
    with pytest.raises(dk.Conflict) as raised:
        pd.DataFrame({"id": ["secret"]}).dk.to_backend("shop", "t", mode="append")
    assert "secret" not in str(raised.value)


def test_a_plan_changes_nothing(shop: dk.Connection, towns: pd.DataFrame) -> None:
    plan = dk.plan_write(towns, "t", "shop")
    assert [column.store for column in plan.columns] == ["BIGINT", "VARCHAR", "DOUBLE"]
    assert shop.tables().empty


def test_types_rule_over_what_would_be_made(shop: dk.Connection, towns: pd.DataFrame) -> None:
    towns.dk.to_backend("shop", "t", types={"id": "smallint"})
    assert shop.columns("t")["type"].to_list()[0].lower() == "smallint"


def test_named_index_levels_become_columns(shop: dk.Connection, towns: pd.DataFrame) -> None:
    towns.set_index("id").dk.to_backend("shop", "t", index=True)
    assert shop.read_table("t", index="id").index.to_list() == [1, 2, 3]


@pytest.mark.parametrize("form", ["polars", "arrow", "reader", "frames"])
def test_other_forms_of_data(shop: dk.Connection, form: str) -> None:
    table = pa.table({"n": [1, 2, 3]})
    data = {
        "polars": pl.DataFrame({"n": [1, 2, 3]}),
        "arrow": table,
        "reader": table.to_reader(1),
        "frames": iter([pd.DataFrame({"n": [1, 2]}), pd.DataFrame({"n": [3]})]),
    }[form]
    assert shop.write_table(data, "t").rows == 3
    assert rows(shop) == [(1,), (2,), (3,)]


def test_chunks_of_one_query_feed_another_table(shop: dk.Connection) -> None:
    chunks = shop.iter_query("select i from range(250) r(i)", chunk_rows=100)
    assert shop.write_table(chunks, "t").rows == 250


@pytest.mark.parametrize("name", ['a"b', "a.b", "dröp; table", "select", " lead", "a'b", "x" * 80])
def test_odd_names_are_only_names(shop: dk.Connection, name: str) -> None:
    frame = pd.DataFrame({name: [1]})
    table = f'"{name}"' if "." in name else name
    if '"' not in name:
        assert frame.dk.to_backend("shop", table).rows == 1
        assert list(shop.read_table(table).columns) == [name]
    frame.dk.to_backend("shop", "plain")
    assert list(shop.read_table("plain").columns) == [name]


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"c": [1, "x"]}),
        pd.DataFrame({"c": ["a\x00b"]}),
        pd.DataFrame({"c": ["\ud800"]}, dtype=object),
        pd.DataFrame({"c": [1 + 2j]}),
        pd.DataFrame({"c": pd.period_range("2024", periods=1, freq="D")}),
        pd.DataFrame([[1, 2]], columns=["c", "c"]),
        pd.DataFrame({"": [1]}),
    ],
    ids=["mixed", "NUL", "surrogate", "complex", "period", "duplicate", "empty name"],
)
def test_what_cannot_be_carried_is_refused_and_nothing_is_made(shop: dk.Connection, frame: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match=r"column|name") as raised:
        frame.dk.to_backend("shop", "t")
    assert isinstance(raised.value, dk.DkError)
    assert shop.tables().empty


def test_extremes_come_back(shop: dk.Connection) -> None:
    frame = pd.DataFrame(
        {
            "big": pd.array([2**63 - 1, -(2**63), None], "Int64"),
            "unsigned": pd.array([2**64 - 1, 0, None], "UInt64"),
            "odd": pd.array([2**53 + 1, None, 1], "Int64"),
            "text": ["", None, "quote \" and ' and\nnewline"],
            "price": [Decimal("1.10"), Decimal("-99999999999999999.99"), None],
            "day": [dt.date(1, 1, 1), dt.date(9999, 12, 31), None],
            "at": pd.to_datetime(["2024-01-02 03:04:05.678901", "1969-12-31", None], format="ISO8601"),
            "zoned": pd.to_datetime(["2024-07-01 12:00", None, None]).tz_localize("Europe/Berlin").as_unit("us"),
            "ok": pd.array([True, False, None], "boolean"),
            "raw": [b"\x00\xff", b"", None],
        }
    )
    frame.dk.to_backend("shop", "t")
    back = shop.read_table("t", decimals="exact")
    assert back["big"].to_list() == frame["big"].to_list()
    assert back["unsigned"].to_list() == frame["unsigned"].to_list()
    assert back["odd"].to_list() == frame["odd"].to_list()
    assert back["text"].isna().to_list() == [False, True, False]
    assert back["text"].to_list()[0] == ""
    assert back["price"].to_list()[:2] == frame["price"].to_list()[:2]
    assert back["day"].to_list()[:2] == frame["day"].to_list()[:2]
    assert back["at"].to_list()[:2] == frame["at"].to_list()[:2]
    assert back["zoned"][0] == frame["zoned"][0]
    assert str(back["zoned"].dtype) == "datetime64[us, UTC]"
    assert back["raw"].to_list()[:2] == frame["raw"].to_list()[:2]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"mode": "apend"}, "append"),
        ({"mode": "upsert"}, "key"),
        ({"key": "id"}, "key"),
        ({"mode": "upsert", "key": "nope"}, "nope"),
        ({"errors": "ignore"}, "errors"),
        ({"partition_by": ["id"]}, "partition_by"),
        ({"compression": "zstd"}, "compression"),
        ({"types": {"nope": "int"}}, "nope"),
        ({"mode": "append", "if_exists": "replace"}, "if_exists"),
    ],
)
def test_a_bad_argument_is_named(
    shop: dk.Connection, towns: pd.DataFrame, arguments: dict[str, object], named: str
) -> None:
    with pytest.raises(dk.DkError, match=named):
        towns.dk.to_backend("shop", "t", **arguments)
    assert shop.tables().empty


async def test_writing_on_a_loop_of_ones_own(shop: dk.Connection, towns: pd.DataFrame) -> None:
    assert (await towns.dk.ato_backend(shop, "t")).rows == 3


def test_a_cancelled_write_leaves_nothing(shop: dk.Connection) -> None:
    def frames() -> Iterator[pd.DataFrame]:
        while True:
            time.sleep(0.01)
            yield pd.DataFrame({"n": range(1000)})

    def stop() -> None:
        wait_for_rows(5000)
        dk.cancel()

    threading.Thread(target=stop).start()
    with pytest.raises(dk.QueryError, match="cancelled"):
        shop.write_table(frames(), "t")
    assert shop.tables().empty


def test_the_frames_own_sql(towns: pd.DataFrame) -> None:
    assert towns.dk.query("select count(*) as n from df where town is not null")["n"].to_list() == [2]
