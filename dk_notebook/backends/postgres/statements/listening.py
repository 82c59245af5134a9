"""Reading along with what the server sends to asyncpg, which hands out less than the server says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar


class Between(asyncio.Protocol):
    """Stands between the transport and asyncpg's protocol, and hands everything on."""

    def __init__(self, behind: Any) -> None:
        self._behind = behind

    def data_received(self, data: bytes) -> None:
        """Look at it first."""
        self.seen(data)
        self._behind.data_received(data)

    def seen(self, data: bytes) -> None:
        """What came from the server; a message may arrive in pieces, and several at once."""
        raise NotImplementedError

    def connection_lost(self, exc: Exception | None) -> None:
        """Handed on."""
        self._behind.connection_lost(exc)

    def eof_received(self) -> bool | None:
        """Handed on."""
        kept: bool | None = self._behind.eof_received()
        return kept

    def pause_writing(self) -> None:
        """Handed on."""
        self._behind.pause_writing()

    def resume_writing(self) -> None:
        """Handed on."""
        self._behind.resume_writing()


B = TypeVar("B", bound=Between)


@contextmanager
def listening(connection: Any, make: Callable[[Any], B]) -> Iterator[B]:
    """Stand between for the time of the block."""
    transport = connection._transport
    behind = transport.get_protocol()
    between = make(behind)
    transport.set_protocol(between)
    try:
        yield between
    finally:
        transport.set_protocol(behind)
