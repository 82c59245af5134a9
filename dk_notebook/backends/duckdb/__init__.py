"""DuckDB: the embedded default store."""

from dk_notebook.backends.duckdb.backend import DuckDBBackend
from dk_notebook.backends.duckdb.database import AsyncDuckDBDatabase

BACKEND = DuckDBBackend

__all__ = ["BACKEND", "AsyncDuckDBDatabase"]
