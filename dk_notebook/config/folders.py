"""Where the user's own files are."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path


def user_folder(environ: Mapping[str, str] | None = None) -> Path:
    """The user's config folder of this package, there or not.

    ``$XDG_CONFIG_HOME/dk_notebook``, without the variable ``~/.config/dk_notebook``; Windows: below ``%APPDATA%``.

    >>> user_folder({"XDG_CONFIG_HOME": "/home/ann/.config"}).as_posix()
    '/home/ann/.config/dk_notebook'
    """
    environ = os.environ if environ is None else environ
    base = environ.get("XDG_CONFIG_HOME") or (environ.get("APPDATA") if sys.platform == "win32" else None)
    return (Path(base) if base else Path.home() / ".config") / "dk_notebook"
