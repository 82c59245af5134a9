"""What a client says to PostgreSQL, cut into messages as far as the fault proxy needs them."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

CANCEL = 80877102
TLS = 80877103
ENCRYPTION = 80877104  # of GSSAPI

COMMIT = re.compile(r"(^|;)\s*(commit|end)(\s+(work|transaction))?\s*;?\s*$", re.IGNORECASE)


class Piece(NamedTuple):
    """Bytes to forward. ``code``: a start packet's. ``query``: the text of a simple query, which is here whole."""

    data: bytes
    code: int | None = None
    query: str | None = None

    @property
    def commits(self) -> bool:
        return self.query is not None and COMMIT.search(self.query) is not None


class Frontend:
    """Takes bytes as they come, gives pieces; all but start packets and simple queries pass as they are."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._starting = True
        self._rest = 0
        """Bytes of a message that passes, still to come."""

    def feed(self, data: bytes) -> Iterator[Piece]:
        self._waiting += data
        while (piece := self._next()) is not None:
            yield piece

    def _next(self) -> Piece | None:
        if self._rest and self._waiting:
            part = self._take(min(self._rest, len(self._waiting)))
            self._rest -= len(part)
            return Piece(part)
        if self._starting:
            return self._start()
        if len(self._waiting) < 5:
            return None
        kind, length = struct.unpack_from("!ci", self._waiting)
        if kind != b"Q":
            self._rest = 1 + length
            return self._next()
        if len(self._waiting) < 1 + length:
            return None
        message = self._take(1 + length)
        return Piece(message, query=message[5:-1].decode(errors="replace"))

    def _start(self) -> Piece | None:
        if len(self._waiting) < 8:
            return None
        length, code = struct.unpack_from("!ii", self._waiting)
        if len(self._waiting) < length:
            return None
        self._starting = code in (TLS, ENCRYPTION)
        return Piece(self._take(length), code=code)

    def _take(self, count: int) -> bytes:
        taken = bytes(self._waiting[:count])
        del self._waiting[:count]
        return taken
