"""Records that all contenders store, and what is measured of each: the same tasks on functions of its own."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

Verb = Callable[[Any], Awaitable[Any]]


def data(number: int) -> dict[str, Any]:
    """About 100 bytes."""
    return {"n": number, "name": f"person {number}", "score": number / 7, "active": number % 2 == 0, "city": "Oslo"}


def tasks(
    runner: asyncio.Runner,
    made: Callable[[str, dict[str, Any]], Any],
    *,
    create: Verb,
    create_batch: Verb,
    read: Verb,
    search: Callable[[], Awaitable[Sequence[Any]]],
    create_pooled: Verb | None = None,
    read_pooled: Verb | None = None,
    find: Callable[[int], Awaitable[Sequence[Any]]] | None = None,
) -> Mapping[str, Callable[..., object]]:
    """Tasks for `serve`.

    ``made``: what the package takes as a record; ``create_pooled``, ``read_pooled``: where those are others;
    ``find``: those with a number.
    """
    kept: list[tuple[str, Any]] = []
    last: list[int] = []

    def prepare(count: int, first: int = 0) -> int:
        """Not measured: records with new ids."""
        numbers = range(first, first + count)
        keys = [str(uuid.uuid4()) for _ in numbers]
        kept[:] = [(key, made(key, data(number))) for key, number in zip(keys, numbers, strict=True)]
        last[:] = numbers[-1:]
        return count

    async def each(verb: Verb, items: Sequence[Any]) -> int:
        for item in items:
            await verb(item)
        return len(items)

    async def at_once(verb: Verb, items: Sequence[Any]) -> int:
        return len(await asyncio.gather(*(verb(item) for item in items)))

    async def found() -> int:
        return len(await search())

    async def batch(items: Sequence[Any]) -> int:
        await create_batch(items)
        return len(items)

    async def batch_and_find(items: Sequence[Any]) -> int:
        assert find is not None
        await create_batch(items)
        [number] = last
        if len(await find(number)) != 1:
            raise ValueError(f"a search does not find record {number}, which was stored before")
        return len(items)

    return {
        "prepare": prepare,
        "create": lambda: runner.run(each(create, [record for _, record in kept])),
        "read": lambda: runner.run(each(read, [key for key, _ in kept])),
        "create_batch": lambda: runner.run(batch([record for _, record in kept])),
        "create_pooled": lambda: runner.run(each(create_pooled or create, [record for _, record in kept])),
        "read_pooled": lambda: runner.run(each(read_pooled or read, [key for key, _ in kept])),
        "create_batch_and_find": lambda: runner.run(batch_and_find([record for _, record in kept])),
        "gather": lambda: runner.run(at_once(create_pooled or create, [record for _, record in kept])),
        "search": lambda: runner.run(found()),
    }
