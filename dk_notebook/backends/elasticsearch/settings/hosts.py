"""Where the nodes of a cluster listen: URLs as users write them, and as the settings keep them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dk_notebook.config import urls
from dk_notebook.config.secrets import Secret
from dk_notebook.errors import ConfigError

PORT = 9200

_SCHEMES = {"elasticsearch": "http", "http": "http", "elasticsearch+https": "https", "https": "https"}
_CLOUD_PORT = 443
"""Of ``https://`` without a port, which is how hosted clusters are written."""


@dataclass(frozen=True)
class Host:
    """A node.

    >>> print(Host("http", "db", 9200), Host("https", "::1", 443, "/es"))
    http://db:9200 https://[::1]:443/es
    """

    scheme: str
    name: str
    port: int
    prefix: str = ""
    """The path under which a proxy has the node; empty, or with a slash at its beginning and none at its end."""

    def __str__(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        return f"{self.scheme}://{name}:{self.port}{self.prefix}"

    @property
    def is_local(self) -> bool:
        """Whether what is sent there does not leave this machine.

        >>> [Host("http", name, 9200).is_local for name in ("localhost", "127.0.0.2", "::1", "db")]
        [True, True, True, False]
        """
        if self.name.lower() == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.name).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True)
class Login:
    """Who is named in a URL."""

    username: str | None = None
    password: Secret | None = None

    def said(self) -> dict[str, Any]:
        """As settings, without what is not said."""
        given = {"username": self.username, "password": self.password}
        return {name: value for name, value in given.items() if value is not None}


def parsed(url: str, *, port: int | None = None) -> tuple[list[Host], Login, tuple[tuple[str, str], ...]]:
    """The nodes, the login and the settings of a URL. ConfigError, which never repeats it, when it is malformed.

    ``port``: of hosts that name none; else 9200, and 443 for ``https://``.

    >>> parsed("elasticsearch+https://ann:x@a:9201,b/es?pool.maxsize=4")
    ([Host(scheme='https', name='a', port=9201, prefix='/es'), Host(scheme='https', name='b', port=9200, prefix='/es')],
     Login(username='ann', password=Secret('***')), (('pool.maxsize', '4'),))
    """
    parts = urls.split(url)
    scheme = _SCHEMES.get(parts.scheme)
    if scheme is None:
        raise ConfigError(
            f"the host of an Elasticsearch node does not begin with {parts.scheme}://",
            hint="elasticsearch://localhost:9200, elasticsearch+https://localhost:9200, or http:// and https://",
        )
    usual = port or (_CLOUD_PORT if parts.scheme == "https" else PORT)
    prefix = "/" + parts.path.strip("/") if parts.path.strip("/") else ""
    nodes = [Host(scheme, name or "localhost", given or usual, prefix) for name, given in parts.hosts or (("", None),)]
    return nodes, Login(parts.user, parts.password), parts.options


def settings(url: str) -> dict[str, Any]:
    """The settings that a URL spells; what follows the ``?`` are settings too. ConfigError as `parsed`.

    >>> settings("http://db?pool.maxsize=4")
    {'hosts': ['http://db:9200'], 'pool.maxsize': '4'}
    """
    nodes, login, options = parsed(url)
    said = {"hosts": list(map(str, nodes))} | login.said()
    twice = [name for name, _ in options if name in said]
    if twice:
        raise ConfigError(f"the URL gives {twice[0]!r} twice")
    return said | dict(options)


def listed(given: str | Iterable[str], *, port: int | None = None) -> tuple[tuple[Host, ...], Login]:
    """The nodes of a setting, each once, and the one login that their URLs name. ConfigError: several logins.

    One without a scheme has that of the one before it.

    >>> listed("a,https://b.example.org,[::1]:9201")[0]
    (Host(scheme='http', name='a', port=9200, prefix=''),
     Host(scheme='https', name='b.example.org', port=443, prefix=''),
     Host(scheme='https', name='::1', port=9201, prefix=''))
    """
    nodes: list[Host] = []
    logins: set[Login] = set()
    scheme = "elasticsearch"
    for one in given.split(",") if isinstance(given, str) else given:
        url = one.strip() if "://" in one else f"{scheme}://{one.strip()}"
        scheme = url.partition("://")[0]
        found, login, options = parsed(url, port=port)
        if options:
            raise ConfigError("'hosts' takes addresses; settings after a ? belong into the URL of the connection")
        nodes += found
        if login != Login():
            logins.add(login)
    if len(logins) > 1:
        raise ConfigError("'hosts' names several users", hint="username= and password= are for all of the nodes")
    return tuple(dict.fromkeys(nodes)), logins.pop() if logins else Login()
