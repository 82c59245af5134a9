"""A proxy between client and server that loses, delays and spoils what goes through it, on command.

::

    with FaultProxy(server) as proxy:
        connection = await asyncpg.connect(proxy.url)
        proxy.at_next_commit("swallow")

What a proxy is told holds for its open connections and for those to come, until it is healed; a `Link`, one
connection, can be told the same alone.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Literal, Protocol, Self

from dk_notebook.testing.services.ports import free_port
from dk_notebook.testing.services.postgres import PostgresAddress
from tests.services.certificates import Certificate
from tests.services.faults import Cut, Faults, Faulty
from tests.services.frontend import Frontend, Piece
from tests.services.link import Link


class Speech(Protocol):
    """What a client says, cut into pieces: those that a proxy has to know, and the rest."""

    def feed(self, data: bytes) -> Iterable[Piece]: ...


class Proxy(Faulty):
    """Stands before a server, listens on 127.0.0.1 (or ``host``). ``tls``: speaks TLS with the client."""

    frontend: Callable[[], Speech]
    """What a connection begins with that is new."""
    tls_at_once = False
    """Whether TLS begins with the connection; otherwise the client asks for it first."""

    def __init__(self, upstream: tuple[str, int], *, tls: Certificate | None = None, host: str = "127.0.0.1") -> None:
        self.upstream = upstream
        self.host, self.port = host, free_port(host)
        self.tls: ssl.SSLContext | None = None
        if tls is not None:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(tls.file, tls.key)
        self.faults = Faults()
        """What connections to come begin with."""
        self.lost_cancels: Literal["answered", "unanswered"] | None = None
        self.links: list[Link] = []
        """Every connection that was accepted, in order; of those to a deaf proxy there is none."""
        self.accepted = 0
        self._errors: list[BaseException] = []
        self._deaf = False
        self._unheard: list[asyncio.StreamWriter] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._listening: asyncio.Server | None = None
        self._loop: asyncio.AbstractEventLoop
        self._over: asyncio.Event
        self._thread: threading.Thread

    def __enter__(self) -> Self:
        started: Future[None] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)), name="fault proxy")
        self._thread.start()
        started.result(10)
        return self

    def __exit__(self, *raised: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)
        if self._errors:
            raise self._errors[0]

    @property
    def open_links(self) -> list[Link]:
        """The connections of now that came for more than a cancel."""
        return [link for link in self.links if link.is_open and not link.is_cancel]

    def change(self, how: Callable[[Faults], None]) -> None:
        self.do(lambda: self._change(how))

    def cut(self, how: Cut = "reset") -> None:
        """End every open connection now."""
        self.do(lambda: [link.end(how) for link in self.links])

    def deafen(self) -> None:
        """Accept connections to come, and neither read nor answer them, ever."""
        self.do(lambda: setattr(self, "_deaf", True))

    def refuse(self) -> None:
        """Listen no more: connections to come are refused, the open ones stay."""
        self.do(self._close_port)

    def heal(self) -> None:
        """Forward all and listen to all that comes. What was lost stays lost."""
        super().heal()
        self.do(self._hear)
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    # --- on the loop

    def do(self, action: Callable[[], object]) -> None:
        """Let the proxy's thread do something, and wait until it did."""

        async def act() -> None:
            action()

        asyncio.run_coroutine_threadsafe(act(), self._loop).result(10)

    def forget_commit(self) -> None:
        """A COMMIT came: what the next one was to meet, it met."""
        self._change(lambda faults: setattr(faults, "commit", None))

    def _change(self, how: Callable[[Faults], None]) -> None:
        how(self.faults)
        for link in self.links:
            link.apply(how)

    def _hear(self) -> None:
        self._deaf, self.lost_cancels = False, None

    async def _serve(self, started: Future[None]) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        try:
            await self._listen()
        except OSError as error:
            started.set_exception(error)
            return
        started.set_result(None)
        await self._over.wait()
        self._close_port()
        self._deaf = True
        await asyncio.sleep(0.01)  # for those that were let in just now
        for writer in self._unheard:
            writer.transport.abort()
        for task in self._tasks:
            task.cancel()
        ends = await asyncio.gather(*self._tasks, return_exceptions=True)
        for link in self.links:
            link.forget()
        await asyncio.sleep(0.01)  # for the sockets to close
        self._errors = [each for each in ends if each and not isinstance(each, asyncio.CancelledError)]

    async def _listen(self) -> None:
        if self._listening is None:
            self._listening = await asyncio.start_server(self._accept, self.host, self.port)

    def _close_port(self) -> None:
        if self._listening is not None:
            self._listening.close()
            self._listening = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        if self._deaf:
            writer.transport.pause_reading()
            self._unheard.append(writer)
            return
        link = Link(self, reader, writer)
        self.links.append(link)
        self._tasks.append(asyncio.create_task(link.run()))


class FaultProxy(Proxy):
    """Before PostgreSQL. ``tls``: speaks TLS with who asks for it, with this certificate."""

    frontend = Frontend

    def __init__(self, server: PostgresAddress, *, tls: Certificate | None = None, host: str = "127.0.0.1") -> None:
        super().__init__((server.host, server.port), tls=tls, host=host)
        self.server = server

    @property
    def url(self) -> str:
        """The server's, by way of the proxy."""
        return self.url_of(self.server.database)

    def url_of(self, database: str, *, host: str | None = None) -> str:
        return self.server.url_of(database, host=host or self.host, port=self.port)

    @property
    def cancels(self) -> int:
        """Cancel requests seen."""
        return sum(link.is_cancel for link in self.links)

    @property
    def commits(self) -> int:
        """COMMITs seen."""
        return sum(link.commits for link in self.links)

    def lose_cancels(self, *, answered: bool = True) -> None:
        """Forward no cancel request; close its connection as a server does, or leave it hanging."""
        self.do(lambda: setattr(self, "lost_cancels", "answered" if answered else "unanswered"))
