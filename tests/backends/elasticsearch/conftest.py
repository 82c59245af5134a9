from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from dk_notebook.backends.elasticsearch.config import ElasticsearchConfig
from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.backends.elasticsearch.connections.cluster import Cluster
from dk_notebook.config.settings import build
from dk_notebook.runtime.operations import Operation


def settings(url: str, **keywords: Any) -> ElasticsearchConfig:
    """The settings of a URL, under keywords."""
    return build(ElasticsearchConfig, [("keyword", keywords), ("URL", ElasticsearchConfig.from_url(url))])


def endless() -> dict[str, Any]:
    """ES|QL that takes hours, without data: ten billion rows."""
    columns = [f"a{number}" for number in range(10)]
    rows = ", ".join(f"{column} = [0,1,2,3,4,5,6,7,8,9]" for column in columns)
    return {"query": f"ROW {rows} {' '.join(f'| MV_EXPAND {column}' for column in columns)} | STATS n = COUNT(*)"}


@pytest.fixture
def config(elasticsearch_url: str) -> ElasticsearchConfig:
    return settings(elasticsearch_url)


@pytest_asyncio.fixture
async def cluster(config: ElasticsearchConfig) -> AsyncIterator[Cluster]:
    """An open cluster."""
    opened = Cluster(config)
    await opened.open()
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def client(cluster: Cluster) -> AsyncIterator[Client]:
    """What a session asks with, under an operation of its own."""
    with Operation("a test") as operation:
        async with cluster.leases.lease(operation):
            yield Client(cluster, operation)
