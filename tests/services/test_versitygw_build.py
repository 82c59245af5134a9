"""How the S3 gateway comes about: once, by one process, and with a word on what is missing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from dk_notebook.errors import ConnectionFailed, MissingDependency
from tests.services import versitygw_build

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]


def test_compose_has_the_version_that_is_built() -> None:
    assert f"versitygw:{versitygw_build.VERSION}\n" in (ROOT / "compose.yaml").read_text()


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty one."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(versitygw_build, "CACHE", folder)
    monkeypatch.setattr(versitygw_build, "PAUSE", 0)
    return folder


def go(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> Path:
    """A Go that does this; gives the file in which it notes its calls."""
    program, calls = folder / "go", folder / "calls"
    program.write_text(f'#!/bin/sh\necho "$@" $GOFLAGS >> {calls}\n{script}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return calls


MAKES = 'mkdir -p "$GOBIN" && echo made > "$GOBIN/versitygw"'


def test_go_is_asked_for_the_version_that_is_named(cache, monkeypatch, tmp_path: Path) -> None:
    calls = go(monkeypatch, tmp_path, MAKES)
    versitygw_build.built()
    module = f"github.com/versity/versitygw/cmd/versitygw@{versitygw_build.VERSION}"
    assert calls.read_text() == f"install {module} -mod=mod\n"


def test_what_is_built_is_not_built_again(cache, monkeypatch, tmp_path: Path) -> None:
    calls = go(monkeypatch, tmp_path, MAKES)
    assert versitygw_build.built() == versitygw_build.built()
    assert len(calls.read_text().splitlines()) == 1


def test_two_at_once_build_once(cache, monkeypatch, tmp_path: Path) -> None:
    calls = go(monkeypatch, tmp_path, f"sleep 0.1; {MAKES}")
    threads = [threading.Thread(target=versitygw_build.built) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls.read_text().splitlines()) == 1


def test_another_version_is_another_program(cache, monkeypatch, tmp_path: Path) -> None:
    go(monkeypatch, tmp_path, MAKES)
    first = versitygw_build.built()
    monkeypatch.setattr(versitygw_build, "VERSION", "v9.0.0")
    assert versitygw_build.built() != first


def test_a_download_that_breaks_off_is_tried_again(cache, monkeypatch, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    go(monkeypatch, tmp_path, f"test $(wc -l < {calls}) -ge 3 && {MAKES}")
    assert (versitygw_build.built().read_text(), len(calls.read_text().splitlines())) == ("made\n", 3)


def test_a_build_that_never_works_tells_what_go_said(cache, monkeypatch, tmp_path: Path) -> None:
    go(monkeypatch, tmp_path, "echo 'dial tcp: lookup failed' >&2; exit 1")
    with pytest.raises(ConnectionFailed, match="dial tcp: lookup failed"):
        versitygw_build.built()


def test_a_build_that_fails_leaves_nothing_half_done(cache, monkeypatch, tmp_path: Path) -> None:
    go(monkeypatch, tmp_path, f"{MAKES}; exit 1")
    with pytest.raises(ConnectionFailed):
        versitygw_build.built()
    assert [path.name for path in cache.iterdir()] == ["lock"]


def test_a_missing_go_is_an_error_with_the_line_that_installs_it(cache, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependency, match=r"https://go\.dev/dl"):
        versitygw_build.built()


BUILDS = """
import sys
from pathlib import Path
from tests.services import versitygw_build
versitygw_build.CACHE = Path(sys.argv[1])
versitygw_build.built()
"""


def test_a_process_that_was_killed_while_it_built_is_in_nobodys_way(cache, monkeypatch, tmp_path: Path) -> None:
    calls = go(monkeypatch, tmp_path, "sleep 3")
    with subprocess.Popen([sys.executable, "-c", BUILDS, str(cache)], cwd=ROOT) as process:
        end = time.monotonic() + 20
        while not calls.exists() and time.monotonic() < end:
            time.sleep(0.02)
        process.kill()
    go(monkeypatch, tmp_path, MAKES)
    assert versitygw_build.built().read_text() == "made\n"


WITHOUT = """
import shutil, sys
from pathlib import Path
import pytest
from tests.services import versitygw_build
versitygw_build.CACHE = Path(sys.argv[2])
find = shutil.which
shutil.which = lambda name, *more, **how: None if name == "go" else find(name, *more, **how)
sys.exit(pytest.main([sys.argv[1], "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-k", "listed_by_prefix"]))
"""


@pytest.mark.parametrize(("ci", "result"), [("true", "1 error"), ("", "1 skipped")])
def test_without_go_a_test_fails_where_changes_are_judged_and_is_skipped_elsewhere(
    ci: str, result: str, tmp_path: Path
) -> None:
    environ = {name: value for name, value in os.environ.items() if name != "DK_TEST_S3_URL"}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, str(Path(__file__).with_name("test_versitygw.py")), str(tmp_path)],
        env={**environ, "CI": ci},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result in done.stdout, "https://go.dev/dl" in done.stdout) == (True, True)
