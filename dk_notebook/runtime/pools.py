"""One open store per event loop and settings, shared by all that ask for it there."""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import os
import threading
import weakref
from collections.abc import Hashable
from concurrent.futures import wait
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, Self

from dk_notebook.errors import ConnectionFailed
from dk_notebook.runtime.leases import PoolStatus


class Pooled(Protocol):
    """What a pool must be able to do; a Backend is one."""

    name: ClassVar[str]

    @classmethod
    async def open(cls, config: Any) -> Self: ...  # noqa: D102
    async def close(self) -> None: ...  # noqa: D102
    def terminate(self) -> None: ...  # noqa: D102
    def status(self) -> PoolStatus: ...  # noqa: D102


LAST = 0.5
"""Seconds that the pools of a loop get to close when it ends; then they are terminated."""

KEEPER = "dk_notebook keeper"

Key = tuple[asyncio.AbstractEventLoop, type[Pooled], Hashable]


@dataclass(eq=False)
class _Entry:
    key: Key
    label: str
    opening: asyncio.Task[Any] = field(init=False)
    pool: Any = None
    waiting: int = 0
    owners: set[Any] = field(default_factory=set)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self.key[0]

    async def close(self) -> None:
        if self.pool is not None:
            await self.pool.close()
        elif not self.opening.done():
            self.opening.cancel()
            await asyncio.wait([self.opening])

    def terminate(self) -> None:
        if self.pool is not None:
            self.pool.terminate()


# The key holds the loop itself: the id of a closed loop is given to the next one.
_entries: dict[Key, _Entry] = {}
_owned: dict[tuple[asyncio.AbstractEventLoop, Hashable], _Entry] = {}
"""What an owner has got there last: found without looking at all of the settings, of which there are many."""
_keepers: dict[asyncio.AbstractEventLoop, asyncio.Task[None]] = {}
# Reentrant, and everything below looks at copies: the keeper of a loop that was closed without cancelling its tasks
# is freed by the garbage collector, which may run while this thread holds the lock.
_lock = threading.RLock()
_abandoned: list[Any] = []
_registered = False


async def acquire(kind: type[Any], config: Hashable, *, owner: Hashable) -> Any:
    """The pool of the running loop for these settings. The first caller opens it; the others await the same task.

    It stays open until every ``owner`` has released it. A failed open raises to all who waited and is forgotten, so
    that the next call tries again; an open that nobody waits for any more is cancelled. One that every owner releases
    before it has come is ended: ConnectionFailed.
    """
    global _registered
    loop = asyncio.get_running_loop()
    key = (loop, kind, config)
    with _lock:
        _drop_closed()
        entry = _entries.get(key)
        if entry is None:
            if not _registered:
                atexit.register(_end)
                _registered = True
            entry = _entries[key] = _Entry(key, threading.current_thread().name)
            # In a context of its own: it works for all, not for the first caller only.
            opening = loop.create_task(_open(entry), name=f"open {kind.name}", context=contextvars.Context())
            opening.add_done_callback(_look_at_error)
            entry.opening = opening
            if loop not in _keepers:
                _keepers[loop] = _start_keeper(loop)
        entry.owners.add(owner)
        _owned[loop, owner] = entry
    if entry.pool is not None:
        return entry.pool
    entry.waiting += 1
    try:
        await asyncio.wait([entry.opening])
        if entry.opening.cancelled():
            raise ConnectionFailed("the connection was closed while it was being opened")
        return entry.opening.result()
    finally:
        entry.waiting -= 1
        if not entry.waiting and not entry.opening.done():
            _remove(entry)
            entry.opening.cancel()
            await asyncio.wait([entry.opening], timeout=LAST)


def at_hand(kind: type[Any], config: Hashable) -> Any | None:
    """The pool of the running loop for these settings if it is open already; nothing is opened and nobody waits."""
    entry = _entries.get((asyncio.get_running_loop(), kind, config))
    return None if entry is None else entry.pool


