"""The databases that this process has open: one a file, and one in memory, shared by the pools of all loops.

DuckDB lets one process open a file for writing, and a process that forks leaves its child a copy that no thread
serves. So opening is counted here, and everything that cannot work is refused with words.
"""

from __future__ import annotations

import os
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from dk_notebook.backends.duckdb.config import DuckDBConfig
from dk_notebook.backends.duckdb.errors import translated
from dk_notebook.errors import ConfigError, ConnectionFailed, DkError

OURS: dict[str, Any] = {
    # Errors come as data, with the place of a mistake in bytes.
    "errors_as_json": True,
    # Frames get into SQL by the names of the calling cell, never by those of our own worker's frames.
    "python_enable_replacements": False,
}
LOCKED = re.compile(r"lock is held in (?P<program>.*?)\s*\(PID (?P<pid>\d+)\)")


@dataclass(eq=False)
class Store:
    """An open database. `cursor` gives connections to it; `release` closes it when nobody else holds it."""

    key: str | None
    """The real path, None in memory."""
    settings: tuple[Any, ...]
    connection: Any
    process: int
    holders: int = 1

    def cursor(self) -> Any:
        """A connection of its own to this database. Any thread."""
        return self.connection.cursor()


_stores: dict[str | None, Store] = {}
_lock = threading.Lock()
# A database of the parent process: kept for ever, because its destructor would wait for threads that no child has.
_inherited: list[Store] = []


def _new_lock() -> None:
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_new_lock)


def hold(config: DuckDBConfig) -> Store:
    """The open database that ``config`` describes. Blocks while DuckDB opens the file.

    ConnectionFailed when the file is not there, is no database, is held by another process, or was opened by the
    process that this one was forked from. ConfigError when it is open here with other settings.
    """
    key = os.path.realpath(config.path) if config.path is not None else None
    settings = (config.read_only, *sorted(config.options().items()), config.extensions)
    with _lock:
        _refuse_inherited(key)
        store = _stores.get(key)
        if store is None:
            store = _stores[key] = Store(key, settings, _opened(config), os.getpid())
            return store
        if store.settings != settings:
            raise ConfigError(
                f"{config.location} is open in this process with other settings",
                hint="connect with the same settings, or close that connection first"
                if key is not None
                else "settings of the store in memory are those of the first connection of the process",
            )
        store.holders += 1
        return store


def release(store: Store) -> None:
    """Count one holder less; the last one closes a file. What lies in memory stays as long as the process."""
    with _lock:
        store.holders -= 1
        if store.holders > 0 or store.key is None or store.process != os.getpid():
            return
        if _stores.get(store.key) is store:
            del _stores[store.key]
        store.connection.close()


def _refuse_inherited(key: str | None) -> None:
    store = _stores.get(key)
    if store is None or store.process == os.getpid():
        return
    if key is None:
        _inherited.append(_stores.pop(key))
        return
    raise ConnectionFailed(
        f"{key!r} is open in the process that this one was forked from (PID {store.process}), "
        "and a DuckDB database cannot be shared across a fork",
        hint="close it before forking, or start the process with the 'spawn' method and open it read_only in both",
    )


def _opened(config: DuckDBConfig) -> Any:
    target = config.path if config.path is not None else ":memory:"
    try:
        connection = duckdb.connect(target, read_only=config.read_only, config={**config.options(), **OURS})
    except duckdb.Error as error:
        raise _not_opened(error, config) from error
    for extension in config.extensions:
        try:
            connection.load_extension(extension)
        except duckdb.Error as error:
            connection.close()
            raise ConnectionFailed(
                f"{config.location}: the extension {extension!r} cannot be loaded: {translated(error).message}",
                hint=f'install it once: dk.execute("INSTALL {extension}", "duckdb://")',
            ) from error
    return connection


def _not_opened(error: duckdb.Error, config: DuckDBConfig) -> DkError:
    message = translated(error).message
    held = LOCKED.search(message)
    if held:
        return ConnectionFailed(
            f"{config.location} is held by another process: PID {held['pid']} ({Path(held['program']).name})",
            hint="close it there, or have every process open it with read_only=True",
        )
    if "different configuration" in message:
        return ConnectionFailed(
            f"{config.location} is open in this process with other settings, through duckdb itself",
            hint="close that connection first, or work with the file through only one of the two",
        )
    if isinstance(error, (duckdb.ParserException, duckdb.InvalidInputException)):
        return ConfigError(f"{config.location}: {message}")
    return ConnectionFailed(f"cannot open {config.location}: {message}")
