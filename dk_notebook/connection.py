"""A connection: the handle of a store under a name; and the book of the names that are in use."""

from __future__ import annotations

import os
import threading
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self

import pandas as pd

from dk_notebook.backends.base import Backend, BackendConfig
from dk_notebook.descriptions import Description
from dk_notebook.errors import ConnectionFailed
from dk_notebook.frames import page
from dk_notebook.methods import ConnectionMethods
from dk_notebook.runtime import pools, thread
from dk_notebook.runtime.leases import PoolStatus
from dk_notebook.store import Store

STATUS = ["connection", "loop", "size", "max_size", "in_use", "idle", "waiting", "opened", "reused", "broken"]
"""The columns of a status."""


class Connection(ConnectionMethods):
    """A store under a name. Shows no secret; `runtime.pools` holds the pools, one a loop.

    As a context manager, sync or async, it closes at the end of the block if the `connect` in the block's head
    opened it, and stays open if it was there before.
    """

    def __init__(self, name: str, store: Store, description: Description) -> None:
        self.name = name
        self.backend = description.backend
        """The name of the backend."""
        self.source = description.source
        """Where its settings come from: keyword, URL, the path of a file, environment, built in."""
        self.description = description
        self.settled = False
        """It was opened by `connect`: its name stands for these settings until it is closed."""
        self._store = store
        self._opened_by: int | None = None
        """The thread whose last `connect` opened it."""
        self._blocks = 0
        """``with`` blocks around it, in all threads."""
        self._close_after_blocks = False

    @property
    def store(self) -> Store:  # type: ignore[override]  # the methods only read it
        """The way to a session. ConnectionFailed after `close`."""
        if self.closed:
            raise ConnectionFailed(f"the connection {self.name!r} is closed", hint="dk.connect(...) opens it again")
        return self._store

    @property
    def closed(self) -> bool:
        """Whether it was closed: another one is made by `connect`."""
        return self._store.closed

    @property
    def config(self) -> BackendConfig:
        """The settings, frozen; secrets in them show nothing."""
        return self._store.config

    @property
    def location(self) -> str:
        """Where the store is, for people. Never a secret."""
        return self.config.location

    @property
    def is_open(self) -> bool:
        """Whether it holds an open pool, on any loop."""
        return pools.held(self._store)

    @property
    def claims(self) -> bool:
        """Whether it has something to give back: an open pool, or one that is being opened."""
        return pools.claimed(self._store)

    @property
    def stands(self) -> bool:
        """Whether its name is taken: a connection that was only named, and never opened, gives way."""
        return self.settled or self.is_open

    def same(self, kind: type[Backend], config: object) -> bool:
        """Whether these are its settings."""
        return self._store.backend is kind and self._store.config == config

    def figures(self) -> list[tuple[str, PoolStatus]]:
        """Loop and figures of each pool that it uses."""
        return [(loop, figures) for kind, config, loop, figures in pools.status() if self.same(kind, config)]

    async def astatus(self) -> pd.DataFrame:
        """The same as `status`, awaited."""
        return self.status()

    def status(self) -> pd.DataFrame:
        """A row a pool: connection, loop, size, max_size, in_use, idle, waiting, opened, reused, broken."""
        return pd.DataFrame(
            [{"connection": self.name, "loop": loop, **asdict(pool)} for loop, pool in self.figures()], columns=STATUS
        )

    async def aclose(self) -> None:
        """The same as `close`, awaited."""
        BOOK.forget(self)
        await self._store.close()

    def close(self) -> None:
        """Give its pools back and forget its name. Twice is no error; another name for the same store stays open."""
        BOOK.forget(self)
        self.give_back()

    def give_back(self) -> None:
        """Release its pools."""
        if self.claims:
            thread.run(self._store.give_back())

    async def open(self) -> None:
        """Open and check the pool of the running loop, if it is not. ConnectionFailed."""
        await self._store.open()

    def __enter__(self) -> Self:
        self._enter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._leave():
            self.close()

    async def __aenter__(self) -> Self:
        self._enter()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._leave():
            await self.aclose()

    def opened(self, *, here: bool) -> None:
        """`connect` gives it out; ``here``: it was this call that opened it."""
        with BOOK.lock:
            self.settled = True
            if here:
                self._opened_by = threading.get_ident()
            elif self._opened_by == threading.get_ident():
                self._opened_by = None

    def _enter(self) -> None:
        with BOOK.lock:
            self._blocks += 1
            self._close_after_blocks |= self._opened_by == threading.get_ident()
            self._opened_by = None

    def _leave(self) -> bool:
        """Whether to close now: the last block ends, and the head of one opened it."""
        with BOOK.lock:
            self._blocks -= 1
            return self._blocks == 0 and self._close_after_blocks

    def _state(self) -> list[str]:
        if self.closed:
            return ["closed"]
        figures = [
            f"{loop}: {pool.in_use} of {pool.max_size} in use, {pool.idle} idle" for loop, pool in self.figures()
        ]
        return figures or ["not open"]

    def __repr__(self) -> str:
        return f"<Connection {self.name!r}: {self.backend}, {self.location}, {'; '.join(self._state())}>"

    def _repr_html_(self) -> str:
        cells = [self.name, self.backend, self.location, "; ".join(self._state())]
        return page.table(["connection", "backend", "location", "pool"], [cells])

    def __reduce__(self) -> Any:
        raise TypeError("a connection is not pickled: its pools belong to this process")


# --- the names --------------------------------------------------------------------------------------------------


class Book:
    """The connections of this process by name, in the order in which they were made."""

    def __init__(self) -> None:
        # Held for looks at the dictionary only, never while something opens, asks or reads a file.
        self.lock = threading.RLock()
        self.made: dict[str, Connection] = {}
        self.used: str | None = None
        """What `use` says."""

    def all(self) -> list[Connection]:
        """Every one, in the order of making."""
        with self.lock:
            return list(self.made.values())

    def get(self, name: str) -> Connection | None:
        """The one of that name."""
        with self.lock:
            return self.made.get(name)

    def first(self) -> str | None:
        """The first one that `connect` made."""
        return next((each.name for each in self.all() if each.settled), None)

    def described(self, description: Description) -> Connection | None:
        """One that was opened with this description."""
        return next((each for each in self.all() if each.stands and each.description == description), None)

    def same(self, kind: type[Backend], config: BackendConfig) -> Connection | None:
        """One with these settings."""
        return next((each for each in self.all() if each.same(kind, config)), None)

    def add(self, connection: Connection) -> Connection:
        """It, or the one that stands under its name, or that another thread has made for the same store meanwhile.

        ConnectionFailed: it was closed meanwhile.
        """
        with self.lock:
            store = connection.store
            current = self.made.get(connection.name)
            if current is not None and (current.stands or current.same(store.backend, store.config)):
                return current
            self.made.pop(connection.name, None)  # so that the order is the one of making
            self.made[connection.name] = connection
            return connection

    def retire(self, connection: Connection) -> None:
        """Free its name for another that takes its place, as the default too."""
        with self.lock:
            connection._store.closed = True
            connection._close_after_blocks = False
            if self.made.get(connection.name) is connection:
                del self.made[connection.name]

    def forget(self, connection: Connection) -> None:
        """Free its name, and let it be the default no more."""
        with self.lock:
            if self.made.get(connection.name) is connection and self.used == connection.name:
                self.used = None
            self.retire(connection)


BOOK = Book()


def _new_lock() -> None:
    # In a forked child: another thread of the parent may have held it.
    BOOK.lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_lock)
