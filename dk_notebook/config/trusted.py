"""The record of the connection files that the user trusts, with the contents that they had."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path

from dk_notebook.config.folders import user_folder
from dk_notebook.errors import ConfigError

RECORD = "trusted.json"
"""In the user's config folder: path of a file -> SHA-256 of its contents."""


def remember(path: Path, content: bytes) -> None:
    """Trust a file from now on, until it has other contents."""
    _write(_record() | {str(path.resolve()): _digest(content)})


def is_trusted(path: Path, content: bytes) -> bool:
    """Whether a file was trusted with these contents."""
    return _record().get(str(path.resolve())) == _digest(content)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _record() -> dict[str, str]:
    path = user_folder() / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ConfigError(f"{path} is damaged", hint="delete it, and trust your projects again") from error
    if not isinstance(record, dict):
        raise ConfigError(f"{path} is damaged", hint="delete it, and trust your projects again")
    return {str(name): str(digest) for name, digest in record.items()}


def _write(record: dict[str, str]) -> None:
    folder = user_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A new file that takes the old one's place: another process reads either, never a half. Made for the user only.
    handle, name = tempfile.mkstemp(dir=folder, prefix=RECORD)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(record, file, indent=1, sort_keys=True)
        Path(name).replace(folder / RECORD)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
