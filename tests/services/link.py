"""One client's way through the fault proxy, and what can happen to it. Lives on the proxy's loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.services.delay_line import DelayLine
from tests.services.faults import AtCommit, Cut, Faults, Faulty
from tests.services.frontend import CANCEL, TLS, Piece

if TYPE_CHECKING:
    from tests.services.proxy import Proxy

CHUNK = 65536
TICK = 0.01  # seconds between two parts of what goes slowly


class Link(Faulty):
    """A client's connection."""

    def __init__(self, proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._client = writer
        self._way_to_client = writer.transport
        """Below TLS: that of TLS cannot be aborted once the client said goodbye."""
        self._from_client = reader
        self._server: asyncio.StreamWriter | None = None
        self._frontend = proxy.frontend()
        self.faults = proxy.faults.copy()
        self._lines = {each: self._line(each) for each in ("to_client", "to_server")}
        self._news = asyncio.Event()
        self.is_cancel = False
        """Whether it only came to cancel another's query."""
        self.is_open = True
        self.commits = 0
        """COMMITs, or requests asked for, that the client sent."""
        self._replies_lost = False
        self._cut_at_reply: AtCommit | None = None

    def cut(self, how: Cut = "reset") -> None:
        """End it now, on both sides."""
        self._proxy.do(lambda: self.end(how))

    def change(self, how: Callable[[Faults], None]) -> None:
        self._proxy.do(lambda: self.apply(how))

    # --- on the loop

    def apply(self, how: Callable[[Faults], None]) -> None:
        how(self.faults)
        self._news.set()  # for who waits now
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Both ways, until one side ends."""
        tasks: list[asyncio.Task[None]] = []
        try:
            if self._proxy.tls is not None and self._proxy.tls_at_once:
                await self._client.start_tls(self._proxy.tls)  # the first step: before anything of the client is read
            from_server, self._server = await asyncio.open_connection(*self._proxy.upstream)
            tasks = [asyncio.create_task(self._requests()), asyncio.create_task(self._replies(from_server))]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except (ConnectionError, ssl.SSLError):
            pass  # a side is gone: so is the other, now
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for line in self._lines.values():
                await line.close()
            self.end("end")
            if self._server is not None:
                self._server.close()  # it may have been opened after a cut

    async def _requests(self) -> None:
        while data := await self._from_client.read(CHUNK):
            for piece in self._frontend.feed(data):
                if piece.code == TLS and self._proxy.tls is not None:
                    self._client.write(b"S")
                    await self._client.start_tls(self._proxy.tls)
                elif await self._may_pass(piece):
                    await self._send("to_server", piece.data)
                else:
                    return
        await self._lines["to_server"].empty()
        await self._audible("to_server")

    async def _replies(self, from_server: asyncio.StreamReader) -> None:
        while data := await from_server.read(CHUNK):
            if self._cut_at_reply == "cut_within":
                await self._send("to_client", data[:-1])
                await self._lines["to_client"].empty()
                self.end("end")  # after RST, what came before it would be lost too
                return
            if self._cut_at_reply is not None:
                self.end("reset")
                return
            if self._replies_lost:
                continue
            if self.faults.garbage is not None:
                self._replies_lost = True
                data = self.faults.garbage
            await self._send("to_client", data)
        await self._lines["to_client"].empty()
        await self._audible("to_client")
        if self._replies_lost:
            await asyncio.Event().wait()

    async def _may_pass(self, piece: Piece) -> bool:
        if piece.code == CANCEL:
            return await self._may_cancel()
        return self._may_commit() if piece.commits else True

    async def _may_cancel(self) -> bool:
        self.is_cancel = True
        lost = self._proxy.lost_cancels
        if lost == "unanswered":
            await asyncio.Event().wait()
        return lost is None

    def _may_commit(self) -> bool:
        self.commits += 1
        what = self.faults.commit
        self._proxy.forget_commit()
        if what == "cut_before":
            self.end("reset")
            return False
        self._cut_at_reply = what if what in ("cut_after", "cut_within") else None
        self._replies_lost = self._replies_lost or what == "swallow"
        return True

    def _line(self, direction: str) -> DelayLine:
        return DelayLine(lambda data: self._forward(direction, data), lambda: self.end("end"))

    async def _send(self, direction: str, data: bytes) -> None:
        line, seconds = self._lines[direction], self.faults.delays.get(direction, 0)
        if seconds or line.is_used:
            await line.send(data, seconds)
        else:
            await self._forward(direction, data)

    async def _forward(self, direction: str, data: bytes) -> None:
        writer = self._client if direction == "to_client" else self._server
        assert writer is not None
        while data:
            await self._audible(direction)
            rate = self.faults.rates.get(direction)
            part = data if rate is None else data[: max(1, int(rate * TICK))]
            if writer.is_closing():  # ended meanwhile; Python 3.11 fails at that in ways of its own
                raise ConnectionResetError(f"{direction}: closed")
            writer.write(part)
            await writer.drain()
            if rate is not None:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), len(part) / rate)
            data = data[len(part) :]

    async def _audible(self, direction: str) -> None:
        while direction in self.faults.silent:
            await self._news.wait()

    def forget(self) -> None:
        """Close both sides now, whatever is under way: the loop ends."""
        _abort(self._way_to_client)
        if self._server is not None:
            _abort(self._server.transport)

    def end(self, how: Cut) -> None:
        if not self.is_open:
            return
        self.is_open = False
        if how == "reset":
            # Nothing lingers: what is under way is lost, and the peer gets RST.
            place = self._way_to_client.get_extra_info("socket")
            with contextlib.suppress(OSError):
                place.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            _abort(self._way_to_client)
        elif not self._client.is_closing():  # closed twice, a TLS transport of Python 3.11 fails at the next write
            self._client.close()
        if self._server is not None:
            self._server.close()


def _abort(transport: asyncio.WriteTransport) -> None:
    """Abort it; one that closed itself when its last bytes had gone fails at that (Python 3.11)."""
    if transport.get_extra_info("socket").fileno() >= 0:
        transport.abort()
