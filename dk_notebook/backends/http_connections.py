"""The connections of aiohttp sessions: they notice a peer that is gone, are counted, and any thread can cut them."""

from __future__ import annotations

import socket
import weakref
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

IDLE: Final = 45.0
"""Seconds after which an idle connection is closed: before the balancers on the way do it, unseen (60 s and more)."""
BUFFER: Final = 1 << 20
"""Bytes that are read ahead of whoever takes them."""
KEEPALIVE: Final = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
"""Seconds of silence before a probe, between probes, and probes before the peer counts as gone."""


@dataclass(kw_only=True)
class HttpConnections:
    """Those of some sessions, and their figures. Who asks counts those that broke."""

    sockets: weakref.WeakSet[socket.socket] = field(default_factory=weakref.WeakSet)
    opened: int = 0
    reused: int = 0
    broken: int = 0

    @property
    def open(self) -> int:
        """How many are open now."""
        return sum(each.fileno() >= 0 for each in list(self.sockets))

    def session(self, connector: dict[str, Any], **how: Any) -> aiohttp.ClientSession:
        """A session of the running loop; ``connector``: what its `aiohttp.TCPConnector` is made with."""
        tracing = aiohttp.TraceConfig()
        tracing.on_connection_create_end.append(self._count_opened)
        tracing.on_connection_reuseconn.append(self._count_reused)
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(keepalive_timeout=IDLE, socket_factory=self._socket, **connector),
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=BUFFER,
            trace_configs=[tracing],
            **how,
        )
        # Or it sends a PUT or a DELETE again whose connection was lost, though the first may have been done.
        session._retry_connection = False
        return session

    def cut(self) -> None:
        """Shut every connection, from any thread."""
        for each in list(self.sockets):
            with suppress(OSError):  # gone already
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close every connection, where no loop will do so any more."""
        for each in list(self.sockets):
            each.close()

    def _socket(self, address: Any) -> socket.socket:
        """A socket that notices a peer that is gone, and that can be shut down from any thread."""
        family, kind, protocol, _, _ = address
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in KEEPALIVE.items():
            if hasattr(socket, name):  # not every system has each of them
                made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        self.sockets.add(made)
        return made

    async def _count_opened(self, *_: object) -> None:
        self.opened += 1

    async def _count_reused(self, *_: object) -> None:
        self.reused += 1


def forget(session: aiohttp.ClientSession) -> None:
    """Leave its connections to nobody: nothing will run on their loop any more."""
    connector = session.connector
    session.detach()
    if connector is not None:
        # Without a loop it only forgets them, and says nothing when it is freed.
        connector._close()
