"""What the scripted servers share: what a test told them, what was asked, and a server of HTTP in threads."""

from __future__ import annotations

import contextlib
import re
import socket
import sys
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Generic, Protocol, Self, TypeVar

HOST = "127.0.0.1"


class Asked(Protocol):
    """A request."""

    @property
    def line(self) -> str:
        """Method, path and query, as it is searched for."""


R = TypeVar("R", bound=Asked)
S = TypeVar("S")


class Scripts(Generic[R, S]):
    """Listens on a free port of 127.0.0.1 while its block lasts; its connections call `took`.

    What a script raised, and a request that nobody scripted, fail the test at the end of the block.
    """

    def __init__(self, connection: type[BaseHTTPRequestHandler], *, name: str) -> None:
        self._server = Server(self, connection)
        self.port: int = self._server.server_address[1]
        self.requests: list[R] = []
        """All that came, in order."""
        self.unscripted: list[R] = []
        """Those that it had no answer for."""
        self.connections = 0
        """How many were made."""
        self.errors: list[BaseException] = []
        """What the scripts raised."""
        self.over = threading.Event()
        self.lock = threading.Lock()
        self._next: list[tuple[re.Pattern[str], S]] = []
        self._always: list[tuple[re.Pattern[str], S]] = []
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name=name)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()
        self.cut()  # those that clients keep for later
        if self.errors:
            raise self.errors[0]
        if self.unscripted and raised[0] is None:
            raise AssertionError(f"nobody scripted {sorted({each.line for each in self.unscripted})}")

    def asked(self, line: str) -> Sequence[R]:
        """The requests with that in their line."""
        return [each for each in self.requests if re.search(line, each.line)]

    def next(self, line: str, script: S, *, times: int = 1) -> None:
        """What the next requests with that in their line meet, once each, in the order in which it was scripted."""
        with self.lock:
            self._next += [(re.compile(line), script)] * times

    def always(self, line: str, script: S) -> None:
        """What all requests with that in their line meet; the newest script first."""
        with self.lock:
            self._always.insert(0, (re.compile(line), script))

    def heal(self) -> None:
        """Forget what was scripted."""
        with self.lock:
            self._next.clear()
            self._always.clear()

    def cut(self) -> None:
        """End every connection."""
        for each in list(self._server.open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def took(self, request: R) -> S | None:
        """Note what came; what it meets. The lock is held."""
        self.requests.append(request)
        for at, (line, script) in enumerate(self._next):
            if line.search(request.line):
                del self._next[at]
                return script
        return next((script for line, script in self._always if line.search(request.line)), None)


class Server(ThreadingHTTPServer):
    """A thread a connection."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, scripts: Scripts[Any, Any], connection: type[BaseHTTPRequestHandler]) -> None:
        self.scripts = scripts
        self.open: set[Any] = set()
        super().__init__((HOST, 0), connection)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.scripts.connections += 1
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, *_: object) -> None:
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, OSError):  # a client that is gone is what tests are about
            self.scripts.errors.append(error)


class Connection(BaseHTTPRequestHandler):
    """One client's; `do` answers a request."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one piece
    disable_nagle_algorithm = True
    server: Server

    def do(self) -> None:
        raise NotImplementedError

    def do_GET(self) -> None:
        self.do()

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass
