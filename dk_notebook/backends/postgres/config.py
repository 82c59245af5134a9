"""The settings of a PostgreSQL connection."""

from __future__ import annotations

import getpass
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from dk_notebook.backends.base import BackendConfig, PoolConfig
from dk_notebook.backends.postgres.settings import addresses, environment, libpq_words, pgpass, tls, user_files
from dk_notebook.backends.postgres.settings.addresses import PORT, Address
from dk_notebook.backends.postgres.settings.server_settings import PINNED, of_options
from dk_notebook.config import urls
from dk_notebook.config.secrets import Secret
from dk_notebook.config.settings import Level
from dk_notebook.errors import ConfigError

__all__ = ["Address", "PostgresConfig", "PostgresPoolConfig"]

SessionAttributes = Literal["any", "primary", "standby", "read-write", "read-only", "prefer-standby"]

_ON_THIS_MACHINE: Mapping[str, Any] = {"trust": True}
_FILE: Mapping[str, Any] = {"path": True, "trust": True}
_MOST: Mapping[str, int] = {
    "keepalives_idle": 32_767,
    "keepalives_interval": 32_767,
    "keepalives_count": 127,
    "tcp_user_timeout": 2**31 - 1,
}
"""Linux takes no more."""


@dataclass(frozen=True, kw_only=True)
class PostgresPoolConfig(PoolConfig):
    """How many connections, how long to wait for one, and how long they live."""

    max_lifetime: float = 1800.0
    """Seconds; a connection that is older is replaced when it is given back."""
    max_idle: float = 300.0
    """Seconds; connections above ``min_size`` that are idle for longer are closed."""

    def __post_init__(self) -> None:
        for name in ("max_lifetime", "max_idle"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"'pool.{name}' takes seconds above 0, not {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True)
class PostgresConfig(BackendConfig):
    """A database on a server, or on the first of several that fits, and who connects.

    What is left out is as in psql: the host this machine's socket or ``localhost``, the user that of the operating
    system, the database named like the user. ConfigError for what cannot be.

    >>> PostgresConfig(host="db", user="ann", database="shop").location
    'ann@db:5432/shop'
    >>> PostgresConfig(host="a,b", port=5433, user="ann").addresses()
    (Address(host='a', port=5433), Address(host='b', port=5433))
    """

    pool: PostgresPoolConfig = field(default_factory=PostgresPoolConfig)
    host: str | tuple[str, ...] = ""
    """One, or several with commas between them; a folder (``/var/run/postgresql``) is that of a socket."""
    port: int | tuple[int, ...] = PORT
    """One for all hosts, or one a host."""
    database: str = ""
    """None given: the one that is called like the user."""
    user: str = ""
    """None given: that of the operating system."""
    password: Secret | None = field(default=None, repr=False)
    """Where none is given, `passfile` is asked when a connection is made."""
    passfile: str | None = field(default=None, metadata=_FILE)
    """The file of passwords; None: ``~/.pgpass``."""
    service: str | None = field(default=None, metadata=_ON_THIS_MACHINE)
    """A name in ``pg_service.conf``, whose settings count where nothing else says them."""
    servicefile: str | None = field(default=None, metadata=_FILE)
    """The file of services; None: ``~/.pg_service.conf``."""
    sslmode: tls.SslMode | None = None
    """Whether TLS is used, and what is checked; None: ``verify-full``, on this machine ``prefer``."""
    sslrootcert: str | None = field(default=None, metadata={"path": True, "words": (tls.SYSTEM,)})
    """Who may sign the server's certificate: a file, or ``system``; None: ``~/.postgresql/root.crt``, or else that."""
    sslcert: str | None = field(default=None, metadata=_FILE)
    """The client's certificate; None: ``~/.postgresql/postgresql.crt`` if it is there."""
    sslkey: str | None = field(default=None, metadata=_FILE)
    """The key of that certificate; None: ``~/.postgresql/postgresql.key``."""
    sslpassword: Secret | None = field(default=None, repr=False)
    """The password of that key."""
    sslcrl: str | None = field(default=None, metadata={"path": True})
    """Which certificates were revoked: a file; None: ``~/.postgresql/root.crl`` if it is there."""
    ssl_min_protocol_version: tls.Version | None = None
    """The oldest version of TLS that will do; None: as the system's OpenSSL has it."""
    ssl_max_protocol_version: tls.Version | None = None
    """The newest version of TLS that will do; None: as the system's OpenSSL has it."""
    krbsrvname: str = "postgres"
    """The name of the service in Kerberos."""
    gsslib: Literal["gssapi", "sspi"] = "gssapi"
    """Which library speaks Kerberos; ``sspi`` is that of Windows."""
    target_session_attrs: SessionAttributes = "any"
    """Which of the hosts will do."""
    load_balance_hosts: Literal["disable", "random"] = "disable"
    """In which order they are tried: as they are listed, or another one each time."""
    keepalives: bool = True
    """Whether the system asks a silent server now and then whether it is still there."""
    keepalives_idle: int = 30
    """Seconds of silence before it asks; 0 here and below: as the system has it."""
    keepalives_interval: int = 10
    """Seconds between questions."""
    keepalives_count: int = 3
    """Questions without an answer before the server counts as gone."""
    tcp_user_timeout: int = 0
    """Milliseconds that what was sent may stay unacknowledged."""
    application_name: str | None = None
    """What the server's lists of connections show; None: ``fallback_application_name``."""
    fallback_application_name: str = "dk_notebook"
    """What they show where no other name is given."""
    options: str = field(default="", metadata=_ON_THIS_MACHINE)
    """Settings of the server for each session, as ``-c statement_timeout=5s``."""
    statement_cache_size: int = 100
    """Prepared statements that a connection keeps; 0 for poolers that share connections between transactions."""

    spellings: ClassVar[Mapping[str, str]] = {
        "hostname": "host",
        "hostaddr": "host",
        "hosts": "host",
        "server": "host",
        "ports": "port",
        "dbname": "database",
        "db": "database",
        "username": "user",
        "passwd": "password",
        "max_lifetime": "pool.max_lifetime",
        "max_idle": "pool.max_idle",
    }

    def __post_init__(self) -> None:
        ports = _all_the_same((self.port,) if isinstance(self.port, int) else tuple(self.port)) or (PORT,)
        hosts = addresses.hosts(self.host) or (addresses.default_host(ports[0]),)
        addresses.addresses(hosts, ports)  # they go together, or it raises
        user = self.user or _user_of_the_system()
        said: dict[str, Any] = {
            "host": hosts if len(hosts) > 1 else hosts[0],
            "port": ports if len(ports) > 1 else ports[0],
            "user": user,
            "database": self.database or user,
        }
        for name in ("passfile", "servicefile", "sslrootcert", "sslcert", "sslkey", "sslcrl"):
            said[name] = _absolute(getattr(self, name))
        for name, value in said.items():
            object.__setattr__(self, name, value)
        of_options(self.options)  # errors now, not when connecting
        for name, most in _MOST.items():
            if not 0 <= getattr(self, name) <= most:
                raise ConfigError(f"{name!r} takes 0 to {most}, not {getattr(self, name)}")
        if self.statement_cache_size < 0:
            raise ConfigError(f"'statement_cache_size' takes 0 or more, not {self.statement_cache_size}")
        tls.check_versions(self)
        if self.sslrootcert == tls.SYSTEM and self.sslmode not in (None, "verify-full"):
            # As in libpq: anybody can have a certificate that the system trusts, for a host of their own.
            raise ConfigError(f'sslrootcert="system" goes with sslmode="verify-full", not {self.sslmode!r}')

    # --- where settings come from -------------------------------------------------------------------------------

    @classmethod
    def from_url(cls, url: str) -> Mapping[str, Any]:
        """The settings that ``postgresql://`` URLs spell, as in libpq; what follows the ``?`` are settings too.

        >>> PostgresConfig.from_url("postgresql://ann@a:5433,b/shop?target_session_attrs=primary")
        {'host': ['a', 'b'], 'port': [5433, 5432], 'user': 'ann', 'database': 'shop', 'target_session_attrs': 'primary'}
        >>> PostgresConfig.from_url("postgresql:///shop?host=/var/run/postgresql")
        {'database': 'shop', 'host': '/var/run/postgresql'}
        """
        parts = urls.split(url)
        hosts, ports = [host for host, _ in parts.hosts], [port for _, port in parts.hosts]
        said: dict[str, Any] = {
            "host": (hosts if len(hosts) > 1 else hosts[0]) if any(hosts) else None,
            "port": ([port or PORT for port in ports] if len(ports) > 1 else ports[0]) if any(ports) else None,
            "user": parts.user,
            "password": parts.password,
            "database": parts.path.removeprefix("/") or None,
        }
        said = {name: value for name, value in said.items() if value is not None}
        for name, value in parts.options:
            if name == "ssl" and value.lower() == "true":  # JDBC's word, which libpq takes too
                said.setdefault("sslmode", "require")
            elif name == "pgbouncer" and value.lower() == "true":  # Prisma's, in the URLs of poolers
                said.setdefault("statement_cache_size", 0)
            elif name == "hostaddr" and "host" in said:
                raise environment.two_hosts("'hostaddr' beside a host")
            elif name in said:
                raise ConfigError(f"the URL gives {name!r} twice")
            else:
                said[name] = value
        return said

    @classmethod
    def changes_nothing(cls, word: str, value: Any) -> bool:
        """Whether it is a word of libpq that says what is so anyway. ConfigError: why it cannot be had."""
        return libpq_words.changes_nothing(word, value)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Mapping[str, Any]:
        """What ``PG*`` and the pool's variables say."""
        return environment.variables(environ)

    @classmethod
    def lower_levels(cls, environ: Mapping[str, str], said: Mapping[str, Any]) -> Sequence[Level]:
        """``DATABASE_URL``, then ``PG*``, then a service of ``pg_service.conf``, without secrets for other servers."""
        return environment.levels(cls, environ, said)

    # --- where it is --------------------------------------------------------------------------------------------

    def addresses(self) -> tuple[Address, ...]:
        """Where to connect, in order: until one of them will do."""
        hosts = (self.host,) if isinstance(self.host, str) else self.host
        return addresses.addresses(hosts, (self.port,) if isinstance(self.port, int) else self.port)

    @property
    def location(self) -> str:
        """User, hosts and database."""
        return f"{self.user}@{','.join(map(str, self.addresses()))}/{self.database}"

    # --- how to connect -----------------------------------------------------------------------------------------

    def password_for(self, address: Address) -> Secret | None:
        """The password: as set, else of the first line of `passfile` that fits, read now. None: there is none."""
        if self.password is not None:
            return self.password
        entry = self._entry(address)
        return entry.password if entry is not None else None

    def has_password(self) -> bool:
        """Whether there is one for each of the hosts."""
        return all(self.password_for(address) is not None for address in self.addresses())

    def tls_for(self, address: Address) -> tuple[tls.Wanted, ssl.SSLContext | None]:
        """Whether to ask for TLS, and with which checks; see `tls.tls_for`. ConfigError: a file cannot be used."""
        return tls.tls_for(self, address)

    def connect_arguments(self, address: Address) -> dict[str, Any]:
        """What to give to ``asyncpg.connect`` for one address: all of it, so that asyncpg asks no other place.

        Where TLS is only preferred (`tls.falls_back`), the second attempt has ``ssl=False``. Reads the files of
        passwords and certificates.
        """
        password = self.password_for(address)
        _, context = self.tls_for(address)
        name = self.fallback_application_name if self.application_name is None else self.application_name
        return {
            "host": address.host,
            "port": address.port,
            "user": self.user,
            "database": self.database,
            # A function: nothing that shows asyncpg's arguments shows the password; and asyncpg looks for no other.
            "password": password.reveal if password is not None else _none,
            # As a word (`prefer`) it would read ~/.postgresql and the environment.
            "ssl": context if context is not None else False,
            "direct_tls": False,
            "timeout": self.connect_timeout,
            "statement_cache_size": self.statement_cache_size,
            "server_settings": {"application_name": name, **of_options(self.options), **PINNED},
            # Which of several hosts will do is decided over all of them, not here.
            "target_session_attrs": "any",
            "krbsrvname": self.krbsrvname,
            "gsslib": self.gsslib,
        }

    def stray_secret(self) -> str | None:
        """A password that `passfile` has for any host, or that would go to a server that is not checked."""
        if self.password is not None:
            return None
        for address in self.addresses():
            entry = self._entry(address)
            checked = address.is_local or (self.sslmode in (None, "verify-full") and self.sslrootcert is None)
            if entry is not None and (entry.host == pgpass.ANY or not checked):
                return f"a password from {self._passfile()}"
        return None

    def _passfile(self) -> Path | None:
        return Path(self.passfile) if self.passfile else user_files.password_file()

    def _entry(self, address: Address) -> pgpass.Entry | None:
        path = self._passfile()
        return pgpass.find(path, address, self.database, self.user) if path is not None else None


def _none() -> None:
    """The password where there is none."""


def _all_the_same(ports: tuple[int, ...]) -> tuple[int, ...]:
    return ports[:1] if len(set(ports)) == 1 else ports


def _absolute(path: str | None) -> str | None:
    """The same file after a later ``chdir``."""
    return str(Path(path).expanduser().absolute()) if path and path != tls.SYSTEM else path


def _user_of_the_system() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id without a name, as in some containers
        raise ConfigError("the operating system has no name for the user", hint="user= names the database's") from None
