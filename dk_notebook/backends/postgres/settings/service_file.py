"""Services: connections that have a name in the file that psql reads them from (``pg_service.conf``)."""

from __future__ import annotations

from collections.abc import Iterator
from configparser import Error, RawConfigParser
from pathlib import Path

from dk_notebook.backends.postgres.settings import user_files
from dk_notebook.config.settings import Level
from dk_notebook.errors import ConfigError, did_you_mean


def level(name: str, file: Path | None = None) -> Level:
    """What the files say of a service, and the place, for messages.

    ``file``: the user's, where it is not ``~/.pg_service.conf``. ConfigError: nothing has that name (with the nearest),
    the file is missing though it was named, or it is malformed.
    """
    own = file or user_files.service_file()
    files = [path for path in (own, user_files.shared_service_file()) if path is not None]
    if file is not None and not file.is_file():
        raise ConfigError(f"'servicefile' names {file}, which is no file")
    known: list[str] = []
    for path in files:
        if path.is_file():
            services = _read(path)
            if name in services.sections():
                return f"{path} [{name}]", _settings(path, name, services)
            known += services.sections()
    looked = " or ".join(map(str, files))
    there = f"there are {', '.join(known)}" if known else "none is defined"
    raise ConfigError(f"no service is called {name!r} in {looked}", hint=did_you_mean(name, known) or there)


def _settings(path: Path, name: str, services: RawConfigParser) -> dict[str, str]:
    said = {key.strip(): value.strip() for key, value in services.items(name)}
    if "service" in said or "servicefile" in said:
        raise ConfigError(f"{path}: the service {name!r} names another service, which counts for nothing")
    return said


def _read(path: Path) -> RawConfigParser:
    # No section gives defaults to the others, a key is as it is written, and a value may hold anything.
    parser = RawConfigParser(
        delimiters=("=",), comment_prefixes=("#",), default_section="", strict=False, empty_lines_in_values=False
    )
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # the documented way to keep the case
    try:
        with path.open(encoding="utf-8") as file:
            parser.read_file(_lines(file))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8") from None
    except Error as error:
        # Not chained and not repeated: the parser shows the line, which may hold a password.
        line = getattr(error, "lineno", None) or next((number for number, _ in getattr(error, "errors", [])), None)
        where = f", line {line}" if line else ""
        raise ConfigError(f"{path}{where}: services are [name] and, below it, setting=value") from None
    return parser


def _lines(file: Iterator[str]) -> Iterator[str]:
    """Without blanks in front, which the parser would take for the end of the value above."""
    return (line.lstrip() for line in file)
