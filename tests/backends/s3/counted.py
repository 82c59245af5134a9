"""A bucket that counts what is asked of it, and says beforehand."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from typing import Any

from dk_notebook.backends.s3.objects import Buffer, Entry, Fetched, Objects, Page


class CountedObjects:
    """A real one, whose requests are counted; ``after`` is awaited after each listed page."""

    def __init__(self, objects: Objects) -> None:
        self.bucket = objects.bucket
        self.asked: Counter[str] = Counter()
        self.under_way = self.most_under_way = 0
        self.after: Callable[[Page], Awaitable[None]] | None = None
        self.pages: Callable[[Page], Iterable[Page]] = lambda page: [page]
        """What becomes of a page on its way."""
        self._objects = objects

    async def get(self, key: str) -> Fetched:
        return await self._counted("get", self._objects.get(key))

    async def get_ranges(self, key: str, ranges: Sequence[tuple[int, int]], *, etag: str) -> list[Buffer]:
        return await self._counted("get_ranges", self._objects.get_ranges(key, ranges, etag=etag))

    async def put(self, key: str, data: Buffer, **how: Any) -> str:
        return await self._counted("put", self._objects.put(key, data, **how))

    async def head(self, key: str) -> Entry:
        return await self._counted("head", self._objects.head(key))

    async def delete(self, keys: Sequence[str]) -> None:
        self.asked["delete"] += len(keys)
        await self._objects.delete(keys)

    async def list(self, prefix: str, *, after: str = "", by_folder: bool = False) -> AsyncGenerator[Page, None]:
        async with aclosing(self._objects.list(prefix, after=after, by_folder=by_folder)) as pages:
            async for page in pages:
                self.asked["list"] += 1
                if self.after is not None:
                    await self.after(page)
                for each in self.pages(page):
                    yield each

    async def _counted(self, what: str, answer: Awaitable[Any]) -> Any:
        self.asked[what] += 1
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            return await answer
        finally:
            self.under_way -= 1
