"""The structure of a block of binary COPY: a header perhaps, rows of fields, the end of the stream perhaps."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dk_notebook.backends.postgres.reading.formats import WIDTHS, BrokenBlock, Format

NULL = -1
"""The length of what is not there."""

_SIGNATURE = b"PGCOPY\n\xff\r\n\0"
_CRITICAL = 0xFFFF0000
"""The flags that a reader must know."""
_END = b"\xff\xff"
_INT = struct.Struct(">i").unpack_from

Numbers = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Values:
    """Where the values of a column lie in a block. A NULL has the length -1."""

    block: bytes
    starts: Numbers
    lengths: Numbers

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def valid(self) -> Numbers:
        """Of each value, whether it is not NULL."""
        return np.greater(self.lengths, NULL)

    @property
    def offsets(self) -> Numbers:
        """Where the values end, when they stand one after the other."""
        return offsets(np.maximum(self.lengths, 0))

    def __iter__(self) -> Iterator[bytes]:
        """The bytes of each; of NULL none."""
        ends = self.starts + np.maximum(self.lengths, 0)
        return map(self.block.__getitem__, map(slice, self.starts.tolist(), ends.tolist()))

    def numbers(self, kind: str | np.dtype[Any]) -> Numbers:
        """All of them as numbers of that dtype, NULL as 0."""
        dtype = np.dtype(kind)
        out = np.zeros(len(self), dtype.newbyteorder("="))
        valid = self.valid
        out[valid] = _read(self.block, self.starts[valid], dtype)
        return out


def columns(block: bytes, formats: Sequence[Format]) -> tuple[int, list[Values]]:
    """The number of rows, and where the values of each column lie."""
    widths = [WIDTHS.get(wire) for wire in formats]
    starts = _rows(block, widths)
    fields = starts + 2
    found = []
    for place, width in enumerate(widths):
        lengths = _read(block, fields, np.dtype(">i4")).astype(np.int64)
        wrong = lengths < NULL
        if width is not None:
            wrong |= (lengths != width) & (lengths != NULL)
        if wrong.any():
            raise BrokenBlock("a value of a wrong length", column=place, row=int(np.argmax(wrong)))
        found.append(Values(block, fields + 4, lengths))
        fields = fields + 4 + np.maximum(lengths, 0)
    return len(starts), found


def _rows(block: bytes, widths: Sequence[int | None]) -> Numbers:
    """Where the rows begin. Lengths below 0 count as 0, and those of values of one length are not looked at."""
    position, end = _after_header(block), len(block)
    runs = list(_runs(widths))
    count = struct.pack(">h", len(widths))
    # A run is read as if nothing in it were NULL, which may reach beyond the last row.
    padded = block + bytes(max((size for _, _, size in runs), default=0))
    starts = array("q")
    try:
        while position < end and block[position : position + 2] == count:
            starts.append(position)
            position += 2
            for lengths_at, regular, size in runs:
                lengths = lengths_at(padded, position)
                if lengths[:-1] == regular:
                    length = lengths[-1]
                    position += size + length if length > 0 else size
                else:
                    for _ in lengths:
                        (length,) = _INT(padded, position)
                        position += 4 + length if length > 0 else 4
    except struct.error:
        position = end + 1
    if position > end:
        raise BrokenBlock("a length beyond what is there", column=0, row=len(starts) - 1)
    if position < end and block[position:] != _END:
        raise BrokenBlock("a wrong number of fields, or bytes after the end", column=0, row=len(starts))
    return np.frombuffer(starts, np.int64)


def _runs(
    widths: Sequence[int | None],
) -> Iterator[tuple[Callable[[bytes, int], tuple[int, ...]], tuple[int, ...], int]]:
    """Fields that are read at once: those of one length, and the one after them.

    Of each run: what reads the lengths, what they are without NULL save the last, and the bytes up to its value.
    """
    run: list[int] = []
    for place, width in enumerate(widths):
        if width is None or place == len(widths) - 1:
            layout = struct.Struct(">" + "".join(f"i{each}x" for each in run) + "i")
            yield layout.unpack_from, tuple(run), layout.size
            run = []
        else:
            run.append(width)


def _read(block: bytes, places: Numbers, dtype: np.dtype[Any]) -> Numbers:
    """What lies at these places, in the machine's byte order."""
    if not len(places):
        return np.zeros(0, dtype.newbyteorder("="))
    anywhere = np.ndarray((len(block) - dtype.itemsize + 1,), dtype, block, strides=(1,))
    return anywhere[places].astype(dtype.newbyteorder("="))


def _after_header(block: bytes) -> int:
    """Where the rows begin. No row begins like the header: 0x5047 fields are too many."""
    if not block.startswith(_SIGNATURE):
        return 0
    try:
        flags, extension = struct.unpack_from(">Ii", block, len(_SIGNATURE))
    except struct.error:
        flags, extension = 0, -1
    position: int = len(_SIGNATURE) + 8 + extension
    if flags & _CRITICAL or extension < 0 or position > len(block):
        raise BrokenBlock("a broken header", column=0, row=0)
    return position


def offsets(lengths: Numbers) -> Numbers:
    """0, and where each value ends, when they stand one after the other."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
