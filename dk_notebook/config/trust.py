"""Which projects' connection files may run commands and read secrets.

A file is trusted with the contents that it had: after a change, by an editor or by ``git pull``, it has to be trusted
anew, or the next commit of somebody else could run what it likes.
"""

from __future__ import annotations

from pathlib import Path

from dk_notebook.config import files, trusted
from dk_notebook.errors import ConfigError


def trust(folder: str | Path | None = None) -> Path:
    """The connection file of a folder (None: the current one), which is trusted from now on, until it changes.

    ConfigError when no ``dk.toml`` counts there.
    """
    start = Path(folder).expanduser() if folder is not None else Path.cwd()
    path = files.project_file(start)
    if path is None:
        raise ConfigError(f"no {files.NAME} in {start.resolve()}, nor above it in its repository")
    content = path.read_bytes()
    files.read(path, own=True)  # a file with errors is not trusted
    trusted.remember(path, content)
    return path
