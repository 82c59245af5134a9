"""Tasks on whose end others wait: before what they use is closed, or before a stop goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

GRACE: Final = 1.0
"""Seconds that cancelled tasks get to end."""
LAST_WORD: Final = 0.5
"""Seconds that a server gets to answer what is asked of it when somebody wants to stop."""


async def ended(tasks: Iterable[asyncio.Task[object] | None]) -> None:
    """Cancel them, all but the one that asks, and wait until they have ended, `GRACE` at most."""
    own = asyncio.current_task()
    others = [task for task in tasks if task is not None and task is not own]
    for task in others:
        task.cancel()
    if others:
        await asyncio.wait(others, timeout=GRACE)


async def heard_out(asked: asyncio.Future[Any]) -> None:
    """Wait for it; who is stopped meanwhile still waits `LAST_WORD` for its end, so as to know what became of it.

    CancelledError: the stop. ``asked`` may be under way even then: its owner cancels it, or listens on.
    """
    try:
        await asyncio.shield(asked)
    except asyncio.CancelledError:
        await asyncio.wait([asked], timeout=LAST_WORD)
        raise
