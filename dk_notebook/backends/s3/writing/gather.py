"""Rows that wait until there are enough of them for a file: of one folder, or of many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from dk_notebook.backends.s3.datasets.manifest import Shape
from dk_notebook.backends.s3.writing.encode import Encoding
from dk_notebook.backends.s3.writing.folders import by_folder

SMALL: Final = 16 << 20
"""Bytes of the first files: several are soon on their way, and several can be read at once."""
LARGE: Final = 48 << 20
"""Bytes of a file at most, about, before it is compressed."""
SHARE: Final = 8
"""A file has an eighth of what was written before it, within these two."""
BUFFER: Final = 48 << 20
"""Bytes that wait at most where there are folders."""


@dataclass(frozen=True)
class Part:
    """The rows of one file."""

    folder: str
    table: pa.Table
    size: int
    """Bytes of memory, or of the file, whichever is more."""


class Gather:
    """What `add` does not give is held. Runs in worker threads, one call at a time."""

    def __init__(self, shape: Shape, encoding: Encoding) -> None:
        self._partitions = shape.partitions
        self._stored = shape.stored.names
        self._encoding = encoding
        self._waiting: list[pa.Table] = []
        self._held = 0.0
        self._given = 0.0
        self._row_bytes: float | None = None

    def add(self, table: pa.Table) -> Iterator[Part]:
        """Take rows, and give those that are enough for files."""
        if not table.num_rows:
            return
        self._waiting.append(table)
        self._held += self._size(table)
        if self._partitions:
            if self._held >= BUFFER:
                yield from self._by_folder(leave=BUFFER / 2)
        elif self._held >= self._target():
            yield from self._in_order(to_the_end=False)

    def rest(self) -> Iterator[Part]:
        """Give all that is held."""
        if self._waiting:
            yield from self._by_folder(leave=0) if self._partitions else self._in_order(to_the_end=True)

    def _target(self) -> float:
        return min(max(self._given / SHARE, SMALL), LARGE)

    def _size(self, table: pa.Table) -> float:
        """Bytes of memory, or of the file; for text, some rows tell."""
        if self._row_bytes is None:
            self._row_bytes = self._encoding.row_bytes(table)
        size: float = max(table.nbytes, self._row_bytes * table.num_rows)
        return size

    def _in_order(self, *, to_the_end: bool) -> Iterator[Part]:
        table, row = self._taken()
        while table.num_rows and (to_the_end or table.num_rows * row >= self._target()):
            rows = max(int(self._target() / row), 1)
            yield self._part("", table.slice(0, rows), row)
            table = table.slice(rows)
        if table.num_rows:
            self._waiting, self._held = [table], table.num_rows * row

    def _by_folder(self, *, leave: float) -> Iterator[Part]:
        """Files of the largest folders, until no more than ``leave`` is held."""
        table, row = self._taken()
        groups = sorted(by_folder(table, self._partitions), key=lambda group: len(group[1]), reverse=True)
        left, count = table.num_rows * row, 0
        while count < len(groups) and left > leave:
            left -= len(groups[count][1]) * row
            count += 1
        # Tables of their own: what goes does not hold the memory of what waits, nor the other way.
        gone, kept = groups[:count], groups[count:]
        if kept:
            self._waiting, self._held = [table.take(_positions(kept))], left
        rows = _rows(table, _positions(gone))
        del table
        first = 0
        for folder, positions in gone:
            most = max(int(self._target() / row), 1)
            for start in range(first, end := first + len(positions), most):
                yield self._part(folder, rows.slice(start, min(most, end - start)), row)
            first = end

    def _taken(self) -> tuple[pa.Table, float]:
        """All that waits, and the bytes of a row of it."""
        table = pa.concat_tables(self._waiting)
        row = self._held / table.num_rows
        self._waiting, self._held, self._row_bytes = [], 0.0, None
        return table, row

    def _part(self, folder: str, table: pa.Table, row: float) -> Part:
        size = table.num_rows * row
        self._given += size
        return Part(folder, table.select(self._stored), int(size))


def _positions(groups: Sequence[tuple[str, np.ndarray[Any, Any]]]) -> np.ndarray[Any, Any]:
    """The rows of some folders, one after the other."""
    return np.concatenate([positions for _, positions in groups])


def _rows(table: pa.Table, positions: np.ndarray[Any, Any]) -> pa.Table:
    """Some rows; those that lie side by side without a copy."""
    if (np.diff(positions) == 1).all():
        return table.slice(int(positions[0]), len(positions))
    return table.take(positions)
