"""The settings of a DuckDB store."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote, urlsplit

from dk_notebook.backends.base import BackendConfig
from dk_notebook.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class DuckDBConfig(BackendConfig):
    """A file, or the one store that lives in this process's memory.

    >>> DuckDBConfig().location
    ':memory:'
    >>> DuckDBConfig(path="/data/shop.duckdb", read_only=True).location
    '/data/shop.duckdb'
    """

    path: str | None = field(default=None, metadata={"path": True})
    """The database file; None: in memory. Made absolute, so that a later ``chdir`` means the same file."""
    read_only: bool = False
    """Open the file for reading; any number of processes may do that at the same time."""
    memory_limit: str | None = None
    """As ``"4GB"``; None: 80 % of the machine's."""
    threads: int | None = None
    """Threads that DuckDB computes with; None: one a core."""
    temp_directory: str | None = field(default=None, metadata={"path": True})
    """Where queries larger than memory spill; None: beside the file."""
    extensions: tuple[str, ...] = ()
    """Extensions that are loaded on opening."""

    spellings: ClassVar[Mapping[str, str]] = {
        "database": "path",
        "file": "path",
        "max_connections": "pool.max_size",
        "max_pool_size": "pool.max_size",
        "min_connections": "pool.min_size",
        "min_pool_size": "pool.min_size",
    }

    def __post_init__(self) -> None:
        path: Any = self.path
        if isinstance(path, os.PathLike):
            path = os.fspath(path)
        if path in ("", ":memory:"):
            path = None
        if path is not None:
            # `absolute` keeps symbolic links: the store follows them when it is opened.
            path = os.path.normpath(Path(path).expanduser().absolute())
        object.__setattr__(self, "path", path)
        extensions: Any = self.extensions
        if isinstance(extensions, str):
            extensions = filter(None, extensions.replace(" ", "").split(","))
        object.__setattr__(self, "extensions", tuple(extensions))
        if self.read_only and path is None:
            raise ConfigError("read_only is for files; a store in memory is empty before somebody writes to it")
        if self.pool.min_size:
            raise ConfigError(
                "pool.min_size is for stores behind a network: duckdb makes a connection a call and keeps none open",
                hint="leave it out; pool.max_size bounds how many calls work at the same time",
            )
        if self.connect_timeout != BackendConfig.connect_timeout:
            raise ConfigError(
                "connect_timeout is for stores behind a network: duckdb opens a file at once, or says why it cannot",
                hint="leave it out; timeout= of a call bounds the call",
            )
        if self.threads is not None and self.threads < 1:
            raise ConfigError(f"threads must be at least 1, not {self.threads}")

    @classmethod
    def from_url(cls, url: str) -> Mapping[str, Any]:
        """The settings that ``duckdb://`` URLs spell, with the slashes of SQLAlchemy.

        >>> DuckDBConfig.from_url("duckdb:///shop.duckdb")
        {'path': 'shop.duckdb'}
        >>> DuckDBConfig.from_url("duckdb:////data/shop.duckdb?read_only=true")
        {'path': '/data/shop.duckdb', 'read_only': 'true'}
        >>> DuckDBConfig.from_url("duckdb://")
        {}
        """
        parts = urlsplit(url)
        if parts.netloc:
            raise ConfigError(
                f"a duckdb URL has no host, but this one has {parts.hostname!r}",
                hint=f"duckdb:///{parts.hostname}{parts.path} is a relative path, duckdb:////... an absolute one",
            )
        if parts.fragment:
            raise ConfigError("a duckdb URL has no fragment", hint="write # in a path as %23")
        path = unquote(parts.path.removeprefix("/"))
        settings: dict[str, Any] = {"path": path} if path and path != ":memory:" else {}
        for name, value in parse_qsl(parts.query, keep_blank_values=True):
            if name in settings:
                raise ConfigError(f"the URL gives {name!r} twice")
            settings[name] = value
        return settings

    @property
    def location(self) -> str:
        """The file, or ``:memory:``."""
        return self.path or ":memory:"

    def options(self) -> dict[str, Any]:
        """What DuckDB itself is opened with."""
        chosen = {
            "memory_limit": self.memory_limit,
            "threads": self.threads,
            "temp_directory": self.temp_directory,
        }
        return {name: value for name, value in chosen.items() if value is not None}
