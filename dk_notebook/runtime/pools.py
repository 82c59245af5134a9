"""One open store per event loop and settings, shared by all that ask for it there."""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, Self

from dk_notebook.runtime.leases import PoolStatus


class Pooled(Protocol):
    """What a pool must be able to do; a Backend is one."""

    name: ClassVar[str]

    @classmethod
    async def open(cls, config: Any) -> Self: ...  # noqa: D102
    async def close(self) -> None: ...  # noqa: D102
    def terminate(self) -> None: ...  # noqa: D102
    def status(self) -> PoolStatus: ...  # noqa: D102


@dataclass(eq=False)
class _Entry:
    loop: asyncio.AbstractEventLoop
    kind: type[Pooled]
    config: Hashable
    label: str
    opening: asyncio.Task[Any]
    pool: Any = None
    owners: set[Any] = field(default_factory=set)

    async def close(self) -> None:
        if self.pool is None:
            self.opening.cancel()
        else:
            await self.pool.close()

    def terminate(self) -> None:
        if self.pool is not None:
            self.pool.terminate()


Key = tuple[asyncio.AbstractEventLoop, type[Pooled], Hashable]

# The key holds the loop itself: the id of a closed loop is given to the next one.
_entries: dict[Key, _Entry] = {}
_keepers: dict[asyncio.AbstractEventLoop, asyncio.Task[None]] = {}
_lock = threading.Lock()
_abandoned: list[Any] = []


async def acquire(kind: type[Any], config: Hashable, *, owner: Hashable) -> Any:
    """The pool of the running loop for these settings. The first caller opens it; the others await the same task.

    It stays open until every ``owner`` (compared by identity) has released it. A failed open raises to all who
    waited and is forgotten, so that the next call tries again.
    """
    loop = asyncio.get_running_loop()
    key = (loop, kind, config)
    with _lock:
        _drop_closed()
        entry = _entries.get(key)
        if entry is None:
            opening = loop.create_task(_open(key), name=f"open {kind.name}", context=contextvars.Context())
            opening.add_done_callback(_look_at_error)
            entry = _entries[key] = _Entry(loop, kind, config, threading.current_thread().name, opening)
            if loop not in _keepers:
                _keepers[loop] = _start_keeper(loop)
        entry.owners.add(owner)
    if entry.pool is not None:
        return entry.pool
    return await asyncio.shield(entry.opening)


async def _open(key: Key) -> Any:
    _, kind, config = key
    try:
        pool = await kind.open(config)
    except BaseException:
        with _lock:
            _entries.pop(key, None)
        raise
    with _lock:
        entry = _entries.get(key)
        if entry is not None:
            entry.pool = pool
            return pool
    await pool.close()  # released by everybody while it was opening
    raise asyncio.CancelledError


def _look_at_error(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()  # those who waited have it; if nobody did, asyncio need not report it


async def release(*, owner: Hashable) -> None:
    """Give back what ``owner`` holds, on every loop; a pool without owners is closed on its own loop."""
    with _lock:
        _drop_closed()
        mine = [key for key, entry in _entries.items() if owner in entry.owners]
        for key in mine:
            _entries[key].owners.discard(owner)
        unused = [_entries.pop(key) for key in mine if not _entries[key].owners]
    for entry in unused:
        if entry.loop is asyncio.get_running_loop():
            await entry.close()
        else:
            # Not awaited: that loop's thread may be the one that waits for us.
            entry.loop.call_soon_threadsafe(_close_there, entry)


def _close_there(entry: _Entry) -> None:
    task = entry.loop.create_task(entry.close(), name="close pool")
    _abandoned.append(task)  # asyncio keeps only a weak reference
    task.add_done_callback(_abandoned.remove)
    task.add_done_callback(_look_at_error)


def status() -> list[tuple[type[Any], Hashable, str, PoolStatus]]:
    """Class, settings, name of the loop's thread, and figures of every open pool."""
    with _lock:
        _drop_closed()
        entries = list(_entries.values())
    return [(entry.kind, entry.config, entry.label, entry.pool.status()) for entry in entries if entry.pool is not None]


def held(owner: Hashable) -> bool:
    """Whether ``owner`` holds an open pool, on any loop."""
    with _lock:
        _drop_closed()
        return any(owner in entry.owners and entry.pool is not None for entry in _entries.values())


def _drop_closed() -> None:
    """Forget the pools of loops that were closed. Called under the lock."""
    for key in [key for key in _entries if key[0].is_closed()]:
        _entries.pop(key).terminate()
    for loop in [loop for loop in _keepers if loop.is_closed()]:
        del _keepers[loop]


# --- the keeper: a task that lives as long as its loop ----------------------------------------------------------


def _start_keeper(loop: asyncio.AbstractEventLoop) -> asyncio.Task[None]:
    task = loop.create_task(_keep(loop), name=KEEPER, context=contextvars.Context())
    # A loop that is closed without cancelling its tasks destroys this one; that is no fault to be reported.
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # asyncio has no public way to say it
    return task


KEEPER = "dk_notebook keeper"


async def _keep(loop: asyncio.AbstractEventLoop) -> None:
    """Wait for the end of the loop, then close its pools there: `asyncio.run` cancels what is left before it ends."""
    process = os.getpid()
    try:
        await loop.create_future()
    except asyncio.CancelledError:
        # One pool that cannot be closed must not keep the others open.
        await asyncio.gather(*(entry.close() for entry in _taken(loop)), return_exceptions=True)
        raise
    except GeneratorExit:  # the loop is gone already: only the sockets can be closed
        if os.getpid() == process:
            for entry in _taken(loop):
                entry.terminate()
        raise


def _taken(loop: asyncio.AbstractEventLoop) -> list[_Entry]:
    with _lock:
        return [_entries.pop(key) for key in list(_entries) if key[0] is loop]


def terminate_all() -> None:
    """Close every pool without waiting for anybody: the interpreter ends."""
    for entry in list(_entries.values()):
        entry.terminate()
    _entries.clear()


def forget() -> None:
    """In a forked child: the parent's pools are left untouched, and never freed here."""
    global _lock
    _lock = threading.Lock()
    _abandoned.extend([dict(_entries), dict(_keepers)])
    _entries.clear()
    _keepers.clear()
