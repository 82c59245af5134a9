"""Writes to a connection without a pool or a session around it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from dk_notebook.backends.base import TableWrite, WriteReport
from dk_notebook.backends.postgres.writing.ingest import ingest
from dk_notebook.frames.source import as_stream
from dk_notebook.frames.stream import ArrowStream
from dk_notebook.runtime.operations import Operation


async def nobody(number: int) -> str | None:
    """A probe where no other connection can be had."""
    return None


async def write(
    connection: Any, data: Any, table: str = "t", *, inside: bool = False, probe: Any = nobody, **how: Any
) -> WriteReport:
    """Write columns, a table or a frame."""
    if isinstance(data, dict):
        data = pa.table(data)
    # A table as it is, without what frames are checked for.
    rows = ArrowStream.from_table(data) if isinstance(data, pa.Table) else as_stream(data)
    try:
        with Operation("a test") as operation:
            target = TableWrite(table=table, **how)
            return await ingest(connection, target, rows, operation, inside=inside, probe=probe)
    finally:
        await rows.aclose()


async def shown(connection: Any, column: str = "a", table: str = "t") -> list[str | None]:
    """The values of a column as the server writes them."""
    return [row[0] for row in await connection.fetch(f'SELECT "{column}"::text FROM "{table}"')]


def column(values: list[Any], kind: pa.DataType, name: str = "a", **metadata: str) -> pa.Table:
    """A table of one column."""
    field = pa.field(name, kind, metadata=metadata or None)
    return pa.Table.from_arrays([pa.array(values, kind)], schema=pa.schema([field]))


async def rows(connection: Any, table: str = "t") -> list[tuple[Any, ...]]:
    """What the table holds, sorted."""
    return sorted(map(tuple, await connection.fetch(f"select * from {table}")))
