"""A clone and environments that have nothing of the machine's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

SETTINGS = {
    **{name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}},
    "UV_PYTHON_DOWNLOADS": "never",
    "UV_SYSTEM_CERTS": "1",  # those that pip trusts
    "UV_HTTP_TIMEOUT": "180",
}
"""What uv and what it starts find in their environment."""


def clone(folder: Path) -> Path:
    """What is committed, and what is not yet: the files that git knows, or would. Times are those of the tree."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.rstrip("\0").split("\0")
    there = [name for name in dict.fromkeys(names) if (ROOT / name).exists()]  # not what is deleted, but not yet there
    folder.mkdir()
    copy = ["cp", "--parents", "--preserve=timestamps", "--target-directory", str(folder), *there]
    subprocess.run(copy, cwd=ROOT, check=True)
    return folder


def environment(folder: Path, *packages: str) -> Path:
    """The Python of a new environment with these packages, in the place of the one that is there."""
    uv("venv", "--clear", "--python", sys.executable, str(folder))
    python = folder / "bin" / "python"
    uv("pip", "install", "--python", str(python), *packages)
    return python


def uv(*words: str) -> None:
    """Run it. AssertionError, with what it said, where it failed."""
    done = subprocess.run(
        [sys.executable, "-m", "uv", "--quiet", *words], env=SETTINGS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
