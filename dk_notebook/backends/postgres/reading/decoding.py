"""Blocks of binary COPY to Arrow arrays: by the native module, or by the reference where nothing was compiled."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Protocol, cast

import pyarrow as pa

from dk_notebook.backends.postgres.reading.decode import decode
from dk_notebook.backends.postgres.reading.formats import BrokenBlock, Format, Kind, Undecodable, arrow_type
from dk_notebook.frames.notices import warn

try:
    from dk_notebook.backends.postgres import _native
except ImportError:  # nothing was compiled, or for another machine
    NATIVE = False
else:
    NATIVE = True

__all__ = ["NATIVE", "BrokenBlock", "Decoder", "NativeDecoder", "ReferenceDecoder", "Undecodable", "decoder"]

BIG = 1_000_000
"""Bytes of a block from which on the lack of the native module is felt."""
_BROKEN = "broken"

_noticing = threading.Lock()
_noticed = False


class Decoder(Protocol):
    """Decodes the blocks of one result; several threads may use it at the same time."""

    def decode(self, block: bytes) -> tuple[int, list[pa.Array]]:
        """The number of rows of a block, and a column for each format.

        A block holds whole rows, and is smaller than 2 GB. The first one begins with the header of the stream, the
        last one may end with its end. Undecodable: a value that Arrow cannot hold. BrokenBlock: bytes that the
        protocol does not know.
        """


def decoder(formats: Sequence[Format]) -> Decoder:
    r"""What decodes the blocks of a result with columns of these formats; ValueError for a format that is none.

    >>> rows, [column] = decoder(["bool"]).decode(b"\0\1" b"\0\0\0\1" b"\1" b"\0\1" b"\xff\xff\xff\xff")
    >>> rows, column.to_pylist()
    (2, [True, None])
    """
    return NativeDecoder(formats) if NATIVE else ReferenceDecoder(formats)


class ReferenceDecoder:
    """The one in Python. It says once, at the first big block, that there is a faster one."""

    def __init__(self, formats: Sequence[Format]) -> None:
        self._formats = list(formats)
        for wire in formats:
            arrow_type(wire)

    def decode(self, block: bytes) -> tuple[int, list[pa.Array]]:
        """As in Decoder."""
        if len(block) > BIG and not NATIVE:
            _notice()
        return decode(self._formats, block)


class NativeDecoder:
    """The compiled one. Other threads run while it works."""

    def __init__(self, formats: Sequence[Format]) -> None:
        self._types = [arrow_type(wire) for wire in formats]
        self._decoder = _native.Decoder(list(formats))

    def decode(self, block: bytes) -> tuple[int, list[pa.Array]]:
        """As in Decoder."""
        decoded, fault = self._decoder.decode(block)
        if decoded is not None:
            rows, columns = decoded
            return rows, [_array(arrow, column) for arrow, column in zip(self._types, columns, strict=True)]
        assert fault is not None  # noqa: S101 (for the type checker: one of both is there)
        kind, detail, place, row = fault
        if kind == _BROKEN:
            raise BrokenBlock(detail, column=place, row=row)
        raise Undecodable(cast(Kind, kind), column=place, row=row)


def _array(arrow: pa.DataType, column: _native.Column) -> pa.Array:
    length, nulls, buffers, child = column
    children = None if child is None else [_array(arrow.value_type, child)]
    made = [None if buffer is None else pa.py_buffer(buffer) for buffer in buffers]
    return pa.Array.from_buffers(arrow, length, made, nulls, children=children)


def _notice() -> None:
    global _noticed
    with _noticing:  # blocks are decoded in several threads
        first, _noticed = not _noticed, True
    if first:
        warn(
            "the native decoder of PostgreSQL's results was not compiled when dk_notebook was installed: big results "
            "are read several times slower. Install Rust (rustup.rs) and dk_notebook again, or a wheel that has it"
        )
