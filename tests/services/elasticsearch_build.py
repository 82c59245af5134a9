"""Elasticsearch 8.19 with ES|QL, put together from what Maven Central has: the distribution for tests, and its modules.

``python -m tests.services.elasticsearch_build`` makes it, where it is not there yet, and prints its folder. The recipe
is in ``elasticsearch/``: a pom that fetches all parts, and the sources of small parts that Maven Central lacks.

What is fetched is under the Elastic License: it stays in a folder that git ignores.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

from dk_notebook.errors import ConnectionFailed, MissingDependency

RECIPE = Path(__file__).with_name("elasticsearch")
CACHE = Path(__file__).parents[2] / ".cache" / "elasticsearch"

INSTALL = "apt-get install maven openjdk-17-jdk-headless (or brew install maven openjdk)"
ATTEMPTS = 4  # to download; Maven keeps what it has
PAUSE = 2  # seconds after the first, twice as many after each other
MODULES = {"x-pack-esql-core": None, "x-pack-esql": "x-pack-esql-core", "mapper-version": "x-pack-core"}
"""Modules and what they extend: of what they extend as published, some is not on Maven Central."""

PLUGINS = {"root-info": "rootinfo.RootInfoPlugin", "security-analysis": "securityanalysis.SecurityAnalysisPlugin"}
"""Modules of our own, each with its class."""

PLUGIN = """\
description=A part of the distributions that is not published alone
version={version}
name={name}
java.version=17
elasticsearch.version={version}
classname={main}
"""


def built() -> Path:
    """The folder of the distribution, made at the first call of all processes, which takes a minute of downloads.

    MissingDependency: Maven or a JDK is not there. ConnectionFailed: the parts could not be fetched.
    """
    home = CACHE / _name() / "elasticsearch"
    if home.exists():
        return home
    with _lock():
        if not home.exists():
            fresh = CACHE / f"new-{os.getpid()}"
            shutil.rmtree(fresh, ignore_errors=True)
            try:
                _build(fresh)
                fresh.rename(home.parent)
            finally:
                shutil.rmtree(fresh, ignore_errors=True)
    return home


def java_home() -> Path:
    """Where the JDK is: ``JAVA_HOME``, or the one that ``javac`` belongs to. MissingDependency: there is none."""
    if named := os.environ.get("JAVA_HOME"):
        home = Path(named)
    elif found := shutil.which("javac"):
        home = Path(found).resolve().parents[1]
    else:
        raise MissingDependency("an Elasticsearch node needs a JDK, 17 or newer", hint=INSTALL)
    if not (home / "bin" / "javac").exists():
        raise MissingDependency(f"there is no JDK in {home}", hint=INSTALL)
    return home


# --- inside


def _name() -> str:
    """Another recipe is another distribution."""
    sources = [Path(__file__), *sorted(path for path in RECIPE.rglob("*") if path.is_file())]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in sources)).hexdigest()[:12]


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    """One builds, the others wait; the lock of a process that is killed is free."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(folder: Path) -> None:
    jdk, parts = java_home() / "bin", folder / "parts"
    _fetch(parts)
    (archive,) = (parts / "node").glob("*.zip")
    _unpack(archive, folder)
    home = folder / "elasticsearch"
    archive_home = folder / archive.stem
    archive_home.rename(home)
    version = archive.stem.removeprefix("elasticsearch-")
    modules = home / "modules"
    for module, extended in MODULES.items():
        shutil.move(parts / module, modules / module)
        _write_descriptor(modules / module, _extending(_descriptor(modules / module, module), extended))
    for module, main in PLUGINS.items():
        _compile(jdk, module, [home / "lib"], modules / module)
        _write_descriptor(modules / module, PLUGIN.format(version=version, name=module, main=main))
    _compile(jdk, "ml-constants", [home / "lib", modules / "x-pack-core"], modules / "x-pack-esql")
    shutil.rmtree(parts)


def _fetch(into: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise MissingDependency("an Elasticsearch node is built with Maven, which is not there", hint=INSTALL)
    command = [maven, "-q", "-B", "-ntp", "-f", str(RECIPE / "pom.xml"), f"-Dinto={into}", "dependency:copy"]
    for attempt in range(1, ATTEMPTS + 1):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        if attempt < ATTEMPTS:
            time.sleep(PAUSE * 2 ** (attempt - 1))
    last = " ".join((done.stdout + done.stderr).splitlines()[:5])
    raise ConnectionFailed(f"Maven could not fetch the parts of Elasticsearch: {last}")


def _unpack(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        for entry in packed.infolist():
            path = packed.extract(entry, folder)
            if mode := entry.external_attr >> 16:  # which programs may run is lost on extraction
                Path(path).chmod(mode & 0o777 | 0o444)  # and the node's account may be another than who builds


def _descriptor(folder: Path, module: str) -> str:
    """What a published module says of itself, in the one of its jars that has it."""
    name = f"META-INF/es-plugins/{module}/plugin-descriptor.properties"
    for jar in folder.glob("*.jar"):
        with zipfile.ZipFile(jar) as packed, contextlib.suppress(KeyError):
            return packed.read(name).decode()
    raise FileNotFoundError(f"{name} in none of the jars of {folder}")


def _extending(descriptor: str, module: str | None) -> str:
    if module is None:
        return descriptor
    lines = descriptor.splitlines()
    return "\n".join(f"extended.plugins={module}" if line.startswith("extended.plugins=") else line for line in lines)


def _write_descriptor(module: Path, text: str) -> None:
    (module / "plugin-descriptor.properties").write_text(text)


def _compile(jdk: Path, part: str, libraries: list[Path], into: Path) -> None:
    """A jar of one of our own parts."""
    into.mkdir(exist_ok=True)
    classes = into.parent / f"{part}-classes"
    sources = [str(path) for path in (RECIPE / part).rglob("*.java")]
    path = os.pathsep.join(f"{library}/*" for library in libraries)
    subprocess.run([jdk / "javac", "--release", "17", "-nowarn", "-cp", path, "-d", classes, *sources], check=True)
    subprocess.run([jdk / "jar", "cf", into / f"{part}.jar", "-C", classes, "."], check=True)
    shutil.rmtree(classes)


if __name__ == "__main__":
    print(built())
