"""Documents as rows of their table: JSON that comes back as it was, in parts that can be sent."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from typing import Any, Final

import pyarrow as pa

from dk_notebook.backends import exact_json
from dk_notebook.backends.postgres import catalog
from dk_notebook.backends.postgres.writing.copy_in import CopyIn, Stopped
from dk_notebook.backends.postgres.writing.encode import encoded
from dk_notebook.backends.sql.chunks import whole
from dk_notebook.frames.stream import ArrowStream
from dk_notebook.records.document import Document
from dk_notebook.runtime.operations import Operation
from dk_notebook.runtime.workers import in_worker

ROWS: Final = 10_000
"""Documents that are encoded and sent at once."""
SIZE: Final = 4_000_000
"""Characters of them."""

_POWER = re.compile(r"\de\+?\d")
_LARGE = re.compile(r'"(?:[^"\\]|\\.)*"|(?P<digits>-?\d+)(?:\.(?P<more>\d+))?e\+?(?P<exponent>\d+)')
_SCHEMA: Final = pa.schema({"id": pa.string(), "data": pa.string(), "metadata": pa.string()})

Columns = tuple[list[str], list[str], list[str | None]]


def as_json(value: Any) -> str:
    """JSON in which large floats have their point: jsonb keeps 1e300 as an integer of 301 digits otherwise.

    >>> as_json({"x": 1.5e16, "1e+16": "1e+16"})
    '{"x":15000000000000000.0,"1e+16":"1e+16"}'
    """
    text = exact_json.dumps(value).decode()
    return _LARGE.sub(_with_point, text) if _POWER.search(text) else text


def _with_point(found: re.Match[str]) -> str:
    if found["digits"] is None:  # a string
        return found[0]
    more = found["more"] or ""
    return f"{found['digits']}{more}{'0' * (int(found['exponent']) - len(more))}.0"


def row_of(document: Document) -> tuple[str, str, str | None]:
    """Id, data and metadata."""
    return document.id, as_json(document.data), as_json(document.metadata) if document.metadata else None


def _parts(documents: Sequence[Document]) -> Iterator[Columns]:
    ids: list[str] = []
    data: list[str] = []
    metadata: list[str | None] = []
    size = 0
    for document in documents:
        row = row_of(document)
        ids.append(row[0])
        data.append(row[1])
        metadata.append(row[2])
        size += len(row[1]) + len(row[2] or "")
        if len(ids) >= ROWS or size >= SIZE:
            yield ids, data, metadata
            ids, data, metadata, size = [], [], [], 0
    if ids:
        yield ids, data, metadata


async def columns_of(documents: Sequence[Document]) -> AsyncIterator[Columns]:
    """The columns of so many documents at once as can be sent; encoded in worker threads."""
    parts = _parts(documents)
    while (columns := await in_worker(next, parts, None)) is not None:
        yield columns


async def copied(connection: Any, table: str, documents: Sequence[Document], operation: Operation) -> None:
    """One COPY into the table."""

    async def batches() -> AsyncGenerator[pa.RecordBatch, None]:
        async for columns in columns_of(documents):
            arrays = [pa.array(column, pa.string()) for column in columns]
            yield pa.RecordBatch.from_arrays(arrays, schema=_SCHEMA)

    def rows(piece: pa.Table, first: int) -> bytes:  # noqa: ARG001 (the signature of `Encode`)
        return encoded([whole(column) for column in piece.columns], jsonb=[False, True, True])

    schema, name = catalog.name_parts(table)
    try:
        await CopyIn(connection, rows, operation).run(ArrowStream(_SCHEMA, batches()), schema, name, _SCHEMA.names)
    except Stopped as stopped:
        raise stopped.reason from stopped.reason.__cause__
