"""A table that is one object: made in a file on this machine, and put whole."""

from __future__ import annotations

import asyncio
import mmap
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa

from dk_notebook.backends.s3.objects import Objects
from dk_notebook.backends.s3.writing.intent import Intent
from dk_notebook.backends.s3.writing.rows import Rows
from dk_notebook.errors import Unsupported
from dk_notebook.frames.stream import ArrowStream
from dk_notebook.runtime.operations import Operation
from dk_notebook.runtime.workers import Pulled, in_worker

LARGEST: Final = 5 << 30
"""Bytes of one put, in every store."""


async def stored(bucket: Objects, meant: Intent, rows: Rows, data: ArrowStream, operation: Operation) -> int:
    """How many rows are in. Nobody ever sees half of the object.

    Conflict: there is one already (``mode="fail"``). Unsupported: it has more bytes than one put takes.
    """
    with tempfile.TemporaryDirectory(prefix="dk-write-") as folder:
        path = Path(folder) / "object"
        pulled = Pulled(data, asyncio.get_running_loop())
        with pulled:
            count = await in_worker(_encoded, path, meant, rows, pulled, interrupt=pulled.stop)
        size = path.stat().st_size
        if size > LARGEST:
            raise Unsupported(
                f"s3: {meant.location.url} would have {size / 1e9:.1f} GB, and one object is put with {LARGEST >> 30}",
                hint="a name without an ending is a dataset of many files",
            )
        with path.open("rb") as file:
            body = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) if size else memoryview(b"")
            await bucket.put(
                meant.location.key,
                body,
                content_type=meant.encoding.content_type,
                absent=meant.target.mode == "fail",
            )
        operation.count(count, rows.bytes)
    return count


def _encoded(path: Path, meant: Intent, rows: Rows, batches: Pulled) -> int:
    """Make the file, in a worker thread; how many rows it has."""
    count = 0

    def tables() -> Iterator[pa.Table]:
        nonlocal count
        for batch in batches:
            for piece in rows.pieces(batch):
                table = rows.fitted(piece)
                count += table.num_rows
                yield table

    with pa.OSFile(str(path), "wb") as sink:
        meant.encoding.write(sink, meant.shape.schema, tables())
    return count
