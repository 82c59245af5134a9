"""The settings of an S3 store."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from dk_notebook.backends.base import BackendConfig, PoolConfig
from dk_notebook.backends.s3.settings import environment
from dk_notebook.config import urls
from dk_notebook.config.secrets import Secret
from dk_notebook.config.settings import Level
from dk_notebook.errors import ConfigError

AT_ONCE = 50
"""Requests at the same time, unless ``pool.max_size`` says otherwise."""

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")


@dataclass(frozen=True, kw_only=True)
class S3Config(BackendConfig):
    """A bucket, the prefix in it under which tables and documents lie, and who asks.

    Without keys and without a profile it is asked as AWS's own tools do: environment, ``~/.aws`` (profiles, SSO,
    assumed roles, ``credential_process``), the container's or the machine's role; what expires is refreshed.
    ``pool.max_size`` (``max_connections``) is how many requests run at the same time. ConfigError for what cannot be.

    >>> S3Config(bucket="lake", prefix="/data/").location
    's3://lake/data'
    >>> S3Config(bucket="lake", endpoint_url="http://localhost:9000").location
    's3://lake at http://localhost:9000'
    """

    bucket: str = ""
    """The bucket, which is never made. None given: tables are named by whole ``s3://`` URLs."""
    prefix: str = ""
    """Under which tables and documents lie; without a slash at either end."""
    region: str | None = None
    """Where the bucket is; None: us-east-1, which is what most stores of others call theirs."""
    endpoint_url: str | None = None
    """The address of a store that is not Amazon's; None: AWS."""
    aws_access_key_id: str | None = None
    """Who asks, by a key. Without it and without a profile, credentials are found as AWS's own tools find them."""
    aws_secret_access_key: Secret | None = field(default=None, repr=False)
    """The secret of that key."""
    aws_session_token: Secret | None = field(default=None, repr=False)
    """Beside keys that are lent for a time."""
    profile: str | None = field(default=None, metadata={"trust": True})
    """A name in ``~/.aws/config`` or ``~/.aws/credentials``."""
    anonymous: bool = False
    """Ask without a signature, as for buckets that are open to all."""
    transport: Literal["obstore", "aioboto3"] = "obstore"
    """What carries the objects; the first is several times as fast."""
    addressing: Literal["auto", "path", "virtual"] = "auto"
    """Whether the bucket's name is in the path or in the host; auto: in the path where an endpoint is given."""
    ca_certs: str | None = field(default=None, metadata={"path": True})
    """A file with who may sign the server's certificate, for obstore beside those whom the system trusts; None: those
    alone."""
    verify_certs: bool | None = None
    """Whether to check whose server it is; None: unless it is on this machine and `ca_certs` is not said."""
    check_etags: bool = True
    """Whether what is read, up to a megabyte, is compared with its etag where that looks like an MD5; False: for stores
    whose etags only look like that."""
    pool: PoolConfig = field(default_factory=lambda: PoolConfig(max_size=AT_ONCE))

    spellings: ClassVar[Mapping[str, str]] = {
        "bucket_name": "bucket",
        "region_name": "region",
        "endpoint": "endpoint_url",
        "access_key": "aws_access_key_id",
        "access_key_id": "aws_access_key_id",
        "secret_key": "aws_secret_access_key",
        "secret_access_key": "aws_secret_access_key",
        "session_token": "aws_session_token",
        "profile_name": "profile",
        "aws_profile": "profile",
        "anon": "anonymous",
        "addressing_style": "addressing",
        "ca_file": "ca_certs",
        "ca_cert": "ca_certs",
        "ca_bundle": "ca_certs",
        "verify": "verify_certs",
    }

    def __post_init__(self) -> None:
        if self.bucket and not _BUCKET.fullmatch(self.bucket):
            raise ConfigError(f"'bucket' is no name of one: {self.bucket!r}", hint="letters, digits, dots and hyphens")
        if (self.aws_access_key_id is None) != (self.aws_secret_access_key is None):
            lacks = "aws_secret_access_key" if self.aws_secret_access_key is None else "aws_access_key_id"
            raise ConfigError(f"a key without {lacks!r}", hint="give both of them")
        if self.aws_session_token is not None and self.aws_access_key_id is None:
            raise ConfigError("'aws_session_token' without keys", hint="give all three of them")
        ways = [name for name in ("aws_access_key_id", "profile", "anonymous") if getattr(self, name)]
        if len(ways) > 1:
            raise ConfigError(f"{' beside '.join(map(repr, ways))}: who asks is told in one way", hint="leave one out")
        self._check_endpoint()
        said: dict[str, Any] = {"prefix": self.prefix.strip("/")}
        if self.endpoint_url is not None:
            said["endpoint_url"] = self.endpoint_url.rstrip("/")
        if self.ca_certs:
            said["ca_certs"] = str(Path(self.ca_certs).expanduser().absolute())  # the same after a later `chdir`
        for name, value in said.items():
            object.__setattr__(self, name, value)

    def _check_endpoint(self) -> None:
        if self.endpoint_url is None:
            return
        parts = urlsplit(self.endpoint_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ConfigError(f"'endpoint_url' is none: {self.endpoint_url!r}", hint="as https://host:port")
        if parts.username or parts.password:
            raise ConfigError(
                "'endpoint_url' names a user", hint="aws_access_key_id and aws_secret_access_key are for it"
            )

    # --- where settings come from -----------------------------------------------------------------------------------

    @classmethod
    def from_url(cls, url: str) -> Mapping[str, Any]:
        """The settings that a URL spells; what follows the ``?`` are settings too.

        >>> S3Config.from_url("s3://bucket/some/prefix?region=eu-central-1")
        {'bucket': 'bucket', 'prefix': 'some/prefix', 'region': 'eu-central-1'}
        """
        parts = urls.split(url)
        if parts.user is not None or parts.password is not None:
            raise ConfigError(
                "an s3:// URL holds no keys",
                hint="aws_access_key_id= and aws_secret_access_key= are for them, or a profile",
            )
        if len(parts.hosts) > 1 or any(port is not None for _, port in parts.hosts):
            raise ConfigError("an s3:// URL begins with a bucket", hint="?endpoint_url=http://host:port names a server")
        said: dict[str, Any] = {
            "bucket": parts.hosts[0][0] if parts.hosts else "",
            "prefix": parts.path.strip("/"),
        }
        said = {name: value for name, value in said.items() if value}
        twice = [name for name, _ in parts.options if name in said]
        if twice:
            raise ConfigError(f"the URL gives {twice[0]!r} twice")
        return said | dict(parts.options)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Mapping[str, Any]:
        """What ``AWS_*`` and ``S3_POOL_MAX_CONNECTIONS`` say."""
        return environment.variables(environ)

    @classmethod
    def lower_levels(cls, environ: Mapping[str, str], said: Mapping[str, Any]) -> Sequence[Level]:
        """The environment, without its keys where somebody else is named or another server; then ``~/.aws``."""
        return environment.levels(environ, said)

    def has_password(self) -> bool:
        """Whether it is said who asks, or will be found as AWS's tools find it: nobody needs to be asked."""
        return True

    def stray_secret(self) -> str | None:
        """The user's own credentials, with which a bucket would be asked that somebody else has named.

        They do not leave this machine, but what they sign does, and who owns the bucket sees whose they are.
        """
        if self.anonymous or self.aws_access_key_id is not None:
            return None
        return "your AWS credentials"

    # --- where it is ------------------------------------------------------------------------------------------------

    @property
    def location(self) -> str:
        """Bucket and prefix, and the endpoint where it is not AWS."""
        place = f"s3://{self.bucket}/{self.prefix}" if self.prefix else f"s3://{self.bucket}"
        return f"{place} at {self.endpoint_url}" if self.endpoint_url else place

    @property
    def by_path(self) -> bool:
        """Whether the bucket's name is in the path of a request."""
        return self.addressing == "path" or (self.addressing == "auto" and self.endpoint_url is not None)

    @property
    def verifies(self) -> bool:
        """Whether it is checked whose server it is."""
        if self.verify_certs is not None:
            return self.verify_certs
        return self.ca_certs is not None or not _is_local(urlsplit(self.endpoint_url or "").hostname or "")

    def is_readable_on_the_way(self) -> bool:
        """Whether data and signatures would leave this machine without encryption.

        >>> S3Config(bucket="lake", endpoint_url="http://store").is_readable_on_the_way()
        True
        """
        parts = urlsplit(self.endpoint_url or "https://aws")
        return parts.scheme == "http" and not self.anonymous and not _is_local(parts.hostname or "")


def _is_local(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
