"""What is known of a connection before it is made: its backend, and each place that says something of it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dk_notebook.backends import registry
from dk_notebook.backends.base import Backend, BackendConfig
from dk_notebook.config import files, secrets, settings
from dk_notebook.config.files import ConnectionFile
from dk_notebook.config.settings import ENVIRONMENT
from dk_notebook.config.urls import redacted
from dk_notebook.errors import ConfigError, DkError, did_you_mean

KEYWORD, URL, BUILT_IN = "keyword", "URL", "built in"
"""Places that settings come from, beside the paths of files."""


@dataclass(frozen=True)
class Description:
    """A connection that could be made. Equal ones give the same settings, as long as their secrets' sources do."""

    backend: str
    kind: type[Backend]
    said: tuple[settings.Level, ...]
    """What keywords, a URL or a file say, the first wins; canonical, their secrets sealed."""
    lower: tuple[settings.Level, ...]
    """What the environment and the driver's own files say below them."""
    source: str = field(compare=False)
    """The place that describes it, for people."""
    named: str | None = field(default=None, compare=False)
    """The name under which a file or the environment has it."""
    untrusted: ConnectionFile | None = field(default=None, compare=False)
    """The project's file that describes it, where that is not trusted."""

    @property
    def levels(self) -> tuple[settings.Level, ...]:
        """Where settings come from, the first wins."""
        return (*self.said, *self.lower)

    def config(self) -> BackendConfig:
        """The settings, with secrets asked for now. ConfigError."""
        if (refusal := self.refusal()) is not None:
            raise refusal
        return settings.build(self.kind.config_class, self.levels)

    def shown(self) -> BackendConfig:
        """The settings without their secrets, for lists: nothing is asked, run or read."""
        return settings.build(self.kind.config_class, self.levels, reveal=False)

    def refusal(self) -> ConfigError | None:
        """Why it may not be made: a file that is not trusted would get what only a trusted one does. None: it may."""
        file = self.untrusted
        if file is None:
            return None
        who = f"the connection {self.named!r}"
        fields = settings.leaves(self.kind.config_class)
        decided: set[str] = set()
        for place, level in self.said:
            for setting, value in level.items():
                if setting in decided or place == KEYWORD:
                    continue
                if secrets.is_source(value):
                    return file.refused(f"{who} takes {setting!r} from {', '.join(map(repr, value))}")
                if fields[setting].metadata.get("trust"):
                    return file.refused(f"{who} sets {setting!r}")
            decided |= level.keys()
        for place, level in self.lower:
            # A cloned project names the host; the password in the environment was meant for another one.
            secret = next((setting for setting in level if fields[setting].secret and setting not in decided), None)
            if secret is not None:
                whence = "your environment" if place == ENVIRONMENT else place
                return file.refused(f"{who} would get {secret!r} from {whence}")
            decided |= level.keys()
        stray = self.shown().stray_secret()
        return file.refused(f"{who} would get {stray}") if stray else None

    @property
    def asks(self) -> bool:
        """Whether making it means to look up, run or ask something."""
        return any(secrets.is_source(value) for _, level in self.levels for value in level.values())

    def prompted(self) -> dict[str, str]:
        """What somebody would be asked for if it were made: setting -> question."""
        fields = settings.leaves(self.kind.config_class)
        chosen = {name: value for _, level in reversed(self.levels) for name, value in level.items()}
        return {
            name: secrets.question_of(value["prompt"], name)
            for name, value in chosen.items()
            if fields[name].sourced and secrets.is_source(value) and set(value) == {"prompt"}
        }

    def below(self, keywords: Mapping[str, Any]) -> Description:
        """The same under keywords, which win."""
        if not keywords:
            return self
        said = settings.canonical(self.kind.config_class, _own(keywords, self.backend), KEYWORD)
        above = ((KEYWORD, said), *self.said)
        return dataclasses.replace(self, said=above, lower=_lower(self.kind, above))


def of_url(url: str) -> Description:
    """What a URL describes, with the environment below it. ConfigError, which does not repeat the URL."""
    backend = registry.of_url(url)
    kind = registry.load(backend)
    try:
        said = kind.config_class.from_url(url)
    except DkError:
        raise
    except (ValueError, NotImplementedError):
        # Not chained: the message of a parser may hold a part of the password.
        raise ConfigError(f"no URL of the backend {backend!r}") from None
    level = (URL, settings.canonical(kind.config_class, said, URL))
    return Description(backend, kind, (level,), _lower(kind, (level,)), URL)


