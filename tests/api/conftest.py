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
