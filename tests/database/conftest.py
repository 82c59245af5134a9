"""The records API on every store: a store is one name in `STORES`."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from dk_notebook import AsyncDatabase, Database
from dk_notebook.testing.services.postgres import PostgresAddress
from tests.services.elasticsearch_address import ElasticsearchAddress

Settings = dict[str, Any]


@pytest.fixture
def duckdb(tmp_path: Path) -> Settings:
    return {"path": str(tmp_path / "shop.duckdb")}


@pytest.fixture
def postgres(postgres_server: PostgresAddress) -> Iterator[Settings]:
    """A database of the test's own."""
    name = f"dk_test_{uuid.uuid4().hex[:12]}"
    postgres_server.psql(f"create database {name}")
    yield {
        "host": postgres_server.host,
        "port": postgres_server.port,
        "user": postgres_server.user,
        "password": postgres_server.password,
        "database": name,
    }
    postgres_server.psql(f"drop database {name} with (force)")


@pytest.fixture
def elasticsearch(elasticsearch_node: ElasticsearchAddress, elasticsearch_index: str) -> Settings:
    return {"hosts": [elasticsearch_node.http], "table": elasticsearch_index}


STORES = ("duckdb", "postgres", "elasticsearch")
"""Backends, each with a fixture of that name: the settings of a store of the test's own."""


WITHOUT_TRANSACTIONS = ("elasticsearch",)


def on(*stores: str) -> pytest.MarkDecorator:
    """For tests of what only these have."""
    marked = [pytest.param(name, marks=getattr(pytest.mark, name)) for name in stores]
    return pytest.mark.parametrize("backend", marked, indirect=True)


with_transactions = on(*(name for name in STORES if name not in WITHOUT_TRANSACTIONS))


@pytest.fixture(params=[pytest.param(name, marks=getattr(pytest.mark, name)) for name in STORES])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def tables(settings: Settings) -> tuple[str, str]:
    """Two places for records that are not there yet, and are gone after the test."""
    beginning = f"{settings['table']}-" if "table" in settings else ""
    return f"{beginning}these", f"{beginning}others"


@pytest.fixture
def settings(backend: str, request: pytest.FixtureRequest) -> Settings:
    found: Settings = request.getfixturevalue(backend)
    return found


@pytest_asyncio.fixture
async def db(backend: str, settings: Settings) -> AsyncIterator[AsyncDatabase]:
    async with await AsyncDatabase.create(backend, settings) as database:
        yield database


@pytest.fixture
def blocking_db(backend: str, settings: Settings) -> Iterator[Database]:
    with Database.create(backend, settings) as database:
        yield database
