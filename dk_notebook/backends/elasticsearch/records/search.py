"""Finding and counting documents: all that may match, and what Python says about them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, Final

from dk_notebook.backends.derive import Candidate, decided, wanted
from dk_notebook.backends.elasticsearch import names
from dk_notebook.backends.elasticsearch.conditions.clauses import NONE, Clause, both, neither
from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.backends.elasticsearch.reading.fetch import Fetch
from dk_notebook.backends.elasticsearch.reading.pages import LARGEST, Page, Pages, Search
from dk_notebook.backends.elasticsearch.records.freshness import refreshed
from dk_notebook.backends.elasticsearch.records.mapping import mappings
from dk_notebook.backends.elasticsearch.records.query import DocumentQuery
from dk_notebook.backends.elasticsearch.records.source import document
from dk_notebook.backends.exact_json import loads
from dk_notebook.records.document import Document
from dk_notebook.records.query import Query
from dk_notebook.runtime.workers import in_worker

WORTH_A_WORKER: Final = 1 << 16
"""Bytes of a page from which on it is parsed in a worker thread."""
FEW: Final = 100
"""Hits up to which one request is enough."""

_WHOLE: Final = Fetch(
    body={"seq_no_primary_term": True},
    paths=tuple(f"hits.hits.{each}" for each in ("_id", "_source", "_seq_no", "_primary_term", "sort")),
)
_KEYS: Final = Fetch(body={"_source": False}, paths=("hits.hits._id", "hits.hits.sort"))


async def found(client: Client, index: str, query: Query, *, batch_rows: int) -> AsyncGenerator[list[Document], None]:
    """See `Documents.find`."""
    written = await _query(client, index)
    source = _candidates(client, index, query, written, min(batch_rows, LARGEST))
    async with aclosing(decided(source, query, batch_rows=batch_rows)) as batches:
        async for batch in batches:
            yield batch


async def counted(client: Client, index: str, query: Query) -> int:
    """See `Documents.count`."""
    maybe, sure = (await _query(client, index)).hit(query.condition)
    others = both(maybe, neither(sure)) if maybe != sure else NONE
    total, few = await asyncio.gather(_count(client, index, sure), _few(client, index, others))
    if few is None:
        async with aclosing(_documents(client, index, others)) as batches:
            async for batch in batches:
                total += sum(query.matches(each.data, each.id) for each in batch)
    else:
        total += sum(query.matches(each.data, each.id) for each in few)
    return wanted(total, query)


async def keys(client: Client, index: str) -> AsyncGenerator[list[str], None]:
    """The keys of all documents."""
    await refreshed(client)
    async with aclosing(_hits(client, index, {"match_all": {}}, _KEYS)) as pages:
        async for page in pages:
            yield [hit["_id"] for hit in page]


async def _query(client: Client, index: str) -> DocumentQuery:
    """What writes queries for the index as it is, of which searches see all that was written. NotFound."""
    _, found = await asyncio.gather(refreshed(client), mappings(client, index))
    return DocumentQuery(found)


async def _candidates(
    client: Client, index: str, query: Query, written: DocumentQuery, page_rows: int
) -> AsyncGenerator[list[Candidate], None]:
    """What may match; of an ordered query those first that the index does not put in their place."""
    maybe, _ = written.hit(query.condition)
    few = await _few(client, index, maybe)
    if few is not None:
        yield [Candidate(each, sure=False) for each in few]
        return
    order = written.order(query)
    if order is None:
        async with aclosing(_documents(client, index, maybe, page_rows=page_rows)) as batches:
            async for batch in batches:
                yield [Candidate(each, query.condition is None) for each in batch]
        return
    others = both(maybe, neither(order.sure))
    few = await _few(client, index, others)
    if few is not None:
        yield [Candidate(each, sure=False) for each in few]
    else:
        async with aclosing(_documents(client, index, others, page_rows=page_rows)) as batches:
            async for batch in batches:
                yield [Candidate(each, sure=False) for each in batch]
    placed = _documents(client, index, both(maybe, order.sure), order.clauses, page_rows)
    async with aclosing(placed) as batches:
        async for batch in batches:
            yield [Candidate(each, order.is_in_place(each)) for each in batch if query.matches(each.data, each.id)]


async def _few(client: Client, index: str, clause: Clause) -> list[Document] | None:
    """The hits, where they are so few that one request has them all: without a point in time, which takes two more."""
    if clause == NONE:
        return []
    answer = await client.raw(
        "POST",
        names.path(index, "_search"),
        params={"allow_partial_search_results": False, "filter_path": _WHOLE.paths},
        body={"query": _scored(clause), "size": FEW + 1, "track_total_hits": False, **_WHOLE.body},
        repeatable=True,
    )
    hits = await _hits_of(answer.body)
    return None if len(hits) > FEW else [document(hit) for hit in hits]


async def _documents(
    client: Client, index: str, clause: Clause, sort: Sequence[Any] = (), page_rows: int = LARGEST
) -> AsyncGenerator[list[Document], None]:
    async with aclosing(_hits(client, index, clause, _WHOLE, sort, page_rows)) as pages:
        async for page in pages:
            yield [document(hit) for hit in page]


async def _hits(
    client: Client,
    index: str,
    clause: Clause,
    fetch: Fetch,
    sort: Sequence[Any] = (),
    page_rows: int = LARGEST,
) -> AsyncGenerator[list[dict[str, Any]], None]:
    """The hits of a clause, page by page."""
    if clause == NONE:
        return
    search = Search(index=index, body={"query": _scored(clause)}, sort=tuple(sort), page_rows=page_rows)
    pages = Pages(client, search, fetch)
    await pages.open()
    try:
        async with aclosing(pages.read(_parsed)) as read:
            async for hits in read:
                yield hits
    finally:
        await pages.close()


def _scored(clause: Clause) -> Clause:
    """The same, of which every hit is worth as much: nothing is computed for it."""
    return {"constant_score": {"filter": clause}}


async def _parsed(page: Page) -> list[dict[str, Any]]:
    return await _hits_of(page.body)


async def _hits_of(body: bytes) -> list[dict[str, Any]]:
    answer = loads(body) if len(body) < WORTH_A_WORKER else await in_worker(loads, body)
    hits: list[dict[str, Any]] = answer.get("hits", {}).get("hits", [])
    return hits


async def _count(client: Client, index: str, clause: Clause) -> int:
    if clause == NONE:
        return 0
    answer = await client.json("POST", names.path(index, "_count"), body={"query": clause}, repeatable=True)
    return int(answer["count"])
