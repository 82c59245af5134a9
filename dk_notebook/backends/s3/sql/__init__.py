"""SQL over datasets, run by DuckDB."""
