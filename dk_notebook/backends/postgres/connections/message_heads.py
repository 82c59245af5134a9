"""A look at the head of each message from the server, before asyncpg meets it.

asyncpg trusts them: of a message of kind 0 it makes an endless loop, in which nothing else of the process runs.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import Any

from asyncpg.protocol import Protocol

_KINDS = frozenset(b"123ACDEGHIKNRSTVWZcdnstv")
"""What a server may send, by the first byte."""
_HEAD = struct.Struct("!Bi")
"""The kind, and the length of what follows, itself included."""
_SIZE = _HEAD.size
_unpacked = _HEAD.unpack_from
_LEAST = 4
_MOST = 1 << 30
"""The server's own limit of a message (PQ_LARGE_MESSAGE_LIMIT)."""


class Frames(asyncio.Protocol):
    """Stands between the transport and asyncpg's protocol; begins where a message does."""

    def __init__(self, behind: Any) -> None:
        self.behind = behind
        self._transport: Any = None
        self._head = bytearray()
        self._rest = 0
        """Bytes of a message that are still to come."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Handed on."""
        self._transport = transport
        self.behind.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Look at it, and hand it on; what is no message ends the connection."""
        if self._are_messages(data):
            self.behind.data_received(data)
        elif self._transport is not None:
            transport, self._transport = self._transport, None
            # The transport tells of the loss only later, and without a reason.
            self.behind.connection_lost(ConnectionError("the server sent what is no message of PostgreSQL"))
            transport.set_protocol(asyncio.Protocol())
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Handed on; and whoever waits for room to send is woken, which asyncpg itself forgets: a COPY would hang."""
        self.behind.connection_lost(exc)
        self.behind.resume_writing()

    def eof_received(self) -> bool | None:
        """Handed on."""
        kept: bool | None = self.behind.eof_received()
        return kept

    def pause_writing(self) -> None:
        """Handed on."""
        self.behind.pause_writing()

    def resume_writing(self) -> None:
        """Handed on."""
        self.behind.resume_writing()

    def _are_messages(self, data: bytes) -> bool:
        at, end = self._rest, len(data)
        while at < end:
            if self._head or end - at < _SIZE:  # a head that came in pieces
                taken = data[at : at + _SIZE - len(self._head)]
                self._head += taken
                at += len(taken)
                if len(self._head) < _SIZE:
                    self._rest = 0
                    return self._head[0] in _KINDS
                kind, length = _unpacked(self._head)
                self._head.clear()
            else:
                kind, length = _unpacked(data, at)
                at += _SIZE
            if kind not in _KINDS or not _LEAST <= length <= _MOST:
                return False
            at += length - _LEAST
        self._rest = at - end  # of a message that comes further
        return True


def watch(connection: Any) -> None:
    """Look at what an idle connection gets, until `unwatch`."""
    transport = connection._transport
    protocol = transport.get_protocol()
    if not isinstance(protocol, Frames):
        frames = Frames(protocol)
        frames._transport = transport
        transport.set_protocol(frames)


def unwatch(connection: Any) -> None:
    """Look no more: each row of a COPY is a message, and in a large one looking at all of them takes too long."""
    transport = connection._transport
    protocol = transport.get_protocol()
    if isinstance(protocol, Frames):
        transport.set_protocol(protocol.behind)


class Watching:
    """A loop whose connections are looked at from their first byte on; in all else the loop that it stands for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    async def create_connection(self, factory: Callable[[], Any], *where: Any, **how: Any) -> tuple[Any, Any]:
        """As the loop's."""
        transport, protocol = await self._loop.create_connection(lambda: _watched(factory()), *where, **how)
        return transport, _unwatched(protocol)

    async def create_unix_connection(self, factory: Callable[[], Any], *where: Any, **how: Any) -> tuple[Any, Any]:
        """As the loop's."""
        transport, protocol = await self._loop.create_unix_connection(lambda: _watched(factory()), *where, **how)
        return transport, _unwatched(protocol)


def _watched(protocol: Any) -> Any:
    if isinstance(protocol, Protocol):
        return Frames(protocol)
    # The answer to "do you speak TLS?" is no message. Where a cancel comes first nobody waits for it, and asyncio
    # would print that.
    answer = getattr(protocol, "on_data", None)
    if isinstance(answer, asyncio.Future):
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())
    return protocol


def _unwatched(protocol: Any) -> Any:
    return protocol.behind if isinstance(protocol, Frames) else protocol
