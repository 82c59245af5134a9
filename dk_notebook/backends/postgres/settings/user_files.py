"""Where the driver's own files of the user are: as libpq, and so psql, looks for them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

SYSTEM_FOLDER = "/etc/postgresql-common"
"""Where Debian's libpq has the file of services for all users; ``PGSYSCONFDIR`` names another folder."""


def password_file() -> Path | None:
    """``~/.pgpass``, there or not; None where the user has no home."""
    return _in_appdata("pgpass.conf") if sys.platform == "win32" else _in_home(".pgpass")


def service_file() -> Path | None:
    """``~/.pg_service.conf``, there or not."""
    return _in_appdata(".pg_service.conf") if sys.platform == "win32" else _in_home(".pg_service.conf")


def shared_service_file() -> Path:
    """The services for all users, there or not."""
    return Path(os.environ.get("PGSYSCONFDIR") or SYSTEM_FOLDER, "pg_service.conf")


def certificate_file(name: str) -> Path | None:
    """``~/.postgresql/NAME`` if it is there."""
    path = _in_appdata(name) if sys.platform == "win32" else _in_home(".postgresql", name)
    return path if path is not None and path.is_file() else None


def _in_home(*names: str) -> Path | None:
    try:
        return Path.home().joinpath(*names)
    except RuntimeError:  # a user id without a home, as in some containers
        return None


def _in_appdata(name: str) -> Path | None:
    folder = os.environ.get("APPDATA")
    return Path(folder, "postgresql", name) if folder else None
