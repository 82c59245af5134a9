"""Documents whose ids are known: read, and taken away."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import TypeVar

from dk_notebook.backends.s3.flow import flow
from dk_notebook.backends.s3.records.folder import MOST, Folder
from dk_notebook.records.document import Document

R = TypeVar("R")


async def get(folder: Folder, ids: Sequence[str]) -> list[Document | None]:
    """See `Documents.get`."""
    found = await _each(folder, ids, folder.read)
    return [found[id] for id in ids]  # noqa: A001 (the word of the layout)


async def delete(folder: Folder, ids: Sequence[str]) -> list[bool]:
    """See `Documents.delete`. A store does not say what it took away: who looks at the same moment sees it too."""
    versions = await _each(folder, ids, folder.version)
    there = {id for id, version in versions.items() if version is not None}  # noqa: A001 (the word of the layout)
    await folder.objects.delete([folder.keys.key(id) for id in there])  # noqa: A001
    told = []
    for each in ids:
        told.append(each in there)
        there.discard(each)
    return told


async def clear(folder: Folder) -> int:
    """See `Documents.clear`. What is no document by its name stays."""
    total = 0
    async with aclosing(folder.listed()) as pages:
        async for page in pages:
            await folder.objects.delete([each.key for each in page])
            total += len(page)
    return total


async def is_any(folder: Folder) -> bool:
    """Whether there is a document."""
    async with aclosing(folder.listed()) as pages:
        async for _ in pages:
            return True
    return False


async def _each(folder: Folder, ids: Sequence[str], ask: Callable[[str], Awaitable[R]]) -> dict[str, R]:
    """What ``ask`` gives for each id."""
    distinct = list(dict.fromkeys(ids))
    if len(distinct) == 1:
        return {distinct[0]: await ask(distinct[0])}
    answers: dict[str, R] = {}
    async with aclosing(flow(_lists(distinct), ask, at_once=folder.at_once)) as portions:
        async for portion in portions:
            folder.seen(len(portion))
            answers.update(zip(distinct[len(answers) :], portion, strict=False))
    return answers


async def _lists(ids: Sequence[str]) -> AsyncGenerator[Sequence[str], None]:
    for start in range(0, len(ids), MOST):
        yield ids[start : start + MOST]
