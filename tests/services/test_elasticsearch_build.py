"""How the node comes about: once, by one process, and with a word on what is missing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from dk_notebook.errors import ConnectionFailed, MissingDependency
from tests.services import elasticsearch_build

pytestmark = pytest.mark.unit


def test_compose_has_the_version_that_is_built() -> None:
    recipe = (elasticsearch_build.RECIPE / "pom.xml").read_text()
    version = recipe.partition("<elasticsearch.version>")[2].partition("<")[0]
    assert f"elasticsearch:{version}\n" in (Path(__file__).parents[2] / "compose.yaml").read_text()


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """An empty cache, and what is built in it by something that is quick."""
    done: list[Path] = []

    def build(folder: Path) -> None:
        (folder / "elasticsearch").mkdir(parents=True)
        time.sleep(0.1)
        done.append(folder)

    monkeypatch.setattr(elasticsearch_build, "CACHE", tmp_path)
    monkeypatch.setattr(elasticsearch_build, "_build", build)
    return done


def test_what_is_built_is_not_built_again(builds: list[Path]) -> None:
    assert (elasticsearch_build.built() == elasticsearch_build.built(), len(builds)) == (True, 1)


def test_two_at_once_build_once(builds: list[Path]) -> None:
    threads = [threading.Thread(target=elasticsearch_build.built) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(builds) == 1


def test_a_build_that_fails_leaves_nothing_and_is_tried_again(builds, monkeypatch, tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "elasticsearch").mkdir(parents=True)
        raise ConnectionFailed("no way")

    with monkeypatch.context() as broken:
        broken.setattr(elasticsearch_build, "_build", fail)
        with pytest.raises(ConnectionFailed):
            elasticsearch_build.built()
    assert ([path.name for path in tmp_path.iterdir()], elasticsearch_build.built().exists()) == (["lock"], True)


def maven(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    program = folder / "mvn"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(elasticsearch_build, "PAUSE", 0)


def test_a_download_that_breaks_off_is_tried_again(monkeypatch, tmp_path: Path) -> None:
    maven(monkeypatch, tmp_path, f"echo x >> {tmp_path}/calls; test $(wc -l < {tmp_path}/calls) -ge 3")
    elasticsearch_build._fetch(tmp_path / "parts")
    assert (tmp_path / "calls").read_text() == "x\n" * 3


def test_a_download_that_never_works_tells_what_maven_said(monkeypatch, tmp_path: Path) -> None:
    maven(monkeypatch, tmp_path, "echo '[ERROR] Could not transfer artifact'; exit 1")
    with pytest.raises(ConnectionFailed, match="Could not transfer artifact"):
        elasticsearch_build._fetch(tmp_path / "parts")


def test_a_missing_maven_is_an_error_with_the_line_that_installs_it(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependency, match="apt-get install maven"):
        elasticsearch_build._fetch(tmp_path)


def test_a_missing_jdk_is_an_error_with_the_line_that_installs_it(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependency, match=r"apt-get install .*openjdk"):
        elasticsearch_build.java_home()


def test_a_java_home_without_a_jdk_is_an_error_that_names_it(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(MissingDependency, match=str(tmp_path)):
        elasticsearch_build.java_home()


WITHOUT = """
import shutil, sys
import pytest
find = shutil.which
shutil.which = lambda name, *more, **how: None if name in ("mvn", "javac") else find(name, *more, **how)
sys.exit(pytest.main([sys.argv[1], "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-k", "is_elasticsearch"]))
"""


@pytest.mark.parametrize(("ci", "result"), [("true", "1 error"), ("", "1 skipped")])
def test_without_java_a_test_fails_where_changes_are_judged_and_is_skipped_elsewhere(ci: str, result: str) -> None:
    environ = {
        name: value for name, value in os.environ.items() if name not in ("DK_TEST_ELASTICSEARCH_URL", "JAVA_HOME")
    }
    test = str(Path(__file__).with_name("test_elasticsearch_node.py"))
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, test],
        env={**environ, "CI": ci},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result in done.stdout, "apt-get install maven" in done.stdout) == (True, True)
