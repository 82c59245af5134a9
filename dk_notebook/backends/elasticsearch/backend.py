"""An Elasticsearch cluster and the sessions on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Self

from dk_notebook.backends.base import Backend, BackendConfig
from dk_notebook.backends.elasticsearch.config import ElasticsearchConfig
from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.backends.elasticsearch.connections.cluster import Cluster
from dk_notebook.backends.elasticsearch.esql.parameters import parse
from dk_notebook.backends.elasticsearch.place import ElasticsearchPlace
from dk_notebook.backends.elasticsearch.session import ElasticsearchSession
from dk_notebook.backends.sql.parameters import Statement
from dk_notebook.errors import ConnectionFailed
from dk_notebook.runtime.leases import PoolStatus
from dk_notebook.runtime.operations import Operation
from dk_notebook.runtime.tasks import ended


class ElasticsearchBackend(Backend):
    """The cluster that an `ElasticsearchConfig` describes."""

    name: ClassVar[str] = "elasticsearch"
    config_class: ClassVar[type[BackendConfig]] = ElasticsearchConfig
    place_class: ClassVar[type[Any]] = ElasticsearchPlace
    names_arrays: ClassVar[bool] = True

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._sessions: dict[ElasticsearchSession, asyncio.Task[object] | None] = {}

    @classmethod
    async def open(cls, config: ElasticsearchConfig) -> Self:
        """Connect and check at once: ConnectionFailed names the nodes and the user."""
        cluster = Cluster(config)
        await cluster.open()
        return cls(cluster)

    async def close(self) -> None:
        """Cancel the sessions that still run, and close all connections."""
        if self._cluster.closed:
            return
        await ended(self._sessions.values())
        await self._cluster.close()

    def terminate(self) -> None:
        """Cut all connections without waiting."""
        self._cluster.terminate()

    @asynccontextmanager
    async def session(self, operation: Operation) -> AsyncIterator[ElasticsearchSession]:
        """A lease for the time of the block."""
        async with self._cluster.leases.lease(operation):
            if self._cluster.closed:
                raise ConnectionFailed(f"the connection to {self._cluster.config.location} was closed")
            session = ElasticsearchSession(operation, Client(self._cluster, operation))
            self._sessions[session] = asyncio.current_task()
            try:
                with operation.abortable(session.client.cut):
                    try:
                        yield session
                    finally:
                        await session.finish()
            finally:
                del self._sessions[session]

    @staticmethod
    def parsed(text: str) -> Statement:
        """ES|QL and its parameters; see `sql.parameters.Spoken`."""
        return parse(text)

    def status(self) -> PoolStatus:
        """The figures of the pool."""
        return self._cluster.status()

    def server(self) -> str | None:
        """Elasticsearch and the version of the first node that answered; None: the user may not ask."""
        version = ".".join(map(str, self._cluster.server.version))
        return f"Elasticsearch {version}" if version else None
