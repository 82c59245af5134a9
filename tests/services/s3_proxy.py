"""The fault proxy before an S3 store: what happens to connections. What a store answers: `scripted_s3`.

::

    with S3FaultProxy(store) as proxy:
        dk.connect(f"s3://{bucket}", **proxy.settings)
        proxy.at_next_request("PUT /", "swallow")
        proxy.delay(0.02)
        proxy.cut()

It costs about half a millisecond of CPU a request, in a thread of this process: what is measured through it runs in
another one.
"""

from __future__ import annotations

from typing import Any

from tests.services.certificates import Certificate
from tests.services.http_proxy import HttpProxy
from tests.services.s3_address import HOST, S3Address


class S3FaultProxy(HttpProxy):
    """Before a store that speaks plain HTTP. ``tls``: speaks TLS with the client, with this certificate."""

    def __init__(self, store: S3Address, *, tls: Certificate | None = None) -> None:
        super().__init__((store.host, store.port or 80), tls=tls, host=HOST)
        self.store = store

    @property
    def address(self) -> S3Address:
        """The store, as the tests ask it, by way of the proxy."""
        scheme = "https" if self.tls is not None else "http"
        return self.store.by_way_of(f"{scheme}://{self.host}:{self.port}")

    @property
    def settings(self) -> dict[str, Any]:
        """The store's, by way of the proxy."""
        return self.settings_of(self.host)

    def settings_of(self, host: str) -> dict[str, Any]:
        """The same, with another name of this machine."""
        scheme = "https" if self.tls is not None else "http"
        return {**self.store.settings, "endpoint_url": f"{scheme}://{host}:{self.port}"}
