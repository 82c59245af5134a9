"""A node that answers as a test tells it to, for what no real node can be brought to.

::

    with ScriptedElasticsearch() as node:
        node.at_items(lambda item: 429 if item.attempt == 1 else None)     # each document is refused once
        node.next("POST /.*_bulk", "cut_after")                            # done, and not told
        node.next("POST /.*_bulk", failure(503, "unavailable", "later", headers={"Retry-After": "1"}))
        node.always("GET /things/_mapping", Answer(body={"things": {"mappings": {}}}))      # an answer once recorded
        ...                                                                # the client under test, with node.url
        assert node.documents["things"]["1"] == {"a": 7}
        assert len(node.asked("_bulk")) == 3

Lines are searched for regular expressions: ``POST /things/_bulk?refresh=true``. What is scripted for next goes before
what is scripted for always, and that before what the node can do by itself:

- ``GET /``, as ``root`` has it (`ROOT`, `OPENSEARCH`), and ``GET /_cluster/health``;
- ``_bulk``: `index`, `create` and `delete` with ids, over ``documents``, each item as `at_items` says: None, as a
  node does it, or the status of a refusal; or all with 413, where the body is larger than ``limit``;
- of an index: ``PUT``, ``HEAD``, ``DELETE``, ``GET /i/_mapping``, ``GET /i/_doc/id``, ``/i/_count``, ``/i/_refresh``.

Every other request is answered with 501, and fails the test at the end. With ``product=None`` the header is missing
by which clients know Elasticsearch. For TLS and for broken connections, stand a `HttpFaultProxy` before it.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from tests.services.elasticsearch_address import HOST, ElasticsearchAddress
from tests.services.scripted_indices import Item, ScriptedIndices
from tests.services.scripts import Connection, Scripts

ROOT: dict[str, Any] = {
    "name": "scripted",
    "cluster_name": "scripted",
    "cluster_uuid": "c2NyaXB0ZWQtbm9kZS0tLQ",
    "version": {
        "number": "8.19.21",
        "build_flavor": "default",
        "build_type": "zip",
        "build_hash": "0" * 40,
        "build_date": "2026-01-01T00:00:00.000000000Z",
        "build_snapshot": False,
        "lucene_version": "9.12.2",
        "minimum_wire_compatibility_version": "7.17.0",
        "minimum_index_compatibility_version": "7.0.0",
    },
    "tagline": "You Know, for Search",
}
OPENSEARCH: dict[str, Any] = {
    **{name: ROOT[name] for name in ("name", "cluster_name", "cluster_uuid")},
    "version": {
        "distribution": "opensearch",
        "number": "3.3.0",
        "build_type": "tar",
        "build_hash": "0" * 40,
        "build_date": "2026-01-01T00:00:00.000000000Z",
        "build_snapshot": False,
        "lucene_version": "10.3.1",
        "minimum_wire_compatibility_version": "2.19.0",
        "minimum_index_compatibility_version": "2.0.0",
    },
    "tagline": "The OpenSearch Project: https://opensearch.org/",
}

Cut = Literal["cut_before", "cut_after", "cut_within"]
"""The connection ends: nothing was done; all was done, and is not told; the answer breaks off."""


@dataclass(frozen=True)
class Answer:
    """``body``: JSON, or bytes as they are. ``after``: seconds until it is given."""

    status: int = 200
    body: object = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    after: float = 0


def failure(status: int, kind: str, reason: str, *, headers: Mapping[str, str] | None = None) -> Answer:
    """An error as Elasticsearch words it.

    >>> failure(404, "index_not_found_exception", "no such index [things]").body["error"]["type"]
    'index_not_found_exception'
    """
    cause = {"type": kind, "reason": reason}
    return Answer(status, {"error": {"root_cause": [cause], **cause}, "status": status}, headers or {})


@dataclass(frozen=True)
class Request:
    """What a client asked."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def line(self) -> str:
        """Method, path and query, as it is searched for."""
        return f"{self.method} {self.target}"

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def lines(self) -> list[Any]:
        """Of a body that is lines of JSON."""
        return [json.loads(line) for line in self.body.splitlines() if line]


Script = Answer | Cut | Callable[[Request], Answer]


class ScriptedElasticsearch(Scripts[Request, Script], ElasticsearchAddress):
    """Listens on a free port of 127.0.0.1, in threads of its own. ``limit``: bytes of a body at most."""

    def __init__(
        self,
        *,
        root: Mapping[str, object] = ROOT,
        product: str | None = "Elasticsearch",
        limit: int | None = None,
    ) -> None:
        Scripts.__init__(self, _Connection, name="scripted elasticsearch")
        ElasticsearchAddress.__init__(self, f"elasticsearch://{HOST}:{self.port}")
        self.root, self.product, self.limit = root, product, limit
        self.indices = ScriptedIndices()

    @property
    def documents(self) -> dict[str, dict[str, Any]]:
        """By index, by id."""
        return self.indices.documents

    def at_items(self, judge: Callable[[Item], int | None]) -> None:
        """Of each item of a bulk, whenever it comes: the status of its refusal; None or 2xx: done as by a node."""
        self.indices.judge = judge

    # --- in the threads of connections

    def script(self, request: Request) -> Script | None:
        with self.lock:
            return self.took(request)

    def answer(self, request: Request) -> Answer:
        """As it answers by itself."""
        with self.lock:
            if self.limit is not None and len(request.body) > self.limit:
                return Answer(413, b"")
            if request.path == "/":
                return Answer(body=self.root)
            if request.path == "/_cluster/health":
                return Answer(body={"cluster_name": "scripted", "status": "green", "timed_out": False})
            answered = self.indices.answer(request.method, request.path, request.body)
            if answered is None:
                self.unscripted.append(request)
                return failure(501, "not_scripted", request.line)
            return Answer(*answered)


class _Connection(Connection):
    @property
    def node(self) -> ScriptedElasticsearch:
        assert isinstance(self.server.scripts, ScriptedElasticsearch)
        return self.server.scripts

    def do(self) -> None:
        node, request = self.node, self._request()
        script = node.script(request)
        if script == "cut_before":
            self.close_connection = True
            return
        answer = script if isinstance(script, Answer) else script(request) if callable(script) else node.answer(request)
        if answer.after:
            node.over.wait(answer.after)
        if script == "cut_after":
            self.close_connection = True
            return
        self._send(answer, request, within=script == "cut_within")

    def _request(self) -> Request:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b"".join(self._chunks())
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        return Request(self.command, self.path, dict(self.headers.items()), body)

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _send(self, answer: Answer, request: Request, *, within: bool) -> None:
        body = answer.body if isinstance(answer.body, bytes) else _json(answer.body)
        accepted = request.headers.get("Accept", "")
        kind = accepted if accepted.startswith("application/vnd.elasticsearch+json") else "application/json"
        headers = {"Content-Type": kind, "Content-Length": str(len(body)), **answer.headers}
        if self.node.product is not None:
            headers["X-Elastic-Product"] = self.node.product
        self.send_response_only(answer.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if within else body)
        self.close_connection = self.close_connection or within


def _json(body: object) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
