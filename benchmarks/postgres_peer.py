"""PostgreSQL: ours beside ADBC, connectorx, asyncpg, pandas and awswrangler, on the same server and table."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from contender import ROOT, Contender
from postgres_table import QUERY, ROWS, TABLE, Administration
from timing import Amount, Pair, side_by_side

from dk_notebook.backends.postgres.reading.decoding import NATIVE
from dk_notebook.testing.services.postgres import PostgresServer
from dk_notebook.testing.services.postgres_programs import programs

TO_ARROW = "read 1,000,000 x 10 to Arrow (ms)"
TO_PANDAS = "read 1,000,000 x 10 to pandas (ms)"
WRITE = "write 1,000,000 x 10 from pandas to a new table (ms)"
WRITE_PART = "write 100,000 x 10 from pandas to a new table (ms)"
CHARTED = (TO_ARROW, TO_PANDAS, WRITE, WRITE_PART)
PART = 100_000
"""Rows for those who would take minutes for all."""


SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "4GB", "fsync": "off"}
RUNNING = "DK_BENCH_POSTGRES_URL"

ABOUT = """
import importlib.metadata, sys
print(", ".join(f"{name} {importlib.metadata.version(name)}" for name in sys.argv[1:]))
"""


def about() -> str:
    """The versions, and what the server does not do here."""
    server = subprocess.run([programs() / "postgres", "--version"], capture_output=True, text=True, check=True)
    settings = ", ".join(f"{name}={value}" for name, value in SETTINGS.items())
    peers = packages(".venv-peers", "adbc-driver-postgresql", "connectorx", "asyncpg", "psycopg2-binary", "sqlalchemy")
    return (
        f"{server.stdout.strip()} with {settings}, over loopback; {packages(None, 'asyncpg', 'pgpq')}, "
        f"{'native' if NATIVE else 'NO NATIVE'} decoder; {peers}, {packages('.venv-awswrangler', 'awswrangler')}"
    )


def packages(environment: str | None, *names: str) -> str:
    """What is installed there."""
    python = ROOT / environment / "bin" / "python" if environment else sys.executable
    return subprocess.run([python, "-c", ABOUT, *names], capture_output=True, text=True, check=True).stdout.strip()


def rows() -> Iterator[Pair | Amount]:
    """What is measured, in the order of the table; the environment can name a running server."""
    with ExitStack() as stack:
        url = os.environ.get(RUNNING) or stack.enter_context(PostgresServer(settings=SETTINGS)).url
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = Administration(url)
        stack.callback(server.close)
        server.make(TABLE, ROWS)
        yield from reading(url, server)
        yield from small(url)
        yield from writing(url, server, folder)
        yield from memory(url)


def reading(url: str, server: Administration) -> Iterator[Pair]:
    """Frames of the whole table."""
    with (
        Contender("ours.py", url) as ours,
        Contender("ours.py", url, "--reference") as reference,
        Contender("with_adbc.py", url, environment=".venv-peers") as adbc,
        Contender("with_connectorx.py", url, environment=".venv-peers") as connectorx,
        Contender("with_asyncpg.py", url, environment=".venv-peers") as asyncpg,
        Contender("with_pandas.py", url, environment=".venv-peers") as pandas,
        Contender("with_awswrangler.py", url, environment=".venv-awswrangler") as awswrangler,
    ):
        arrow = ours.task("read", query=QUERY, shape="arrow")
        frame = ours.task("read", query=QUERY)
        parts = ours.task("read_parts", table=TABLE, partitions=2)
        to_arrow = adbc.task("read", query=QUERY)
        one = connectorx.task("read", query=QUERY, shape="arrow")
        two = connectorx.task("read", query=QUERY, shape="arrow", split="a", partitions=2)
        as_frame = connectorx.task("read", query=QUERY, shape="pandas")
        read_sql = pandas.task("read", query=QUERY)
        fetch = asyncpg.task("read", query=QUERY)
        alone = "the server alone, COPY to /dev/null"
        yield side_by_side(TO_ARROW, arrow, lambda: server.copied(QUERY), named=alone, bound=None, runs=9)
        yield side_by_side(TO_ARROW, arrow, to_arrow, named="ADBC", bound=0.85, runs=15)
        yield side_by_side(TO_ARROW, arrow, one, named="connectorx", bound=None, runs=5)
        yield side_by_side(
            f"{TO_ARROW}, `partitions=2`", parts, two, named="connectorx, 2 partitions", bound=None, runs=9
        )
        yield side_by_side(TO_PANDAS, frame, to_arrow, named="ADBC to Arrow", bound=1.0, runs=15)
        yield side_by_side(TO_PANDAS, frame, as_frame, named="connectorx", bound=0.75, runs=7)
        yield side_by_side(TO_PANDAS, frame, read_sql, named="pandas.read_sql", bound=None, runs=3)
        yield side_by_side(TO_PANDAS, frame, fetch, named="asyncpg fetch + DataFrame", bound=None, runs=3)
        few = f"{QUERY} where a <= {PART}"
        yield side_by_side(
            f"read {PART:,} x 10 to pandas (ms)",
            ours.task("read", query=few),
            awswrangler.task("read", query=few),
            named="awswrangler",
            bound=None,
            runs=3,
        )
        yield side_by_side(
            f"{TO_PANDAS}, without the native module",
            reference.task("read", query=QUERY),
            read_sql,
            named="pandas.read_sql",
            bound=1.0,
            runs=3,
        )


def small(url: str) -> Iterator[Pair]:
    """What a query costs that is no work, warm."""
    with (
        Contender("ours.py", url) as ours,
        Contender("with_pandas.py", url, environment=".venv-peers") as pandas,
    ):
        for what, query, params in (
            ("`select 1` to pandas, p50 (ms)", "select 1", None),
            ("the same with a parameter", "select cast(:x as int)", {"x": 1}),
        ):
            yield side_by_side(
                what,
                ours.task("read", query=query, params=params),
                pandas.task("read", query=query, params=params),
                named="pandas.read_sql",
                bound=1.3,
                runs=300,
            )


def writing(url: str, server: Administration, folder: Path) -> Iterator[Pair]:
    """The frame of the whole table to a new one, and a tenth of it into the whole."""
    with (
        Contender("ours.py", url) as ours,
        Contender("with_adbc.py", url, environment=".venv-peers") as adbc,
        Contender("with_pandas.py", url, environment=".venv-peers") as pandas,
        Contender("with_awswrangler.py", url, environment=".venv-awswrangler") as awswrangler,
    ):
        frame = str(folder / "frame.parquet")
        ours.do("save", query=QUERY, path=frame)
        written = {"path": frame, "table": "written"}
        write = ours.task("write", **written)
        gone = server.drop("written")
        ingest = adbc.task("write", **written)
        yield side_by_side(WRITE, write, ingest, named="ADBC ingest", bound=1.15, runs=7, before=gone)
        # method="multi" takes three times as long.
        for what, count, named, slow, bound in (
            (WRITE_PART, PART, "pandas.to_sql", pandas, 0.1),
            ("write 10,000 x 10 from pandas to a new table (ms)", PART // 10, "awswrangler to_sql", awswrangler, None),
        ):
            part, theirs = (contender.task("write", **written, rows=count) for contender in (ours, slow))
            yield side_by_side(what, part, theirs, named=named, bound=bound, runs=3, before=gone)
        yield from upserting(ours, server, folder)


def upserting(ours: Contender, server: Administration, folder: Path) -> Iterator[Pair]:
    """100,000 rows into a table of 1,000,000 with a key, beside appending as many to it."""
    server.make("target", ROWS, key=True)
    append = ours.task("write", path=saved(ours, folder, ROWS), table="target", mode="append")

    def before() -> None:
        server.run(f"delete from target where a > {ROWS}", "vacuum target")

    for what, first in (("half of them new", ROWS - PART // 2), ("none of them new", ROWS - PART)):
        path = saved(ours, folder, first)
        upsert = ours.task("write", path=path, table="target", mode="upsert", key="a")
        named = f"upsert {PART:,} into {ROWS:,}, {what} (ms)"
        yield side_by_side(named, upsert, append, named="our own append of as many", bound=2.0, runs=5, before=before)
        ours.do("write", path=path, table="staged", mode="replace")
        yield side_by_side(
            named,
            upsert,
            lambda: server.upserted("target", "staged"),
            named="the server alone, from a table that is there",
            bound=None,
            runs=5,
            before=before,
        )


def saved(ours: Contender, folder: Path, first: int) -> str:
    """A file with a frame of 100,000 rows, whose keys come after ``first``."""
    path = str(folder / f"after_{first}.parquet")
    ours.do(
        "save", query=f"select a + {first} as a, b, c, d, e, f, g, h, k, l from {TABLE} where a <= {PART}", path=path
    )
    return path


def memory(url: str) -> Iterator[Amount]:
    """What the process grows by at the height of it, each in a fresh one with a warm connection."""
    with Contender("ours.py", url) as ours:
        ours.do("read", query="select 1")
        read = ours.do("read", query=QUERY)
        yield Amount(
            "memory of read 1,000,000 x 10 to pandas (MB)",
            read.peak_bytes / 1e6,
            2.2,
            "the frame itself",
            read.value_bytes / 1e6,
        )
    with Contender("ours.py", url) as ours:
        ours.do("read", query="select 1")
        chunks = ours.do("chunks", query=f"select t.* from {TABLE} t cross join generate_series(1, 3)", rows=100_000)
        yield Amount(f"memory of {chunks.value:,} rows in chunks of 100,000 (MB)", chunks.peak_bytes / 1e6, 250)
