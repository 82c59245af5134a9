"""The files of a table, in one state of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dk_notebook.backends.s3.datasets import manifest
from dk_notebook.backends.s3.datasets.formats import Format, format_of
from dk_notebook.backends.s3.datasets.location import Location
from dk_notebook.backends.s3.datasets.manifest import Manifest
from dk_notebook.backends.s3.objects import Entry, Objects
from dk_notebook.errors import NotFound, QueryError

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
    bucket = objects(location.bucket)
    if format_of(location.key) is not None:
        single = await _single(bucket, location)
        if single is not None:
            return single
    for _ in range(TRIES):
        before, etag = await manifest.read(bucket, location.prefix)
        entries = await _entries(bucket, location.prefix)
        ours = etag is not None or any(_is_ours(entry, location) for entry in entries)
        if ours and (await manifest.read(bucket, location.prefix))[1] != etag:
            continue
        files = tuple(
            File(path, entry.key, entry.size, entry.etag)
            for entry in entries
            if before.visible(path := entry.key.removeprefix(location.prefix), entry.etag)
        )
        if not files and before.shape is None:
            raise NotFound(f"there is no table {location.name!r}: nothing lies below {location.url}/", code="NoSuchKey")
        return Listing(location, files, before)
    raise QueryError(f"{location.url} is written so often that no state of it could be listed")


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
