"""What is known of the connections, as frames, and who may run commands."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from dk_notebook.config.trust import trust as trust_folder
from dk_notebook.connections import connections as known
from dk_notebook.connections import status as pools
from dk_notebook.frames.listings import Listing


def connections() -> pd.DataFrame:
    """A row a connection, made or only configured: name, backend, default, open, location, source."""
    return Listing(known(), columns=["name", "backend", "default", "open", "location", "source"])


def status() -> pd.DataFrame:
    """A row a pool: connection, loop, size, max_size, in_use, idle, waiting, opened, reused, broken."""
    columns = ["connection", "loop", "size", "max_size", "in_use", "idle", "waiting", "opened", "reused", "broken"]
    return pd.DataFrame(pools(), columns=columns)


def trust(folder: str | Path | None = None) -> None:
    """Let the ``dk.toml`` of a folder (None: the one that is found from here) run commands and read secrets.

    The file is trusted as it is now; changed, it must be trusted anew. ConfigError: there is none.
    """
    trust_folder(folder)
