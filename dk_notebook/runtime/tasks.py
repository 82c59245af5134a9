"""Tasks that use what is about to be closed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

GRACE: Final = 1.0
"""Seconds that cancelled tasks get to end."""


async def ended(tasks: Iterable[asyncio.Task[object] | None]) -> None:
    """Cancel them, all but the one that asks, and wait until they have ended, `GRACE` at most."""
    own = asyncio.current_task()
    others = [task for task in tasks if task is not None and task is not own]
    for task in others:
        task.cancel()
    if others:
        await asyncio.wait(others, timeout=GRACE)
