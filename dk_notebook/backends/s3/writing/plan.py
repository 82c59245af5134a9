"""The plan of a write: its requests, and what becomes of each column."""

from __future__ import annotations

import pyarrow as pa

from dk_notebook.backends.base import PlannedColumn, TableWrite, WritePlan
from dk_notebook.backends.s3.config import S3Config
from dk_notebook.backends.s3.datasets.manifest import NAME
from dk_notebook.backends.s3.datasets.partitions import folder
from dk_notebook.backends.s3.writing.intent import BucketOf, Intent, intent
from dk_notebook.backends.s3.writing.notes import notes


async def planned(bucket_of: BucketOf, config: S3Config, target: TableWrite, schema: pa.Schema) -> WritePlan:
    """What a write of such a stream would do: the requests, in the order in which they are made."""
    meant = await intent(bucket_of, config, target, schema)
    return WritePlan(
        table=target.table,
        mode=target.mode,
        statements=_single(meant) if meant.single else _requests(meant),
        columns=tuple(
            PlannedColumn(
                name=fit.source.name,
                arrow=str(fit.source.type),
                store=f"{fit.target.type}, in the names of folders" if fit.is_folder else str(fit.target.type),
            )
            for fit in meant.fits
        ),
        notes=notes(meant),
    )


def _single(meant: Intent) -> tuple[str, ...]:
    alone = "" if meant.target.mode == "replace" else ", if there is none"
    return (f"PUT {meant.location.url}  ({_made(meant)}{alone})",)


def _requests(meant: Intent) -> tuple[str, ...]:
    base = f"{meant.location.url}/"
    folders = "".join(f"{folder(name, '')}<{name}>/" for name in meant.shape.partitions)
    switch = f"PUT {base}{NAME}  (if nobody changed it)"
    after = f"DELETE {base}...  (what was there before)"
    return (
        switch,
        f"PUT {base}{folders}dk-<id>-<number>.{meant.encoding.suffix}  ({_made(meant)})",
        switch,
        *([after, switch] if meant.target.mode == "replace" and meant.exists else []),
    )


def _made(meant: Intent) -> str:
    compression = meant.encoding.compression
    return meant.encoding.format if compression == "none" else f"{meant.encoding.format}, {compression}"