def owned(kind: type[Any], config: Hashable, *, owner: Hashable) -> Any | None:
    """What `acquire` would give if the owner has it, and it is open already."""
    entry = _owned.get((asyncio.get_running_loop(), owner))
    if entry is None or entry.key[1] is not kind or entry.key[2] is not config:
        return None
    return entry.pool


async def _open(entry: _Entry) -> Any:
    _, kind, config = entry.key
    try:
        pool = await kind.open(config)
    except BaseException:
        _remove(entry)
        raise
    with _lock:
        if _entries.get(entry.key) is entry:
            entry.pool = pool
            return pool
    await pool.close()  # released by everybody while it was opening
    raise asyncio.CancelledError


def _remove(entry: _Entry) -> None:
    """Forget an entry, on its own loop; the next caller may have made another of the same key."""
    with _lock:
        if _entries.get(entry.key) is entry:
            _taken_out(entry.key)
    _dismiss_keeper(entry.loop)


def _look_at_error(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()  # those who waited have it; if nobody did, asyncio need not report it


async def release(*, owner: Hashable) -> None:
    """Give back what ``owner`` holds, on every loop; a pool without owners is closed on its own loop."""
    here = asyncio.get_running_loop()
    unused: list[_Entry] = []
    with _lock:
        _drop_closed()
        for entry in list(_entries.values()):
            if owner in entry.owners:
                entry.owners.discard(owner)
                _owned.pop((entry.loop, owner), None)
                if not entry.owners and _taken_out(entry.key) is not None:
                    unused.append(entry)
    for entry in unused:
        if entry.loop is not here:
            # Not awaited: that loop's thread may be the one that waits for us.
            try:
                entry.loop.call_soon_threadsafe(_close_there, entry)
            except RuntimeError:  # closed just now
                entry.terminate()
    _dismiss_keeper(here)
    # One that cannot be closed must not keep the others open.
    closed = await asyncio.gather(*(entry.close() for entry in unused if entry.loop is here), return_exceptions=True)
    for outcome in closed:
        if isinstance(outcome, BaseException):
            raise outcome


def _close_there(entry: _Entry) -> None:
    _dismiss_keeper(entry.loop)
    task = entry.loop.create_task(entry.close(), name="close pool")
    _abandoned.append(task)  # asyncio keeps only a weak reference
    task.add_done_callback(_abandoned.remove)
    task.add_done_callback(_look_at_error)


def status() -> list[tuple[type[Any], Hashable, str, PoolStatus]]:
    """Class, settings, name of the loop's thread, and figures of every open pool."""
    return [(entry.key[1], entry.key[2], entry.label, entry.pool.status()) for entry in _opened()]


def opened() -> list[tuple[type[Any], Hashable, Any]]:
    """Class, settings and pool of every open one."""
    return [(entry.key[1], entry.key[2], entry.pool) for entry in _opened()]


def _opened() -> list[_Entry]:
    with _lock:
        _drop_closed()
        return [entry for entry in list(_entries.values()) if entry.pool is not None]


def held(owner: Hashable) -> bool:
    """Whether ``owner`` holds an open pool, on any loop."""
    return any(owner in entry.owners for entry in _opened())


def claimed(owner: Hashable) -> bool:
    """Whether ``owner`` has something to release: an open pool, or one that is being opened."""
    with _lock:
        return any(owner in entry.owners for entry in list(_entries.values()))


def _taken_out(key: Key) -> _Entry | None:
    """The entry, which is nobody's any more. Called under the lock, or at the end."""
    entry = _entries.pop(key, None)
    if entry is not None:
        for owner in list(entry.owners):
            if _owned.get((entry.loop, owner)) is entry:
                _owned.pop((entry.loop, owner), None)
    return entry


def _drop_closed() -> None:
    """Forget the pools of loops that were closed. Called under the lock."""
    for key in list(_entries):
        if key[0].is_closed() and (entry := _taken_out(key)) is not None:
            entry.terminate()
    for loop in list(_keepers):
        if loop.is_closed():
            _keepers.pop(loop, None)


# --- the keeper: a task that lives as long as its loop has pools ------------------------------------------------


def _start_keeper(loop: asyncio.AbstractEventLoop) -> asyncio.Task[None]:
    task = loop.create_task(_keep(loop), name=KEEPER, context=contextvars.Context())
    # A loop that is closed without cancelling its tasks destroys this one; that is no fault to be reported.
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # asyncio has no public way to say it
    return task


def _dismiss_keeper(loop: asyncio.AbstractEventLoop) -> None:
    """End the keeper of a loop that has no pool left; on that loop."""
    with _lock:
        if any(key[0] is loop for key in list(_entries)):
            return
        keeper = _keepers.pop(loop, None)
    if keeper is not None:
        keeper.cancel()


async def _keep(loop: asyncio.AbstractEventLoop) -> None:
    """Wait for the end of the loop, then close its pools there: `asyncio.run` cancels what is left before it ends."""
    process = os.getpid()
    try:
        await loop.create_future()
    except asyncio.CancelledError:
        # One that was dismissed has no pool left to close: those that came since then have another keeper.
        if _keepers.get(loop) is asyncio.current_task():
            await close_all(loop, LAST)
        raise
    except GeneratorExit:  # the loop is gone already: only the sockets can be closed
        if os.getpid() == process:
            for entry in _taken(loop):
                entry.terminate()
        raise


def _taken(loop: asyncio.AbstractEventLoop) -> list[_Entry]:
    with _lock:
        mine = [_taken_out(key) for key in list(_entries) if key[0] is loop]
        return [entry for entry in mine if entry is not None]


async def close_all(loop: asyncio.AbstractEventLoop, seconds: float) -> None:
    """Close the pools of the running loop; those that cannot be closed within ``seconds`` are terminated."""
    entries = _taken(loop)
    with _lock:
        keeper = _keepers.get(loop)
        if keeper is None or keeper.done() or keeper is asyncio.current_task():
            _keepers.pop(loop, None)
            keeper = None
    if keeper is not None:
        _dismiss_keeper(loop)
        await asyncio.wait([keeper])
    closing = {loop.create_task(entry.close()): entry for entry in entries}
    if not closing:
        return
    await asyncio.wait(closing, timeout=seconds)
    for task, entry in closing.items():
        if not task.done() or task.cancelled() or task.exception() is not None:
            entry.terminate()
            task.cancel()
    await asyncio.wait(closing, timeout=0.1)


# --- the ends: of the interpreter, and of the parent after a fork -----------------------------------------------

_served: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()


def leave_to_me(loop: asyncio.AbstractEventLoop) -> None:
    """At exit the caller ends this loop and closes its pools."""
    _served.add(loop)


def _end() -> None:
    """At exit: close the pools of loops that still run in other threads; the others can only be terminated."""
    loops = {entry.loop for entry in list(_entries.values())} - set(_served)
    closing = [asyncio.run_coroutine_threadsafe(close_all(loop, LAST), loop) for loop in loops if loop.is_running()]
    wait(closing, timeout=LAST + 0.2)
    for entry in list(_entries.values()):
        if entry.loop in loops:
            entry.terminate()
            _taken_out(entry.key)


def terminate_all() -> None:
    """Close every pool without waiting for anybody: the interpreter ends."""
    for entry in list(_entries.values()):
        entry.terminate()
    _entries.clear()
    _owned.clear()


def _forget() -> None:
    """In a forked child: the parent's pools are left untouched, and never freed here."""
    global _lock
    _lock = threading.RLock()
    _abandoned.extend([dict(_entries), dict(_owned), dict(_keepers)])
    _entries.clear()
    _owned.clear()
    _keepers.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
