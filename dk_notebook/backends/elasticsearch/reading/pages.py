"""All hits of a search, page by page, as of one point in time.

The first page tells how many there are and how large they are. The rest comes in slices that are read side by side, or
one page after the other where the order matters. What was opened on the server is closed at the end, whatever that is.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import orjson

from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.backends.elasticsearch.point_in_time import PointInTime
from dk_notebook.backends.elasticsearch.reading.fetch import Fetch
from dk_notebook.backends.elasticsearch.reading.hits import last_sort
from dk_notebook.errors import ConnectionFailed, QueryError

T = TypeVar("T")

LARGEST: Final = 10_000
"""Hits a page: the server's own limit (``index.max_result_window``) unless somebody has changed it."""
FIRST: Final = 100
"""Hits of the first page, when nobody knows how large they are."""
GROWTH: Final = 10
"""How many times as many the next page has at most."""
PAGE_BYTES: Final = 8_000_000
"""About how large a page may become."""
SLICES: Final = 4
"""Pages under way at the same time, at most."""
AHEAD: Final = 2
"""Pages a slice that are read or waiting while nobody takes them."""
USED_EVERY: Final = 60.0
"""Seconds after which the point in time is used where nobody takes a page: less than the server remembers it."""

_GONE: Final = frozenset({"search_context_missing_exception"})
_TOO_MUCH: Final = frozenset({"circuit_breaking_exception"})


@dataclass(frozen=True, kw_only=True)
class Search:
    """What is asked for, at no particular page."""

    index: str
    body: Mapping[str, Any]
    """What is in each request, beside what is fetched: the query."""
    sort: tuple[Any, ...] = ()
    """In which order; none: any, which is faster."""
    limit: int | None = None
    """Hits at most."""
    page_rows: int = LARGEST
    slices: int | None = None
    """How many pages are read side by side; None: as many as is good here."""
    once: bool = False
    """Whether it is one page of ``limit`` hits and no more, in an order of the body's own."""


@dataclass(frozen=True)
class Page:
    """Some hits, and how they were asked for."""

    body: bytes
    request: Mapping[str, Any]
    """Which hits they are: the place, the size."""
    fetch: Fetch
    """What each of them has."""

    @property
    def size(self) -> int:
        """How many hits were asked for."""
        return int(self.request["size"])


