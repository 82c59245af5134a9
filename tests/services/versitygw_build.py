"""The S3 gateway of the tests, built by Go from its published source.

``python -m tests.services.versitygw_build`` makes it, where it is not there yet, and prints where it is.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import time
from pathlib import Path

from dk_notebook.errors import ConnectionFailed, MissingDependency

VERSION = "v1.7.0"
SOURCE = f"github.com/versity/versitygw/cmd/versitygw@{VERSION}"
CACHE = Path(__file__).parents[2] / ".cache" / "versitygw"
INSTALL = "brew install go, or https://go.dev/dl (1.25 or newer; from 1.21 on, Go fetches that itself)"
ATTEMPTS = 4
PAUSE = 2  # seconds after the first, twice as many after each other


def built() -> Path:
    """The program, made at the first call of all processes, which takes a minute or two.

    MissingDependency: Go is not there. ConnectionFailed: the source could not be fetched.
    """
    program = CACHE / VERSION / "versitygw"
    if program.exists():
        return program
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # one builds, the others wait; the lock of a process that is killed is free
        if not program.exists():
            _build(program)
    return program


def _build(program: Path) -> None:
    go = shutil.which("go")
    if go is None:
        raise MissingDependency("the S3 gateway of the tests is built with Go, which is not there", hint=INSTALL)
    fresh = CACHE / f"new-{os.getpid()}"
    try:
        for attempt in range(1, ATTEMPTS + 1):
            environ = {**os.environ, "GOBIN": str(fresh), "GOFLAGS": "-mod=mod"}
            done = subprocess.run([go, "install", SOURCE], env=environ, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                break
            if attempt < ATTEMPTS:
                time.sleep(PAUSE * 2 ** (attempt - 1))
        else:
            raise ConnectionFailed(f"Go could not build the S3 gateway: {' '.join(done.stderr.splitlines()[-5:])}")
        program.parent.mkdir(parents=True, exist_ok=True)
        (fresh / "versitygw").rename(program)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


if __name__ == "__main__":
    print(built())
