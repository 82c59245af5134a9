"""From what a store came close to, to what a query means.

A store that cannot say a condition or an order exactly gives a superset, and tells for each document whether it is
sure of it. Those it is not sure of come first, in any order; the sure ones follow in the order of the query, and may
have unsure ones among them that belong further back. Here the meaning in Python (`records.filters`) decides about the
unsure ones and merges them in.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from heapq import heappop, heappush
from typing import Any, NamedTuple

from dk_notebook.records.document import Document
from dk_notebook.records.filters import sort_key
from dk_notebook.records.projection import project
from dk_notebook.records.query import Query


class Candidate(NamedTuple):
    """A document that a store takes for a hit."""

    document: Document
    sure: bool
    """Whether it surely matches, and surely has its right place among the other sure ones."""


async def decided(
    candidates: AsyncGenerator[list[Candidate], None], query: Query, *, batch_rows: int
) -> AsyncGenerator[list[Document], None]:
    """The documents that the query finds, in its order, in lists of ``batch_rows`` (the last may be shorter).

    Reads no further than the limit. A sorted query keeps the unsure hits in memory; another one keeps nothing.
    """
    if query.max_rows == 0:
        await candidates.aclose()
        return
    ordered = is_ordered(query)
    choice = _Choice(query)
    waiting: list[tuple[Any, Document]] = []  # a heap of the unsure hits; keys end with the id, and so are distinct
    ready: list[Document] = []
    try:
        async for batch in candidates:
            for document, sure in batch:
                if not sure:
                    if not query.matches(document.data, document.id):
                        continue
                    if ordered:
                        heappush(waiting, (_key(query, document), document))
                        continue
                elif waiting:
                    key = _key(query, document)
                    while waiting and waiting[0][0] < key:
                        ready += choice.taken(heappop(waiting)[1])
                ready += choice.taken(document)
            while len(ready) >= batch_rows:
                yield ready[:batch_rows]
                del ready[:batch_rows]
            if choice.full:
                break
    finally:
        await candidates.aclose()
    while waiting and not choice.full:
        ready += choice.taken(heappop(waiting)[1])
        if len(ready) == batch_rows:
            yield ready
            ready = []
    if ready:
        yield ready


def wanted(total: int, query: Query) -> int:
    """How many of ``total`` hits are left by the offset and the limit."""
    left = max(0, total - query.skip)
    return left if query.max_rows is None else min(left, query.max_rows)


def is_ordered(query: Query) -> bool:
    """Whether the documents must come in an order: that of the query, or by id where only a part of them is wanted."""
    return bool(query.order or query.skip or query.max_rows is not None)


class _Choice:
    """The offset, the limit, the fields."""

    def __init__(self, query: Query) -> None:
        self._columns = query.columns
        self._skip = query.skip
        self._left = query.max_rows

    @property
    def full(self) -> bool:
        return self._left == 0

    def taken(self, document: Document) -> tuple[Document, ...]:
        """The document, if it is wanted, with the fields that are."""
        if self._skip:
            self._skip -= 1
            return ()
        if self._left is not None:
            if not self._left:
                return ()
            self._left -= 1
        if self._columns is None:
            return (document,)
        return (document._replace(data=project(self._columns, document.data, document.id)),)


def _key(query: Query, document: Document) -> tuple[Any, ...]:
    return sort_key(query.order, document.data, document.id)
