"""A store as the functions above see it: a backend's class, its settings, and the pool of the running loop."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from types import TracebackType

from dk_notebook.backends.base import Backend, BackendConfig, Session
from dk_notebook.errors import ConnectionFailed
from dk_notebook.runtime import pools
from dk_notebook.runtime.operations import Operation


class Store:
    """Settings of one store, and the way to a session on it. Holds no connection itself: `runtime.pools` does."""

    def __init__(self, backend: type[Backend], config: BackendConfig) -> None:
        self.backend = backend
        self.config = config
        self.closed = False
        """For ever: who is on the way to a session gets none."""

    async def open(self) -> Backend:
        """The pool of the running loop, opened if it is not. ConnectionFailed: it cannot be, or is closed."""
        pool: Backend | None = None
        if not self.closed:
            pool = await pools.acquire(self.backend, self.config, owner=self)
        # Looked at again now that the pool is known as ours: who closed meanwhile may have done it before that.
        if pool is None or self.closed:
            await self.give_back()
            raise ConnectionFailed(f"the connection to {self.config.location} was closed")
        return pool

    def session(self, operation: Operation) -> AbstractAsyncContextManager[Session]:
        """A session from the pool of the running loop, which is opened on first use."""
        return Leased(self, operation)

    def session_at_hand(self, operation: Operation) -> AbstractAsyncContextManager[Session] | None:
        """A session from the pool of the running loop, if that is open already; None: it is not."""
        pool: Backend | None = pools.at_hand(self.backend, self.config)
        return None if pool is None else pool.session(operation)

    async def close(self) -> None:
        """`give_back`, for ever."""
        self.closed = True
        await self.give_back()

    async def give_back(self) -> None:
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
            pool = await store.open()
        self._session = pool.session(self._operation)
        session = await self._session.__aenter__()
        parts.turn("server")
        return session

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._operation.parts.turn(None)
        return await self._session.__aexit__(kind, error, trace)
