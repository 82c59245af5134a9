"""dataknobs-data's records: the backend, and its settings as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable
from typing import Any

from dataknobs_data import AsyncDatabase, Operator, Query, Record
from records import tasks
from served import serve

MOST = 5_000
"""Its create_batch takes three parameters of one SQL statement a record, of which there may be 32,767."""


async def opened() -> Any:
    database = await AsyncDatabase.from_backend(sys.argv[1], json.loads(sys.argv[2]))
    await database.connect()
    return database


runner = asyncio.Runner()
db = runner.run(opened())


async def create_batch(records: list[Any]) -> None:
    for start in range(0, len(records), MOST):
        await db.create_batch(records[start : start + MOST])


def equal(field: str, value: object) -> Awaitable[Any]:
    found: Awaitable[Any] = db.search(Query().filter(field, Operator.EQ, value))
    return found


serve(
    tasks(
        runner,
        lambda key, data: Record(data, storage_id=key),
        create=db.create,
        create_batch=create_batch,
        read=db.read,
        search=lambda: equal("city", "Oslo"),
        find=lambda number: equal("n", number),
    )
)

runner.close()  # or it complains of tasks that it left
