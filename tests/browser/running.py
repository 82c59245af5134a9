"""The queries that a server of PostgreSQL runs, seen from beside the notebook."""

from __future__ import annotations

import time

from dk_notebook.testing.services.postgres import PostgresAddress
from tests.browser.lab import PATIENCE


def until_running(server: PostgresAddress, name: str, count: int) -> None:
    """Until the server runs so many queries with this name in it, those that ask for it aside."""
    asked = f"select count(*) from pg_stat_activity where query ~ 'pg_sleep.* {name}' and pid <> pg_backend_pid()"
    deadline = time.monotonic() + PATIENCE / 1000
    while int(server.psql(f"{asked} and state = 'active'")) != count:
        assert time.monotonic() < deadline, f"not {count} queries run"
        time.sleep(0.05)
