"""URLs of connections: taken apart, and shown without what is secret in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from dk_notebook.config.secrets import HIDDEN, Secret
from dk_notebook.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Url:
    """A URL in its parts, percent-decoded."""

    scheme: str
    user: str | None = None
    password: Secret | None = None
    hosts: tuple[tuple[str, int | None], ...] = ()
    """Host (an IPv6 address without its brackets) and port of each, as ``a:1,b:2`` spells them."""
    path: str = ""
    """What follows the hosts, its slash included."""
    options: tuple[tuple[str, str], ...] = ()
    """What follows the ``?``, in order."""


def split(url: str) -> Url:
    """The parts of a URL. ConfigError, which never repeats it, when it is malformed.

    As in libpq and SQLAlchemy: ``+`` in the query is a blank, elsewhere itself; an ``@`` or ``/`` in a password is
    written ``%40`` or ``%2F``.

    >>> split("postgresql://ann:p%40ss%2Bw@db:5433,[::1]/my%20shop?pool.max_size=8")
    Url(scheme='postgresql', user='ann', password=Secret('***'), hosts=(('db', 5433), ('::1', None)),
        path='/my shop', options=(('pool.max_size', '8'),))
    """
    scheme, colon, rest = url.partition("://")
    if not colon or not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme):
        raise ConfigError("a URL begins with a scheme and ://, as duckdb://")
    rest, _, query = rest.partition("?")
    authority, slash, path = rest.partition("/")
    login, at, places = authority.rpartition("@")
    if ":" in places and not at and "@" in path + query:
        # `ann:12/34@db`: a bare slash in a password; what follows it must not be shown as a path.
        raise _no_host()
    user, has_password, password = login.partition(":")
    try:
        options = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise ConfigError("after the ? a URL has settings as name=value, with & between them") from None
    twice = {name for name, _ in options if [other for other, _ in options].count(name) > 1}
    if twice:
        raise ConfigError(f"{', '.join(sorted(map(repr, twice)))} is twice in the URL")
    return Url(
        scheme=scheme.lower(),
        user=unquote(user) if at and user else None,
        password=Secret(unquote(password)) if has_password else None,
        hosts=tuple(_host(place) for place in places.split(",")) if places else (),
        path=unquote(slash + path),
        options=tuple(options),
    )


def _host(place: str) -> tuple[str, int | None]:
    # The host is not shown in errors: where a password holds a bare @ or /, a part of it would stand here.
    found = re.fullmatch(r"(?:\[(?P<ip>[0-9A-Fa-f:.%]+)\]|(?P<name>[^:\[\]]*))(?::(?P<port>[0-9]*))?", place)
    if found is None:
        raise _no_host()
    port = int(found["port"]) if found["port"] else None
    if port is not None and not 0 < port < 65536:
        raise ConfigError("the port of the URL is not between 1 and 65535")
    return unquote(found["ip"] or found["name"]), port


def _no_host() -> ConfigError:
    return ConfigError(
        "the host of the URL is none",
        hint="in a password, write @ as %40, : as %3A, / as %2F and ? as %3F; an IPv6 address stands in brackets",
    )


_SECRET_WORD = r"[\w.\-]*(?:pass|pwd|secret|token|key|credential)[\w.\-]*"  # noqa: S105 (a pattern)


def redacted(text: str) -> str:
    """A URL, or what may be meant as one, without its password and secret settings.

    >>> redacted("postgresql://ann:p@ss/w@db/shop?sslpassword=x&a=1")
    'postgresql://ann:***@db/shop?sslpassword=***&a=1'
    >>> redacted("ann:hunter2@db"), redacted("host=db password=hunter2")
    ('ann:***@db', 'host=db password=***')
    """
    # Up to the last @: a password that is not percent-encoded may hold one, and slashes.
    text = re.sub(r"^((?:[^:/@]*://)?[^:@]*):(?!//).+@", rf"\1:{HIDDEN}@", text, flags=re.DOTALL)
    return re.sub(rf"({_SECRET_WORD}\s*=\s*)('[^']*'|[^&\s]*)", rf"\1{HIDDEN}", text, flags=re.IGNORECASE)
