from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from dk_notebook.backends.postgres.config import PostgresConfig
from dk_notebook.config.settings import build
from dk_notebook.testing.services.postgres import PostgresAddress
from tests.services.proxy import FaultProxy


def settings(url: str, **keywords: Any) -> PostgresConfig:
    """The settings of a URL, under keywords."""
    return build(PostgresConfig, [("keyword", keywords), ("URL", PostgresConfig.from_url(url))])


@pytest.fixture
def config(postgres_database: str) -> PostgresConfig:
    """A database of the module's own."""
    return settings(postgres_database)


@pytest_asyncio.fixture
async def admin(postgres_database: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection beside the pool, which looks at what the pool does."""
    connection = await asyncpg.connect(postgres_database)
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def schema(admin: asyncpg.Connection) -> AsyncIterator[str]:
    """A schema of the test's own."""
    name = f"s_{uuid.uuid4().hex[:12]}"
    await admin.execute(f"create schema {name}")
    yield name
    await admin.execute(f"drop schema {name} cascade")


@pytest_asyncio.fixture
async def connection(postgres_database: str, schema: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection that finds and makes tables in that schema."""
    connection = await asyncpg.connect(postgres_database, server_settings={"search_path": schema})
    yield connection
    await connection.close()


@pytest.fixture
def proxy(postgres_server: PostgresAddress) -> Iterator[FaultProxy]:
    """A way to the server on which things go wrong."""
    with FaultProxy(postgres_server) as running:
        yield running


@pytest.fixture
def proxied(proxy: FaultProxy, postgres_database: str) -> str:
    """The module's database, by way of the proxy."""
    return proxy.url_of(postgres_database.rpartition("/")[2])
