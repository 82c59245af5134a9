"""What the environment says, and for which servers its secrets are.

A key or a password goes only to the nodes that the environment names beside it. Where it names none, it is for
whatever server the user names: ``ELASTIC_API_KEY=... python report.py`` is how it is used. And who is named above the
environment (a keyword, a URL, a connection file) comes without the environment's secrets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dk_notebook.backends.elasticsearch.settings import hosts
from dk_notebook.config.secrets import is_source
from dk_notebook.config.settings import ENVIRONMENT, Level, canonical
from dk_notebook.errors import ConfigError

if TYPE_CHECKING:
    from dk_notebook.backends.elasticsearch.config import ElasticsearchConfig

URLS = ("ELASTICSEARCH_URL", "ES_URL")
API_KEYS = ("ELASTIC_API_KEY", "ES_API_KEY")
USERNAME = "ELASTIC_USERNAME"
PASSWORD = "ELASTIC_PASSWORD"  # noqa: S105 (the name of a variable)
SUPERUSER = "elastic"
"""Whose password it is where no user is named: a server that sets up itself takes it from the same variable."""
POOL = {"ES_POOL_CONNECTIONS": "pool.min_size", "ES_POOL_MAXSIZE": "pool.max_size"}

LOGIN = ("username", "password", "api_key", "bearer_auth")
PLACE = ("hosts", "port", "cloud_id")


def variables(environ: Mapping[str, str]) -> dict[str, Any]:
    """The settings that the variables give; one that is empty says nothing.

    Of several ways to log in one counts: the URL's own, then a key, then user and password. ConfigError: a bad URL.

    >>> variables({"ES_URL": "http://db:9200", "ES_API_KEY": "abc", "ES_POOL_MAXSIZE": "20"})
    {'hosts': ['http://db:9200'], 'api_key': 'abc', 'pool.max_size': '20'}
    """
    said: dict[str, Any] = {}
    variable = next((name for name in URLS if environ.get(name)), None)
    if variable is not None:
        try:
            said = dict(_of_url(environ[variable]))
        except ConfigError as error:
            raise ConfigError(f"{variable}: {error.message}", hint=error.hint) from None
    if not any(name in said for name in LOGIN):
        said |= _login(environ)
    return said | {setting: environ[name] for name, setting in POOL.items() if environ.get(name)}


def _of_url(url: str) -> Mapping[str, Any]:
    """What a URL says, or several with commas between them."""
    if url.count("://") == 1:
        return hosts.settings(url)
    nodes, login = hosts.listed(url)
    return {"hosts": list(map(str, nodes))} | login.said()


def _login(environ: Mapping[str, str]) -> dict[str, str]:
    key = next((environ[name] for name in API_KEYS if environ.get(name)), None)
    if key:
        return {"api_key": key}
    if environ.get(PASSWORD):
        return {"username": environ.get(USERNAME) or SUPERUSER, "password": environ[PASSWORD]}
    return {"username": environ[USERNAME]} if environ.get(USERNAME) else {}


def levels(kind: type[ElasticsearchConfig], environ: Mapping[str, str], said: Mapping[str, Any]) -> list[Level]:
    """The environment's level, without what is for other servers or another user than those that are said already."""
    named = any(name in said for name in PLACE)
    try:
        level = canonical(kind, variables(environ), ENVIRONMENT)
    except ConfigError:
        if not named:
            raise
        level = canonical(kind, variables({n: v for n, v in environ.items() if n not in URLS}), ENVIRONMENT)
        level = _without(level, *LOGIN)  # for the servers of a URL that cannot be read
    if named and "hosts" in level and not _among(said, level["hosts"]):
        level = _without(level, *PLACE, *LOGIN)
    elif named:
        level = _without(level, *PLACE)
    if any(name in said for name in LOGIN) and not _same_user(said, level):
        level = _without(level, *LOGIN)
    return [(ENVIRONMENT, level)] if level else []


def _same_user(said: Mapping[str, Any], level: Mapping[str, Any]) -> bool:
    """Whether only a user is said, and the environment has that user's password."""
    return [name for name in LOGIN if name in said] == ["username"] and said["username"] == level.get("username")


def _among(said: Mapping[str, Any], known: Iterable[str]) -> bool:
    """Whether every server that is said is one of these."""
    given, port = said.get("hosts"), said.get("port")
    if given is None or "cloud_id" in said or is_source(given) or is_source(port):
        return False
    try:
        nodes, _ = hosts.listed(given, port=int(port) if port is not None else None)
    except (ConfigError, TypeError, ValueError, AttributeError):  # told by who builds the settings
        return False
    return set(map(str, nodes)) <= set(known)


def _without(level: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in level.items() if name not in names}
