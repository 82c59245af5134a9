"""PostgreSQL: asyncpg, with tables as binary COPY in both directions."""

from dk_notebook.backends.postgres.backend import PostgresBackend
from dk_notebook.backends.postgres.database import AsyncPostgresDatabase

BACKEND = PostgresBackend

__all__ = ["BACKEND", "AsyncPostgresDatabase", "PostgresBackend"]
