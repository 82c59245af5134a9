"""A locale that sorts text as people do, for a server that has only what the C library offers."""

from __future__ import annotations

import atexit
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from dk_notebook.testing.services.accounts import Account

NAME = "en_US.UTF-8"
PLAIN = "C.UTF-8"


class Locale(NamedTuple):
    """A name, and the folder that ``LOCPATH`` has to name for it (None: the system has it)."""

    name: str
    folder: Path | None


@functools.cache
def language() -> Locale:
    """English: the system's, or one that is compiled from the system's sources and removed at exit.

    ``C.UTF-8``, which sorts by code point, on a system that has neither (Debian has the sources in ``locales``).

    >>> language().name.partition(".")[2]
    'UTF-8'
    """
    if _bare(NAME) in map(_bare, _printed("locale", "-a").split()):
        return Locale(NAME, None)
    folder = Path(tempfile.mkdtemp(prefix="dk-locale-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o755)
    Account().own(folder)  # whose servers read it, and remove it when they outlive us
    _printed("localedef", "-i", "en_US", "-f", "UTF-8", str(folder / NAME))
    return Locale(NAME, folder) if (folder / NAME / "LC_COLLATE").exists() else Locale(PLAIN, None)


def _bare(name: str) -> str:
    """As one system spells it and another: ``en_US.UTF-8``, ``en_US.utf8``."""
    return name.replace("-", "").lower()


def _printed(program: str, *arguments: str) -> str:
    """What a program printed, and nothing where it failed, or is not there."""
    try:
        return Account().run([program, *arguments])
    except (FileNotFoundError, subprocess.CalledProcessError):
        return ""
