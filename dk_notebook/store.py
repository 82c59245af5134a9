"""A store as the functions above see it: a backend's class, its settings, and the pool of the running loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from dk_notebook.backends.base import Backend, BackendConfig, Session
from dk_notebook.runtime import pools
from dk_notebook.runtime.operations import Operation


@dataclass(frozen=True, eq=False)
class Store:
    """Settings of one store, and the way to a session on it. Holds no connection itself: `runtime.pools` does."""

    backend: type[Backend]
    config: BackendConfig

    @asynccontextmanager
    async def session(self, operation: Operation) -> AsyncIterator[Session]:
        """A session from the pool of the running loop, which is opened on first use."""
        pool = await pools.acquire(self.backend, self.config, owner=self)
        async with pool.session(operation) as session:
            yield session

    async def close(self) -> None:
        """Give the pools back on every loop; a pool that others hold too stays open."""
        await pools.release(owner=self)
