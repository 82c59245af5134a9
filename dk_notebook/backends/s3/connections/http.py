"""The connections of aioboto3: whose store it is gets checked, and no redirect is followed."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
from aiobotocore.httpsession import AIOHTTPSession

from dk_notebook.backends.http_connections import HttpConnections, forget
from dk_notebook.backends.s3.errors import Redirected

REGION: Final = "x-amz-bucket-region"
"""The header in which a store says where a bucket lies."""


@dataclass(kw_only=True)
class Wiring(HttpConnections):
    """How the clients of one store connect, and what they count."""

    tls: ssl.SSLContext
    connections: int
    """At most."""
    sessions: list[aiohttp.ClientSession] = field(default_factory=list)
    in_use: int = 0

    @property
    def idle(self) -> int:
        """Connections that are open, and used by nobody."""
        return max(self.open - self.in_use, 0)

    def session_class(self) -> Any:
        """What botocore makes its connections with."""
        return lambda **how: _Session(self, **how)

    def forget(self) -> None:
        """Leave the connections to nobody: nothing will run on their loop any more."""
        for session in self.sessions:
            forget(session)
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

    async def _get_session(self, proxy_url: str | None) -> _Asking:
        if proxy_url not in self._sessions:
            tls = self._wiring.tls
            if proxy_url is not None:
                tls = self._setup_proxy_ssl_context(proxy_url) or tls
            session = self._wiring.session(
                {"limit": self._wiring.connections, "ssl": tls},
                timeout=self._timeout,
                skip_auto_headers={"content-type"},
                auto_decompress=False,
            )
            self._wiring.sessions.append(session)
            self._sessions[proxy_url] = _Asking(await self._exit_stack.enter_async_context(session))
        asking: _Asking = self._sessions[proxy_url]
        return asking
