"""Where a kernel waits for PostgreSQL, and whether the server still works for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import asyncpg

from tests.kernels.places.cells import asking, awaiting, iterating, writing

LONG = "select pg_sleep(60)"
# In FROM the server would first make all of the numbers.
ENDLESS = "select i, 'text ' || i as t, i * 0.5 as f from (select generate_series(1, 1000000000) as i) as numbers"

CELLS = asking(LONG, "pg") | {
    # The warm-ups begin with the last contender.
    "a cold benchmark": f"print('running')\n%dkbench -c pg --cold {LONG}",
    "execute": f"print('running'); dk.execute({LONG!r}, 'pg')",
    "a big read": f"print('running'); dk.read_query({ENDLESS!r}, 'pg')",
    "iter_query": iterating(f"dk.iter_query({ENDLESS!r}, 'pg', chunk_rows=10_000)"),
    "a write": writing("written", "pg"),
}
AWAITED = awaiting(LONG, "pg") | {
    "an awaited big read": f"print('running'); await dk.aread_query({ENDLESS!r}, 'pg')",
    "async for": iterating(f"dk.aiter_query({ENDLESS!r}, 'pg', chunk_rows=10_000)", awaited=True),
    "an awaited write": writing("written", "pg", awaited=True),
}
ANSWER = "int(dk.read_query('select 42 as a', 'pg')['a'][0])"

_ACTIVE = """
select count(*) from pg_stat_activity
where application_name = 'dk_notebook' and state <> 'idle' and backend_type = 'client backend'
"""


def connect(url: str, **settings: str) -> str:
    """The cell that connects a kernel."""
    return (
        "import dk_notebook as dk, pandas as pd\n%load_ext dk_notebook\n"
        f"_ = dk.connect({url!r}, name='pg', **{ ({**settings, 'replace': True})!r})\n%dkquery -q -c pg select 1"
    )


@contextmanager
def watched(url: str) -> Iterator[Callable[[], int]]:
    """Tells how many of our sessions do something on the server."""
    with asyncio.Runner() as runner:

        async def connected() -> asyncpg.Connection:
            return await asyncpg.connect(url)

        connection = runner.run(connected())
        yield lambda: runner.run(connection.fetchval(_ACTIVE))
        runner.run(connection.close())
