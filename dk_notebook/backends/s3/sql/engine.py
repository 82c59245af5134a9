"""The DuckDB that runs SQL over datasets: in memory, with nothing in it, and closed to everything else."""

from __future__ import annotations

import os
import threading
from typing import Any

import duckdb

from dk_notebook.backends.duckdb.stores import OURS

CLOSED: dict[str, Any] = {
    # SQL reads the tables that are handed to it, and neither files nor the network by itself.
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "lock_configuration": True,
}

_engine: Any = None
_owner = 0
_lock = threading.Lock()
# Of a parent process: kept for ever, because its destructor would wait for threads that no child has.
_inherited: list[Any] = []


def _new_lock() -> None:
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_new_lock)


def cursor() -> Any:
    """A connection of its own to the engine of this process, which is made at the first call. In a worker thread."""
    global _engine, _owner
    with _lock:
        if _owner != os.getpid():
            _inherited.append(_engine)
            _engine, _owner = duckdb.connect(":memory:", config={**OURS, **CLOSED}), os.getpid()
        return _engine.cursor()
