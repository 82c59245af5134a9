"""Plain aioboto3, one client, as many requests at once as the pool of ours has: settings as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import aioboto3
from botocore.config import Config
from records import tasks
from served import serve

settings = json.loads(sys.argv[1])
bucket, prefix = settings.pop("bucket"), settings.pop("prefix")
size = settings.pop("pool")["max_size"]
endpoint = settings.pop("endpoint_url")

runner = asyncio.Runner()
keys: list[str] = []
"""Of the records that were stored last."""


async def opened() -> Any:
    made = aioboto3.Session(**settings).client("s3", endpoint_url=endpoint, config=Config(max_pool_connections=size))
    return made, await made.__aenter__()


manager, client = runner.run(opened())


def named(key: str) -> str:
    return f"{prefix}/{key}.json"


async def create(record: tuple[str, dict[str, Any]]) -> None:
    body = json.dumps(record[1]).encode()
    await client.put_object(Bucket=bucket, Key=named(record[0]), Body=body, ContentType="application/json")


async def read(key: str) -> Any:
    answer = await client.get_object(Bucket=bucket, Key=named(key))
    return json.loads(await answer["Body"].read())


async def create_batch(records: Sequence[tuple[str, dict[str, Any]]]) -> None:
    await at_once(create, records)
    keys[:] = [key for key, _ in records]


async def search() -> list[Any]:
    return await at_once(read, keys)


async def at_once(verb: Callable[[Any], Awaitable[Any]], items: Iterable[Any]) -> list[Any]:
    places = asyncio.Semaphore(size)

    async def one(item: Any) -> Any:
        async with places:
            return await verb(item)

    return await asyncio.gather(*map(one, items))


serve(
    tasks(
        runner,
        lambda key, data: (key, data),
        create=create,
        create_batch=create_batch,
        read=read,
        search=search,
    )
)

runner.run(manager.__aexit__(None, None, None))
