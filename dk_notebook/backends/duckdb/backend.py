"""A DuckDB store: the database of the process, and how many sessions may use it at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar, Self

from dk_notebook.backends.base import Backend, BackendConfig
from dk_notebook.backends.duckdb import stores
from dk_notebook.backends.duckdb.config import DuckDBConfig
from dk_notebook.backends.duckdb.session import DuckDBSession
from dk_notebook.errors import ConnectionFailed
from dk_notebook.runtime.leases import Leases, PoolStatus
from dk_notebook.runtime.operations import Operation
from dk_notebook.runtime.tasks import ended
from dk_notebook.runtime.workers import in_worker


class DuckDBBackend(Backend):
    """The database that a `DuckDBConfig` describes; pools of other loops share it."""

    name: ClassVar[str] = "duckdb"
    config_class: ClassVar[type[BackendConfig]] = DuckDBConfig

    def __init__(self, store: stores.Store, config: DuckDBConfig) -> None:
        self._store = store
        self._leases = Leases(config.pool.max_size, config.pool.timeout)
        self._location = config.location
        self._sessions: dict[DuckDBSession, asyncio.Task[object] | None] = {}
        self._opened = self._broken = 0
        self._closed = False

    @classmethod
    async def open(cls, config: DuckDBConfig) -> Self:
        """Open the file, or take what the process has open already."""
        opening = asyncio.ensure_future(in_worker(stores.hold, config))
        try:
            return cls(await asyncio.shield(opening), config)
        except asyncio.CancelledError:
            opening.add_done_callback(_given_back)
            raise

    async def close(self) -> None:
        """Cancel the sessions that still run, and give the database back."""
        if self._closed:
            return
        self._closed = True
        await ended(self._sessions.values())
        await in_worker(stores.release, self._store)

    def terminate(self) -> None:
        """Interrupt what runs, without waiting for it."""
        for session in list(self._sessions):
            session.cursor.interrupt()
        if not self._closed:
            self._closed = True
            stores.release(self._store)

    @asynccontextmanager
    async def session(self, operation: Operation) -> AsyncIterator[DuckDBSession]:
        """A cursor of its own; the leases bound how many work at the same time."""
        async with self._leases.lease(operation):
            if self._closed:
                raise ConnectionFailed(f"the connection to {self._location} was closed")
            session = DuckDBSession(operation, self._store.cursor())
            self._sessions[session] = asyncio.current_task()
            self._opened += 1
            try:
                yield session
            finally:
                del self._sessions[session]
                if session.busy:
                    # Its thread is deaf to interrupts: it keeps the cursor, which goes when the thread ends.
                    self._broken += 1
                else:
                    session.cursor.close()

    def status(self) -> PoolStatus:
        """A connection is a cursor, made for each session: none is kept idle."""
        in_use = self._leases.in_use
        return PoolStatus(
            size=in_use,
            max_size=self._leases.max_size,
            in_use=in_use,
            idle=0,
            waiting=self._leases.waiting,
            opened=self._opened,
            reused=0,
            broken=self._broken,
        )


def _given_back(opening: asyncio.Future[stores.Store]) -> None:
    """The caller went away while the file was being opened."""
    if not opening.cancelled() and opening.exception() is None:
        stores.release(opening.result())
