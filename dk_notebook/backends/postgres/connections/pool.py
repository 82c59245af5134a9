"""The connections of one event loop and settings: lent, checked, replaced, and never lost."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

from dk_notebook.backends.postgres.config import PostgresConfig
from dk_notebook.backends.postgres.connections.connecting import code_of, connect
from dk_notebook.backends.postgres.connections.held import Held
from dk_notebook.backends.postgres.connections.message_heads import watch
from dk_notebook.backends.postgres.connections.server_notices import ServerNotices
from dk_notebook.backends.postgres.connections.undo import RESET
from dk_notebook.backends.postgres.errors import DRIVER, WAITING
from dk_notebook.errors import ConnectionFailed, PoolTimeout
from dk_notebook.runtime.leases import Leases, PoolStatus
from dk_notebook.runtime.operations import Operation
from dk_notebook.runtime.tasks import ended

ANSWER = 2.0
"""Seconds that an idle connection gets to answer."""
GOODBYE = 0.5
"""Seconds that a connection gets to close politely."""
CLEAN = (
    "CLOSE ALL; UNLISTEN *; RESET ALL; RESET SESSION AUTHORIZATION; SELECT pg_catalog.pg_advisory_unlock_all(); "
    "DISCARD TEMP; DISCARD SEQUENCES"
)
"""What makes a session as if it were new. Prepared statements stay: asyncpg counts on its own."""


class Pool:
    """At most ``max_size`` connections, opened when they are needed."""

    def __init__(self, config: PostgresConfig) -> None:
        self._config = config
        self.sizes = config.pool
        self.leases = Leases(self.sizes.max_size, self.sizes.timeout)
        self._idle: list[Held] = []
        self._lent: dict[Held, asyncio.Task[Any] | None] = {}
        self._opened = self._reused = self._broken = 0
        self._expiry: asyncio.TimerHandle | None = None
        self._chores: set[asyncio.Task[None]] = set()
        self.closed = False
        self.version = ""
        """The server's, as the newest connection was told."""

    async def open(self) -> None:
        """The first ``min_size`` connections, one at least. ConnectionFailed as `connect`."""
        first = await self._connect(time.monotonic() + self.sizes.timeout)
        self._idle.append(first)
        try:
            more = [self._connect(time.monotonic() + self.sizes.timeout) for _ in range(self.sizes.min_size - 1)]
            for made in asyncio.as_completed(more):
                self._idle.append(await made)
        except BaseException:
            self.terminate()
            raise
        self._watch()

    def lend(self, operation: Operation) -> Loan:
        """A connection for the time of an ``async with`` block."""
        return Loan(self, operation)

    @property
    def spare(self) -> int:
        """Leases that nobody holds or waits for."""
        return max(self.leases.max_size - self.leases.in_use - self.leases.waiting, 0)

    # --- out --------------------------------------------------------------------------------------------------------

    async def take(self, until: float) -> Held:
        """A connection that works. ConnectionFailed, PoolTimeout: none until then."""
        return self._lend(await self._idle_one() or await self._connect(until))

    def at_once(self) -> Held | None:
        """The idle one used last (the others may be closed some day), if it need not be asked; else `take` one."""
        if self.closed or not self._idle or not self._idle[-1].trusted():
            return None
        self._reused += 1
        return self._lend(self._idle.pop())

    def _lend(self, held: Held) -> Held:
        watch(held.connection)
        self._lent[held] = asyncio.current_task()
        return held

    async def _idle_one(self) -> Held | None:
        while self._idle:
            self._refuse_closed()
            held = self._idle.pop()
            if held.connection.is_closed():
                self._broken += 1
            elif held.trusted() or await self._alive(held):
                self._reused += 1
                return held
        self._refuse_closed()
        return None

    async def _alive(self, held: Held) -> bool:
        try:
            async with asyncio.timeout(min(ANSWER, self._config.connect_timeout)):
                await held.connection.execute("SELECT")
        except DRIVER:
            self._broken += 1
            held.connection.terminate()
            return False
        except BaseException:
            held.connection.terminate()
            raise
        return True

    async def _connect(self, until: float) -> Held:
        """A new connection. While the server has no place, starts or stops, it is tried again, until the time is up."""
        pause = 0.05
        while True:
            try:
                connection = await self._within(until)
            except ConnectionFailed as error:
                left = until - time.monotonic()
                if code_of(error) not in WAITING or left <= pause:
                    raise
                await asyncio.sleep(pause)
                pause = min(2 * pause, 1.0)
                self._refuse_closed()
                continue
            self._opened += 1
            self.version = connection.get_settings().server_version
            return Held(connection)

    async def _within(self, until: float) -> Any:
        try:
            async with asyncio.timeout(until - time.monotonic()) as scope:
                return await connect(self._config)
        except TimeoutError as error:
            if scope.expired():
                raise PoolTimeout(f"{self._config.location}: no connection within {self.sizes.timeout:g} s") from error
            raise

    def _refuse_closed(self) -> None:
        if self.closed:
            raise ConnectionFailed(f"the connection to {self._config.location} was closed")

    # --- back -------------------------------------------------------------------------------------------------------

    async def back(self, loan: Loan) -> None:
        """Keep a connection whose session is as new; cut any other. A lease is never held by a dead one."""
        held, kept = loan.held, False
        try:
            cleaning = None if self.closed else self._cleaning(held, described=loan.described)
            kept = cleaning == "" or (cleaning is not None and await self._cleaned(held, cleaning))
        finally:
            self._lent.pop(held, None)
            if kept:
                held.used = time.monotonic()
                self._idle.append(held)
                if self._expiry is None:
                    self._watch()
            else:
                self._drop(held)

    def _cleaning(self, held: Held, *, described: bool) -> str | None:
        """What makes its session as if it were new; empty: it is. None: it is not to be used again."""
        connection = held.connection
        if connection.is_closed() or time.monotonic() - held.opened > self.sizes.max_lifetime:
            return None
        clean = CLEAN if held.dirty else ""
        if connection.is_in_transaction():
            clean = f"ROLLBACK; {clean}"
        return clean or ("SELECT" if described or connection._protocol._is_cancelling() else "")

    async def _cleaned(self, held: Held, cleaning: str) -> bool:
        connection = held.connection
        try:
            async with asyncio.timeout(RESET):
                # Waits first until what was cancelled has ended on the server.
                await connection.execute(cleaning)
        except TimeoutError:
            connection.give_up()
            return False
        except DRIVER:
            return False
        held.dirty = False
        return not connection.is_in_transaction()

    def _drop(self, held: Held) -> None:
        if held.connection.is_closed():
            self._broken += 1
        elif time.monotonic() - held.opened > self.sizes.max_lifetime and not self.closed:
            self._part(held)
        else:
            self._broken += not self.closed
            held.connection.terminate()
        if not self.closed and self._size < self.sizes.min_size:
            self._begin(self._refill(), "open connection")

    def _part(self, held: Held) -> None:
        """Close politely, without anybody waiting for it."""
        self._begin(_goodbye(held), "close connection")

    async def _refill(self) -> None:
        """Another in place of one that was dropped, so that ``min_size`` are kept."""
        try:
            held = await self._connect(time.monotonic() + self.sizes.timeout)
        except ConnectionFailed:  # whoever needs a connection tries again, and is told why there is none
            return
        if self.closed or self._size >= self.sizes.max_size:
            held.connection.terminate()
        else:
            self._idle.append(held)

    def _begin(self, chore: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(chore, name=name)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)

    @property
    def _size(self) -> int:
        return len(self._idle) + len(self._lent)

    async def renew(self, held: Held) -> Held:
        """Another connection for a lease whose own was lost."""
        task = self._lent.pop(held, None)
        self._drop(held)
        for other in self._idle:  # what ended this one may have ended them: each is asked before it is lent
            other.used = -math.inf
        fresh = await self._idle_one() or await self._connect(time.monotonic() + self.sizes.timeout)
        watch(fresh.connection)
        self._lent[fresh] = task
        return fresh

    # --- idle ones --------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Look again when the next idle connection may be too old; a timer, so that nothing keeps the loop."""
        if self._expiry is None and self._size > self.sizes.min_size and not self.closed:
            wait = max(self.sizes.max_idle, 0.1)
            self._expiry = asyncio.get_running_loop().call_later(wait, self._expire)

    def _expire(self) -> None:
        self._expiry = None
        if self.closed:
            return
        oldest = time.monotonic() - self.sizes.max_idle
        for held in list(self._idle):
            if held.used <= oldest and self._size > self.sizes.min_size:
                self._idle.remove(held)
                self._part(held)
        if self._idle:
            self._watch()

    # --- the end ----------------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Cancel what runs, and close every connection; politely, where it answers soon."""
        if self.closed:
            return
        self.closed = True
        if self._expiry is not None:
            self._expiry.cancel()
        await ended(self._lent.values())
        idle, self._idle = self._idle, []
        for chore in self._chores:
            chore.cancel()
        await asyncio.gather(*(_goodbye(held) for held in [*idle, *self._lent]))
        await asyncio.gather(*self._chores, return_exceptions=True)

    def terminate(self) -> None:
        """Cut every connection, from any thread; never waits."""
        self.closed = True
        for held in [*self._idle, *self._lent]:
            held.cut()

    def status(self) -> PoolStatus:
        """The figures."""
        idle = sum(not held.connection.is_closed() for held in self._idle)
        return PoolStatus(
            size=idle + len(self._lent),
            max_size=self.leases.max_size,
            in_use=self.leases.in_use,
            idle=idle,
            waiting=self.leases.waiting,
            opened=self._opened,
            reused=self._reused,
            broken=self._broken,
        )


