"""The documents below a prefix of a bucket: one by its id, and all by their keys."""

from __future__ import annotations

import heapq
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, NamedTuple

from dk_notebook.backends.s3.flow import flow
from dk_notebook.backends.s3.objects import Objects
from dk_notebook.backends.s3.records.body import decoded
from dk_notebook.backends.s3.records.keys import Keys, can_be, is_doubtful, settled_at
from dk_notebook.errors import NotFound, QueryError
from dk_notebook.records.document import Document
from dk_notebook.runtime.workers import in_worker

WORTH_A_WORKER: Final = 1 << 16
"""Bytes of a document from which on it is parsed in a worker thread."""
MOST: Final = 250
"""Documents that are read as one list."""
LARGEST: Final = 4 << 20
"""Bytes of them at most; a larger document is a list of its own."""
NO_BUCKET: Final = "NoSuchBucket"


class Listed(NamedTuple):
    """A document that a listing shows."""

    id: str
    key: str
    size: int
    """Bytes."""


@dataclass(slots=True)
class Folder:
    """Where documents lie, for one operation."""

    objects: Objects
    keys: Keys
    at_once: int
    """Requests."""
    bucket_is_there: bool = False
    """Whether that is known."""
    seen: Callable[[int], None] = lambda _documents: None
    """Is told how many documents were read or written."""

    # --- one --------------------------------------------------------------------------------------------------------

    async def read(self, id: str) -> Document | None:  # noqa: A002 (the word of the layout)
        """A document with its version; None if there is none. NotFound: there is no such bucket."""
        if not can_be(id) or (is_doubtful(id) and await self.version(id) is None):
            return None
        return await self._read(Listed(id, self.keys.key(id), 0))

    async def version(self, id: str) -> str | None:  # noqa: A002 (the word of the layout)
        """The version of a document; None if there is none. NotFound: there is no such bucket."""
        if not can_be(id):
            return None
        key = self.keys.key(id)
        if is_doubtful(id):
            return await self._listed_version(key)
        try:
            return (await self.objects.head(key)).etag
        except NotFound:
            await self._check_bucket(key)
            return None

    async def _listed_version(self, key: str) -> str | None:
        """The version of an object that a listing shows under this very key."""
        async with aclosing(self.objects.list(key)) as pages:
            async for page in pages:
                return page.entries[0].etag if page.entries and page.entries[0].key == key else None
        return None

    async def _check_bucket(self, key: str) -> None:
        """NotFound: there is no such bucket. The answer to a look has no body that tells it; this one has."""
        if not self.bucket_is_there:
            try:
                await self.objects.get(key)
            except NotFound as error:
                if error.code == NO_BUCKET:
                    raise
            self.bucket_is_there = True

    # --- all --------------------------------------------------------------------------------------------------------

    async def listed(self) -> AsyncGenerator[list[Listed], None]:
        """All, by their keys, page by page."""
        async with aclosing(self.objects.list(self.keys.prefix)) as pages:
            async for page in pages:
                found = [
                    Listed(id, entry.key, entry.size)
                    for entry in page.entries
                    if (id := self.keys.id(entry.key)) is not None  # noqa: A001 (the word of the layout)
                ]
                if found:
                    yield found

    async def listed_by_id(self) -> AsyncGenerator[list[Listed], None]:
        """All, by their ids, as soon as no smaller one can come; in the end where the store lists in no order."""
        waiting: list[Listed] = []
        last, in_order, begun = "", True, False
        async with aclosing(self.listed()) as pages:
            async for page in pages:
                for each in page:
                    heapq.heappush(waiting, each)
                    in_order = in_order and last < each.key
                    last = each.key
                if not in_order:
                    if begun:
                        raise QueryError("the store lists its keys in no order", hint="sort by a field")
                    continue
                settled = []
                while waiting and f"{self.keys.prefix}{settled_at(waiting[0].id)}" <= last:
                    settled.append(heapq.heappop(waiting))
                if settled:
                    begun = True
                    yield settled
        if waiting:
            yield sorted(waiting)

    async def read_all(
        self, listed: AsyncGenerator[Sequence[Listed], None], *, first: int = MOST
    ) -> AsyncGenerator[list[Document], None]:
        """The documents of a listing in its order, without those that are gone by now.

        ``first``: how many are read at first, where the reader may soon have enough; then ever more.
        """
        async with aclosing(flow(_portions(listed, first), self._read, at_once=self.at_once)) as portions:
            async for portion in portions:
                self.seen(len(portion))
                yield [each for each in portion if each is not None]

    async def _read(self, listed: Listed) -> Document | None:
        id, key, _ = listed  # noqa: A001 (the word of the layout)
        try:
            found = await self.objects.get(key)
        except NotFound as error:
            if error.code == NO_BUCKET:
                raise
            return None
        body = bytes(found.data)
        if len(body) < WORTH_A_WORKER:
            return decoded(id, body, found.etag, key=key)
        return await in_worker(lambda: decoded(id, body, found.etag, key=key))


async def _portions(
    listed: AsyncGenerator[Sequence[Listed], None], first: int
) -> AsyncGenerator[Sequence[Listed], None]:
    """The same in lists that fit into memory, several at a time."""
    limit = min(first, MOST)
    portion: list[Listed] = []
    size = 0
    async with aclosing(listed):
        async for page in listed:
            for each in page:
                if portion and (len(portion) >= limit or size + each.size > LARGEST):
                    yield portion
                    portion, size, limit = [], 0, min(2 * limit, MOST)
                portion.append(each)
                size += each.size
    if portion:
        yield portion
