"""Connection files: where they are, what they say, and what an untrusted one may not."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dk_notebook.config import trusted
from dk_notebook.config.folders import user_folder
from dk_notebook.errors import ConfigError, did_you_mean

NAME = "dk.toml"
REPOSITORY_MARKS = (".git", ".hg", ".svn", ".jj")
TOP = ("default", "connections")
"""What a file may say at its top."""


@dataclass(frozen=True)
class ConnectionFile:
    """What one file says. ``trusted``: whether it may run commands and read secrets (the user's own files may)."""

    path: Path
    default: str | None
    connections: Mapping[str, Mapping[str, Any]]
    """Name -> its settings, ``backend`` among them."""
    trusted: bool

    def settings(self, name: str) -> Mapping[str, Any]:
        """The settings of a connection without ``backend``."""
        return {key: value for key, value in self.connections[name].items() if key != "backend"}

    def backend(self, name: str) -> str:
        """The name of the backend of a connection."""
        backend = self.connections[name].get("backend")
        if not isinstance(backend, str):
            raise ConfigError(f"the connection {name!r} in {self.path} has no backend", hint='as backend = "duckdb"')
        return backend

    def refused(self, what: str) -> ConfigError:
        """The error of a file of a project that wants what only a trusted one gets."""
        return ConfigError(
            f"{what}, and {self.path} is not trusted, or has changed since",
            hint=f"read it; then dk.trust({str(self.path.parent)!r}) lets it run commands and read secrets",
        )


def files(folder: Path | None = None, environ: Mapping[str, str] | None = None) -> list[ConnectionFile]:
    """The files that count in a folder (None: the current one), the first to be asked first.

    ``DK_CONFIG`` alone, where it is set. Else ``dk.toml`` of the folder or the nearest above it, up to the root of
    the repository (without a repository: of the folder only, since anybody may write above it), then the user's own.
    ConfigError names file and line.
    """
    environ = os.environ if environ is None else environ
    if named := environ.get("DK_CONFIG"):
        path = Path(named).expanduser()
        if not path.is_file():
            raise ConfigError(f"DK_CONFIG names {path}, which is no file")
        return [read(path, own=True)]
    own = user_folder(environ) / NAME
    project = project_file(folder)
    found = [read(project, own=False)] if project and not _same(project, own) else []
    return [*found, read(own, own=True)] if own.is_file() else found


def project_file(folder: Path | None = None) -> Path | None:
    """The ``dk.toml`` of the project that a folder belongs to, resolved; None where there is none."""
    folder = (folder or Path.cwd()).resolve()
    chain = [folder, *folder.parents]
    root = next((i for i, each in enumerate(chain) if any((each / mark).exists() for mark in REPOSITORY_MARKS)), 0)
    return next((each / NAME for each in chain[: root + 1] if (each / NAME).is_file()), None)


def read(path: Path, *, own: bool) -> ConnectionFile:
    """A file's contents. ``own``: it is the user's, and trusted for that."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    tables = _parse(content, path)
    unknown = next((name for name in tables if name not in TOP), None)
    if unknown is not None:
        line = _line_of(content, unknown)
        raise ConfigError(f"{path}, line {line}: unknown {unknown!r}", hint=did_you_mean(unknown, TOP) or _usual())
    connections = tables.get("connections", {})
    if not isinstance(connections, dict) or not all(isinstance(each, dict) for each in connections.values()):
        raise ConfigError(f"{path}, line {_line_of(content, 'connections')}: {_usual()}")
    default = tables.get("default")
    if default is not None and not isinstance(default, str):
        raise ConfigError(f"{path}, line {_line_of(content, 'default')}: default takes the name of a connection")
    # Trust is asked for the very bytes that were parsed: the file may change in between.
    return ConnectionFile(path, default, connections, own or trusted.is_trusted(path, content))


def _parse(content: bytes, path: Path) -> dict[str, Any]:
    import tomllib  # here: many have no file

    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}, line {line}: not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        text = str(error)
        at = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", text)
        last = content.rstrip().count(b"\n") + 1
        line = int(at[1]) if at and at[1] else last
        # Not chained: the error carries the whole document from Python 3.14 on.
        raise ConfigError(f"{path}, line {line}: {text[: at.start()] if at else text}") from None


def _line_of(content: bytes, word: str) -> int:
    """The first line that begins with a key or table of that name."""
    found = re.search(rf"^\s*\[*\s*[\"']?{re.escape(word)}\b".encode(), content, flags=re.MULTILINE)
    # The match may begin at blank lines above.
    return content.count(b"\n", 0, found.end()) + 1 if found else 1


def _usual() -> str:
    return "connections are tables, as [connections.pg]"


def _same(one: Path, other: Path) -> bool:
    return other.is_file() and one.samefile(other)
