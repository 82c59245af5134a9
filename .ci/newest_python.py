"""Prints the newest Python of this machine that the package is made for; nothing where this one is that.

Asked are those on the PATH and those that pyenv keeps. What was found stands on standard error.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]


def made_for() -> list[tuple[int, int]]:
    """The versions that pyproject.toml names, the newest first."""
    said = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.findall(r'"Programming Language :: Python :: (\d+)\.(\d+)"', said)
    return sorted(((int(major), int(minor)) for major, minor in found), reverse=True)


def candidates(major: int, minor: int) -> Iterator[str]:
    """Where a Python of that version may be."""
    if found := shutil.which(f"python{major}.{minor}"):
        yield found
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from map(str, sorted((pyenv / "versions").glob(f"{major}.{minor}.*/bin/python"), reverse=True))


def runs(python: str, version: tuple[int, int]) -> bool:
    """Whether it is that version and can make environments; pyenv's shims stand for what may not be there."""
    program = "import json, sys, venv, ensurepip; print(json.dumps(sys.version_info[:2]))"
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=False)  # noqa: S603 (no shell)
    return done.returncode == 0 and tuple(json.loads(done.stdout)) == version


def main() -> None:
    """Print it."""
    for version in made_for():
        if version == sys.version_info[:2]:
            print(
                "no Python newer than this one that the package is made for:", sys.version.split()[0], file=sys.stderr
            )
            return
        for python in candidates(*version):
            if runs(python, version):
                print("the newest Python here that the package is made for:", python, file=sys.stderr)
                print(python)
                return


if __name__ == "__main__":
    main()
