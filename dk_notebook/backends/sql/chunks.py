"""A stream of rows in pieces that are worth a round, and the rows of a piece that do not go in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dk_notebook.backends.base import Rejected
from dk_notebook.frames.stream import ArrowStream

BadRows = Iterable[tuple[int, str]]
"""Rows of a piece, counted from its first, and why each does not go in."""


async def chunks(data: ArrowStream, *, rows: int, size: int) -> AsyncIterator[pa.Table]:
    """The batches of the stream, gathered up to so many rows or bytes."""
    waiting: list[pa.RecordBatch] = []
    count = held = 0
    async for batch in data:
        waiting.append(batch)
        count, held = count + batch.num_rows, held + batch.nbytes
        if count >= rows or held >= size:
            yield pa.Table.from_batches(waiting, data.schema)
            waiting, count, held = [], 0, 0
    if waiting:
        yield pa.Table.from_batches(waiting, data.schema)


def whole(column: pa.ChunkedArray) -> Any:
    """The column of a piece as one array."""
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)


def kept(
    arrays: Sequence[Any], names: Sequence[str], bad: Sequence[BadRows], first: int
) -> tuple[list[Any], Any, list[Rejected]]:
    """The arrays without their bad rows, the numbers of the rows that are left, and what is told of the others.

    ``bad``: for each array. ``first``: the number of the first row. Of a row that is bad in several columns the first
    of them is told.
    """
    told: dict[int, Rejected] = {}
    for name, found in zip(names, bad, strict=True):
        for row, reason in found:
            told.setdefault(row, Rejected(position=first + row, column=name, reason=reason))
    count = len(arrays[0])
    rows = pa.array(np.arange(first, first + count))
    if not told:
        return list(arrays), rows, []
    good = np.ones(count, bool)
    good[list(told)] = False
    mask = pa.array(good)
    return [array.filter(mask) for array in arrays], rows.filter(mask), list(told.values())


def missing_rows(array: Any) -> Iterator[int]:
    """The rows whose value is NULL."""
    if array.null_count:
        yield from map(int, np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False)))


def rows_below_microseconds(array: Any) -> Iterator[int]:
    """The rows whose duration or interval has digits below the microsecond."""
    if pa.types.is_duration(array.type) and array.type.unit == "ns":
        lost = pc.not_equal(pc.multiply(pc.divide(array.view(pa.int64()), 1000), 1000), array.view(pa.int64()))
        yield from map(int, np.flatnonzero(lost.fill_null(False).to_numpy(zero_copy_only=False)))
    elif array.type == pa.month_day_nano_interval() and array.null_count < len(array):
        # Months and days as int32, nanoseconds as int64.
        halves = np.frombuffer(array.buffers()[1], np.int64)[2 * array.offset : 2 * (array.offset + len(array))]
        finer = (halves[1::2] % 1000 != 0) & array.is_valid().to_numpy(zero_copy_only=False)
        yield from map(int, np.flatnonzero(finer))
