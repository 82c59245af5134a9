"""The records API on PostgreSQL, for programs that make a database first and open it later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dk_notebook.database.aio import AsyncDatabase


class AsyncPostgresDatabase(AsyncDatabase):
    """`AsyncDatabase` on PostgreSQL: ``db = AsyncPostgresDatabase(config)``, then ``await db.connect()``."""

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        super().__init__("postgres", config)
