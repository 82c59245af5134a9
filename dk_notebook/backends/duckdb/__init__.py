"""DuckDB: the embedded default store."""

from dk_notebook.backends.duckdb.backend import DuckDBBackend

BACKEND = DuckDBBackend

__all__ = ["BACKEND"]
