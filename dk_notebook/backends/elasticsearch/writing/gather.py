"""The rows of a write before it begins: looked at where that costs nothing, or where it must be."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from dk_notebook.frames.stream import ArrowStream
from dk_notebook.runtime.workers import in_worker

HELD = 64 << 20
"""Bytes of rows that are held in memory before they lie in a file."""


class Gathered:
    """All rows of a stream, to be gone through more than once. They lie where they were, or in a file."""

    def __init__(self, schema: pa.Schema) -> None:
        self.schema = schema
        self._held: list[pa.RecordBatch] = []
        self._file: Path | None = None

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows. In a worker thread, for those that lie in a file."""
        yield from self._held
        if self._file is not None:
            with pa.OSFile(str(self._file)) as source, pa.ipc.open_stream(source) as reader:
                yield from reader


@asynccontextmanager
async def gathered(data: ArrowStream, *, in_memory: bool) -> AsyncIterator[Gathered]:
    """The rows of the stream, for the time of the block. ``in_memory``: they are there anyway."""
    rows = Gathered(data.schema)
    held = 0
    with contextlib.ExitStack() as stack:
        writer: Any = None
        async for batch in data:
            if writer is None and (in_memory or held + batch.nbytes <= HELD):
                rows._held.append(batch)
                held += batch.nbytes
                continue
            if writer is None:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="dk-write-"))
                rows._file = Path(folder) / "rows.arrow"
                sink = stack.enter_context(pa.OSFile(str(rows._file), "wb"))
                writer = stack.enter_context(pa.ipc.new_stream(sink, data.schema, options=_OPTIONS))
            await in_worker(writer.write_batch, batch)
        if writer is not None:
            await in_worker(writer.close)
        yield rows


_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4", unify_dictionaries=False, emit_dictionary_deltas=False)
