"""Which rows make a statement fail: tried with all of them, then with halves, each behind a savepoint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from dk_notebook.backends.postgres.errors import plain_message

ABOUT_ROWS = ("22", "23", "P0001", "21")
"""Codes of what a row is to blame for: bad data, constraints, what a trigger raises; others stop the search."""


def is_about_rows(error: asyncpg.PostgresError) -> bool:
    """Whether a row is to blame for the error."""
    return (error.sqlstate or "").startswith(ABOUT_ROWS)


@dataclass
class Found:
    """What a search has found."""

    failed: list[tuple[int, asyncpg.PostgresError]] = field(default_factory=list)
    """The rows, in order, and what the server says of each."""
    affected: int = 0
    """Rows affected by what did not fail."""


@dataclass(frozen=True)
class Leaves:
    """Short stretches of rows, which a statement deals with by itself: it fails for none of them."""

    rows: int
    statement: Callable[[int, int], str]


async def failing_rows(
    connection: Any,
    statement: Callable[[int, int], str],
    low: int,
    high: int,
    *,
    first: bool = False,
    leaves: Leaves | None = None,
) -> Found:
    """The rows for which the statement fails; for all others it has been done, in order, when this returns.

    ``statement``: what is run for the rows from one number to another. ``first``: stop at the first one.
    ``leaves``: what deals with a short stretch in which a row fails, and tells of it elsewhere.
    Errors that no row is to blame for are raised.
    """
    found = Found()
    if high < low:
        return found
    await connection.execute("SAVEPOINT dk_rows")
    before = ""

    async def attempt(start: int, end: int) -> asyncpg.PostgresError | None:
        nonlocal before
        try:
            # One round trip: what ends the attempt before goes with it.
            status: str = await connection.execute(f"{before}{statement(start, end)}")
        except asyncpg.PostgresError as error:
            if not is_about_rows(error):
                raise
            before = "ROLLBACK TO dk_rows; "
            return error
        before = "RELEASE dk_rows; SAVEPOINT dk_rows; "
        found.affected += int(status.rpartition(" ")[2])
        return None

    # Stretches of rows, the next one last; with an error: it is known to fail, since all before it went well.
    waiting: list[tuple[int, int, asyncpg.PostgresError | None]] = [(low, high, None)]
    while waiting:
        start, end, known = waiting.pop()
        error = known or await attempt(start, end)
        if error is None:
            continue
        if leaves is not None and end - start < leaves.rows:
            await connection.execute(f"{before}{leaves.statement(start, end)}")
            before = "RELEASE dk_rows; SAVEPOINT dk_rows; "
            continue
        if start == end:
            found.failed.append((start, error))
            if first:
                break
            continue
        middle = (start + end) // 2
        left = await attempt(start, middle)
        if left is None:
            waiting.append((middle + 1, end, error))
        else:
            waiting += [(middle + 1, end, None), (start, middle, left)]
    await connection.execute(
        f"{before.partition(';')[0] + '; ' if before.startswith('ROLLBACK') else ''}RELEASE dk_rows"
    )
    return found


def reason(error: asyncpg.PostgresError) -> str:
    """What the server says of a row, without its values.

    What a trigger of the table raises is in the words of whoever wrote it. They may quote the row, and are kept, since
    nothing else tells why it is refused; their DETAIL and HINT, which mostly do quote it, are left out.
    """
    return plain_message(error)
