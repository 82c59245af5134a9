"""What a client says to a server of HTTP/1.1, cut into heads and bodies as far as the fault proxy needs them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

END = b"\r\n\r\n"
LENGTH = re.compile(rb"^content-length:\s*(\d+)", re.IGNORECASE | re.MULTILINE)
CHUNKED = re.compile(rb"^transfer-encoding:\s*chunked", re.IGNORECASE | re.MULTILINE)
HANDSHAKE = 0x16  # the first byte of TLS


class HttpPiece(NamedTuple):
    """Bytes to forward: a head, or a part of a body. ``commits``: it is the head of a request that was asked for."""

    data: bytes
    code: None = None
    commits: bool = False


class HttpRequests:
    """Takes bytes as they come, gives pieces. ``wanted``: tells of ``POST /a/_bulk`` whether it is asked for."""

    def __init__(self, wanted: Callable[[str], bool]) -> None:
        self._wanted = wanted
        self._waiting = bytearray()
        self._rest = 0
        """Bytes of a body, still to come."""
        self._chunked = False
        self._secret = False
        """Encrypted: all passes."""

    def feed(self, data: bytes) -> Iterator[HttpPiece]:
        self._waiting += data
        self._secret = self._secret or self._waiting[:1] == bytes([HANDSHAKE])
        while (piece := self._next()) is not None:
            yield piece

    def _next(self) -> HttpPiece | None:
        if not self._waiting:
            return None
        if self._secret:
            return HttpPiece(self._take(len(self._waiting)))
        if self._rest:
            part = self._take(min(self._rest, len(self._waiting)))
            self._rest -= len(part)
            return HttpPiece(part)
        if self._chunked:
            return self._chunk()
        return self._head()

    def _head(self) -> HttpPiece | None:
        end = self._waiting.find(END)
        if end < 0:
            return None
        head = self._take(end + len(END))
        length = LENGTH.search(head)
        self._rest = int(length[1]) if length else 0
        self._chunked = CHUNKED.search(head) is not None
        line = head.partition(b" HTTP/")[0].decode("latin-1")
        return HttpPiece(head, commits=self._wanted(line))

    def _chunk(self) -> HttpPiece | None:
        """A chunk's first line, or all of the last; trailers are not expected."""
        line, found, _ = self._waiting.partition(b"\r\n")
        if not found:
            return None
        size = int(line.partition(b";")[0], 16)
        if size:
            self._rest = size + 2
            return HttpPiece(self._take(len(line) + 2))
        if len(self._waiting) < len(line) + 4:
            return None
        self._chunked = False
        return HttpPiece(self._take(len(line) + 4))

    def _take(self, count: int) -> bytes:
        taken = bytes(self._waiting[:count])
        del self._waiting[:count]
        return taken
