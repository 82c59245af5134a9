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

import contextlib
import gzip
import json
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit

from tests.services.elasticsearch_address import HOST, ElasticsearchAddress
from tests.services.scripted_indices import Item, ScriptedIndices

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


class ScriptedElasticsearch(ElasticsearchAddress):
    """Listens on a free port of 127.0.0.1, in threads of its own. ``limit``: bytes of a body at most."""

    def __init__(
        self,
        *,
        root: Mapping[str, object] = ROOT,
        product: str | None = "Elasticsearch",
        limit: int | None = None,
    ) -> None:
        self._server = _Server(self)
        super().__init__(f"elasticsearch://{HOST}:{self._server.server_address[1]}")
        self.root, self.product, self.limit = root, product, limit
        self.requests: list[Request] = []
        """All that came, in order."""
        self.unscripted: list[Request] = []
        """Those that it had no answer for."""
        self.indices = ScriptedIndices()
        self.over = threading.Event()
        self._next: list[tuple[re.Pattern[str], Script]] = []
        self._always: list[tuple[re.Pattern[str], Script]] = []
        self.errors: list[BaseException] = []
        """What the scripts raised."""
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="scripted elasticsearch")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()
        if self.errors:
            raise self.errors[0]
        if self.unscripted and raised[0] is None:
            raise AssertionError(f"nobody scripted {sorted({each.line for each in self.unscripted})}")

    @property
    def documents(self) -> dict[str, dict[str, Any]]:
        """By index, by id."""
        return self.indices.documents

    def asked(self, line: str) -> list[Request]:
        """The requests with that in their line."""
        return [each for each in self.requests if re.search(line, each.line)]

    def next(self, line: str, script: Script, *, times: int = 1) -> None:
        """What the next requests with that in their line meet, once each, in the order in which it was scripted."""
        with self._lock:
            self._next += [(re.compile(line), script)] * times

    def always(self, line: str, script: Script) -> None:
        """What all requests with that in their line meet; the newest script first."""
        with self._lock:
            self._always.insert(0, (re.compile(line), script))

    def at_items(self, judge: Callable[[Item], int | None]) -> None:
        """Of each item of a bulk, whenever it comes: the status of its refusal; None or 2xx: done as by a node."""
        self.indices.judge = judge

    # --- in the threads of connections

    def script(self, request: Request) -> Script | None:
        with self._lock:
            self.requests.append(request)
            for at, (line, script) in enumerate(self._next):
                if line.search(request.line):
                    del self._next[at]
                    return script
            return next((script for line, script in self._always if line.search(request.line)), None)

    def answer(self, request: Request) -> Answer:
        """As it answers by itself."""
        with self._lock:
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


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, node: ScriptedElasticsearch) -> None:
        self.node = node
        self.open: set[Any] = set()
        super().__init__((HOST, 0), _Connection)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        for each in list(self.open):  # those that clients keep for later
            with contextlib.suppress(OSError):
                each.shutdown(2)

    def handle_error(self, *_: object) -> None:
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, OSError):  # a client that is gone is what tests are about
            self.node.errors.append(error)


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one piece
    server: _Server

    def do(self) -> None:
        node, request = self.server.node, self._request()
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

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do  # noqa: N815 (its names)

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
        if self.server.node.product is not None:
            headers["X-Elastic-Product"] = self.server.node.product
        self.send_response_only(answer.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if within else body)
        self.close_connection = self.close_connection or within

    def log_message(self, *_: object) -> None:
        pass


def _json(body: object) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
