"""The records API on PostgreSQL: ours beside dataknobs-data and plain asyncpg, on the same server."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.parse import unquote, urlsplit

from contender import Contender
from postgres_peer import RUNNING, SETTINGS, packages
from postgres_table import Administration
from timing import Amount, Pair, side_by_side

from dk_notebook.backends.sql.json_dialects import POSTGRES_JSON
from dk_notebook.testing.services.postgres import PostgresServer

THEIRS = ".venv-dataknobs"
COLUMNS = ", ".join(POSTGRES_JSON.columns.values())
"""What ours reads of a record, its version among it: plain asyncpg reads the same."""
MANY = 1_000_000
ONE_BY_ONE = 200
"""Calls of a run that makes one after the other: so few that both runs of a pair meet the machine at one speed."""
PAIRS = 31
"""Of such runs: how fast a call is answered depends on where the system puts the server's process, run by run."""


def about() -> str:
    """The versions."""
    return f"{packages(None, 'asyncpg')}; {packages(THEIRS, 'dataknobs-data', 'asyncpg')}; pools of 20"


def rows() -> Iterator[Pair | Amount]:
    """What is measured; the environment can name a running server."""
    with ExitStack() as stack:
        url = os.environ.get(RUNNING) or stack.enter_context(PostgresServer(settings=SETTINGS)).url
        server = Administration(url)
        stack.callback(server.close)
        ours = stack.enter_context(Contender("records_ours.py", "postgres", settings(url, "ours")))
        dataknobs = stack.enter_context(
            Contender("records_with_dataknobs.py", "postgres", settings(url, "dataknobs"), environment=THEIRS)
        )
        asyncpg = stack.enter_context(Contender("records_with_asyncpg.py", settings(url, "plain"), COLUMNS))
        for one in (ours, dataknobs, asyncpg):
            one.do("prepare", count=0)  # it has made its table
        emptied = [f"truncate {table}" for table in ("ours", "dataknobs", "plain")]

        def more(count: int) -> Callable[[], None]:
            def before() -> None:
                for one in (ours, dataknobs, asyncpg):
                    one.do("prepare", count=count)

            return before

        def anew(count: int) -> Callable[[], None]:
            def before() -> None:
                server.run(*emptied)
                more(count)()

            return before

        def beside(what: str, task: str, peer: Contender, bound: float | None, before: Callable[[], None]) -> Pair:
            named = "dataknobs-data" if peer is dataknobs else "asyncpg's pool" if "pool" in task else "asyncpg"
            runs = PAIRS if "one after the other" in what else 7
            return side_by_side(
                what, ours.task(task), peer.task(task), named=named, bound=bound, runs=runs, before=before
            )

        for count in (1_000, 10_000):
            what = f"`create_batch` of {count:,} (ms)"
            yield beside(what, "create_batch", dataknobs, 0.5, anew(count))
            yield beside(what, "create_batch", asyncpg, None, anew(count))
        created = f"{ONE_BY_ONE} `create` one after the other (ms)"
        # Into tables that hold records: the first rows of an emptied one take the server twice as long, whoever sends
        # them, and that hides what differs.
        filled(1_000, anew, ours, dataknobs, asyncpg)
        yield beside(created, "create", dataknobs, 1.0, more(ONE_BY_ONE))
        yield beside(created, "create", asyncpg, 1.3, more(ONE_BY_ONE))
        yield beside(created, "create_pooled", asyncpg, 1.3, more(ONE_BY_ONE))
        yield beside("1,000 `create` at once on a pool of 20 (ms)", "gather", asyncpg, 1.2, anew(1_000))
        filled(20_000, anew, ours, dataknobs, asyncpg)
        yield beside("`search` that returns 20,000 (ms)", "search", dataknobs, 1 / 3, lambda: None)
        yield beside("`search` that returns 20,000 (ms)", "search", asyncpg, None, lambda: None)
        filled(ONE_BY_ONE, anew, ours, dataknobs, asyncpg)
        read = f"{ONE_BY_ONE} `read` one after the other (ms)"
        yield beside(read, "read", dataknobs, 1.0, lambda: None)
        yield beside(read, "read", asyncpg, 1.3, lambda: None)
        yield beside(read, "read_pooled", asyncpg, 1.3, lambda: None)
        yield memory(url, server)


def filled(count: int, anew: Callable[[int], Callable[[], None]], *contenders: Contender) -> None:
    """The same records in each table."""
    anew(count)()
    for one in contenders:
        one.do("create_batch")


def memory(url: str, server: Administration) -> Amount:
    """What a million records take beyond themselves, in a fresh process."""
    server.run("truncate ours")
    with Contender("records_ours.py", "postgres", settings(url, "ours")) as fresh:
        fresh.do("prepare", count=MANY)
        stored = fresh.do("create_batch")
    return Amount(f"memory of `create_batch` of {MANY:,} beyond the records (MB)", stored.peak_bytes / 1e6, 300)


def settings(url: str, table: str) -> str:
    """Of a contender, as JSON."""
    parts = urlsplit(url)
    return json.dumps(
        {
            "host": parts.hostname,
            "port": parts.port,
            "user": parts.username,
            "password": unquote(parts.password or ""),
            "database": parts.path.removeprefix("/"),
            "table": table,
            "pool": {"max_size": 20},
        }
    )
