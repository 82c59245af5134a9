"""The rows of a stream on their way: fitted piece by piece, and what is told of those that do not go in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from dk_notebook.backends.base import Rejected
from dk_notebook.backends.s3.writing.fit import collected, fitted
from dk_notebook.backends.s3.writing.intent import Intent

PIECE: Final = 16 << 20
"""Bytes of rows that are fitted at once."""


class Rows:
    """What was taken so far."""

    def __init__(self, meant: Intent) -> None:
        self._meant = meant
        self._first = 0
        self.bytes = 0
        self.rejected: list[Rejected] = []

    def pieces(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """A batch in parts of bounded size."""
        self.bytes += batch.nbytes
        rows = max(batch.num_rows * PIECE // max(batch.nbytes, 1), 1)
        for start in range(0, batch.num_rows, rows):
            yield batch.slice(start, rows)

    def fitted(self, piece: pa.RecordBatch) -> pa.Table:
        """The rows as they are written. In a worker thread, piece by piece in their order. ConversionError."""
        first, self._first = self._first, self._first + piece.num_rows
        schema = self._meant.shape.schema
        if self._meant.target.errors == "raise":
            return fitted(piece, self._meant.fits, schema, first=first)
        table, told = collected(piece, self._meant.fits, schema, first=first)
        self.rejected += told
        return table
