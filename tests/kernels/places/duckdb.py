"""Where a kernel waits for DuckDB, which runs in it."""

from __future__ import annotations

from tests.kernels.places.cells import asking, awaiting, iterating, writing

LONG = "select count(*) from range(100000000000) a where hash(range) = 1"
"""Minutes of work."""

CELLS = asking(LONG, "duckdb") | {
    "execute": f"print('running'); dk.execute({'create or replace table t as ' + LONG!r})",
    "iter_query": iterating("dk.iter_query('from range(100000000000)', chunk_rows=10_000)"),
    "a write": writing("written", "duckdb"),
}
AWAITED = awaiting(LONG, "duckdb") | {
    "async for": iterating("dk.aiter_query('from range(100000000000)', chunk_rows=10_000)", awaited=True),
    "an awaited write": writing("written", "duckdb", awaited=True),
}
ANSWER = "int(dk.read_query('select 42 as a', 'duckdb')['a'][0])"

CONNECT = "import dk_notebook as dk, pandas as pd\n%load_ext dk_notebook\n%dkquery -q select 1"
