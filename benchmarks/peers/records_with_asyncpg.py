"""Plain asyncpg with the same statements: settings as JSON, and what is read of a record, as SQL.

One by one on a bare connection, together on a pool.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import asyncpg
from records import tasks
from served import serve

settings = json.loads(sys.argv[1])
table, size = settings.pop("table"), settings.pop("pool")["max_size"]
INSERT = f"INSERT INTO {table} (id, data, metadata) VALUES ($1, $2, $3)"
SELECT = f"SELECT {sys.argv[2]} FROM {table} WHERE "

runner = asyncio.Runner()
connection = runner.run(asyncpg.connect(**settings))
runner.run(
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {table} (id TEXT PRIMARY KEY, data JSONB NOT NULL, metadata JSONB, "
        "created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP)"
    )
)


async def pooled() -> Any:
    return await asyncpg.create_pool(**settings, min_size=1, max_size=size)


pool = runner.run(pooled())


async def create(record: tuple[str, dict[str, Any]]) -> None:
    await connection.execute(INSERT, record[0], json.dumps(record[1]), None)


async def create_pooled(record: tuple[str, dict[str, Any]]) -> None:
    async with pool.acquire() as one:
        await one.execute(INSERT, record[0], json.dumps(record[1]), None)


async def read_pooled(key: str) -> Any:
    async with pool.acquire() as one:
        row = await one.fetchrow(f"{SELECT} id = $1", key)
    return json.loads(row[1])


async def create_batch(records: list[tuple[str, dict[str, Any]]]) -> None:
    rows = [(key, json.dumps(data), None) for key, data in records]
    await connection.copy_records_to_table(table, records=rows, columns=["id", "data", "metadata"])


async def read(key: str) -> Any:
    row = await connection.fetchrow(f"{SELECT} id = $1", key)
    return json.loads(row[1])


async def search() -> list[Any]:
    rows = await connection.fetch(f"{SELECT} data ->> 'city' = $1", "Oslo")
    return [json.loads(row[1]) for row in rows]


serve(
    tasks(
        runner,
        lambda key, data: (key, data),
        create=create,
        create_batch=create_batch,
        read=read,
        search=search,
        create_pooled=create_pooled,
        read_pooled=read_pooled,
    )
)
