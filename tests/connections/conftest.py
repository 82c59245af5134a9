"""A store of the tests' own, `vault`, that is known as ours are; and a machine on which nothing is configured."""

import os
import sys
import types
from collections.abc import Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from dk_notebook.backends import registry
from dk_notebook.backends.base import Backend, BackendConfig
from dk_notebook.config import urls
from dk_notebook.config.secrets import Secret
from dk_notebook.connections import close
from dk_notebook.errors import ConnectionFailed
from dk_notebook.runtime.leases import PoolStatus

RIGHT = "hunter2"


@dataclass(frozen=True, kw_only=True)
class VaultConfig(BackendConfig):
    host: str = "localhost"
    user: str | None = None
    password: Secret | None = field(default=None, repr=False)
    database: str = ""
    file: str | None = field(default=None, metadata={"path": True})
    program: str | None = field(default=None, metadata={"trust": True})

    spellings: ClassVar[Mapping[str, str]] = {"server": "host"}

    @classmethod
    def from_url(cls, url: str) -> Mapping[str, Any]:
        parts = urls.split(url)
        return {
            "host": parts.hosts[0][0] if parts.hosts else None,
            "user": parts.user,
            "password": parts.password,
            "database": parts.path.removeprefix("/"),
            **dict(parts.options),
        }

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Mapping[str, Any]:
        names = {"host": "VAULT_HOST", "password": "VAULT_PASSWORD", "max_size": "VAULT_POOL_MAX_SIZE"}
        return {setting: environ[name] for setting, name in names.items() if name in environ}

    @property
    def location(self) -> str:
        return self.file or f"{self.host}/{self.database}"


class Vault(Backend):
    name = "vault"
    config_class = VaultConfig
    opened: ClassVar[list["Vault"]] = []
    attempts: ClassVar[list[VaultConfig]] = []

    def __init__(self, config: VaultConfig) -> None:
        self.config = config
        self.closed = False

    @classmethod
    async def open(cls, config: VaultConfig) -> "Vault":
        cls.attempts.append(config)
        if config.password is not None and config.password.reveal() != RIGHT:
            raise ConnectionFailed(f"{config.location}: wrong password for {config.user}")
        cls.opened.append(cls(config))
        return cls.opened[-1]

    async def close(self) -> None:
        self.closed = True

    def terminate(self) -> None:
        self.closed = True

    @asynccontextmanager
    async def session(self, operation):  # noqa: ARG002 (the contract's)
        yield None

    def status(self) -> PoolStatus:
        return PoolStatus(
            size=1, max_size=self.config.pool.max_size, in_use=0, idle=1, waiting=0, opened=1, reused=0, broken=0
        )


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """The current folder, the root of a repository; no variable and no file describes a connection."""
    for name in os.environ:
        if name.startswith(("PG", "AWS_", "ES_", "ELASTIC", "VAULT_", "DATABASE_URL", "DK_CONFIG")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    root = tmp_path / "project"
    (root / ".git").mkdir(parents=True)
    monkeypatch.chdir(root)
    close()
    yield root
    close()


@pytest.fixture(autouse=True)
def vault(monkeypatch):
    """The backend, with what it opened."""
    known = registry.Known(schemes=("vault",), variables=("VAULT_HOST",), default=True)
    monkeypatch.setattr(registry, "KNOWN", {**registry.KNOWN, "vault": known})
    module = types.ModuleType("dk_notebook.backends.vault")
    module.BACKEND = Vault
    monkeypatch.setitem(sys.modules, "dk_notebook.backends.vault", module)
    registry.load.cache_clear()
    Vault.opened.clear()
    Vault.attempts.clear()
    yield Vault
    registry.load.cache_clear()


@pytest.fixture
def own_file(tmp_path):
    """Writes the user's own connection file."""

    def write(text):
        path = tmp_path / "config" / "dk_notebook" / "dk.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


@pytest.fixture
def project_file(project):
    """Writes the project's connection file."""

    def write(text):
        (project / "dk.toml").write_text(text)
        return project / "dk.toml"

    return write
