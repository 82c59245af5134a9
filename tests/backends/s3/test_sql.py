"""SQL over datasets: what it finds, what it reads, and what it must not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from dk_notebook.backends.base import Native
from dk_notebook.backends.s3.config import S3Config
from dk_notebook.backends.s3.session import S3Session
from dk_notebook.config.settings import build
from dk_notebook.errors import MissingParameter, NotFound, QueryError, Unsupported
from tests.backends.s3.conftest import session
from tests.backends.s3.files import csv, parquet, sql
from tests.services.s3_address import S3Address

pytestmark = pytest.mark.s3

CARRIERS = ["AA", "UA", "DL"]
ROWS = 30_000


@pytest.fixture
def flights(s3_store: S3Address, place: dict[str, Any]) -> str:
    """A dataset by months, and one of names beside it."""
    for month in range(1, 4):
        columns = {
            "n": range(ROWS),
            "carrier": [CARRIERS[n % 3] for n in range(ROWS)],
            "delay": [float(n % 100) if n % 7 else None for n in range(ROWS)],
            "Wide": [f"some text {n}" for n in range(ROWS)],
        }
        body = parquet(columns, row_group_size=10_000)
        s3_store.put(place["bucket"], f"{place['prefix']}/flights/month={month}/x.parquet", body)
    names = csv({"carrier": CARRIERS, "name": ["American", "United", "Delta"]})
    s3_store.put(place["bucket"], f"{place['prefix']}/more/names.csv", names)
    return "flights"


@pytest_asyncio.fixture
async def lake(place: dict[str, Any], flights: str) -> AsyncIterator[S3Session]:
    async with session(build(S3Config, [("keyword", place)])) as made:
        yield made


async def test_a_prefix_is_a_table(lake: S3Session) -> None:
    text = "select carrier, count(*) as n, avg(delay) as d from flights where month = :m group by 1 order by 1"
    found = (await sql(lake, text, {"m": 2})).to_pydict()
    assert (found["carrier"], found["n"]) == (["AA", "DL", "UA"], [10_000] * 3)


@pytest.mark.parametrize(
    "text",
    [
        "select count(*) from flights join \"more/names.csv\" using (carrier) where name = 'Delta' and month < 3",
        "with f as (select * from flights) select count(*) from f where carrier = 'DL' and month in (1, 2)",
        "select 2 * count(*) from flights f, flights g where f.n = g.n and f.month = 1 and g.month = 2 and g.n % 3 = 2",
        "select sum(c) from (select count(*) as c from flights where Carrier = 'DL' and month <= 2 group by month)",
        "select count(*) from (select unnest([1, 2]) as month) m join flights f using (month) where f.carrier = 'DL'",
    ],
    ids=["join", "with", "itself", "case", "unnest"],
)
async def test_statements_of_every_shape_find_the_same_rows(lake: S3Session, text: str) -> None:
    assert (await sql(lake, text)).to_pydict().popitem()[1] == [20_000]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("select * from flights where n < 5", 15),
        ("select f from flights f where f.n < 5 and f.month = 1", 5),
        ("select columns('n|Wide') from flights where n = 1", 3),
        ("from flights where delay is null and n < 14", 6),
        ("select n from flights where not (n >= 2)", 6),
        ("select n from flights where n < 2 or n = 29999", 9),
        ("select f.n from flights f left join flights g on f.n = g.n + 1 and g.month = 1 where f.n < 2", 6),
        ("summarize flights", 5),
        ("describe flights", 5),
        ("pivot flights on carrier using count(*) group by month", 3),
        ("select #1 from flights where #1 < 1", 3),
    ],
)  # fmt: skip
async def test_what_is_pushed_down_loses_no_row(lake: S3Session, text: str, rows: int) -> None:
    assert (await sql(lake, text)).num_rows == rows


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("select times.t from times asof join marks on times.t >= marks.t where marks.name = 'a'", [2]),
        ("select times.t from times positional join marks where marks.name = 'b'", [5]),
        ("select count(*) from (select * from marks tablesample reservoir(2 rows) where name = 'b')", [1]),
        ("select count(*) from (select * from marks where name = 'b' using sample reservoir(2 rows))", [1]),
    ],
    ids=["nearest", "same number", "sample of a table", "sample of a select"],
)
async def test_no_row_is_left_out_before_its_place_among_the_others_counts(
    lake: S3Session, s3_store: S3Address, place: dict[str, Any], text: str, rows: list[int]
) -> None:
    """A file each: they could be left out as a whole."""
    tables = {"times/1": {"t": [2]}, "times/2": {"t": [5]}}
    tables |= {f"marks/{t}": {"t": [t], "name": [name]} for t, name in ((1, "a"), (4, "b"))}
    for key, columns in tables.items():
        s3_store.put(place["bucket"], f"{place['prefix']}/{key}.parquet", parquet(columns))
    assert (await sql(lake, text)).column(0).to_pylist() == rows


async def test_nan_is_not_lost_on_the_way(lake: S3Session, s3_store: S3Address, place: dict[str, Any]) -> None:
    body = parquet({"x": [1.0, float("nan"), None]})
    s3_store.put(place["bucket"], f"{place['prefix']}/floats/x.parquet", body)
    assert (await sql(lake, "select count(*) as n from floats where x > 5")).to_pydict() == {"n": [1]}


async def test_explain_tells_what_is_pushed_down_and_reads_nothing_of_the_rows(lake: S3Session) -> None:
    text = "select carrier, avg(delay) from flights where month = 2 and n < 10 group by 1"
    plan = (await lake.explain(Native(text=text), analyze=False)).to_pylist()
    detail = plan[-1]["detail"]
    assert plan[-1]["node"].startswith("DATASET s3://")
    assert "columns: n, carrier, delay, month; conditions: month = 2 and n < 10; files: 1 of 3" in detail


async def test_explain_analyze_tells_how_many_bytes_were_read(lake: S3Session) -> None:
    few, all_of_it = [
        (await lake.explain(Native(text=text), analyze=True)).to_pylist()[-1]["detail"]
        for text in ("select sum(n) from flights where n < 10 and month = 1", "select * from flights")
    ]
    read = [int(each.split("bytes read: ")[1].split(";")[0].replace(",", "")) for each in (few, all_of_it)]
    assert read[0] * 3 < read[1]


async def test_a_mistake_has_its_place(lake: S3Session) -> None:
    with pytest.raises(QueryError) as raised:
        await sql(lake, "select nn from flights")
    assert "^" in str(raised.value)


async def test_a_table_that_is_not_there_is_told_with_the_one_that_was_meant(lake: S3Session) -> None:
    with pytest.raises(NotFound, match="did you mean 'flights'") as raised:
        await sql(lake, "select '\u00fc', :m from flight", {"m": 1})
    assert raised.value.position == len("select '\u00fc', :m from ")


async def test_a_missing_parameter_is_named(lake: S3Session) -> None:
    with pytest.raises(MissingParameter, match="m"):
        await sql(lake, "select * from flights where month = :m", {})


@pytest.mark.parametrize(
    "text",
    [
        "select * from read_csv('/etc/passwd')",
        "select * from '/etc/passwd'",
        "copy (select 1) to '/tmp/dk-never'",
        "attach '/tmp/dk-never.duckdb'",
        "install httpfs",
        "set enable_external_access = true",
    ],
)
async def test_files_and_the_network_are_closed_to_it(lake: S3Session, text: str) -> None:
    with pytest.raises((QueryError, NotFound)):
        await sql(lake, text)


async def test_a_statement_that_changes_something_reads_nothing(lake: S3Session) -> None:
    before = lake.operation.bytes
    with pytest.raises(QueryError, match="to_backend"):
        await sql(lake, "create table mine as select * from flights")
    assert lake.operation.bytes == before


async def test_files_that_are_replaced_before_a_row_was_handed_out_are_not_noticed(
    lake: S3Session, s3_store: S3Address, place: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = lake.open_table
    key = f"{place['prefix']}/swift/x.parquet"
    s3_store.put(place["bucket"], key, parquet({"n": range(300_000)}))
    bodies = [parquet({"n": range(7)})]

    async def opened(name: str) -> Any:
        found = await listed(name)
        while bodies:
            s3_store.put(place["bucket"], key, bodies.pop())
        return found

    monkeypatch.setattr(lake, "open_table", opened)
    assert (await sql(lake, "select count(*) as n from swift")).to_pydict() == {"n": [7]}


async def test_nothing_is_executed(lake: S3Session) -> None:
    with pytest.raises(Unsupported, match="to_backend"):
        await lake.execute(Native(text="delete from flights"))


EXIT = """
import dk_notebook as dk, threading, time
dk.connect({url!r}, name="lake", **{settings!r})
def quietly():
    try:
        dk.read_query("select count(*) from flights a join flights b on a.carrier = b.carrier", "lake")
    except BaseException:
        pass
rows = dk.iter_query("select * from flights", "lake", chunk_rows=100)
more = dk.iter_table("flights", "lake", chunk_rows=100)
next(rows), next(more)
threading.Thread(target=quietly, daemon=True).start()
time.sleep({pause})
"""


@pytest.mark.parametrize("pause", [0, 0.05, 0.3])
def test_a_program_that_ends_in_the_middle_of_reads_ends_quietly(
    flights: str, place: dict[str, Any], pause: float
) -> None:
    """Arrow's and DuckDB's threads are not Python's, and must not meet its end."""
    said = {name: value for name, value in place.items() if name not in ("bucket", "prefix")}
    code = EXIT.format(url=f"s3://{place['bucket']}/{place['prefix']}", settings=said, pause=pause)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
