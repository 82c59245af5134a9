"""Where a server listens: one host and port, and the lists of them that settings spell."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from dk_notebook.errors import ConfigError

PORT = 5432
SOCKET_FOLDERS = ("/var/run/postgresql", "/tmp") if sys.platform != "win32" else ()  # noqa: S108 (libpq's own)
"""Where servers put their sockets, the first that has one is taken."""


class Address(NamedTuple):
    """A host and a port; a host that begins with a slash is the folder of a socket.

    >>> print(Address("db", 5432), Address("::1", 5433), Address("/tmp", 5432))
    db:5432 [::1]:5433 /tmp:5432
    """

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_socket(self) -> bool:
        """Whether this is a socket of this machine, not TCP."""
        return self.host.startswith("/")

    @property
    def is_local(self) -> bool:
        """Whether what is sent there does not leave this machine.

        >>> [Address(host, 5432).is_local for host in ("localhost", "127.0.0.2", "::1", "/tmp", "db", "10.0.0.1")]
        [True, True, True, True, False, False]
        """
        if self.is_socket or self.host.lower() == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def hosts(said: str | Iterable[str]) -> tuple[str, ...]:
    """The hosts of a setting, one or several with commas between them. ConfigError for what is none.

    >>> hosts("a, [::1],/tmp"), hosts("")
    (('a', '::1', '/tmp'), ())
    """
    each = [host.strip() for host in (said.split(",") if isinstance(said, str) else said)]
    return () if each in ([], [""]) else tuple(_host(host) for host in each)


def addresses(hosts: tuple[str, ...], ports: tuple[int, ...]) -> tuple[Address, ...]:
    """Each host with its port; one port is for all. ConfigError when they do not go together.

    >>> addresses(("a", "b"), (5433,))
    (Address(host='a', port=5433), Address(host='b', port=5433))
    """
    for port in ports:
        if not 0 < port < 65536:
            raise ConfigError(f"'port' takes 1 to 65535, not {port}")
    if len(ports) == 1:
        ports *= len(hosts)
    if len(ports) != len(hosts):
        raise ConfigError(
            f"'port' has {len(ports)} ports for {len(hosts)} hosts ({', '.join(hosts)})",
            hint="give one for all, or one a host",
        )
    return tuple(map(Address, hosts, ports))


def default_host(port: int) -> str:
    """The folder of this machine's socket of that port; without one ``localhost``."""
    return next((folder for folder in SOCKET_FOLDERS if Path(folder, f".s.PGSQL.{port}").exists()), "localhost")


def _host(host: str) -> str:
    if host.startswith("/"):
        return host
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if ":" in bare:
        try:
            ipaddress.ip_address(bare)
        except ValueError:
            raise ConfigError(f"'host' has {host!r}, which is no host", hint="the port goes into port=") from None
    elif not bare:
        raise ConfigError("'host' has an empty one among several")
    return bare
