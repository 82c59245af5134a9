"""A backend opened for a test of faults, and what the server knows of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pyarrow as pa

from dk_notebook.backends.base import Native
from dk_notebook.backends.postgres import BACKEND
from dk_notebook.testing.place import Place
from tests.backends.postgres.conftest import settings

SESSIONS = "from pg_stat_activity where application_name = 'dk_notebook' and datname = current_database()"
PAIR = {"max_size": 2, "timeout": 5}
"""A pool in which a lost connection is missed at once."""
NUMBERS = "(select generate_series(1, 1000000000) as i) as numbers"
"""Rows as they are asked for; in FROM the server would first make all of them."""
ENDLESS = f"select i, 'text ' || i as t, i * 0.5 as f from {NUMBERS}"


@asynccontextmanager
async def opened(url: str, *, pool: dict[str, Any] | None = None, **keywords: Any) -> AsyncIterator[Place]:
    """A place to work, on a pool of two connections unless ``pool`` says otherwise."""
    backend = await BACKEND.open(settings(url, pool={**PAIR, **(pool or {})}, **keywords))
    try:
        yield Place(backend)
    finally:
        await asyncio.wait_for(backend.close(), 5)


async def read(place: Place, text: str, **operation: Any) -> list[dict[str, Any]]:
    """The rows of a query."""
    async with place.session(**operation) as session:
        found: list[dict[str, Any]] = (await (await session.scan(Native(text=text))).read_all()).to_pylist()
        return found


async def pid(place: Place) -> int:
    """The number of the server's process behind the connection that is lent next."""
    (row,) = await read(place, "select pg_backend_pid() as pid")
    number: int = row["pid"]
    return number


async def is_whole(place: Place) -> bool:
    """Whether as many connections as the pool may have can be lent at the same time, and each answers."""
    most = place.backend.status().max_size
    async with AsyncExitStack() as stack:
        sessions = [await stack.enter_async_context(place.session()) for _ in range(most)]
        tables: list[pa.Table] = [await (await each.scan(Native(text="select 1 as a"))).read_all() for each in sessions]
    status = place.backend.status()
    return [table["a"].to_pylist() for table in tables] == [[1]] * most and (status.in_use, status.waiting) == (0, 0)


async def running(admin: Any, words: str) -> int:
    """When the server runs a statement of ours that has those words: the number of its process."""
    # Active it is also while it is described; asleep only while it runs.
    runs = "state = 'active' and (query not like '%pg_sleep(%' or wait_event = 'PgSleep')"
    query = f"select pid {SESSIONS} and {runs} and query like '%' || $1 || '%'"
    found: int = await until(lambda: admin.fetchval(query, words))
    return found


async def until(probe: Callable[[], Awaitable[Any]], seconds: float = 5) -> Any:
    """What the probe gives, as soon as that is true; fails when it takes longer."""
    end = time.monotonic() + seconds
    while not (answer := await probe()):
        assert time.monotonic() < end, "it did not come true"
        await asyncio.sleep(0.02)
    return answer


async def idle(admin: Any, seconds: float = 5) -> bool:
    """When none of our sessions does anything; fails when that takes longer."""
    return bool(
        await until(lambda: admin.fetchval(f"select not exists (select {SESSIONS} and state <> 'idle')"), seconds)
    )


async def kill(admin: Any, process: int) -> None:
    """End one of the server's processes, and return when it is gone."""
    await admin.execute(f"select pg_terminate_backend({process}, 5000)")
