"""Looking around and looking after connections, as users type it, on DuckDB."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import dk_notebook as dk

pytestmark = pytest.mark.duckdb


def test_tables_tell_their_kind_and_size(shop: dk.Connection) -> None:
    shop.execute("create table orders as from range(10); create view recent as from orders")
    found = dk.tables("shop")
    assert list(found.columns) == ["schema", "table", "kind", "rows", "bytes"]
    assert found["table"].to_list() == ["orders", "recent"]
    assert found["rows"][0] == 10


def test_columns_tell_type_dtype_key_and_default(shop: dk.Connection) -> None:
    shop.execute("create table t (id int primary key, s varchar not null default 'x', moment timestamptz)")
    found = dk.columns("t", "shop")
    assert list(found.columns) == ["column", "type", "dtype", "nullable", "key", "default"]
    assert found["column"].to_list() == ["id", "s", "moment"]
    assert found["dtype"].to_list()[0] == "Int32"
    assert found["nullable"].to_list() == [False, False, True]
    assert found["key"].to_list()[0]


def test_columns_of_an_unknown_table_are_not_found(shop: dk.Connection) -> None:
    with pytest.raises(dk.NotFound, match="nope"):
        dk.columns("nope", "shop")


@pytest.mark.parametrize("analyze", [False, True])
def test_a_plan_is_a_frame_of_nodes(analyze: bool) -> None:
    found = dk.explain("select count(*) from range(1000) where range > :low", params={"low": 5}, analyze=analyze)
    assert list(found.columns) == ["depth", "node", "detail", "rows_estimated", "rows", "seconds"]
    assert len(found) >= 2
    assert found["seconds"].notna().any() == analyze


async def test_a_connection_tells_its_pools_to_who_waits_and_to_who_awaits(shop: dk.Connection) -> None:
    await shop.aread_query("select 1")
    assert set(shop.status()["connection"]) == {"shop"}
    pd.testing.assert_frame_equal(await shop.astatus(), shop.status())


def test_execute_counts_rows(shop: dk.Connection) -> None:
    assert shop.execute("create table t (n int)") == 0
    assert shop.execute("insert into t from range(5)") == 5
    assert shop.execute("update t set n = :n where n < 3", params={"n": 9}) == 3


def test_several_statements_are_one_transaction(shop: dk.Connection) -> None:
    with pytest.raises(dk.DkError):
        shop.execute("create table t (n int); insert into nope values (1)")
    assert shop.tables().empty


def test_the_same_settings_are_the_same_pool(shop: dk.Connection) -> None:
    location = shop.config.path  # type: ignore[attr-defined]
    for _ in range(5):
        dk.connect(f"duckdb:///{location}").read_query("select 1")
    mine = dk.status().query("connection == 'shop'")
    assert len(mine) == 1


def test_connections_are_listed(shop: dk.Connection) -> None:
    found = dk.connections()
    assert list(found.columns) == ["name", "backend", "default", "open", "location", "source"]
    assert {"shop", "duckdb"} <= set(found["name"])


def test_an_unknown_connection_is_an_error_with_the_nearest_name(shop: dk.Connection) -> None:
    with pytest.raises(dk.ConfigError, match="shop"):
        dk.read_query("select 1", "shpo")


def test_a_second_process_is_told_who_holds_the_file(shop: dk.Connection, tmp_path: Path) -> None:
    code = f"import dk_notebook as dk; dk.connect('duckdb:///{tmp_path / 'shop.duckdb'}')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert "ConnectionFailed" in done.stderr
    assert "read_only" in done.stderr


def test_the_accessor_is_on_every_frame() -> None:
    assert pd.DataFrame().dk is not None