class Pages:
    """The pages of a `Search`. Open, then read; `close` at the end."""

    def __init__(self, client: Client, search: Search, fetch: Fetch) -> None:
        self._client = client
        self._search = search
        self.fetch = fetch
        """What the pages to come have of each hit."""
        self._point = PointInTime(client, search.index)
        # A single answer has them all; where that is too much, the server says so.
        self._size = (search.limit or 0) if search.once else min(FIRST, search.page_rows)
        self._asked_for = 0
        self.first = Page(b"", {"size": 0}, fetch)
        """The first page, once they are open."""
        self.total = 0
        """How many hits there are, at most as many as wanted."""

    async def open(self) -> None:
        """Open the point in time and get the first page.

        NotFound, QueryError, ConnectionFailed. Once more where the server has forgotten the point in time, as after a
        restart: nobody has seen a row yet.
        """
        for attempt in range(2):
            try:
                await self._open()
            except BaseException as error:
                await self.close()
                if attempt or not (isinstance(error, QueryError) and error.code in _GONE):
                    raise
            else:
                return

    async def _open(self) -> None:
        await self._point.open()
        limit = self._search.limit
        size = self._size if limit is None else min(self._size, limit)
        self.first = await self._page({"size": size, "track_total_hits": True})
        total = _total(self.first.body)
        self.total = total if limit is None else min(total, limit)
        self._asked_for = self.first.size
        if self.total:
            self._grow(len(self.first.body) / min(self.first.size, total))

    async def close(self) -> None:
        """Close the point in time."""
        await self._point.close()

    async def again(self, page: Page, fetch: Fetch) -> Page:
        """The same hits once more, with something else of each."""
        return Page(await self._asked(page.request, fetch), page.request, fetch)

    # --- one page after the other -----------------------------------------------------------------------------------

    async def read(self, parsed: Callable[[Page], Awaitable[T]]) -> AsyncGenerator[T, None]:
        """What ``parsed`` makes of each page, the next ones being read meanwhile; in order only where it is sorted."""
        page = self.first
        if not self.total:
            return
        if self.total <= page.size or self._search.once:
            yield await parsed(page)
            return
        reading = _Reading(self, parsed, page)
        try:
            async for made in reading.results():
                yield made
        finally:
            await reading.end()

    def slices(self) -> int:
        """How many slices are read side by side."""
        pages = -(-(self.total - self.first.size) // self._size)
        if self._search.sort or pages < 2:
            return 1
        return max(1, min(self._client.width, self._search.slices or min(SLICES, os.cpu_count() or 1), pages))

    async def after(self, last: list[Any], part: Mapping[str, Any]) -> Page | None:
        """The page after a hit, or None where no hit follows. ``part``: the slice."""
        left = self.total - self._asked_for
        if left <= 0 and not part:
            return None
        # Of a slice nobody knows how many are left in it.
        size = min(self._size, left) if left > 0 else self._size
        page = await self._page({"size": size, "search_after": last, "track_total_hits": False, **part})
        self._asked_for += page.size
        return page if last_sort(page.body) is not None else None

    async def use(self) -> None:
        """Use the point in time, so that the server does not forget it."""
        await self._asked({"size": 0, "track_total_hits": False}, Fetch(body={}, paths=()))

    async def _page(self, request: Mapping[str, Any]) -> Page:
        size, fetch = int(request["size"]), self.fetch
        while True:
            sized = {**request, "size": size}
            if not self._search.once:
                sized["sort"] = [*self._search.sort, "_shard_doc"]
            try:
                body = await self._asked(sized, fetch)
            except QueryError as error:
                if error.code not in _TOO_MUCH or size <= 1:
                    raise
                # Documents larger than the ones before.
                size = self._size = max(1, size // GROWTH)
                continue
            if "search_after" in request:
                self._grow(len(body) / size)
            return Page(body, sized, fetch)

    def _grow(self, bytes_a_hit: float) -> None:
        fits = int(PAGE_BYTES / max(bytes_a_hit, 1))
        self._size = max(1, min(fits, self._size * GROWTH, self._search.page_rows))

    async def _asked(self, request: Mapping[str, Any], fetch: Fetch) -> bytes:
        answer = await self._client.raw(
            "POST",
            "/_search",
            params={
                "allow_partial_search_results": False,
                "filter_path": ["pit_id", "hits.total", *fetch.paths],
            },
            body={
                **self._search.body,
                **fetch.body,
                **request,
                **self._point.part,
            },
            repeatable=True,
        )
        self._point.heard(_point_of(answer.body))
        return answer.body


class _Reading:
    """The pages after the first one, under way."""

    def __init__(self, pages: Pages, parsed: Callable[[Page], Awaitable[Any]], first: Page) -> None:
        self._pages = pages
        self._parsed = parsed
        self._first = first
        self._made: asyncio.Queue[asyncio.Task[Any] | BaseException | None] = asyncio.Queue()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._room = asyncio.Semaphore(0)
        self._ending = False

    async def results(self) -> AsyncGenerator[Any, None]:
        """What is made of each page."""
        slices = self._pages.slices()
        for _ in range(AHEAD * slices):
            self._room.release()
        last = last_sort(self._first.body) or []
        self._begin_parsing(self._first)
        for number in range(slices):
            part = {"slice": {"id": number, "max": slices}} if slices > 1 else {}
            self._begin(self._slice(last, part))
        running = slices
        while running or not self._made.empty():
            made = await self._made.get()
            if made is None:
                running -= 1
            elif isinstance(made, BaseException):
                raise made
            else:
                yield await _result(made)
                self._tasks.discard(made)
                self._room.release()

    async def _slice(self, last: list[Any], part: Mapping[str, Any]) -> None:
        try:
            while True:
                await self._wait_for_room()
                page = await self._pages.after(last, part)
                if page is None:
                    break
                self._begin_parsing(page)
                last = last_sort(page.body) or last
        except asyncio.CancelledError:
            if self._ending:
                raise
            # Cut off from outside, while the one who waits for pages was not.
            self._made.put_nowait(ConnectionFailed("the connections were cut while pages were read"))
        except Exception as error:  # noqa: BLE001 (raised where the pages are taken)
            self._made.put_nowait(error)
        else:
            self._made.put_nowait(None)

    async def _wait_for_room(self) -> None:
        while True:
            try:
                async with asyncio.timeout(USED_EVERY):
                    await self._room.acquire()
            except TimeoutError:
                await self._pages.use()
            else:
                return

    def _begin_parsing(self, page: Page) -> None:
        self._made.put_nowait(self._begin(self._parsed(page)))

    def _begin(self, work: Awaitable[Any]) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.ensure_future(work)
        self._tasks.add(task)
        return task

    async def end(self) -> None:
        """Stop what is under way."""
        self._ending = True
        running = [task for task in self._tasks if not task.done()]
        for task in running:
            task.cancel()
        # Errors of those that nobody waits for any more are nobody's.
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()


async def _result(task: asyncio.Task[Any]) -> Any:
    try:
        return await task
    except asyncio.CancelledError:
        own = asyncio.current_task()
        if task.cancelled() and own is not None and not own.cancelling():
            raise ConnectionFailed("the connections were cut while pages were read") from None
        raise


def _head(body: bytes) -> bytes:
    """What stands before the hits."""
    place = body.find(b'"hits":[')
    return body if place < 0 else body[:place]


def _total(body: bytes) -> int:
    """How many hits the search has, as the page says."""
    head = _head(body)
    place = head.find(b'"total":{"value":')
    if place < 0:
        return 0
    return int(head[place + 17 :].partition(b",")[0].partition(b"}")[0])


def _point_of(body: bytes) -> str | None:
    head = _head(body)
    place = head.find(b'"pit_id":')
    if place < 0:
        return None
    return str(orjson.loads(head[place + 9 : head.index(b'"', place + 10) + 1]))
