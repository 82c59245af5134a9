"""Undoing what a transaction did, without waiting for a server that does not answer."""

from __future__ import annotations

import asyncio
from typing import Any

from dk_notebook.backends.postgres.errors import DRIVER

RESET = 0.7
"""Seconds that the server gets to end what was cancelled and to reset the session, before the connection is cut."""


async def undo(connection: Any, statement: str = "ROLLBACK") -> None:
    """Undo what a transaction did. Where the server does not answer soon the connection is cut, which undoes it too.

    After a cancel asyncpg waits, without an end, until the server says that what was cancelled is over; and it may
    have missed that, when it came in the very moment of the cancel.
    """
    said = getattr(connection, "said", None)
    if said is not None:
        connection.said = None  # that there is nothing to undo is no news to anybody
    try:
        async with asyncio.timeout(RESET):
            await connection.execute(statement)
    except TimeoutError:
        connection.give_up()
    except DRIVER:
        connection.terminate()
    except asyncio.CancelledError:  # told twice
        connection.terminate()
        raise
    finally:
        if said is not None:
            connection.said = said