def of_backend(backend: str) -> Description:
    """A store of a backend of which only the environment says something so far."""
    kind = registry.load(backend)
    return Description(backend, kind, (), _lower(kind), KEYWORD)


def of_name(name: str) -> Description | None:
    """What a connection file or the environment has under a name; None where they do not know it."""
    for file in files.files():
        if name in file.connections:
            return _of_file(file, name)
    if name not in registry.existing():
        return None
    kind = registry.load(name)
    lower = _lower(kind)
    return Description(name, kind, (), lower, ENVIRONMENT if lower else BUILT_IN, named=name)


def names() -> dict[str, str]:
    """Every configured name -> the place that has it; files first. Imports no backend."""
    found: dict[str, str] = {}
    for file in files.files():
        for name in file.connections:
            found.setdefault(name, str(file.path))
    for name in registry.existing():
        always = not registry.KNOWN[name].described_by(os.environ)
        found.setdefault(name, BUILT_IN if always else ENVIRONMENT)
    return found


def default(first: Callable[[], str | None]) -> str:
    """The name of the default connection: as a file says; else ``first()``, the first one that was made; else the only
    one in files; else what the environment describes; else the embedded one.

    ConfigError when several are in files and nothing decides between them.
    """  # noqa: D205 (the sentence is the list)
    found = files.files()
    for file in found:
        if file.default is not None:
            return file.default
    if (made := first()) is not None:
        return made
    configured = list(dict.fromkeys(name for file in found for name in file.connections))
    if len(configured) == 1:
        return configured[0]
    described = [name for name, known in registry.KNOWN.items() if known.default and known.described_by(os.environ)]
    if described:
        return described[0]
    if configured:
        raise ConfigError(
            f"several connections are configured, and none is the default: {', '.join(configured)}",
            hint=f"name one, or dk.use({configured[0]!r})",
        )
    return next(name for name, known in registry.KNOWN.items() if known.always)


def unknown(name: str, others: list[str]) -> ConfigError:
    """The error for a name that nothing has. Should it hold a password, the error does not."""
    known = list(dict.fromkeys([*others, *names()]))
    near = did_you_mean(name, known)
    return ConfigError(
        f"no connection is called {redacted(name)!r}",
        hint=near or f"there are {', '.join(known)}; a URL has ://, as duckdb:///shop.duckdb",
    )


def _of_file(file: ConnectionFile, name: str) -> Description:
    backend = file.backend(name)
    kind = registry.load(backend)
    place = f"{file.path} [connections.{name}]"
    said = settings.canonical(kind.config_class, file.settings(name), place)
    level = (place, _located(kind, said, file.path.parent))
    untrusted = None if file.trusted else file
    return Description(backend, kind, (level,), _lower(kind, (level,)), str(file.path), name, untrusted)


def _located(kind: type[Backend], said: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The same with paths seen from the file's folder: of the settings whose field has ``metadata={"path": True}``.

    What ``metadata["words"]`` has is no path.
    """
    fields = settings.leaves(kind.config_class)
    return {
        name: _path(value, folder)
        if fields[name].metadata.get("path") and value not in fields[name].metadata.get("words", ())
        else value
        for name, value in said.items()
    }


def _path(value: Any, folder: Path) -> Any:
    if not isinstance(value, str) or not value or value.startswith(":") or "://" in value:
        return value  # in memory, or somewhere that is no file
    return str(folder / Path(value).expanduser())


def _lower(kind: type[Backend], said: tuple[settings.Level, ...] = ()) -> tuple[settings.Level, ...]:
    """The levels below those that are said: of the environment and the driver's own files."""
    above = {name: value for _, level in reversed(said) for name, value in level.items()}
    found = kind.config_class.lower_levels(os.environ, above)
    return tuple((place, settings.canonical(kind.config_class, level, place)) for place, level in found if level)


def _own(keywords: Mapping[str, Any], backend: str) -> Mapping[str, Any]:
    """The keywords, of a dictionary with one part a backend that backend's."""
    if not any(isinstance(value, Mapping) for name, value in keywords.items() if name != "pool"):
        return keywords
    return settings.own_part(keywords, backend, registry.names())
