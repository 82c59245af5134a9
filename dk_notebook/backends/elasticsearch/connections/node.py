"""One node of a cluster, and the connections to it, for the official client's transport."""

from __future__ import annotations

import asyncio
import gzip
import io
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import aiohttp
from elastic_transport import (
    ApiResponseMeta,
    BaseAsyncNode,
    ConnectionError,  # noqa: A004 (the driver's name)
    ConnectionTimeout,
    HttpHeaders,
    NodeConfig,
    TlsError,
)
from elastic_transport.client_utils import DEFAULT, DefaultType
from yarl import URL

from dk_notebook.backends.http_connections import HttpConnections, forget
from dk_notebook.runtime.workers import in_worker

WIRING: Final = "_dk_wiring"
"""Where a NodeConfig has the `Wiring`."""
WORTH_ZIPPING: Final = 1 << 10
WORTH_A_WORKER: Final = 1 << 16
"""Bytes of a body from which on it is compressed at all, and in a worker."""


@dataclass(kw_only=True)
class Wiring(HttpConnections):
    """What the nodes of one cluster share."""

    connect_timeout: float
    connections: int
    """To a node, at most."""
    tls: Mapping[tuple[str, int], ssl.SSLContext | None]
    """By host and port of the node."""


class Node(BaseAsyncNode):
    """A node, as `elastic_transport` wants it. A request that is cancelled closes its connection, which cancels
    what the server does for it.
    """  # noqa: D205 (one sentence)

    def __init__(self, config: NodeConfig) -> None:
        super().__init__(config)
        self._wiring: Wiring = config._extras[WIRING]
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def perform_request(  # type: ignore[override]  # as in all of the driver's async nodes
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: HttpHeaders | None = None,
        request_timeout: DefaultType | float | None = DEFAULT,
    ) -> Received:
        """One attempt. ConnectionTimeout, TlsError and ConnectionError of the driver, with their cause."""
        if self._closed:
            raise ConnectionError("the connections to this node were closed")
        session = self._session or self._opened()
        sent = dict(self.headers)
        sent.update(headers or {})
        if body and self._http_compress and len(body) >= WORTH_ZIPPING:
            body = gzip.compress(body, 1) if len(body) < WORTH_A_WORKER else await _zipped(body)
            sent["content-encoding"] = "gzip"
        limit = self.config.request_timeout if isinstance(request_timeout, DefaultType) else request_timeout
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            async with session.request(
                method,
                URL(self.base_url + target, encoded=True),
                data=io.BytesIO(body) if body else None,  # bytes themselves would hold up the loop
                headers=sent,
                timeout=aiohttp.ClientTimeout(total=limit, sock_connect=self._wiring.connect_timeout),
                allow_redirects=False,  # who redirects is no node, and must not get the headers
            ) as response:
                received = await response.read()
        except asyncio.CancelledError:
            self._wiring.broken += 1
            raise
        except aiohttp.ConnectionTimeoutError as error:  # nothing was sent: the next node may have it
            raise ConnectionError("no answer to the attempt to connect", errors=(error,)) from error
        except TimeoutError as error:
            self._wiring.broken += 1
            raise ConnectionTimeout("no answer in time", errors=(error,)) from error
        except (ssl.SSLError, aiohttp.ClientSSLError) as error:
            raise TlsError(str(error), errors=(error,)) from error
        except (aiohttp.ClientError, OSError, RuntimeError) as error:
            # RuntimeError: the session was closed under way.
            if isinstance(error, RuntimeError) and not self._closed:
                raise
            self._wiring.broken += not isinstance(error, aiohttp.ClientConnectorError)
            raise ConnectionError(str(error), errors=(error,)) from error
        meta = ApiResponseMeta(
            node=self.config,
            duration=loop.time() - started,
            http_version="1.1",
            status=response.status,
            headers=_headers(response),
        )
        # Not logged: bodies hold rows.
        return Received(meta, received)

    async def close(self) -> None:  # type: ignore[override]  # as in all of the driver's async nodes
        """Close the connections."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def forget(self) -> None:
        """Leave the connections, whose sockets are closed, to nobody: the loop is gone."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            forget(session)

    def _opened(self) -> aiohttp.ClientSession:
        """A session, made on the loop that asks first."""
        self._session = self._wiring.session(
            {
                "limit": 0,
                "limit_per_host": self._wiring.connections,
                "ssl": self._wiring.tls.get((self.host, self.port)) or True,
            },
            headers=dict(self.headers),
            skip_auto_headers=("accept", "accept-encoding", "user-agent"),
            trust_env=False,
        )
        return self._session


class Received(NamedTuple):
    """As the driver's NodeApiResponse, which it does not export."""

    meta: ApiResponseMeta
    body: bytes


def _headers(response: aiohttp.ClientResponse) -> HttpHeaders:
    """The headers, repeated ones (``Warning``) joined: the driver would keep the last."""
    return HttpHeaders({name: ", ".join(response.headers.getall(name)) for name in response.headers})


async def _zipped(body: bytes) -> bytes:
    return await in_worker(lambda: gzip.compress(body, 1))