class Loan:
    """A lease's connection, which may be replaced by another while the lease lasts: from ``async with`` to its end.

    The waits for a lease and for its connection share one limit.
    """

    held: Held

    def __init__(self, pool: Pool, operation: Operation) -> None:
        self._pool = pool
        self._operation = operation
        self.described = False
        """A statement was described and not run: until the next command the server keeps what that locked."""
        self.altered = False
        """The statement that runs was described before without complaint."""
        self.in_transaction = False
        """The session has a transaction open."""
        self.said = ServerNotices()
        """What the server says beside results."""

    async def __aenter__(self) -> Self:
        leases = self._pool.leases
        until = time.monotonic() + leases.timeout
        self._lease = leases.at_once(self._operation) or await leases.take(self._operation)
        try:
            self.held = self._pool.at_once() or await self._pool.take(until)
        except BaseException:
            self._pool.leases.give_back(self._lease)
            raise
        self.held.connection.said = self.said
        self._operation.add_abort(self.cut)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection = self.held.connection
        connection.said = None  # what the pool does from here on is its own
        try:
            await self._pool.back(self)
            if connection.unheard:
                self._operation.unheard = True
        finally:
            self._operation.remove_abort(self.cut)  # only now: also while it waits for what was cancelled
            self._pool.leases.give_back(self._lease)
            self.said.end()
            if not isinstance(error, asyncio.CancelledError):  # which a warning that is an error would replace
                self.said.tell()

    @property
    def connection(self) -> Any:
        """The asyncpg connection."""
        return self.held.connection

    def cut(self) -> None:
        """End the connection at once, from any thread."""
        self.held.cut()

    async def renew(self) -> None:
        """Take another connection in place of one that was lost. ConnectionFailed where there is none."""
        self.held = await self._pool.renew(self.held)
        self.connection.said = self.said


async def _goodbye(held: Held) -> None:
    try:
        await held.connection.close(timeout=GOODBYE)
    except DRIVER:  # deaf, or gone: the socket is closed all the same
        held.connection.terminate()
