"""The transaction of a write, and what became of it where the connection was lost at COMMIT."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from dk_notebook.backends.postgres.connections.undo import undo
from dk_notebook.backends.postgres.errors import translating
from dk_notebook.errors import ConnectionFailed, OutcomeUnknown, QueryError

Probe = Callable[[int], Awaitable[str | None]]
"""What became of a transaction, asked on another connection: committed, aborted, in progress; None: nobody knows."""

PATIENCE = 10.0
"""Seconds that a transaction may go on after its connection was lost: the server must notice first."""
PAUSE = 0.1
ANSWER = 0.3
"""Seconds that the server gets to answer a COMMIT when somebody wants to stop; then another connection is asked."""
ASKING = 0.7
"""Seconds to learn there what became of it."""

NOTHING = "nothing was written"


class Change:
    """A transaction of our own, or, inside of the caller's, a savepoint."""

    def __init__(self, connection: Any, *, inside: bool, number: int, probe: Probe) -> None:
        self._connection = connection
        self._savepoint = f"dk_write_{number}" if inside else None
        self._probe = probe
        self._number = 0

    async def begin(self) -> None:
        """Begin it."""
        await self._connection.execute(f"SAVEPOINT {self._savepoint}" if self._savepoint else "BEGIN")

    async def rollback(self) -> None:
        """Undo it. The caller's transaction goes on as it was before; without a connection nothing needs undoing."""
        if self._connection.is_closed() or not self._connection.is_in_transaction():
            return
        back = f"ROLLBACK TO {self._savepoint}; RELEASE {self._savepoint}" if self._savepoint else "ROLLBACK"
        await undo(self._connection, back)

    async def ready(self) -> None:
        """Nothing is missing but the COMMIT."""
        if self._savepoint is None:
            number = await self._connection.fetchval("SELECT pg_catalog.pg_current_xact_id()::pg_catalog.text")
            self._number = int(number)

    async def commit(self) -> None:
        """End it. Whoever stops it once COMMIT is on its way is not told "cancelled" but what became of it, soon.

        ConnectionFailed: lost, and rolled back. OutcomeUnknown: lost, and the server cannot be asked.
        """
        if self._savepoint:
            await self._connection.execute(f"RELEASE {self._savepoint}")
            return
        commit = asyncio.ensure_future(self._committed())
        try:
            await asyncio.shield(commit)
        except asyncio.CancelledError:
            await self._last_word(commit)

    async def _last_word(self, commit: asyncio.Future[None]) -> None:
        try:
            await asyncio.wait([commit], timeout=ANSWER)
            if not commit.done():
                self._connection.terminate()
                await asyncio.wait([commit], timeout=ASKING)
        finally:
            commit.cancel()  # told twice, or nobody answers
        if not commit.done():
            raise self._unknown("the server did not answer")
        commit.result()

    async def _committed(self) -> None:
        try:
            with translating():
                status = await self._connection.execute("COMMIT")
        except ConnectionFailed as error:
            await self._told(error)
            return
        if status != "COMMIT":
            raise QueryError(f"the server rolled the write back: {NOTHING}")

    async def _told(self, lost: ConnectionFailed) -> None:
        """Nothing, if the transaction was committed after all."""
        until = time.monotonic() + PATIENCE
        status = await self._probe(self._number)
        while status == "in progress" and time.monotonic() < until:
            await asyncio.sleep(PAUSE)
            status = await self._probe(self._number)
        if status == "committed":
            return
        if status == "aborted":
            raise rolled_back(lost) from lost
        raise self._unknown(lost.message) from lost

    def _unknown(self, reason: str) -> OutcomeUnknown:
        return OutcomeUnknown(
            f"{reason} while the write was committed, and the server cannot tell what became of it",
            hint=f"SELECT pg_xact_status('{self._number}') tells, once the server answers again",
        )


def rolled_back(lost: ConnectionFailed) -> ConnectionFailed:
    """The error of a connection that was lost before its transaction was committed."""
    return type(lost)(f"{lost.message}: {NOTHING}, the server rolled it back", hint=lost.hint)
