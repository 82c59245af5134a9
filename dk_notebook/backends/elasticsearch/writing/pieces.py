"""Rows on their way to an index: the lines of a bulk request, and which rows of the data they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

Places = np.ndarray[Any, Any]

LARGEST = 8 << 20
"""Bytes of a request, unless one document alone is larger. A server takes 100 MB, if nobody told it otherwise."""


@dataclass(frozen=True)
class Piece:
    """Rows of one request."""

    lines: Any
    """A text for each: its action and its document, with the line breaks."""
    ids: Any
    positions: Places
    """The rows, counted from 0 through all of the data."""
    uncertain: Places
    """Which of them the server may have taken already: the answer was lost."""

    @classmethod
    def of(cls, lines: Any, ids: Any, positions: Places) -> Piece:
        """Rows that were not sent yet."""
        return cls(lines, ids, positions, np.zeros(len(positions), bool))

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def size(self) -> int:
        """Bytes of the request."""
        first, last = self._ends()
        return last - first

    def body(self) -> bytes:
        """The request: the texts lie in memory as they are sent."""
        first, last = self._ends()
        data = self.lines.buffers()[2]
        return b"" if data is None else bytes(memoryview(data)[first:last])

    def _ends(self) -> tuple[int, int]:
        offsets = np.frombuffer(self.lines.buffers()[1], np.int32)
        return int(offsets[self.lines.offset]), int(offsets[self.lines.offset + len(self)])

    def source(self, place: int) -> str:
        """The document of a row, as it is sent."""
        return str(self.lines[place].as_py().split("\n")[1])

    def take(self, places: list[int]) -> Piece:
        """Some of the rows."""
        chosen = np.asarray(places, np.int64)
        at = pa.array(chosen)
        return Piece(self.lines.take(at), self.ids.take(at), self.positions[chosen], self.uncertain[chosen])

    def slice(self, first: int, last: int) -> Piece:
        """The rows from one place to another, without a copy."""
        return Piece(
            self.lines.slice(first, last - first),
            self.ids.slice(first, last - first),
            self.positions[first:last],
            self.uncertain[first:last],
        )

    def halves(self) -> tuple[Piece, Piece]:
        """Two requests in place of one that was too large."""
        middle = len(self) // 2
        return self.slice(0, middle), self.slice(middle, len(self))

    def doubted(self) -> Piece:
        """The same, after an answer was lost."""
        return Piece(self.lines, self.ids, self.positions, np.ones(len(self), bool))

    def parts(self, largest: int = LARGEST) -> Iterator[Piece]:
        """Requests of so many bytes at most; a row that has more is alone in its own."""
        if not len(self):
            return
        offsets = np.frombuffer(self.lines.buffers()[1], np.int32)[self.lines.offset :][: len(self) + 1]
        first = 0
        while first < len(self):
            last = int(np.searchsorted(offsets, int(offsets[first]) + largest, side="right")) - 1
            last = min(max(last, first + 1), len(self))
            yield self.slice(first, last)
            first = last
