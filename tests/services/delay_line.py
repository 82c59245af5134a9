"""Bytes that arrive later than they were sent, as on a long way: how many can be under way stays as it was."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

MOST = 2_000  # pieces under way, of 64 kB at most: then the sender waits


class DelayLine:
    """One direction of a connection. ``arrive``: what happens to bytes at the other end; ``lost``: there is none."""

    def __init__(self, arrive: Callable[[bytes], Awaitable[None]], lost: Callable[[], None]) -> None:
        self._arrive, self._lost = arrive, lost
        self._under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(MOST)
        self._task: asyncio.Task[None] | None = None

    @property
    def is_used(self) -> bool:
        """Whether something went through it: then all that follows has to, to come after."""
        return self._task is not None

    async def send(self, data: bytes, seconds: float) -> None:
        """Return when it is under way."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        await self._under_way.put((asyncio.get_running_loop().time() + seconds, data))

    async def empty(self) -> None:
        """Return when all has arrived."""
        await self._under_way.join()

    async def close(self) -> None:
        """What is under way is lost."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            if not self._task.cancelled():
                self._task.result()

    async def _run(self) -> None:
        time, is_lost = asyncio.get_running_loop().time, False
        while True:
            due, data = await self._under_way.get()
            try:
                if not is_lost:
                    await asyncio.sleep(max(0, due - time()))
                    await self._arrive(data)
            except ConnectionError:
                is_lost = True  # and so is what follows, for which nobody has to wait
                self._lost()
            finally:
                self._under_way.task_done()
