"""Binder's scripts, run as repo2docker runs them: in a clone, with a home and a Python of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sysconfig
import tempfile
import time
import venv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from tests.packaging.clean import ROOT, clone

pytestmark = pytest.mark.timeout(400)  # the first test waits for the build of the image, as it were, and for the tour

READY = 20.0
"""Seconds that `start` may take."""
MEMORY = 2e9
"""Bytes of the container."""
FLIGHTS = 336_776


class Session(NamedTuple):
    """What the notebook server would have found."""

    clone: Path
    python: Path
    environ: Mapping[str, str]
    found: Mapping[str, Any]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """One that others may enter: root's PostgreSQL runs as somebody else."""
    made = Path(tempfile.mkdtemp(prefix="dk-binder-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def session(folder: Path) -> Session:
    """Both scripts in a clean folder, and the tour against the servers.

    The Python stands in for conda's environment: it has what the tests have, but not the package, which postBuild
    installs. There is no cargo, as on Binder, and no way to the network once the image is made.
    """
    home, python = folder / "home", folder / "python"
    home.mkdir()
    cloned = clone(folder / "clone")
    venv.create(python, symlinks=True)
    paths = {"base": str(python), "platbase": str(python)}
    (Path(sysconfig.get_path("purelib", vars=paths)) / "tests.pth").write_text(sysconfig.get_path("purelib"))
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "REQUESTS_"))}
    environ = {**kept, "HOME": str(home), "PATH": f"{python / 'bin'}:/usr/bin:/bin", "LANG": "C.UTF-8"}
    run(["binder/postBuild"], cloned, environ)
    nowhere = dict.fromkeys(["http_proxy", "https_proxy", "ALL_PROXY"], "http://127.0.0.1:9")
    environ |= {**nowhere, "no_proxy": "127.0.0.1,localhost"}
    said = run(["binder/start", "python", "-P", "tests/packaging/in_binder.py"], cloned, environ)
    return Session(cloned, python, environ, json.loads(said.splitlines()[-1]))


def run(command: list[str], folder: Path, environ: Mapping[str, str]) -> str:
    """What it printed."""
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.kernel
def test_the_flights_are_there_from_the_start(session: Session) -> None:
    assert session.found["prepared"] == FLIGHTS


@pytest.mark.kernel
def test_the_tour_runs_on_the_server_that_start_brought(session: Session) -> None:
    assert session.found["written"] == FLIGHTS


@pytest.mark.kernel
def test_s3_and_duckdb_are_there_too(session: Session) -> None:
    assert session.found["answer"] == 42


@pytest.mark.kernel
def test_start_is_quick(session: Session) -> None:
    seconds = [READY]
    while min(seconds) >= READY and len(seconds) < 4:  # a machine may be busy with other things
        begun = time.time()
        ready = run(["binder/start", "date", "+%s.%N"], session.clone, session.environ)  # returns after their end
        seconds.append(float(ready) - begun)
    assert min(seconds) < READY


@pytest.mark.kernel
def test_all_of_it_fits_into_the_memory_of_a_container(session: Session) -> None:
    assert 0 < session.found["memory"] < MEMORY


@pytest.mark.kernel
def test_the_package_is_the_one_that_was_built(session: Session) -> None:
    assert Path(session.found["package"]).is_relative_to(session.python)


@pytest.mark.kernel
def test_the_servers_end_with_the_notebook_server(session: Session) -> None:
    left = [psutil.Process(pid) for pid in session.found["servers"] if psutil.pid_exists(pid)]
    _, alive = psutil.wait_procs(left, timeout=60)
    assert alive == []


def test_start_says_so_where_the_servers_cannot_run(tmp_path: Path) -> None:
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(
        [ROOT / "binder" / "start", "true"], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "the servers did not start" in done.stderr
