"""The records API on S3, for programs that make a database first and open it later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dk_notebook.database.aio import AsyncDatabase


class AsyncS3Database(AsyncDatabase):
    """`AsyncDatabase` on S3: ``db = AsyncS3Database(config)``, then ``await db.connect()``."""

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        super().__init__("s3", config)
