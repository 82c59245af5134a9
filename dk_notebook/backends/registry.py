"""Names of backends and schemes of URLs -> the class, which is imported on use.

Ours and third parties' alike are entry points of the group ``dk_notebook.backends``: a name, and a module that
exports ``BACKEND``. What is known of our own before they are imported is a table here.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from dk_notebook.backends.base import Backend
from dk_notebook.errors import ConfigError, MissingDependency, did_you_mean

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "dk_notebook.backends"


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of a backend of ours while it is not imported, or not installed."""

    schemes: tuple[str, ...]
    """The schemes of its URLs."""
    variables: tuple[str, ...] = ()
    """Environment variables of which one is enough to describe a store."""
    url_variable: str | None = None
    """One more, which others use too: it counts only when it holds a URL of these schemes."""
    always: bool = False
    """A connection of the backend's name exists even if nothing describes it, and is the last resort."""
    default: bool = False
    """What the environment describes may be the default connection."""

    def described_by(self, environ: Mapping[str, str]) -> bool:
        """Whether the environment describes a store of this backend."""
        if self.url_variable and scheme(environ.get(self.url_variable, "")) in self.schemes:
            return True
        return any(environ.get(variable) for variable in self.variables)


KNOWN: Mapping[str, Known] = {
    "duckdb": Known(schemes=("duckdb",), always=True),
    "postgres": Known(
        # The latter are SQLAlchemy's, for hands that come from pandas; whichever driver they name, it is ours.
        schemes=("postgresql", "postgres", "postgresql+asyncpg", "postgresql+psycopg", "postgresql+psycopg2"),
        variables=("PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE", "PGUSER", "PGPORT"),
        url_variable="DATABASE_URL",
        default=True,
    ),
    "elasticsearch": Known(schemes=("elasticsearch", "elasticsearch+https"), variables=("ELASTICSEARCH_URL", "ES_URL")),
    "s3": Known(
        schemes=("s3",),
        variables=(
            "AWS_ACCESS_KEY_ID",
            "AWS_PROFILE",
            "AWS_DEFAULT_PROFILE",
            "AWS_ROLE_ARN",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "AWS_ENDPOINT_URL",
            "AWS_ENDPOINT_URL_S3",
        ),
    ),
}
"""The backends of this package, name -> what is known of them. A new one: a line here and an entry point."""


def names() -> list[str]:
    """The names that `load` takes: ours, installed or not, then third parties'.

    >>> names()[:4]
    ['duckdb', 'postgres', 'elasticsearch', 's3']
    """
    return list(dict.fromkeys([*KNOWN, *sorted(entry.name for entry in _entries())]))


@cache
def load(name: str) -> type[Backend]:
    """The class of a backend.

    ConfigError: no backend has that name (and which was probably meant). MissingDependency: its driver is not
    installed; carries the line that installs it.

    >>> load("duckbd")
    Traceback (most recent call last):
    dk_notebook.errors.ConfigError: no backend is called 'duckbd'
    Hint: did you mean 'duckdb'?
    """
    backend = _import_known(name) if name in KNOWN else _import_entry(name)
    if not (isinstance(backend, type) and issubclass(backend, Backend)):
        raise ConfigError(f"the entry point {name!r} of {GROUP} is no subclass of dk_notebook.backends.base.Backend")
    return backend


def _import_known(name: str) -> object:
    """Ours: by its folder, so that a checkout needs no installation and nobody else can take the name."""
    module = f"{__package__}.{name}"
    try:
        folder = importlib.import_module(module)
    except ModuleNotFoundError as error:
        # A module of ours that is not there, below the backend's own folder, is a fault of ours: let it be seen.
        if error.name != module and (error.name or "").startswith("dk_notebook"):
            raise
        raise _missing(name, error.name if error.name != module else None) from error
    if not hasattr(folder, "BACKEND"):
        raise _missing(name)
    return folder.BACKEND


def _missing(name: str, driver: str | None = None) -> MissingDependency:
    which = f" ({driver} is not installed)" if driver else ""
    return MissingDependency(f"the backend {name!r} is not installed{which}", hint=f"pip install 'dk-notebook[{name}]'")


def _import_entry(name: str) -> object:
    """A third party's."""
    found = [entry for entry in _entries() if entry.name == name]
    if not found:
        raise ConfigError(f"no backend is called {name!r}", hint=did_you_mean(name, names()) or _one_of())
    if len({entry.value for entry in found}) > 1:
        packages = ", ".join(sorted(entry.dist.name for entry in found if entry.dist))
        raise ConfigError(f"several packages bring a backend {name!r}: {packages}", hint="uninstall all but one")
    try:
        return found[0].load()
    except ModuleNotFoundError as error:
        package = found[0].dist.name if found[0].dist else name
        raise MissingDependency(
            f"the backend {name!r} needs {error.name}, which is not installed",
            hint=f"pip install {package} {error.name}",
        ) from error


def _entries() -> Iterable[EntryPoint]:
    from importlib.metadata import entry_points  # here: it takes 5 ms, and who uses our backends never needs it

    return entry_points(group=GROUP)


def _one_of() -> str:
    return f"one of {', '.join(names())}"


def scheme(url: str) -> str:
    """The scheme of a URL in lower case, empty where there is none.

    >>> scheme("PostgreSQL://ann@db/shop"), scheme("pg")
    ('postgresql', '')
    """
    head, colon, _ = url.partition("://")
    return head.lower() if colon else ""


def of_url(url: str) -> str:
    """The name of the backend that a URL is for. ConfigError, which does not repeat the URL: it may hold a password.

    A third party's URLs have the backend's name as their scheme, maybe followed by ``+`` and something of its own.

    >>> of_url("postgresql://ann@db/shop"), of_url("elasticsearch+https://db")
    ('postgres', 'elasticsearch')
    >>> of_url("postgers://ann@db/shop")
    Traceback (most recent call last):
    dk_notebook.errors.ConfigError: no backend has URLs that begin with postgers://
    Hint: did you mean 'postgres'?
    """
    wanted = scheme(url)
    schemes = {each: name for name, known in KNOWN.items() for each in known.schemes}
    if wanted in schemes:
        return schemes[wanted]
    others = [name for name in names() if name not in KNOWN]
    stem = wanted.partition("+")[0]
    if stem in others:
        return stem
    if wanted in ("http", "https"):
        raise ConfigError(
            f"{wanted}:// does not say what is there",
            hint=f"Elasticsearch: {'elasticsearch' if wanted == 'http' else 'elasticsearch+https'}://host:port",
        )
    raise ConfigError(
        f"no backend has URLs that begin with {wanted}://",
        hint=did_you_mean(wanted, [*schemes, *others]) or f"one of {', '.join([*schemes, *others])}",
    )


def existing(environ: Mapping[str, str] | None = None) -> list[str]:
    """The names of the connections that exist without a file: what the environment describes, and the embedded one.

    >>> existing({"DATABASE_URL": "postgresql://ann@db/shop"})
    ['duckdb', 'postgres']
    >>> existing({"DATABASE_URL": "mysql://ann@db/shop"})
    ['duckdb']
    """
    environ = os.environ if environ is None else environ
    return [name for name, known in KNOWN.items() if known.always or known.described_by(environ)]
