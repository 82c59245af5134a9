"""Making connections, naming them, finding and closing them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, cast

from dk_notebook import descriptions
from dk_notebook.backends import registry
from dk_notebook.backends.base import Backend, BackendConfig
from dk_notebook.config.urls import redacted
from dk_notebook.connection import BOOK, Connection
from dk_notebook.descriptions import Description
from dk_notebook.errors import ConfigError, DkError
from dk_notebook.runtime import pools, thread
from dk_notebook.store import Store

__all__ = ["Connection", "close", "connect", "connections", "found", "resolve", "servers", "status", "use"]

Row = dict[str, Any]


def connect(
    target: str | None = None,
    *,
    name: str | None = None,
    backend: str | None = None,
    replace: bool = False,
    **settings: Any,
) -> Connection:
    """An open, checked connection: the same settings again give the same pool, in whatever cell, however often.

    Parameters
    ----------
    target
        A URL (``duckdb:///shop.duckdb``, ``postgresql://ann@db/shop``), or a name from a connection file or the
        environment; None: the default connection, or the one that ``settings`` describe.
    name
        How to call it from now on.
    backend
        Which kind of store ``settings`` are for, where no URL says so.
    replace
        Take ``name`` from other settings that have it.
    settings
        The backend's settings; they win over the URL's and the file's.

    Raises
    ------
    ConfigError
        A setting, name or file that cannot be used; names the nearest known one.
    ConnectionFailed
        The store refused, or is not there: at once, in one attempt.

    Examples
    --------
    >>> import dk_notebook as dk
    >>> dk.connect("duckdb://").name
    'duckdb'
    """
    if target is None and backend is None:
        target, name = _target(name, settings)
    connection, replaced = _wanted(target, name, backend, settings, replace=replace)
    if replaced is not None and replaced.location == connection.location:
        _retire(replaced)  # the same place may let in one opener only, as a DuckDB file does
    here = not connection.is_open
    try:
        thread.run(connection.open())
    except BaseException:
        if here:
            connection.give_back()
        raise
    if replaced is not None and not replaced.closed:
        _retire(replaced)
    kept = BOOK.add(connection)
    if kept is not connection:  # another thread was quicker
        try:
            if not kept.same(connection.store.backend, connection.config):
                raise _taken(kept)
            thread.run(kept.open())
        finally:
            connection.give_back()
        here = False
    kept.opened(here=here)
    return kept


def resolve(connection: str | Connection | None = None) -> Connection:
    """The connection of a name or URL (None: the default one), opened or not; a `Connection` is returned as it is.

    ConfigError: nothing has that name. ConnectionFailed: it was closed.
    """
    if isinstance(connection, Connection):
        _ = connection.store  # raises when it was closed
        return connection
    target = _default() if connection is None else connection
    known = BOOK.get(target) if isinstance(target, str) else None
    if known is not None and known.stands:
        return known
    return BOOK.add(_wanted(target, None, None, {})[0])


def found(target: str | None = None) -> Connection | None:
    """The connection that `resolve` would give, if it is there already; nothing is asked, made or opened for it.

    None: `resolve` would make it, or raise.
    """
    try:
        name = _default() if target is None else target
        made = BOOK.all()
        if "://" not in name or all(each.backend != registry.of_url(name) for each in made):
            return next((each for each in made if each.name == name), None)
        description = descriptions.of_url(name)
        if description.asks:
            return BOOK.described(description)
        return BOOK.same(description.kind, description.config())
    except DkError:
        return None


def use(name: str | Connection) -> None:
    """Make a connection the default one. Opens nothing; ConfigError when nothing has that name."""
    wanted = name.name if isinstance(name, Connection) else name
    _check_name(wanted)
    if not _known(wanted):
        raise _unknown(wanted)
    BOOK.used = wanted


def close(name: str | None = None) -> None:
    """Close a connection (None: all of them), and forget it as the default. ConfigError for an unknown name."""
    if name is None:
        connections = BOOK.all()
        for connection in connections:
            BOOK.forget(connection)
        BOOK.used = None
        if any(connection.claims for connection in connections):
            thread.run(_close_all(connections))
        return
    found = BOOK.get(name)
    if found is not None:
        found.close()
    elif not _known(name):
        raise _unknown(name)
    elif BOOK.used == name:
        BOOK.used = None


def connections() -> list[Row]:
    """A row a connection, made or only configured: name, backend, default, open, location, source.

    Asks for no secret. Where a configured one could not be made, its location says why, in parentheses.
    """
    default = default_name()
    made = BOOK.all()
    rows = [_row(each.name, each.backend, each.location, each.source, is_open=each.is_open) for each in made]
    taken = {each.name for each in made}
    rows += [_configured_row(name, source) for name, source in descriptions.names().items() if name not in taken]
    return [row | {"default": row["name"] == default} for row in rows]


def status() -> list[Row]:
    """A row a pool: connection, loop, size, max_size, in_use, idle, waiting, opened, reused, broken.

    A pool that several names share has them all as its connection, one that no name has its location.
    """
    made = BOOK.all()
    rows = []
    for kind, config, loop, figures in pools.status():
        names = ", ".join(each.name for each in made if each.same(kind, config))
        rows.append({"connection": names or cast("BackendConfig", config).location, "loop": loop, **asdict(figures)})
    return rows


def servers() -> dict[str, str]:
    """What the servers of the open connections said they are, by the connection's name; some say nothing."""
    said: dict[str, str] = {}
    for kind, config, pool in pools.opened():
        server = cast("Backend", pool).server()
        if server is not None:
            said |= {each.name: server for each in BOOK.all() if each.same(kind, config)}
    return said


# --- which one is wanted ----------------------------------------------------------------------------------------


def _target(name: str | None, settings: Mapping[str, Any]) -> tuple[str, str | None]:
    """What ``connect(name=...)`` and ``connect()`` mean, and the new name."""
    if name is not None:
        _check_name(name)
        if _known(name) or not settings:
            return name, None
    if settings:
        raise ConfigError(
            "settings without a URL or a backend", hint=f"backend= is one of {', '.join(registry.names())}"
        )
    return _default(), None


def _wanted(
    target: str | None,
    name: str | None,
    backend: str | None,
    settings: Mapping[str, Any],
    *,
    replace: bool = False,
) -> tuple[Connection, Connection | None]:
    """The connection that is there already, or a new one, in no book yet; and the one whose name it takes."""
    if name is not None:
        _check_name(name)
    description = _described(target, backend).below(settings)
    # What was asked for once is not asked for again: re-running a cell does not prompt.
    twin = BOOK.described(description) if description.asks else None
    config = twin.config if twin is not None else description.config()
    wanted = name or (None if target is None or "://" in target else target)
    if wanted is None:
        same = BOOK.same(description.kind, config)
        if same is not None:
            return same, None
        wanted = _free_name(description, config)
    current = BOOK.get(wanted)
    if current is not None and current.same(description.kind, config):
        return current, None
    standing = current is not None and current.stands
    if not replace:
        if current is not None and standing:
            raise _taken(current)
        if description.named != wanted:
            _check_configured(wanted, description.kind, config)
    connection = Connection(wanted, Store(description.kind, config), description)
    return connection, current if standing else None


def _described(target: str | None, backend: str | None) -> Description:
    """What a URL, a name, or the name of a backend describes."""
    if target is None:
        return descriptions.of_backend(backend or "")
    if not isinstance(target, str):
        raise ConfigError(f"a connection is a name, a URL or a Connection, not {type(target).__name__}")
    found = descriptions.of_url(target) if "://" in target else _named(target)
    if backend is not None and backend != found.backend:
        raise ConfigError(f"backend={backend!r} for a connection of the backend {found.backend!r}")
    return found


def _named(name: str) -> Description:
    made = BOOK.get(name)
    if made is not None and made.description.named != name:
        return made.description
    found = descriptions.of_name(name)
    if found is not None:
        return found
    if made is not None:
        return made.description  # its file is gone, or belongs to another folder
    raise _unknown(name)


def _default() -> str:
    return BOOK.used or descriptions.default(BOOK.first)


def default_name() -> str | None:
    """The name of the default connection; None: several are configured, and none is it."""
    try:
        return _default()
    except ConfigError:  # several are configured and none is the default: for a list that is no error
        return None


def _known(name: str) -> bool:
    return BOOK.get(name) is not None or name in descriptions.names()


def _unknown(name: str) -> ConfigError:
    return descriptions.unknown(name, [each.name for each in BOOK.all()])


# --- names ------------------------------------------------------------------------------------------------------


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name or name != name.strip() or "://" in name:
        shown = redacted(name) if isinstance(name, str) else name
        raise ConfigError(f"no name for a connection: {shown!r}", hint="a short word, as name='pg'")


def _check_configured(name: str, kind: type[Backend], config: BackendConfig) -> None:
    """ConfigError when a file or the environment has other settings under a name."""
    other = descriptions.of_name(name)
    if other is not None and not _gives(other, kind, config):
        raise ConfigError(
            f"the name {name!r} is taken: {other.source} has it with other settings",
            hint="another name=, or replace=True",
        )


def _gives(description: Description, kind: type[Backend], config: BackendConfig) -> bool:
    """Whether a description gives these settings, as far as that can be told without asking for secrets."""
    if description.kind is not kind or description.asks or description.refusal() is not None:
        return False
    return description.config() == config


def _free_name(description: Description, config: BackendConfig) -> str:
    """A name for a connection that was given none: the backend's if that is the one, else after its place."""
    known = descriptions.names()
    if description.backend in known and description.backend not in {each.name for each in BOOK.all()}:
        other = descriptions.of_name(description.backend)
        if other is not None and _gives(other, description.kind, config):
            return description.backend
    place = re.split(r"[/\\]", config.location.rstrip("/\\"))[-1]
    stem = re.sub(r"\W+", "_", re.sub(r"\.[A-Za-z]\w*$", "", place)).strip("_") or description.backend
    number, name = 1, stem
    while name in known or BOOK.get(name) is not None:
        number += 1
        name = f"{stem}_{number}"
    return name


def _taken(current: Connection) -> ConfigError:
    return ConfigError(
        f"the name {current.name!r} is taken by {current.backend}, {current.location}, with other settings",
        hint="another name=, or replace=True",
    )


# --- ends and rows ----------------------------------------------------------------------------------------------


def _retire(connection: Connection) -> None:
    BOOK.retire(connection)
    connection.give_back()


async def _close_all(connections: list[Connection]) -> None:
    results = await asyncio.gather(*(each.aclose() for each in connections), return_exceptions=True)
    # All are closed before the first that failed is reported.
    for result in results:
        if isinstance(result, BaseException):
            raise result


def _configured_row(name: str, source: str) -> Row:
    try:
        description = descriptions.of_name(name)
        if description is None:  # the file changed in between
            return _row(name, "", "", source)
        return _row(name, description.backend, description.shown().location, source)
    except DkError as error:
        return _row(name, "", f"({error.message})", source)


def _row(name: str, backend: str, location: str, source: str, *, is_open: bool = False) -> Row:
    return {"name": name, "backend": backend, "default": False, "open": is_open, "location": location, "source": source}
