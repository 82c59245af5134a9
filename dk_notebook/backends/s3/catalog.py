"""What lies below the prefix of a connection: datasets, single objects, and their columns."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from dk_notebook.backends.s3.connections.requests import together
from dk_notebook.backends.s3.datasets import manifest
from dk_notebook.backends.s3.datasets.formats import format_of
from dk_notebook.backends.s3.datasets.location import SCHEME
from dk_notebook.backends.s3.objects import Objects, Page
from dk_notebook.backends.sql.described import described
from dk_notebook.errors import DkError, NotFound, did_you_mean

if TYPE_CHECKING:
    from dk_notebook.backends.s3.session import S3Session

TABLES: Final = pa.schema(
    [
        ("schema", pa.string()),
        ("table", pa.string()),
        ("kind", pa.string()),
        ("rows", pa.int64()),
        ("bytes", pa.int64()),
    ]
)

LISTED: Final = 10_000
"""Names below the prefix that are told, at most."""
SUMMED: Final = 5_000
"""Files of a dataset whose sizes are added up, at most."""
AT_ONCE: Final = 16
"""Datasets that are looked into at the same time."""


async def tables(session: S3Session) -> pa.Table:
    """The answer of `Browsable.tables`. Rows are not known; bytes not of datasets with thousands of files.

    A dataset is a prefix right below the connection's with at least one file; an object one there whose name ends as a
    format that can be read. Of a connection without a bucket the buckets, as ``s3://`` URLs. Warns where not all are
    told.
    """
    if not session.config.bucket:
        return _told(_row(f"{SCHEME}{name}", "bucket") for name in await session.bucket_names())
    prefix = f"{session.config.prefix}/" if session.config.prefix else ""
    page = await _below(session.objects, prefix)
    rows = [
        _row(name, "object", entry.size)
        for entry in page.entries
        if _is_shown(name := entry.key.removeprefix(prefix)) and format_of(name) is not None
    ]
    turns = asyncio.Semaphore(AT_ONCE)
    folders = [folder for folder in page.folders if _is_shown(folder.removeprefix(prefix))]
    found = await together(_dataset(session.objects, folder, prefix, turns) for folder in folders)
    return _told([*rows, *(row for row in found if row is not None)])


async def columns(session: S3Session, table: str) -> pa.Table:
    """The answer of `Browsable.columns`; the key of a partition column is "partition". NotFound."""
    dataset = await session.open_table(table)
    return described(
        list(dataset.schema),
        types=[str(column.type) for column in dataset.schema],
        nullable=[True] * len(dataset.schema),
        keys=["partition" if column.name in dataset.partitions else None for column in dataset.schema],
        defaults=[None] * len(dataset.schema),
    )


async def suggested(session: S3Session, table: str, error: NotFound) -> NotFound:
    """The error with the nearest name, where a table below the prefix is missing and the names may be listed."""
    if error.hint or not session.config.bucket or table.startswith(SCHEME):
        return error
    prefix = f"{session.config.prefix}/" if session.config.prefix else ""
    try:
        page = await _below(session.objects, prefix)
    except DkError:
        return error
    names = [folder.removeprefix(prefix).rstrip("/") for folder in page.folders]
    names += [entry.key.removeprefix(prefix) for entry in page.entries]
    error.hint = did_you_mean(table.strip("/"), [name for name in names if _is_shown(name)])
    return error


async def names_below(session: S3Session, folder: str) -> list[str]:
    """The answer of `Foldered.names_below`: prefixes, and objects that can be read; of ``s3://`` the buckets."""
    if folder == SCHEME or not (folder or session.config.bucket):
        return [f"{SCHEME}{name}" for name in await session.bucket_names()]
    if folder.startswith(SCHEME):
        bucket, _, prefix = folder.removeprefix(SCHEME).partition("/")
        objects = session.objects_in(bucket)
    else:
        objects = session.objects
        prefix = f"{session.config.prefix}/{folder}" if session.config.prefix else folder
    page, _ = await _listed(objects, prefix)
    names = [each.removeprefix(prefix).rstrip("/") for each in page.folders]
    names += [name for entry in page.entries if format_of(name := entry.key.removeprefix(prefix)) is not None]
    return sorted(f"{folder}{name}" for name in names if _is_shown(name))


async def _below(objects: Objects, prefix: str) -> Page:
    """What lies right below a prefix. Warns where that is not all."""
    page, is_whole = await _listed(objects, prefix)
    if not is_whole:
        warnings.warn(
            f"more than {LISTED:,} names below {SCHEME}{objects.bucket}/{prefix}: not all of them are told",
            RuntimeWarning,
            stacklevel=2,
        )
    return page


async def _listed(objects: Objects, prefix: str) -> tuple[Page, bool]:
    """What lies right below a prefix, and whether that is all."""
    entries: list[Any] = []
    folders: list[str] = []
    is_whole = True
    async with aclosing(objects.list(prefix, by_folder=True)) as pages:
        async for page in pages:
            entries += page.entries
            folders += page.folders
            if len(entries) + len(folders) > LISTED:
                is_whole = False
                break
    return Page(tuple(entries), tuple(folders)), is_whole


async def _dataset(objects: Objects, folder: str, prefix: str, turns: asyncio.Semaphore) -> dict[str, Any] | None:
    """The row of a folder; None: nothing in it is data."""
    async with turns:
        state, _ = await manifest.read(objects, folder)
        size, count, is_whole = 0, 0, True
        async with aclosing(objects.list(folder)) as pages:
            async for page in pages:
                seen = [each for each in page.entries if state.visible(each.key.removeprefix(folder), each.etag)]
                size += sum(each.size for each in seen)
                count += len(seen)
                if count > SUMMED:
                    is_whole = False
                    break
    if not count and state.shape is None:
        return None
    return _row(folder.removeprefix(prefix).rstrip("/"), "dataset", size if is_whole else None)


def _is_shown(name: str) -> bool:
    return bool(name.strip("/")) and name[:1] not in ("_", ".")


def _row(table: str, kind: str, size: int | None = None) -> dict[str, Any]:
    return {"table": table, "kind": kind, "bytes": size}


def _told(rows: Iterable[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(sorted(rows, key=lambda row: (row["table"], row["kind"])), schema=TABLES)
