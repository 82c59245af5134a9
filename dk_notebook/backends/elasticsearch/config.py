"""The settings of an Elasticsearch cluster."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from elastic_transport.client_utils import parse_cloud_id

from dk_notebook.backends.base import BackendConfig
from dk_notebook.backends.elasticsearch.settings import environment, tls
from dk_notebook.backends.elasticsearch.settings.hosts import Host, Login, listed, settings
from dk_notebook.config.secrets import Secret
from dk_notebook.config.settings import Level
from dk_notebook.errors import ConfigError

_FILE: Mapping[str, Any] = {"path": True, "trust": True}


@dataclass(frozen=True, kw_only=True)
class ElasticsearchConfig(BackendConfig):
    """The nodes of a cluster, any of which may answer, and who asks.

    ``pool.max_size`` (``maxsize``) is the connections to a node at most, ``pool.min_size`` (``connections``) how many
    to a node are kept open. ConfigError for what cannot be.

    >>> ElasticsearchConfig(hosts="a,b:9201", username="ann").location
    'ann@http://a:9200,http://b:9201'
    >>> ElasticsearchConfig(hosts=["https://db.example.org"]).nodes()
    (Host(scheme='https', name='db.example.org', port=443, prefix=''),)
    """

    hosts: tuple[str, ...] = ()
    """URLs, with a path where a proxy has the node under one. Without a scheme: plain http. Without a port: `port`,
    else 443 for ``https://`` and 9200 for the others. None at all: ``localhost``."""
    port: int | None = None
    """The port of the hosts that name none."""
    cloud_id: str | None = None
    """The id of a hosted deployment, in place of `hosts`."""
    username: str | None = None
    """Who asks, by name and password."""
    password: Secret | None = field(default=None, repr=False)
    """That user's."""
    api_key: Secret | None = field(default=None, repr=False)
    """As the server shows it (``encoded``), or ``id:api_key``."""
    bearer_auth: Secret | None = field(default=None, repr=False)
    """A token, as of a service account."""
    ca_certs: str | None = field(default=None, metadata={"path": True})
    """Who may sign the nodes' certificates: a file or a folder; None: whom the operating system trusts."""
    verify_certs: bool | None = None
    """Whether to check whose server it is; None: unless the node is on this machine and `ca_certs` is not said."""
    ssl_assert_hostname: bool = True
    """Whether the certificate must be for the name of the node, too."""
    client_cert: str | None = field(default=None, metadata=_FILE)
    """The client's certificate, a file, where the nodes want one."""
    client_key: str | None = field(default=None, metadata=_FILE)
    """Its key, a file; None: in the file of the certificate."""
    http_compress: bool | None = None
    """Whether bodies travel as gzip; None: unless the node is on this machine."""

    spellings: ClassVar[Mapping[str, str]] = {
        "host": "hosts",
        "url": "hosts",
        "urls": "hosts",
        "nodes": "hosts",
        "user": "username",
        "token": "bearer_auth",
        "ca_file": "ca_certs",
        "ca_cert": "ca_certs",
        "connections": "pool.min_size",
        "pool.connections": "pool.min_size",
    }

    def __post_init__(self) -> None:
        if self.cloud_id and self.hosts:
            raise ConfigError("'cloud_id' beside 'hosts'", hint="give one of them")
        nodes, login = (self._of_cloud(), Login()) if self.cloud_id else listed(self.hosts or ("",), port=self.port)
        if login != Login():
            self._take(login)
        said: dict[str, Any] = {"hosts": tuple(map(str, nodes)), "port": None, "cloud_id": None}
        for name in ("ca_certs", "client_cert", "client_key"):
            path = getattr(self, name)
            # The same file after a later `chdir`.
            said[name] = str(Path(path).expanduser().absolute()) if path else None
        for name, value in said.items():
            object.__setattr__(self, name, value)
        self._check_login()
        if self.client_key and not self.client_cert:
            raise ConfigError("'client_key' without a certificate", hint="client_cert= names it")

    def _of_cloud(self) -> tuple[Host, ...]:
        try:
            address = parse_cloud_id(str(self.cloud_id)).es_address
        except ValueError:
            address = None
        if address is None or not address[0]:
            raise ConfigError("'cloud_id' is none", hint="it has a name, a colon and a text in base64")
        return (Host("https", address[0], int(address[1])),)

    def _take(self, login: Login) -> None:
        """The login of a URL among the hosts."""
        for name in ("username", "password"):
            ours, theirs = getattr(self, name), getattr(login, name)
            if ours is not None and theirs is not None and ours != theirs:
                raise ConfigError(f"{name!r} is not the one in 'hosts'", hint="give it once")
            object.__setattr__(self, name, ours if ours is not None else theirs)

    def _check_login(self) -> None:
        ways = [name for name in ("username", "api_key", "bearer_auth") if getattr(self, name) is not None]
        if len(ways) > 1:
            raise ConfigError(f"{' beside '.join(map(repr, ways))}: who asks is told in one way", hint="leave one out")
        if self.password is not None and self.username is None:
            raise ConfigError("'password' without a user", hint="username= names it")
        for name in ("username", "password", "api_key", "bearer_auth"):
            value = getattr(self, name)
            text = value if isinstance(value, str | None) else value.reveal()
            if text is not None and any(ord(each) < 32 for each in text):
                raise ConfigError(f"{name!r} has a line break or another character that no header can hold")
        if self.username is not None and ":" in self.username:
            raise ConfigError("'username' has a colon, which ends it on the way to the server")

    # --- where settings come from -----------------------------------------------------------------------------------

    @classmethod
    def from_url(cls, url: str) -> Mapping[str, Any]:
        """The settings that a URL spells; what follows the ``?`` are settings too.

        >>> ElasticsearchConfig.from_url("elasticsearch+https://ann:x@a:9200,b/es?ca_certs=ca.pem")
        {'hosts': ['https://a:9200/es', 'https://b:9200/es'], 'username': 'ann', 'password': Secret('***'),
         'ca_certs': 'ca.pem'}
        """
        return settings(url)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Mapping[str, Any]:
        """What ``ELASTICSEARCH_URL``, ``ELASTIC_API_KEY``, the pool's variables and the like say."""
        return environment.variables(environ)

    @classmethod
    def lower_levels(cls, environ: Mapping[str, str], said: Mapping[str, Any]) -> Sequence[Level]:
        """The environment, without secrets for other servers."""
        return environment.levels(cls, environ, said)

    # --- where it is ------------------------------------------------------------------------------------------------

    def nodes(self) -> tuple[Host, ...]:
        """The nodes, in the order in which they were given."""
        return listed(self.hosts)[0]

    @property
    def location(self) -> str:
        """The nodes, and the user where there is one."""
        nodes = ",".join(self.hosts)
        return f"{self.username}@{nodes}" if self.username else nodes

    # --- how to connect ---------------------------------------------------------------------------------------------

    def has_password(self) -> bool:
        """Whether a password, a key or a token is set."""
        return any(each is not None for each in (self.password, self.api_key, self.bearer_auth))

    def authorization(self) -> Secret | None:
        """The header that tells who asks; None: nobody in particular."""
        if self.api_key is not None:
            key = self.api_key.reveal()
            return Secret(f"ApiKey {_base64(key) if ':' in key else key}")
        if self.bearer_auth is not None:
            return Secret(f"Bearer {self.bearer_auth.reveal()}")
        if self.username is None:
            return None
        password = self.password.reveal() if self.password is not None else ""
        return Secret(f"Basic {_base64(f'{self.username}:{password}')}")

    def is_readable_on_the_way(self) -> bool:
        """Whether secrets would leave this machine without encryption.

        >>> ElasticsearchConfig(hosts="db", api_key=Secret("x")).is_readable_on_the_way()
        True
        """
        return self.has_password() and any(node.scheme == "http" and not node.is_local for node in self.nodes())

    def verifies(self, node: Host) -> bool:
        """Whether it is checked whose server a node is."""
        if self.verify_certs is not None:
            return self.verify_certs
        return not node.is_local or self.ca_certs is not None

    def compresses(self, node: Host) -> bool:
        """Whether bodies to and from a node travel as gzip."""
        return not node.is_local if self.http_compress is None else self.http_compress

    def tls_for(self, node: Host) -> ssl.SSLContext | None:
        """How to speak TLS with a node; reads the files that it needs now. ConfigError: one cannot be used."""
        if node.scheme != "https":
            return None
        return tls.context(
            verify=self.verifies(node),
            names=self.ssl_assert_hostname,
            authorities=self.ca_certs,
            certificate=self.client_cert,
            key=self.client_key,
            stamps=tuple(map(_stamp, (self.ca_certs, self.client_cert, self.client_key))),
        )


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")


def _stamp(path: str | None) -> int:
    try:
        return Path(path).stat().st_mtime_ns if path else 0
    except OSError:  # told by who opens it, with the name of the setting
        return 0
