"""A store that answers as a test tells it to, and otherwise as the real one behind it.

::

    with ScriptedS3(store) as scripted:
        scripted.next("PUT /", "cut_after")                     # stored, and not told
        scripted.next("GET /", refusal(503, "SlowDown"))
        scripted.always("GET /b/k", every(3, SLOW_DOWN))
        scripted.next("GET /b/k", Spoiled(cut_at=100))
        ...                                                     # the client under test, with scripted.settings
        assert len(scripted.asked("PUT /")) == 2

Lines are searched for regular expressions: ``GET /bucket?list-type=2&prefix=a``. What is scripted for next goes before
what is scripted for always. Without a store behind it every request that nobody scripted fails the test at its end.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import socket
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from xml.sax.saxutils import escape

from tests.services.s3_address import HOST, S3Address
from tests.services.scripts import Connection, Scripts

Fault = Literal["cut_before", "cut_after", "swallow", "cut_within", "flipped"]
"""Nothing was done, and the connection ends; all was done, and is not told; the same, and the connection stays; the
answer's body breaks off in its middle; a bit of its first byte is another one."""

KEYS = ("scripted-key-id", "scripted-secret")


@dataclass(frozen=True)
class Answer:
    """``after``: seconds until it is given."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    after: float = 0


def refusal(status: int, code: str, message: str = "as the store says it", *, region: str = "", **more: Any) -> Answer:
    """An error as S3 words it.

    >>> b"<Code>SlowDown</Code>" in refusal(503, "SlowDown").body
    True
    """
    where = f"<Region>{region}</Region>" if region else ""
    said = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message>{where}</Error>"
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    return Answer(status, f"{head}{said}".encode(), {"Content-Type": "application/xml"}, **more)


SLOW_DOWN = refusal(503, "SlowDown", "Please reduce your request rate.")


@dataclass(frozen=True)
class Spoiled:
    """The store's answer, whose body breaks off after so many bytes, or has another bit in the byte at that place."""

    cut_at: int | None = None
    flip_at: int | None = None


@dataclass(frozen=True)
class Request:
    """What a client asked."""

    number: int
    """Of all that came, from 1."""
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def line(self) -> str:
        """Method, path and query, as it is searched for."""
        return f"{self.method} {self.target}"


Meeting = Answer | Fault | Spoiled
Script = Meeting | Callable[[Request], Meeting | None]


def every(nth: int, what: Meeting) -> Callable[[Request], Meeting | None]:
    """Let it happen to each nth of the requests that this meets; the others meet nothing."""
    count = itertools.count(1)  # whose next is one step, in whatever thread
    return lambda _: what if next(count) % nth == 0 else None


def crowd(scripted: ScriptedS3, count: int) -> Callable[[Request], None]:
    """Let requests wait until so many run at once, ten seconds at most, and a little longer: for one more to come."""

    def waiting(_: Request) -> None:
        until = time.monotonic() + 10
        while scripted.most_at_once < count and time.monotonic() < until:
            time.sleep(0.005)
        time.sleep(0.02)

    return waiting


class ScriptedS3(Scripts[Request, Script], S3Address):
    """Listens on a free port of 127.0.0.1, in threads of its own. ``store``: who answers what nobody scripted."""

    def __init__(self, store: S3Address | None = None) -> None:
        Scripts.__init__(self, _Connection, name="scripted S3")
        S3Address.__init__(self, f"http://{HOST}:{self.port}")
        self.store = store
        self.access_key, self.secret = (store.access_key, store.secret) if store is not None else KEYS
        self.running = self.most_at_once = 0
        """Requests that are under way, and how many were at most."""

    # --- in the threads of connections

    def met(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> tuple[Request, Script | None]:
        with self.lock:
            request = Request(len(self.requests) + 1, method, target, headers, body)
            self.running += 1
            self.most_at_once = max(self.most_at_once, self.running)
            return request, self.took(request)

    def done(self) -> None:
        with self.lock:
            self.running -= 1

    def answer(self, request: Request) -> Answer:
        """What the store behind it says."""
        if self.store is None:
            self.unscripted.append(request)
            return refusal(501, "NotImplemented", request.line)
        behind = http.client.HTTPConnection(self.store.host, self.store.port, timeout=20)
        try:
            behind.request(request.method, request.target, request.body or None, dict(request.headers))
            said = behind.getresponse()
            headers = {name: value for name, value in said.getheaders() if name.lower() not in _OURS}
            length = said.getheader("Content-Length") if request.method == "HEAD" else None
            return Answer(said.status, said.read(), headers | ({"Content-Length": length} if length else {}))
        finally:
            behind.close()


_OURS = frozenset({"content-length", "connection", "transfer-encoding", "date", "server"})
"""Headers that are of a connection, not of an answer."""


class _Connection(Connection):
    @property
    def scripted(self) -> ScriptedS3:
        assert isinstance(self.server.scripts, ScriptedS3)
        return self.server.scripts

    def do(self) -> None:
        scripted = self.scripted
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        request, script = scripted.met(self.command, self.path, headers, body)
        try:
            if callable(script):
                script = script(request)
            self._meet(request, script)
        finally:
            scripted.done()

    def handle_expect_100(self) -> bool:
        is_fine = super().handle_expect_100()
        self.wfile.flush()  # or the client waits for it with the body
        return is_fine

    def _meet(self, request: Request, script: Meeting | None) -> None:
        scripted = self.scripted
        if script == "cut_before":
            self._cut()
            return
        answer = script if isinstance(script, Answer) else scripted.answer(request)
        if script == "cut_after":
            self._cut()
            return
        if script == "swallow":
            self.connection.recv(1)  # until one side goes
            self.close_connection = True
            return
        if answer.after:
            scripted.over.wait(answer.after)
        spoiled = _spoiled(script, len(answer.body))
        body = answer.body
        if (place := spoiled.flip_at) is not None:
            body = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if "Content-Length" not in answer.headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if request.method != "HEAD":
            self.wfile.write(body[: spoiled.cut_at])
        self.wfile.flush()
        if spoiled.cut_at is not None:
            time.sleep(0.01)  # for what was sent to arrive
            self._cut()

    def _cut(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.shutdown(socket.SHUT_RDWR)


def _spoiled(script: Meeting | None, size: int) -> Spoiled:
    """What becomes of a body of that size."""
    if isinstance(script, Spoiled):
        return script
    return Spoiled(size // 2 if script == "cut_within" else None, 0 if script == "flipped" else None)
