"""The fault proxy before a server that speaks HTTP.

::

    with HttpFaultProxy(node) as proxy:
        dk.connect(proxy.url)
        proxy.at_next_request("POST /.*_bulk", "cut_after")
"""

from __future__ import annotations

import re

from tests.services.certificates import Certificate
from tests.services.elasticsearch_address import ElasticsearchAddress
from tests.services.faults import AtCommit
from tests.services.http_requests import HttpRequests
from tests.services.proxy import Proxy


class HttpProxy(Proxy):
    """Before a server of HTTP. One that speaks TLS itself is passed through, and its requests are not seen."""

    tls_at_once = True
    _wanted = re.compile("")

    def frontend(self) -> HttpRequests:
        return HttpRequests(lambda line: self._wanted.search(line) is not None)

    @property
    def requests(self) -> int:
        """Requests seen that `at_next_request` asked for last; all, where it did not."""
        return sum(link.commits for link in self.links)

    def at_next_request(self, line: str, what: AtCommit) -> None:
        """Let it happen once, to the first request whose line, ``POST /things/_bulk?refresh=true``, has that in it."""
        self._wanted = re.compile(line)
        self.at_next_commit(what)


class HttpFaultProxy(HttpProxy):
    """Before an Elasticsearch node. ``tls``: speaks TLS with the client, with this certificate."""

    def __init__(
        self, server: ElasticsearchAddress, *, tls: Certificate | None = None, host: str = "127.0.0.1"
    ) -> None:
        super().__init__((server.host, server.port), tls=tls, host=host)
        self.server = server

    @property
    def url(self) -> str:
        """The node's, by way of the proxy: ``elasticsearch://...``, or ``elasticsearch+https://...``."""
        return self.url_of()

    def url_of(self, *, host: str | None = None) -> str:
        scheme = "https" if self.tls is not None else self.server.scheme
        return self.server.url_of(host=host or self.host, port=self.port, scheme=scheme)
