"""The files of a table, in one state of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from dk_notebook.backends.s3.datasets import manifest
from dk_notebook.backends.s3.datasets.formats import Format, format_of
from dk_notebook.backends.s3.datasets.location import Location
from dk_notebook.backends.s3.datasets.manifest import Manifest
from dk_notebook.backends.s3.objects import Entry, Objects
from dk_notebook.errors import NotFound, QueryError

T = TypeVar("T")

TRIES: Final = 20
"""Listings during each of which another write ended, before it is given up."""


@dataclass(frozen=True)
class File:
    """An object of a table."""

    path: str
    """Its key below the dataset's prefix; the name of a table that is one object."""
    key: str
    size: int
    etag: str


@dataclass(frozen=True)
class Listing:
    """What a table consists of."""

    location: Location
    files: tuple[File, ...]
    manifest: Manifest
    single: bool = False
    """It is one object."""

    @property
    def format(self) -> Format:
        """That of all files. QueryError: there are several, or unknown ones."""
        found: dict[Format | None, str] = {}
        for file in self.files:
            found.setdefault(format_of(file.key), file.path)
        if not found and self.manifest.shape is not None:
            return self.manifest.shape.format  # type: ignore[return-value]  # one of them: we wrote it
        if len(found) > 1 or None in found or not found:
            some = ", ".join(repr(path) for path in list(found.values())[:4])
            raise QueryError(
                f"the files of {self.location.url} are not all of one format that is known: {some}",
                hint="they end with .parquet, .csv, .jsonl, .csv.gz or .jsonl.gz; others begin with _ or a dot",
            )
        return next(kind for kind in found if kind is not None)


async def listed(objects: Callable[[str], Objects], location: Location) -> Listing:
    """The table there. NotFound: there is none."""
    return await looked_at(objects, location, _itself)


async def _itself(found: Listing) -> Listing:
    return found


async def looked_at(
    objects: Callable[[str], Objects], location: Location, look: Callable[[Listing], Awaitable[T]]
) -> T:
    """What ``look`` gives of the table there; it is called as often as it takes until what it saw was one state of it.

    It looks while the store is asked whether that was so. NotFound: there is no table.
    """
    bucket = objects(location.bucket)
    if format_of(location.key) is not None:
        single = await _single(bucket, location)
        if single is not None:
            return await look(single)
    for _ in range(TRIES):
        before, etag = await manifest.read(bucket, location.prefix)
        entries = await _entries(bucket, location.prefix)
        ours = etag is not None or any(_is_ours(entry, location) for entry in entries)
        files = tuple(
            File(path, entry.key, entry.size, entry.etag)
            for entry in entries
            if before.visible(path := entry.key.removeprefix(location.prefix), entry.etag)
        )
        looking = asyncio.ensure_future(_seen(location, files, before, look))
        try:
            if ours and (await manifest.read(bucket, location.prefix))[1] != etag:
                continue
            return await looking
        finally:
            await _ended(looking)
    raise QueryError(f"{location.url} is written so often that no state of it could be listed")


async def _seen(
    location: Location, files: tuple[File, ...], state: Manifest, look: Callable[[Listing], Awaitable[T]]
) -> T:
    if not files and state.shape is None:
        raise NotFound(f"there is no table {location.name!r}: nothing lies below {location.url}/", code="NoSuchKey")
    return await look(Listing(location, files, state))


async def _ended(looking: asyncio.Future[T]) -> None:
    """Stop what looks at a state that is none, and hear of nothing that it found wrong there."""
    looking.cancel()
    await asyncio.wait([looking])  # not the task itself: its end would hide that of who waits
    if not looking.cancelled():
        looking.exception()  # heard


async def _single(bucket: Objects, location: Location) -> Listing | None:
    try:
        entry = await bucket.head(location.key)
    except NotFound:
        return None
    name = location.key.rpartition("/")[2]
    return Listing(location, (File(name, entry.key, entry.size, entry.etag),), Manifest(), single=True)


async def _entries(bucket: Objects, prefix: str) -> list[Entry]:
    return [entry async for page in bucket.list(prefix) for entry in page.entries if not entry.key.endswith("/")]


def _is_ours(entry: Entry, location: Location) -> bool:
    """Whether a write of this package made it: then there is a manifest, though the listing may have been too early."""
    path = entry.key.removeprefix(location.prefix)
    return path == manifest.NAME or manifest.write_of(path) is not None
