"""Finding and counting documents. A bucket knows keys alone, so Python looks at what lies under each."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from operator import itemgetter
from typing import Any, Final

from dk_notebook.backends.derive import Candidate, decided, is_ordered, wanted
from dk_notebook.backends.s3.records.folder import MOST, Folder, Listed
from dk_notebook.records.document import Document, Unreadable
from dk_notebook.records.filters import sort_key
from dk_notebook.records.projection import project
from dk_notebook.records.query import Query
from dk_notebook.runtime.workers import in_worker

FEW: Final = 32
"""Documents that are read at first where a limit may soon be reached."""
SPARE: Final = 1_000
"""Hits that are kept beyond those wanted, so that they are not sorted at each new one."""
BATCH: Final = 1_000
"""Hits that are handed on together."""


async def found(folder: Folder, query: Query, *, batch_rows: int) -> AsyncGenerator[list[Document], None]:
    """See `Documents.find`."""
    if query.order:
        source = _sorted(folder, query)
    elif not is_ordered(query):
        source = _hits(folder, query, folder.listed())
    elif query.condition is None:  # which ones are wanted shows before they are read
        source = _hits(folder, query, _part(folder.listed_by_id(), query.skip, query.max_rows))
        query = replace(query, skip=0)
    else:
        source = _hits(folder, query, folder.listed_by_id(), first=MOST if query.max_rows is None else FEW)
    async with aclosing(decided(source, query, batch_rows=batch_rows)) as batches:
        async for batch in batches:
            yield batch


async def counted(folder: Folder, query: Query) -> int:
    """See `Documents.count`. Without a condition what lies there is not looked at."""
    total = 0
    if query.condition is None:
        async with aclosing(folder.listed()) as pages:
            async for page in pages:
                total += len(page)
    else:
        async with aclosing(folder.read_all(folder.listed())) as portions:
            async for portion in portions:
                total += sum(query.matches(each.data, each.id) for each in portion)
    return wanted(total, query)


async def _hits(
    folder: Folder, query: Query, listed: AsyncGenerator[Sequence[Listed], None], *, first: int = MOST
) -> AsyncGenerator[list[Candidate], None]:
    """The hits in the order of the listing."""
    async with aclosing(folder.read_all(listed, first=first)) as portions:
        async for portion in portions:
            yield [Candidate(each, sure=True) for each in portion if _is_hit(query, each)]


async def _sorted(folder: Folder, query: Query) -> AsyncGenerator[list[Candidate], None]:
    """The hits in the order of the query: as many in memory as are wanted, and of each what is wanted of it."""
    most = None if query.max_rows is None else query.skip + query.max_rows
    hits: list[tuple[Any, Document]] = []
    async with aclosing(folder.read_all(folder.listed())) as portions:
        async for portion in portions:
            for each in portion:
                if isinstance(each.data, Unreadable):  # has no place among the others, and is not to be overlooked
                    yield [Candidate(each, sure=True)]
                elif query.matches(each.data, each.id):
                    kept = each._replace(data=project(query.columns, each.data, each.id))
                    hits.append((sort_key(query.order, each.data, each.id), kept))
            if most is not None and len(hits) > 2 * most + SPARE:
                hits.sort(key=_KEY)
                del hits[most:]
    await in_worker(lambda: hits.sort(key=_KEY, reverse=True))
    while hits:  # the first is the last one of the list, whose end is cut off
        batch = [Candidate(each, sure=True) for _, each in reversed(hits[-BATCH:])]
        del hits[-BATCH:]
        yield batch


_KEY: Final = itemgetter(0)


def _is_hit(query: Query, document: Document) -> bool:
    """Also what is no document: who gets it is told so."""
    return isinstance(document.data, Unreadable) or query.matches(document.data, document.id)


async def _part(
    listed: AsyncGenerator[Sequence[Listed], None], skip: int, most: int | None
) -> AsyncGenerator[Sequence[Listed], None]:
    """Without the first so many, and then at most so many."""
    async with aclosing(listed):
        async for page in listed:
            wanted_here = page[skip:] if most is None else page[skip : skip + most]
            skip = max(0, skip - len(page))
            if wanted_here:
                yield wanted_here
            if most is not None:
                most -= len(wanted_here)
                if not most:
                    return
