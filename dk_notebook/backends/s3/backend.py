"""An S3 store and the sessions on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Self

from dk_notebook.backends.base import Backend, BackendConfig
from dk_notebook.backends.s3.config import S3Config
from dk_notebook.backends.s3.connections.store import Store
from dk_notebook.backends.s3.place import S3Place
from dk_notebook.backends.s3.session import S3Session
from dk_notebook.errors import ConnectionFailed
from dk_notebook.runtime.leases import PoolStatus
from dk_notebook.runtime.operations import Operation
from dk_notebook.runtime.tasks import ended


class S3Backend(Backend):
    """The store that an `S3Config` describes.

    A session takes no place in the pool: each of its requests does, so that one operation may have many.
    """

    name: ClassVar[str] = "s3"
    config_class: ClassVar[type[BackendConfig]] = S3Config
    place_class: ClassVar[type[Any]] = S3Place

    def __init__(self, store: Store) -> None:
        self._store = store
        self._sessions: dict[S3Session, asyncio.Task[object] | None] = {}

    @classmethod
    async def open(cls, config: S3Config) -> Self:
        """Connect and check at once: ConnectionFailed names the store and whose key it was; NotFound the bucket."""
        store = Store(config)
        await store.open()
        return cls(store)

    async def close(self) -> None:
        """Cancel the sessions that still run, and close all connections."""
        if self._store.closed:
            return
        await ended(self._sessions.values())
        await self._store.close()

    def terminate(self) -> None:
        """Leave all connections without waiting."""
        self._store.terminate()

    @asynccontextmanager
    async def session(self, operation: Operation) -> AsyncIterator[S3Session]:
        """The store for the time of the block."""
        if self._store.closed:
            raise ConnectionFailed(f"the connection to {self._store.config.location} was closed")
        session = S3Session(operation, self._store)
        self._sessions[session] = asyncio.current_task()
        try:
            with operation.abortable(session.cut):
                try:
                    yield session
                finally:
                    await session.finish()
        finally:
            del self._sessions[session]

    def status(self) -> PoolStatus:
        """The figures of the pool."""
        return self._store.status()
