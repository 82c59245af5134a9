"""What a test waits for that is done elsewhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from dk_notebook.runtime import operations


def wait_for_rows(count: int) -> None:
    """Until the calls under way have moved so many rows.

    Not by `dk.running()`: a sum in pandas changes for a moment which warnings are shown, in all threads.
    """
    while sum(operation.rows for operation in operations.running()) < count:
        time.sleep(0.01)


async def within(seconds: float, done: Callable[[], object]) -> bool:
    """Whether it is done by then."""
    until = time.monotonic() + seconds
    while not done():
        if time.monotonic() > until:
            return False
        await asyncio.sleep(0.01)
    return True
