"""The transaction that a task is in: it and the tasks that it starts take turns on one session; others are outside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from typing import Any

from dk_notebook.backends.base import Isolation, Session, Transactional
from dk_notebook.errors import ConfigError, QueryError, Unsupported
from dk_notebook.runtime.operations import Operation

_joined: ContextVar[Mapping[Any, Transaction]] = ContextVar("dk_notebook_transactions")
"""Database -> the innermost transaction of this task."""

ISOLATIONS = ("read committed", "repeatable read", "serializable")


class Transaction:
    """One session, inside of BEGIN ... COMMIT or of a savepoint."""

    def __init__(self, session: Session, operation: Operation) -> None:
        self.session = session
        self.operation = operation
        self._loop = asyncio.get_running_loop()
        # Held by whoever works on the session, and by a nested block from its beginning to its end.
        self._turns = asyncio.Lock()
        self._ended = False

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Session]:
        """The session for one piece of work, when nobody else works on it. QueryError after the end of the block."""
        self._check()
        async with self._turns:
            self._check()
            async with self.operation.step():
                yield self.session

    @asynccontextmanager
    async def nested(self, isolation: Isolation | None) -> AsyncIterator[Transaction]:
        """A savepoint; the tasks of this block wait until it is over. Unsupported where the store has none."""
        self._check()
        if isolation is not None:
            raise ConfigError("a nested transaction has the isolation of the outer one: leave isolation= out there")
        async with self._turns:
            self._check()
            inner = Transaction(self.session, self.operation)
            async with begun(inner, None):
                yield inner

    async def end(self) -> None:
        """Wait for the work under way; what comes later is refused."""
        self._ended = True
        async with self._turns:
            return

    def _check(self) -> None:
        if self._ended:
            raise QueryError(
                "the transaction that this task was started in has ended",
                hint="await the task inside of the block, or start it outside",
            )
        if asyncio.get_running_loop() is not self._loop:
            raise QueryError("a transaction belongs to the event loop in which it was begun")


@asynccontextmanager
async def begun(transaction: Transaction, isolation: Isolation | None) -> AsyncIterator[None]:
    """BEGIN ... COMMIT, or a savepoint, around the block and the work that its tasks have under way at its end."""
    session = transaction.session
    if not isinstance(session, Transactional):
        raise Unsupported("this store has no transactions", hint="each write stands for itself there")
    async with AsyncExitStack() as stack:
        manager = session.transaction() if isolation is None else session.transaction(isolation)
        await stack.enter_async_context(manager)
        stack.push_async_callback(transaction.end)
        yield


def of_task(database: object) -> Transaction | None:
    """The transaction on this database that the running task is in."""
    return _joined.get({}).get(database)


@asynccontextmanager
async def inside(database: object, transaction: Transaction) -> AsyncIterator[None]:
    """The running task, and those that it starts in the block, are in the transaction."""
    token = enter(database, transaction)
    try:
        yield
    finally:
        _joined.reset(token)


def enter(database: object, transaction: Transaction) -> Any:
    """Put the running task, or thread, into a transaction; `leave` takes what this gives."""
    return _joined.set({**_joined.get({}), database: transaction})


def leave(token: Any) -> None:
    """Take it out again."""
    _joined.reset(token)


def checked(isolation: Any) -> Isolation | None:
    """An isolation level, in whatever case. ConfigError for another word."""
    if isolation is None:
        return None
    level: Any = " ".join(str(isolation).lower().replace("_", " ").split())
    if level not in ISOLATIONS:
        raise ConfigError(f"no such isolation: {isolation!r}", hint=f"there are {', '.join(ISOLATIONS)}")
    found: Isolation = level
    return found
