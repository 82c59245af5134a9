"""dask frames into a table, as users type it, on DuckDB."""

from __future__ import annotations

import gc
import weakref

import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest

import dk_notebook as dk

pytestmark = pytest.mark.duckdb


@pytest.fixture
def kinds() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "whole": [1, 2, 3, 4, 5],
            "real": [0.5, np.nan, 2.5, np.inf, -0.0],
            "nullable": pd.array([1, None, 2**53 + 1, 4, 5], dtype="Int64"),
            "flag": pd.array([True, None, False, True, None], dtype="boolean"),
            "text": ["a", "", None, "d\n", "é"],
            "label": pd.Categorical(["x", "y", None, "x", "x"], categories=["y", "x"]),
            "moment": pd.to_datetime(["2020-01-01", None, "1970-01-01T00:00:01.5", "2262-01-01", ""], format="ISO8601"),
            "zoned": pd.date_range("2024-03-30 12:00", periods=5, freq="12h", tz="Europe/Oslo"),
            "span": pd.to_timedelta([0, 1, None, 86400, -1], unit="s"),
        }
    )


def test_a_dask_frame_is_written_as_the_pandas_frame_is(shop: dk.Connection, kinds: pd.DataFrame) -> None:
    shop.write_table(kinds, "plain")
    report = dk.write_table(dd.from_pandas(kinds, npartitions=3, sort=False), "parts", "shop")
    assert report.rows == 5
    pd.testing.assert_frame_equal(shop.read_table("parts"), shop.read_table("plain"))
    assert shop.columns("parts").equals(shop.columns("plain"))


async def test_a_dask_frame_is_written_on_a_loop_of_ones_own(shop: dk.Connection, kinds: pd.DataFrame) -> None:
    report = await dk.awrite_table(dd.from_pandas(kinds, npartitions=2), "t", "shop")
    assert report.rows == 5


def test_a_plan_of_a_dask_frame_computes_its_first_partition_only(shop: dk.Connection) -> None:
    computed = []

    def part(number: int) -> pd.DataFrame:
        computed.append(number)
        return pd.DataFrame({"n": [number]})

    plan = dk.plan_write(dd.from_map(part, range(5), meta={"n": "int64"}), "t", "shop")
    assert ([column.store for column in plan.columns], computed) == (["BIGINT"], [0])


def test_a_partition_that_fails_leaves_nothing_written(shop: dk.Connection) -> None:
    frame = dd.from_map(lambda size: pd.DataFrame({"n": range(12 // size)}), [1, 2, 0], meta={"n": "int64"})
    with pytest.raises(ZeroDivisionError):
        shop.write_table(frame, "t")
    assert shop.tables().empty


def test_a_value_that_does_not_fit_is_counted_through_all_partitions(shop: dk.Connection) -> None:
    shop.execute("create table t (n integer)")
    frame = dd.from_pandas(pd.DataFrame({"n": [1.0, 2.0, 3.0, 4.5]}), npartitions=4, sort=False)
    with pytest.raises(dk.ConversionError) as caught:
        shop.write_table(frame, "t", mode="append")
    assert (caught.value.column, caught.value.position) == ("n", 3)
    assert shop.read_table("t").empty


class Parts:
    """Makes partitions, and counts how many of them are in memory each time."""

    def __init__(self) -> None:
        self.made: list[weakref.ref[np.ndarray]] = []
        self.alive: list[int] = []

    def __call__(self, number: int) -> pd.DataFrame:
        values = np.full(100_000, number)
        self.made.append(weakref.ref(values))
        gc.collect()
        self.alive.append(sum(one() is not None for one in self.made))
        return pd.DataFrame({"n": values}, copy=False)

    def __dask_tokenize__(self) -> str:
        return "parts"


def test_few_partitions_are_in_memory_at_once(shop: dk.Connection) -> None:
    parts = Parts()
    shop.write_table(dd.from_map(parts, range(15), meta={"n": "int64"}), "t")
    assert len(parts.alive) == 15
    assert max(parts.alive) < 10
    assert shop.read_query("select count(*) from t").iloc[0, 0] == 1_500_000
