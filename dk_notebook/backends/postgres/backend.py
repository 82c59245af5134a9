"""A PostgreSQL server and its pool of connections."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from dk_notebook.backends.base import Backend, BackendConfig
from dk_notebook.backends.postgres.config import PostgresConfig
from dk_notebook.backends.postgres.connections.pool import Pool
from dk_notebook.backends.postgres.place import PostgresPlace
from dk_notebook.backends.postgres.session import PostgresSession
from dk_notebook.runtime.leases import PoolStatus
from dk_notebook.runtime.operations import Operation


class PostgresBackend(Backend):
    """The server that a `PostgresConfig` describes."""

    name: ClassVar[str] = "postgres"
    config_class: ClassVar[type[BackendConfig]] = PostgresConfig
    place_class: ClassVar[type[Any]] = PostgresPlace

    def __init__(self, config: PostgresConfig, pool: Pool) -> None:
        self._config = config
        self._pool = pool

    @classmethod
    async def open(cls, config: PostgresConfig) -> Self:
        """Connect and check at once: ConnectionFailed names host, port, database and user."""
        pool = Pool(config)
        await pool.open()
        return cls(config, pool)

    async def close(self) -> None:
        """Cancel the sessions that still run, and close all connections."""
        await self._pool.close()

    def terminate(self) -> None:
        """Cut all connections without waiting."""
        self._pool.terminate()

    def session(self, operation: Operation) -> PostgresSession:
        """A connection of the pool for the time of the block."""
        return PostgresSession(operation, self._pool, self._config)

    def status(self) -> PoolStatus:
        """The figures of the pool."""
        return self._pool.status()

    def server(self) -> str:
        """PostgreSQL and the version that the newest connection was told."""
        return f"PostgreSQL {self._pool.version}"
