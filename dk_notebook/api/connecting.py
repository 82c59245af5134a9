"""Connections: making, naming, listing and closing them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from dk_notebook import connections as named
from dk_notebook.config.trust import trust as trust_folder
from dk_notebook.connections import Connection


def connect(
    target: str | None = None,
    *,
    name: str | None = None,
    backend: str | None = None,
    replace: bool = False,
    **settings: Any,
) -> Connection:
    """An open, checked connection: the same settings again give the same pool, in whatever cell, however often.

    Parameters
    ----------
    target
        A URL (``duckdb:///shop.duckdb``, ``postgresql://ann@db/shop``), or a name from a connection file or the
        environment; None: the default connection, or the one that ``settings`` describe.
    name
        How to call it from now on.
    backend
        Which kind of store ``settings`` are for, where no URL says so.
    replace
        Take ``name`` from other settings that have it.
    settings
        The backend's settings; they win over the URL's and the file's.

    Raises
    ------
    ConfigError
        A setting, name or file that cannot be used; names the nearest known one.
    ConnectionFailed
        The store refused, or is not there: at once, in one attempt.

    Examples
    --------
    >>> import dk_notebook as dk
    >>> dk.connect("duckdb://").name
    'duckdb'
    """
    return named.connect(target, name=name, backend=backend, replace=replace, **settings)


def use(name: str) -> None:
    """Make a connection the default one."""
    named.use(name)


def connections() -> pd.DataFrame:
    """A row a connection: name, backend, default, open, location, source."""
    columns = ["name", "backend", "default", "open", "location", "source"]
    return pd.DataFrame(named.connections(), columns=columns)


def status() -> pd.DataFrame:
    """A row a pool: connection, loop, size, max_size, in_use, idle, waiting, opened, reused, broken."""
    columns = ["connection", "loop", "size", "max_size", "in_use", "idle", "waiting", "opened", "reused", "broken"]
    return pd.DataFrame(named.status(), columns=columns)


def close(name: str | None = None) -> None:
    """Close a connection (None: all of them), and forget it as the default."""
    named.close(name)


def trust(folder: str | Path | None = None) -> None:
    """Let the ``dk.toml`` of a folder (None: the one that is found from here) run commands and read secrets."""
    trust_folder(folder)
