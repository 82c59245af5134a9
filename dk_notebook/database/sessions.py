"""The sessions of one database: from the pool of the running loop, or that of the transaction a task is in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar

from dk_notebook.backends.base import Isolation, Session
from dk_notebook.backends.documents import Documents
from dk_notebook.database import transaction as transactions
from dk_notebook.database.opening import Opening
from dk_notebook.database.streaming import limited
from dk_notebook.errors import ConnectionFailed, Unsupported
from dk_notebook.progress import Bar
from dk_notebook.runtime import pools
from dk_notebook.runtime.operations import Operation
from dk_notebook.store import Store

T = TypeVar("T")


class Sessions:
    """Where a database works. Opened on first use; the place of the documents is made then, if it is absent."""

    def __init__(self, opening: Opening) -> None:
        self.backend = opening.backend.name
        self.table: str = opening.place.name
        self._making = opening.place.making
        self.location = opening.config.location
        self._store = Store(opening.backend, opening.config)
        self._opened = False

    async def open(self) -> None:
        """Open the pool and make the place. ConnectionFailed: refused, or closed before."""
        try:
            with Operation(f"open {self.table}", connection=self.backend) as operation:
                async with operation.step(), self._lease(operation) as session:
                    await self._keeping(session).prepare(self.table, **self._making)
        except BaseException:
            if not self._opened:
                await self._store.give_back()
            raise
        self._opened = True

    async def ensure(self) -> None:
        """Open, if that was not done yet."""
        if not self._opened:
            await self.open()

    async def close(self) -> None:
        """Give the pools back, on every loop."""
        await self._store.close()

    @property
    def state(self) -> str:
        """In one or two words."""
        return "closed" if self._store.closed else "open" if pools.held(self._store) else "not open"

    async def call(
        self,
        verb: str,
        work: Callable[[Documents], Awaitable[T]],
        timeout: float | None = None,
        *,
        draw: Bar | None = None,
        total: int | None = None,
    ) -> T:
        """What ``work`` gives, on the session of the task's transaction when its turn comes, or on one of the pool.

        ``draw`` shows the progress, of ``total`` documents; not inside of a transaction, which is a call of its own.
        """
        joined = transactions.of_task(self)
        if joined is not None:
            async with limited(timeout, f"{verb} {self.table}"), joined.turn() as session:
                return await work(self._keeping(session))
        if not self._opened:
            await self.open()
        with Operation(f"{verb} {self.table}", connection=self.backend, timeout=timeout, draw=draw) as operation:
            operation.total_rows = total
            async with operation.step(), self._lease(operation) as session:
                return await work(self._keeping(session))

    @asynccontextmanager
    async def for_operation(self, operation: Operation) -> AsyncIterator[Documents]:
        """One of the pool, whatever the task is in. Opening and work are steps of the operation."""
        await self.ensure()
        async with self._lease(operation) as session:
            yield self._keeping(session)

    @asynccontextmanager
    async def begun(self, isolation: Isolation | None) -> AsyncIterator[transactions.Transaction]:
        """A transaction that no task is in yet; inside of one that the task is in: a savepoint."""
        level = transactions.checked(isolation)
        outer = transactions.of_task(self)
        if outer is not None:
            async with outer.nested(level) as inner:
                yield inner
            return
        await self.ensure()
        with Operation(f"transaction on {self.table}", connection=self.backend) as operation:
            async with self._lease(operation) as session:
                made = transactions.Transaction(session, operation)
                async with transactions.begun(made, level):
                    yield made

    def _lease(self, operation: Operation) -> AbstractAsyncContextManager[Session]:
        if self._store.closed:
            raise ConnectionFailed("the database is closed", hint="create another one")
        return self._store.session(operation)

    def _keeping(self, session: Session) -> Documents:
        if not isinstance(session, Documents):
            raise Unsupported(f"{self.backend} keeps no documents")
        return session
