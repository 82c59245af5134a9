"""What the environment and the files of services say: ``DATABASE_URL``, ``PG*``, ``pg_service.conf``, in this order.

A secret goes only to the server and the user that it was meant for. ``DATABASE_URL`` is one thing: where something
above it (a keyword, a URL, a connection file) names another server, nothing of it counts; and where something names
another user, its password does not. ``PG*`` are defaults, each for itself, as in psql, with one exception: with
``PGHOST=staging`` and ``PGPASSWORD`` set, psql would send that password to ``postgresql://prod/shop`` too. Here
``PGHOST``, ``PGPORT`` and ``PGPASSWORD`` do not count for another server than the one that they name, nor
``PGPASSWORD`` for another user than ``PGUSER``. A ``PGPASSWORD`` beside no ``PGHOST`` is for whatever server the user
names: ``PGPASSWORD=... psql postgresql://ann@db/shop`` is how it is used. The same goes for what a service says.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dk_notebook.backends import registry
from dk_notebook.backends.postgres.settings import service_file
from dk_notebook.backends.postgres.settings.addresses import PORT
from dk_notebook.config.settings import ENVIRONMENT, Level, canonical
from dk_notebook.errors import ConfigError

if TYPE_CHECKING:
    from dk_notebook.backends.postgres.config import PostgresConfig

URL = "DATABASE_URL"

VARIABLES: Mapping[str, str] = {
    "PGHOST": "host",
    "PGPORT": "port",
    "PGDATABASE": "database",
    "PGUSER": "user",
    "PGPASSWORD": "password",
    "PGPASSFILE": "passfile",
    "PGSERVICE": "service",
    "PGSERVICEFILE": "servicefile",
    "PGSSLMODE": "sslmode",
    "PGSSLROOTCERT": "sslrootcert",
    "PGSSLCERT": "sslcert",
    "PGSSLKEY": "sslkey",
    "PGSSLCRL": "sslcrl",
    "PGSSLMINPROTOCOLVERSION": "ssl_min_protocol_version",
    "PGSSLMAXPROTOCOLVERSION": "ssl_max_protocol_version",
    "PGCHANNELBINDING": "channel_binding",
    "PGGSSENCMODE": "gssencmode",
    "PGKRBSRVNAME": "krbsrvname",
    "PGGSSLIB": "gsslib",
    "PGREQUIREAUTH": "require_auth",
    "PGREQUIREPEER": "requirepeer",
    "PGTARGETSESSIONATTRS": "target_session_attrs",
    "PGLOADBALANCEHOSTS": "load_balance_hosts",
    "PGAPPNAME": "application_name",
    "PGCONNECT_TIMEOUT": "connect_timeout",
    "PGOPTIONS": "options",
    "POSTGRES_POOL_MIN_SIZE": "pool.min_size",
    "POSTGRES_POOL_MAX_SIZE": "pool.max_size",
}
"""Variable -> setting; a variable that is empty says nothing. Some are there because they demand what cannot be had."""


def variables(environ: Mapping[str, str]) -> dict[str, str]:
    """What ``PG*`` and the pool's variables say.

    ``PGHOSTADDR`` is the host where ``PGHOST`` is not set. With both, libpq connects to the one and checks the
    certificate for the other, which asyncpg cannot: `levels` refuses it.

    >>> variables({"PGHOSTADDR": "10.0.0.1", "PGUSER": "ann", "PGPORT": ""})
    {'user': 'ann', 'host': '10.0.0.1'}
    """
    said = {setting: environ[name] for name, setting in VARIABLES.items() if environ.get(name)}
    if environ.get("PGHOSTADDR"):
        said.setdefault("host", environ["PGHOSTADDR"])
    return said


def levels(kind: type[PostgresConfig], environ: Mapping[str, str], above: Mapping[str, Any]) -> list[Level]:
    """Place and settings of each level below ``above``, the first wins. ConfigError: an unknown service, a bad URL."""
    said = dict(above)
    found: list[Level] = []

    def add(place: str, level: Mapping[str, Any]) -> None:
        found.append((place, level))
        for setting, value in level.items():
            said.setdefault(setting, value)

    add(URL, _of_url(kind, environ, said))
    add(ENVIRONMENT, _of_variables(kind, environ, said))
    if said.get("service"):
        place, level = _of_service(said)
        add(place, _fitting(canonical(kind, level, place), said))
    return [(place, level) for place, level in found if level]


def _of_url(kind: type[PostgresConfig], environ: Mapping[str, str], said: Mapping[str, Any]) -> Mapping[str, Any]:
    url = environ.get(URL, "")
    if registry.scheme(url) not in registry.KNOWN["postgres"].schemes or "service" in said:
        return {}
    try:
        level = canonical(kind, kind.from_url(url), URL)
    except ConfigError as error:
        if "host" in said:  # it does not count there, whatever it says
            return {}
        raise ConfigError(f"{URL}: {error.message}", hint=error.hint) from None
    if "host" in said and ("host" not in level or _is_another_server(level, said)):
        return {}
    return _fitting(level, said)


def _of_variables(kind: type[PostgresConfig], environ: Mapping[str, str], said: Mapping[str, Any]) -> Mapping[str, Any]:
    level = canonical(kind, variables(environ), ENVIRONMENT)
    if "host" in said and "service" not in said:
        level.pop("service", None)  # it is another connection
    if "host" not in said and environ.get("PGHOST") and environ.get("PGHOSTADDR"):
        raise two_hosts("PGHOSTADDR beside PGHOST")
    return _fitting(level, said)


def two_hosts(what: str) -> ConfigError:
    """What is raised where one host is to be checked at the address of another."""
    return ConfigError(
        f"{what}: asyncpg cannot check the certificate of one host at the address of another",
        hint="leave one of them out",
    )


def _of_service(said: Mapping[str, Any]) -> Level:
    name, file = said["service"], said.get("servicefile")
    if not isinstance(name, str) or not isinstance(file, str | Path | None):
        raise ConfigError("'service' and 'servicefile' take a text")
    return service_file.level(name, Path(file).expanduser() if file else None)


def _fitting(level: Mapping[str, Any], said: Mapping[str, Any]) -> Mapping[str, Any]:
    """The level without what is for another server, or for another user, than those that are said already."""
    if _is_another_server(level, said):
        return _without(level, "host", "port", "password")
    return _without(level, "password") if _is_another(level, said, "user") else level


def _is_another_server(level: Mapping[str, Any], said: Mapping[str, Any]) -> bool:
    if "host" not in level or "host" not in said:  # a port alone is another door of the same house
        return False
    return _is_another(level, said, "host") or _is_another({"port": PORT, **level}, said, "port")


def _is_another(level: Mapping[str, Any], said: Mapping[str, Any], setting: str) -> bool:
    if setting not in level or setting not in said:
        return False
    # A host that is to come from elsewhere, and so is not known yet, is another one.
    return _words(said[setting]) != _words(level[setting])


def _words(value: Any) -> list[str]:
    """A host, a port or a list of them, in either form; one port that is repeated is one."""
    each = value.split(",") if isinstance(value, str) else value if isinstance(value, list | tuple) else [value]
    words = [str(word).strip().lower() for word in each]
    return words[:1] if len(set(words)) == 1 else words


def _without(level: Mapping[str, Any], *settings: str) -> Mapping[str, Any]:
    return {name: value for name, value in level.items() if name not in settings}
