"""A client of a scripted node, for answers that the tests' own node has no modules for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.backends.elasticsearch.connections.cluster import Cluster
from dk_notebook.runtime.operations import Operation
from tests.backends.elasticsearch.conftest import settings
from tests.services.scripted_elasticsearch import ScriptedElasticsearch


@asynccontextmanager
async def client_of(node: ScriptedElasticsearch) -> AsyncIterator[Client]:
    """What a session asks the node with."""
    cluster = Cluster(settings(node.url))
    await cluster.open()
    try:
        with Operation("a test") as operation:
            async with cluster.leases.lease(operation):
                yield Client(cluster, operation)
    finally:
        await cluster.close()
