"""Writing: a stream of rows into a dataset, or into one object."""

from __future__ import annotations

import time

from dk_notebook.backends.base import TableWrite, WriteReport
from dk_notebook.backends.s3.config import S3Config
from dk_notebook.backends.s3.writing.intent import BucketOf, intent
from dk_notebook.backends.s3.writing.notes import notes
from dk_notebook.backends.s3.writing.rows import Rows
from dk_notebook.backends.s3.writing.single import stored
from dk_notebook.backends.s3.writing.upload import ENCODERS
from dk_notebook.backends.s3.writing.write import Write
from dk_notebook.frames.stream import ArrowStream
from dk_notebook.runtime.operations import Operation


async def ingested(
    bucket_of: BucketOf, config: S3Config, operation: Operation, target: TableWrite, data: ArrowStream
) -> WriteReport:
    """Write a stream; see `Session.ingest`."""
    started = time.monotonic()
    meant = await intent(bucket_of, config, target, data.schema)
    bucket = bucket_of(meant.location.bucket)
    rows = Rows(meant)
    more: tuple[str, ...] = ()
    if meant.single:
        written = await stored(bucket, meant, rows, data, operation)
    else:
        write = Write(bucket, meant, operation, at_once=config.pool.max_size + ENCODERS)
        written, more = await write.run(rows, data)
    return WriteReport(
        table=target.table,
        mode=target.mode,
        rows=written,
        rejected=tuple(sorted(rows.rejected, key=lambda row: row.position)),
        seconds=time.monotonic() - started,
        bytes=rows.bytes,
        notes=(*notes(meant), *more),
    )
