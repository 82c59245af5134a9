from collections.abc import AsyncIterator

import pytest_asyncio

from dk_notebook.backends.duckdb import BACKEND
from dk_notebook.backends.duckdb.config import DuckDBConfig
from dk_notebook.testing.place import Place


@pytest_asyncio.fixture
async def place(tmp_path) -> AsyncIterator[Place]:
    """A database file of the test's own, with one table name."""
    backend = await BACKEND.open(DuckDBConfig(path=str(tmp_path / "shop.duckdb")))
    yield Place(backend)
    await backend.close()
