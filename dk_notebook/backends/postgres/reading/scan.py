"""Reading: a statement is described, its columns' types are known, and then it runs as a stream of batches."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pyarrow as pa

from dk_notebook.backends.postgres.connections.pool import Loan
from dk_notebook.backends.postgres.errors import translating
from dk_notebook.backends.postgres.reading.copy_out import CopyOut
from dk_notebook.backends.postgres.reading.fetched import fetched
from dk_notebook.backends.postgres.server_types import ServerType
from dk_notebook.backends.postgres.statements.describe import Column, Description, described
from dk_notebook.backends.postgres.statements.statement import (
    Prepared,
    Shape,
    check_single,
    copied,
    shape,
    with_literals,
)
from dk_notebook.backends.postgres.type_catalog import server_types
from dk_notebook.backends.postgres.types import Reading, reading
from dk_notebook.backends.sql.statements import no_columns
from dk_notebook.errors import QueryError
from dk_notebook.frames.stream import ArrowStream
from dk_notebook.runtime.operations import Operation


class Scan(ArrowStream):
    """The stream of one result, which ends on the server when it is closed."""

    def __init__(self, copy: CopyOut, batches: AsyncGenerator[pa.RecordBatch, None]) -> None:
        super().__init__(copy.schema, batches)
        self._copy = copy

    async def aclose(self) -> None:
        """See `ArrowStream.aclose`."""
        await super().aclose()
        await self._copy.aclose()


async def opened(
    loan: Loan, statement: Prepared, operation: Operation, *, limit: int | None, batch_rows: int | None
) -> ArrowStream:
    """The result of one statement, its first batch on the way. QueryError when the server refuses it, or when it has
    no result columns.
    """  # noqa: D205 (one sentence)
    check_single(statement.sent.text)
    kind = shape(statement.sent.sent)
    description, readings, types = await _read_ahead(loan, statement)
    sent = with_literals(statement, [types[oid] for oid in description.parameters])
    if kind == "other":
        return await fetched(loan.connection, sent, readings, limit=limit)
    return await copying(loan, sent, kind, readings, operation, limit=limit, batch_rows=batch_rows)


async def copying(
    loan: Loan,
    sent: Any,
    kind: Shape,
    readings: Sequence[Reading],
    operation: Operation,
    *,
    limit: int | None = None,
    batch_rows: int | None = None,
) -> ArrowStream:
    """The stream of a statement whose result columns are known; returns when the first rows are there."""
    expressions = [one.cast.format(f"c{number}") for number, one in enumerate(readings, 1)]
    loan.described, loan.altered = False, True  # COPY ends what the description began
    copy = CopyOut(loan.connection, copied(sent, kind, expressions, limit), readings)
    try:
        first = await copy.next()
    except BaseException:
        await copy.aclose()
        raise
    return Scan(copy, _batches(copy, first, operation, batch_rows))


async def _batches(
    copy: CopyOut, first: pa.RecordBatch | None, operation: Operation, batch_rows: int | None
) -> AsyncGenerator[pa.RecordBatch, None]:
    batch = first
    while batch is not None:
        step = batch_rows or batch.num_rows
        for start in range(0, batch.num_rows, step):
            part = batch.slice(start, step)
            operation.count(part.num_rows, part.nbytes)
            yield part
        batch = await copy.next()


async def _read_ahead(loan: Loan, statement: Prepared) -> tuple[Description, list[Reading], dict[int, ServerType]]:
    """The description of a statement, and how its columns are read."""
    loan.described = True
    with translating(statement.sent):
        description = await described(loan.connection, statement.sent.sent)
    columns = _columns(description, statement)
    # Asking for types is a command of its own, which ends what the description began.
    with translating():
        types = await server_types(loan.connection, [*(c.type for c in columns), *description.parameters])
    return description, [_reading(column, types) for column in columns], types


def _columns(description: Description, statement: Prepared) -> tuple[Column, ...]:
    if description.columns is None:
        raise no_columns(statement.sent.text)
    return description.columns


def _reading(column: Column, types: dict[int, ServerType]) -> Reading:
    known = types.get(column.type)
    if known is None:
        raise QueryError(f"the type of column {column.name!r} was dropped meanwhile", hint="run it again")
    return reading(column.name, known, column.typmod, stored=column.stored)
