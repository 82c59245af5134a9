"""A connection to a DuckDB file of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import dk_notebook as dk


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[dk.Connection]:
    with dk.connect(f"duckdb:///{tmp_path / 'shop.duckdb'}", name="shop", replace=True) as connection:
        yield connection
    dk.close()


@pytest.fixture(scope="module")
def pg_connection(postgres_database: str) -> Iterator[dk.Connection]:
    with dk.connect(postgres_database, name="pg", replace=True) as connection:
        yield connection


@pytest.fixture
def pg(pg_connection: dk.Connection) -> dk.Connection:
    """An empty PostgreSQL database, on a connection called pg."""
    pg_connection.execute("drop schema public cascade; create schema public")
    return pg_connection
