"""The connections of aioboto3: whose store it is gets checked, they are counted, and any thread can cut them."""

from __future__ import annotations

import socket
import ssl
import weakref
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
from aiobotocore.httpsession import AIOHTTPSession

from dk_notebook.backends.s3.errors import Redirected

REGION: Final = "x-amz-bucket-region"
"""The header in which a store says where a bucket lies."""
IDLE: Final = 45.0
"""Seconds after which an idle connection is closed: before the balancers on the way do it, unseen (60 s and more)."""
BUFFER: Final = 1 << 20
"""Bytes that are read ahead of whoever takes them."""
KEEPALIVE: Final = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
"""Seconds of silence before a probe, between probes, and probes before the peer counts as gone."""


@dataclass
class Wiring:
    """How the clients of one store connect, and what they count."""

    tls: ssl.SSLContext
    connections: int
    """At most."""
    sockets: weakref.WeakSet[socket.socket] = field(default_factory=weakref.WeakSet)
    sessions: list[aiohttp.ClientSession] = field(default_factory=list)
    in_use: int = 0
    opened: int = 0
    reused: int = 0
    broken: int = 0

    @property
    def idle(self) -> int:
        """Connections that are open, and used by nobody."""
        return max(sum(each.fileno() >= 0 for each in list(self.sockets)) - self.in_use, 0)

    def session_class(self) -> Any:
        """What botocore makes its connections with."""
        return lambda **how: _Session(self, **how)

    def cut(self) -> None:
        """Shut every connection, from any thread."""
        for each in list(self.sockets):
            with suppress(OSError):  # gone already
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close every connection, where no loop will do so any more."""
        for each in list(self.sockets):
            each.close()

    def forget(self) -> None:
        """Leave the connections to nobody: nothing will run on their loop any more."""
        for session in self.sessions:
            connector = session.connector
            session.detach()
            if connector is not None:
                # Without a loop it only forgets them, and says nothing when it is freed.
                connector._close()
        self.sessions.clear()


class _Asking:
    """What botocore asks with. It follows no redirect: who it leads to would get the headers, a token among them."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def request(self, method: str, **how: Any) -> aiohttp.ClientResponse:
        response = await self._session.request(method, allow_redirects=False, **how)
        if method == "HEAD" and 300 < response.status < 400 and REGION not in response.headers:
            # botocore would ask the same for the bucket's region, and so on.
            response.release()
            raise Redirected(response.headers.get("Location", ""))
        return response


class _Session(AIOHTTPSession):  # type: ignore[misc]  # untyped
    """botocore's own checks the certificate, but not that it is for this host."""

    def __init__(self, wiring: Wiring, **how: Any) -> None:
        super().__init__(**how)
        self._wiring = wiring

    def _create_connector(self, proxy_url: str | None) -> aiohttp.TCPConnector:
        return aiohttp.TCPConnector(
            limit=self._wiring.connections,
            keepalive_timeout=IDLE,
            ssl=self._wiring.tls if proxy_url is None else self._setup_proxy_ssl_context(proxy_url) or self._wiring.tls,
            socket_factory=self._socket,
        )

    async def _get_session(self, proxy_url: str | None) -> _Asking:
        if proxy_url not in self._sessions:
            tracing = aiohttp.TraceConfig()
            tracing.on_connection_create_end.append(self._count_opened)
            tracing.on_connection_reuseconn.append(self._count_reused)
            session = aiohttp.ClientSession(
                connector=self._create_connector(proxy_url),
                timeout=self._timeout,
                skip_auto_headers={"content-type"},
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                read_bufsize=BUFFER,
                trace_configs=[tracing],
            )
            # Or it sends a PUT again whose connection was lost, though the first may have been done.
            session._retry_connection = False
            self._wiring.sessions.append(session)
            self._sessions[proxy_url] = _Asking(await self._exit_stack.enter_async_context(session))
        asking: _Asking = self._sessions[proxy_url]
        return asking

    def _socket(self, address: Any) -> socket.socket:
        """A socket that notices a peer that is gone, and that can be shut down from any thread."""
        family, kind, protocol, _, _ = address
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in KEEPALIVE.items():
            if hasattr(socket, name):  # not every system has each of them
                made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        self._wiring.sockets.add(made)
        return made

    async def _count_opened(self, *_: object) -> None:
        self._wiring.opened += 1

    async def _count_reused(self, *_: object) -> None:
        self._wiring.reused += 1
