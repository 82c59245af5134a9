"""Passwords of the file that psql reads them from (``~/.pgpass``)."""

from __future__ import annotations

import os
import re
import stat
import sys
from dataclasses import dataclass, field
from pathlib import Path

from dk_notebook.backends.postgres.settings.addresses import Address
from dk_notebook.config.secrets import Secret
from dk_notebook.errors import ConfigError
from dk_notebook.frames.notices import warn

ANY = "*"


@dataclass(frozen=True)
class Entry:
    """A line: who gets the password."""

    host: str
    port: str
    database: str
    user: str
    password: Secret = field(repr=False)

    def fits(self, address: Address, database: str, user: str) -> bool:
        """Whether the line is for that login. A socket is ``localhost`` there, or its folder."""
        hosts = {address.host, "localhost"} if address.is_socket else {address.host}
        return (
            self.host in hosts | {ANY}
            and self.port in (str(address.port), ANY)
            and self.database in (database, ANY)
            and self.user in (user, ANY)
        )


def find(path: Path, address: Address, database: str, user: str) -> Entry | None:
    """The first line that fits; None without one, and without the file.

    A file that others may read is not used, with a warning, as psql does. ConfigError: it cannot be read.
    """
    if not _usable(path):
        return None
    try:
        # What is no UTF-8 in one line must not hide the others.
        lines = path.read_text(encoding="utf-8", errors="surrogateescape").split("\n")
    except OSError as error:
        raise ConfigError(f"cannot read the password file {path}: {error.strerror}") from error
    entries = (entry for line in lines if (entry := _entry(line)) is not None)
    return next((entry for entry in entries if entry.fits(address, database, user)), None)


def _usable(path: Path) -> bool:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise ConfigError(f"cannot read the password file {path}: {error.strerror}") from error
    if not stat.S_ISREG(found.st_mode):
        if str(path) != os.devnull:  # a usual way to say: none
            warn(f"the password file {path} is no plain file, and not used")
        return False
    if sys.platform != "win32" and found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        warn(f"the password file {path} is open to others, and not used: `chmod 600` makes it yours alone")
        return False
    return True


def _entry(line: str) -> Entry | None:
    r"""A line taken apart; None for what is none. ``\:`` and ``\\`` are a colon and a backslash.

    >>> _entry(r"db:5432:*:ann:hun\:ter2").password.reveal()
    'hun:ter2'
    """
    # Five parts; in the last one a bare colon belongs to the password. A comment that looks like a line is for a host
    # that begins with #, which none does.
    found = re.fullmatch(r"((?:\\.|[^:\\])*):" * 4 + r"(.*)", line)
    if found is None:
        return None
    host, port, database, user, password = (re.sub(r"\\(.)", r"\1", part) for part in found.groups())
    return Entry(host, port, database, user, Secret(password)) if password else None
