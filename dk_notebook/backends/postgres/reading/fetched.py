"""The result of what COPY does not take: SHOW, EXPLAIN, CALL, FETCH. Small, and read at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from dk_notebook.backends.postgres.errors import translating
from dk_notebook.backends.postgres.types import Reading
from dk_notebook.backends.sql.sent import Sent
from dk_notebook.errors import Unsupported
from dk_notebook.frames.stream import ArrowStream

_AS_IT_IS = frozenset({"bool", "int2", "int4", "int8", "float4", "float8", "text", "bytea", "jsonb"})
"""Formats whose values asyncpg gives as Python objects that say all there is."""


async def fetched(connection: Any, sent: Sent, readings: Sequence[Reading], *, limit: int | None) -> ArrowStream:
    """The rows, the first ``limit`` of them. Unsupported: a column whose values asyncpg changes on the way."""
    for one in readings:
        if one.format not in _AS_IT_IS or one.cast.count("CAST") != 1 or one.labels is not None:
            raise Unsupported(
                f"postgres cannot give column {one.field.name!r} of such a statement: "
                "only SELECT, VALUES and RETURNING carry every type",
                hint="dk.execute runs it",
            )
    with translating(sent):
        rows = await connection.fetch(sent.sent)
    chosen = rows if limit is None else rows[:limit]
    columns = [pa.array([row[place] for row in chosen], one.field.type) for place, one in enumerate(readings)]
    return ArrowStream.from_table(pa.Table.from_arrays(columns, schema=pa.schema([one.field for one in readings])))
