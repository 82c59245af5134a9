"""A store as the functions above see it: a backend's class, its settings, and the pool of the running loop."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import TracebackType

from dk_notebook.backends.base import Backend, BackendConfig, Session
from dk_notebook.runtime import pools
from dk_notebook.runtime.operations import Operation


@dataclass(frozen=True, eq=False)
class Store:
    """Settings of one store, and the way to a session on it. Holds no connection itself: `runtime.pools` does."""

    backend: type[Backend]
    config: BackendConfig

    def session(self, operation: Operation) -> AbstractAsyncContextManager[Session]:
        """A session from the pool of the running loop, which is opened on first use."""
        return Leased(self, operation)

    def session_at_hand(self, operation: Operation) -> AbstractAsyncContextManager[Session] | None:
        """A session from the pool of the running loop, if that is open already; None: it is not."""
        pool: Backend | None = pools.at_hand(self.backend, self.config)
        return None if pool is None else pool.session(operation)

    async def close(self) -> None:
        """Give the pools back on every loop; a pool that others hold too stays open."""
        await pools.release(owner=self)


class Leased:
    """A session of a store, for the time of the block."""

    __slots__ = ("_operation", "_session", "_store")

    def __init__(self, store: Store, operation: Operation) -> None:
        self._store = store
        self._operation = operation

    async def __aenter__(self) -> Session:
        store, parts = self._store, self._operation.parts
        parts.turn("pool")
        pool: Backend | None = pools.owned(store.backend, store.config, owner=store)
        if pool is None:
            pool = await pools.acquire(store.backend, store.config, owner=store)
        self._session = pool.session(self._operation)
        session = await self._session.__aenter__()
        parts.turn("server")
        return session

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._operation.parts.turn(None)
        return await self._session.__aexit__(kind, error, trace)
