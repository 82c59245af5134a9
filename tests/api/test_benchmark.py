"""What can be said of the runs of a benchmark, and what runs that are cold do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

import dk_notebook as dk
from dk_notebook import reading
from dk_notebook.benchmark import SECONDS, Contender, measured, remarks, summary
from dk_notebook.errors import ConfigError, QueryError
from dk_notebook.testing.services.postgres import PostgresAddress
from tests.services.s3_address import S3Address

QUICK = [1.0, 1.1, 0.9, 1.05, 0.95, 1.02, 0.98]


def runs_of(**totals: list[float]) -> pd.DataFrame:
    """Runs that took these seconds, all of them on the server, and read ten rows."""
    rows = [
        {"contender": name, "run": number, "total": total, "server": total, "rows": 10, "bytes": 80}
        for name, series in totals.items()
        for number, total in enumerate(series, 1)
    ]
    return pd.DataFrame(rows).assign(**{part: 0.0 for part in SECONDS if part != "server"})


@pytest.mark.unit
def test_the_quantiles_are_those_of_pandas() -> None:
    found = summary(runs_of(pg=[5.0, 1.0, 4.0, 2.0, 3.0]))
    assert found.loc["pg", ["p50", "p95", "iqr"]].round(6).tolist() == [3.0, 4.8, 2.0]


@pytest.mark.unit
def test_the_rates_are_those_at_the_median() -> None:
    found = summary(runs_of(pg=[2.0, 4.0, 100.0]))
    assert found.loc["pg", ["rows_per_second", "bytes_per_second"]].tolist() == [2.5, 20.0]


@pytest.mark.unit
def test_the_contenders_keep_their_order() -> None:
    assert summary(runs_of(pg=[1.0], lake=[2.0], es=[0.5])).index.tolist() == ["pg", "lake", "es"]


@pytest.mark.unit
def test_steady_runs_that_differ_are_told_apart() -> None:
    said = remarks(runs_of(pg=QUICK, lake=[4 * value for value in QUICK]))
    assert said == ["p95 of 7 runs lies between the two slowest", "lake takes 4.0 times as long as pg"]


@pytest.mark.unit
def test_the_slower_one_is_named_whichever_comes_first() -> None:
    assert remarks(runs_of(lake=[40 * value for value in QUICK], pg=QUICK))[-1] == "lake takes 40 times as long as pg"


@pytest.mark.unit
def test_a_difference_within_the_noise_is_none() -> None:
    said = remarks(runs_of(pg=QUICK, lake=[1.03 * value for value in QUICK]))
    assert said[-1] == "7 runs do not tell lake from pg: the difference is no larger than the noise"


@pytest.mark.unit
def test_few_runs_tell_nothing_however_far_apart() -> None:
    assert remarks(runs_of(pg=[1.0] * 5, lake=[9.0] * 5))[-1] == "fewer than 6 runs cannot tell lake from pg"


@pytest.mark.unit
def test_many_runs_tell_a_small_difference() -> None:
    said = remarks(runs_of(pg=QUICK * 20, lake=[1.05 * value for value in QUICK * 20]))
    assert said == ["lake takes 1.1 times as long as pg"]


@pytest.mark.unit
def test_noise_is_called_that() -> None:
    assert "pg is noisy: the middle half of its runs spreads over 50% of p50" in remarks(
        runs_of(pg=[1.0, 1.5, 2.0, 2.5, 3.0])
    )


@pytest.mark.unit
def test_results_that_differ_are_told() -> None:
    runs = runs_of(pg=QUICK, lake=QUICK)
    runs.loc[3, "rows"] = 1_200
    assert "the results differ: 10 to 1,200 rows" in remarks(runs)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[dk.Connection]:
    dk.close()
    yield dk.connect(f"duckdb:///{tmp_path}/shop.duckdb", name="shop")
    dk.close()


@pytest.mark.duckdb
def test_the_parts_add_up_to_what_the_caller_waits_for(shop: dk.Connection) -> None:
    begun = time.perf_counter()
    runs = measured([Contender(shop, reading.native("from range(1000)", {}))], runs=3, warmups=0)
    waited = time.perf_counter() - begun
    assert runs[SECONDS].sum(axis=1).round(9).tolist() == runs["total"].round(9).tolist()
    assert (runs[SECONDS] >= 0).all(axis=None)
    assert 0 < runs["total"].sum() <= waited


@pytest.mark.duckdb
def test_a_run_is_a_row_and_a_warm_up_is_none(shop: dk.Connection) -> None:
    shop.execute("create sequence asked")
    runs = measured([Contender(shop, reading.native("select nextval('asked') as n", {}))], runs=4, warmups=2)
    assert runs["run"].tolist() == [1, 2, 3, 4]
    assert shop.read_query("select nextval('asked') as n")["n"].tolist() == [7]


@pytest.mark.duckdb
def test_contenders_take_turns_each_round_in_the_other_direction(shop: dk.Connection) -> None:
    shop.execute("create sequence turn; create table turns (n int, who text)")
    told = "insert into turns values (nextval('turn'), :who) returning n"
    pooled, cold = (reading.native(told, {}, params={"who": who}) for who in ("pooled", "cold"))
    contenders = [Contender(shop, pooled), Contender(shop, cold, cold=True)]
    measured(contenders, runs=2, warmups=1)
    order = shop.read_query("select who from turns order by n")["who"].tolist()
    assert order == ["cold", "pooled", "pooled", "cold", "cold", "pooled"]


@pytest.mark.duckdb
def test_a_contender_that_is_there_twice_is_refused(shop: dk.Connection) -> None:
    query = reading.native("select 1", {})
    with pytest.raises(ConfigError, match="different connections, or queries, not shop, shop"):
        measured([Contender(shop, query), Contender(shop, query)])


@pytest.mark.duckdb
@pytest.mark.parametrize("cold", [False, True])
def test_a_query_that_fails_leaves_no_lease(shop: dk.Connection, cold: bool) -> None:
    with pytest.raises(QueryError):
        measured([Contender(shop, reading.native("select nothing", {}), cold=cold)])
    assert (dk.status()["in_use"].sum(), len(dk.running())) == (0, 0)


@pytest.mark.duckdb
def test_a_cold_run_leaves_the_database_of_the_pool_open(shop: dk.Connection) -> None:
    shop.execute("create table here as select 42 as n")
    measured([Contender(shop, reading.native("from here", {}), cold=True)])
    assert (shop.is_open, shop.read_query("from here")["n"].tolist()) == (True, [42])


# --- on a server --------------------------------------------------------------------------------------------------

POOL = 2
"""Connections that the pool keeps."""
PIDS = "insert into seen values (pg_backend_pid()) returning pid"


@pytest.fixture
def pg(postgres_database: str) -> Iterator[dk.Connection]:
    dk.close()
    connection = dk.connect(postgres_database, name="pg", pool={"min_size": POOL})
    connection.execute("drop table if exists seen; create table seen (pid int)")
    yield connection
    dk.close()


def seen(connection: dk.Connection) -> int:
    """How many connections of the server the runs have used."""
    return int(connection.read_query("select count(distinct pid)::int as n from seen")["n"][0])


@pytest.mark.postgres
def test_pooled_runs_share_a_connection(pg: dk.Connection) -> None:
    measured([Contender(pg, reading.native(PIDS, {}))], runs=3, warmups=1)
    assert seen(pg) == 1


@pytest.mark.postgres
def test_each_cold_run_has_a_connection_of_its_own(pg: dk.Connection) -> None:
    measured([Contender(pg, reading.native(PIDS, {}), cold=True)], runs=3, warmups=1)
    assert seen(pg) == 4


@pytest.mark.postgres
def test_cold_runs_open_and_keep_nothing_in_the_pool(pg: dk.Connection) -> None:
    before = pg.status()[["size", "opened", "reused", "broken"]].to_dict("records")
    measured([Contender(pg, reading.native("select 1 as a", {}), cold=True)], runs=3)
    assert pg.status()[["size", "opened", "reused", "broken"]].to_dict("records") == before


@pytest.fixture
def left(pg: dk.Connection, postgres_server: PostgresAddress) -> Callable[[], int]:
    """How many connections the server has for our database, when it has noticed which were closed."""
    database = pg.read_query("select current_database() as name")["name"][0]

    def count() -> int:
        until = time.monotonic() + 10
        ours = f"select count(*) from pg_stat_activity where datname = '{database}' and backend_type = 'client backend'"
        while (found := int(postgres_server.psql(ours))) > POOL and time.monotonic() < until:
            time.sleep(0.02)
        return found

    return count


@pytest.mark.postgres
def test_no_connection_of_a_cold_run_stays_on_the_server(pg: dk.Connection, left: Callable[[], int]) -> None:
    measured([Contender(pg, reading.native("select 1 as a", {}), cold=True)], runs=3)
    assert left() == POOL


@pytest.mark.postgres
def test_no_connection_of_a_cold_run_that_failed_stays_either(pg: dk.Connection, left: Callable[[], int]) -> None:
    with pytest.raises(QueryError):
        measured([Contender(pg, reading.native("select 1 / 0 as a", {}), cold=True)])
    assert left() == POOL


@pytest.mark.postgres
def test_what_the_server_works_for_is_the_servers_part(pg: dk.Connection) -> None:
    runs = measured([Contender(pg, reading.native("select 1 as a from pg_sleep(0.1)", {}))], runs=2)
    assert (runs["server"] >= 0.1).all()
    assert (runs[SECONDS].sum(axis=1) - runs["total"]).abs().max() < 1e-9


# --- on S3, where each request takes its own place ----------------------------------------------------------------


@pytest.mark.s3
def test_cold_runs_of_s3_have_requests_of_their_own_and_no_place_of_the_pool(
    s3_store: S3Address, s3_bucket: str
) -> None:
    with dk.connect(f"s3://{s3_bucket}", name="lake", **s3_store.settings) as lake:
        lake.write_table(pd.DataFrame({"n": range(100)}), "numbers")
        before = lake.status().to_dict("records")
        runs = measured([Contender(lake, reading.native("from numbers", {}), cold=True)], runs=2)
        assert (runs["rows"].tolist(), lake.status().to_dict("records")) == ([100, 100], before)
    assert (runs[SECONDS].sum(axis=1) - runs["total"]).abs().max() < 1e-9
