"""DuckDB: ours beside DuckDB's own Python API, on the same file of 1,000,000 rows x 10 mixed columns."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import psutil
from timing import Amount, Pair, side_by_side

import dk_notebook as dk

ROWS = """
create or replace table t as select i as a, (i % 1000)::int as b, i * 0.5::double as c, hash(i) / 1e19::double as d,
    'text ' || i as e, 'cat ' || (i % 8) as f, timestamp '2020-01-01' + to_seconds(i) as g,
    timestamptz '2020-01-01 00:00:00+00' + to_seconds(i) as h, i % 2 = 0 as k,
    case when i % 50 = 0 then null else 'z' || (i % 100000) end as l
from range(1000000) r(i)
"""


def about() -> str:
    """The version."""
    return f"DuckDB {duckdb.__version__}"


def rows() -> Iterator[Pair | Amount]:
    """What is measured, in the order of the table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.duckdb"
        theirs = duckdb.connect(str(Path(folder) / "peer.duckdb"))
        ours = dk.connect(f"duckdb:///{path}", name="bench")
        theirs.execute(ROWS)
        ours.execute(ROWS)
        frame = theirs.sql("from t").df()

        def peer_write() -> None:
            theirs.register("frame", frame)
            theirs.execute("create or replace table written as from frame")
            theirs.unregister("frame")

        yield side_by_side(
            "read 1,000,000 x 10 to Arrow (ms)",
            lambda: ours.read_query("from t", as_="arrow"),
            lambda: theirs.sql("from t").to_arrow_table(),
            named="duckdb to_arrow_table",
            bound=1.15,
            runs=100,  # of eleven the ratio was anything from 0.9 to 1.2
        )
        yield side_by_side(
            "read 1,000,000 x 10 to pandas (ms)",
            lambda: ours.read_query("from t"),
            lambda: theirs.sql("from t").df(),
            named="duckdb .df()",
            bound=1.3,
            runs=7,
        )
        yield side_by_side(
            "write 1,000,000 x 10 from pandas (ms)",
            lambda: ours.write_table(frame, "written", mode="replace"),
            peer_write,
            named="duckdb register + create",
            bound=1.5,
            runs=5,
        )
        yield overhead(ours, theirs)
        theirs.close()
        ours.close()
    yield growth()


def overhead(ours: dk.Connection, theirs: duckdb.DuckDBPyConnection) -> Pair:
    """`select 1` to a frame: at most 1 ms above DuckDB's own time."""
    pair = side_by_side(
        "select 1 to pandas (ms); at most 1 ms more",
        lambda: ours.read_query("select 1"),
        lambda: theirs.sql("select 1").df(),
        named="duckdb .df()",
        bound=0,
        runs=200,
    )
    return pair.at_most_later(0.001)


def growth() -> Amount:
    """The memory that 30,000,000 rows in chunks take beyond what was there."""
    process = psutil.Process()
    chunks = dk.iter_query("select i, i * 2 as j, 'text ' || i % 1000 as s from range(30000000) r(i)", "duckdb://")
    next(chunks)
    gc.collect()
    before = most = process.memory_info().rss
    rows = 0
    for number, chunk in enumerate(chunks):
        rows += len(chunk)
        if number % 10 == 0:
            most = max(most, process.memory_info().rss)
    return Amount(f"{rows + 100_000:,} rows in chunks: memory growth (MB)", (most - before) / 1e6, 300)
