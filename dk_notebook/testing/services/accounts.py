"""Who runs a server: PostgreSQL refuses to be started by root."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Account:
    """Oneself, or ``nobody`` where oneself is root.

    >>> Account().run(["echo", "fine"])
    'fine'
    """

    def __init__(self) -> None:
        self._other = pwd.getpwnam("nobody") if os.geteuid() == 0 else None

    def own(self, path: Path) -> None:
        """Give a file or a folder to the account."""
        if self._other is not None:
            os.chown(path, self._other.pw_uid, self._other.pw_gid)

    def popen(self, command: list[str], **how: Any) -> subprocess.Popen[bytes]:
        """A process of the account."""
        return subprocess.Popen(command, **self._identity(), **how)  # noqa: S603 (words, no shell)

    def run(self, command: list[str], *, environ: Mapping[str, str] | None = None, folder: Path | None = None) -> str:
        """What a program of the account printed. CalledProcessError, with ``stderr``, where it failed.

        PermissionError, FileNotFoundError: the account may not run the program, or not enter ``folder``.
        """
        how = {"env": environ, "cwd": folder or "/", "capture_output": True, "check": True, **self._identity()}
        done = subprocess.run(command, text=True, **how)  # noqa: S603 (words, no shell)
        return str(done.stdout).strip()

    def _identity(self) -> dict[str, Any]:
        if self._other is None:
            return {}
        return {"user": self._other.pw_uid, "group": self._other.pw_gid, "extra_groups": []}
