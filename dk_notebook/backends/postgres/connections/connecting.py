"""One connection: tried on each host in turn, checked, and told to notice a peer that is gone."""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
from typing import Any

import asyncpg

from dk_notebook.backends.postgres.config import Address, PostgresConfig
from dk_notebook.backends.postgres.connections.message_heads import Watching
from dk_notebook.backends.postgres.connections.server_notices import ServerNotices
from dk_notebook.backends.postgres.errors import translated
from dk_notebook.backends.postgres.settings import tls
from dk_notebook.errors import ConnectionFailed, DkError, QueryError

CHECK_INTERVAL = {"client_connection_check_interval": "500ms"}
"""The server looks every so often whether a client is still there while a query runs; servers before 14 and poolers
refuse the setting."""
OPTIONS = {
    "TCP_KEEPIDLE": "keepalives_idle",
    "TCP_KEEPINTVL": "keepalives_interval",
    "TCP_KEEPCNT": "keepalives_count",
    "TCP_USER_TIMEOUT": "tcp_user_timeout",
}
"""What a socket is told -> the setting."""
_UNKNOWN_SETTING = ("42704", "08P01")


class Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """An asyncpg connection that knows whether a cancel reached the server, and what the server says beside results."""

    unheard = False
    """It was given up while a cancel had not reached the server: what was cancelled may still run there."""
    said: ServerNotices | None = None
    """Who hears what the server says beside results."""
    _told: asyncio.Future[None] | None = None

    def _cancel_current_command(self, waiter: Any, cancel_waiter: Any = None) -> None:
        self._told = waiter
        super()._cancel_current_command(waiter, cancel_waiter)

    def _process_log_message(self, fields: Any, last_query: Any) -> None:
        if self.said is not None:
            self.said.hear(fields, self._loop.call_soon)
        super()._process_log_message(fields, last_query)

    def give_up(self) -> None:
        """Cut it, because it does not answer."""
        self.unheard = self.unheard or (self._told is not None and not self._told.done())
        self.terminate()


async def connect(config: PostgresConfig) -> Any:
    """An open asyncpg connection to the first host that answers and is what ``target_session_attrs`` asks for.

    One attempt a host, each of at most ``connect_timeout`` seconds. ConnectionFailed names host, port, database and
    user; of several hosts what each said.
    """
    wanted = config.target_session_attrs
    refusals: list[ConnectionFailed] = []
    # A standby is preferred: any other server only when none of the hosts is one.
    for attributes in ["standby", "any"] if wanted == "prefer-standby" else [wanted]:
        refusals = []
        for address in _in_order(config):
            try:
                return await _one(config, address, attributes)
            except ConnectionFailed as refused:
                refusals.append(refused)
    if len(refusals) == 1:
        raise refusals[0]
    said = "; ".join(refused.message for refused in refusals)
    raise ConnectionFailed(said, hint=next((each.hint for each in refusals if each.hint), None)) from refusals[-1]


def _in_order(config: PostgresConfig) -> list[Address]:
    addresses = list(config.addresses())
    if config.load_balance_hosts == "random":
        random.shuffle(addresses)
    return addresses


async def _one(config: PostgresConfig, address: Address, attributes: str) -> Any:
    try:
        async with asyncio.timeout(config.connect_timeout):
            connection = await _open(config, address)
            try:
                await _check(connection, attributes)
            except BaseException:
                connection.terminate()
                raise
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.ClientConfigurationError, OSError) as error:
        raise _refused(config, address, error) from error
    except (AttributeError, BufferError, LookupError, ValueError) as error:
        # What asyncpg makes of messages that are well formed and mean nothing.
        raise _refused(config, address, ConnectionError("the server does not speak as PostgreSQL does")) from error
    _keep_alive(connection, config)
    return connection


async def _open(config: PostgresConfig, address: Address) -> Any:
    arguments = {**config.connect_arguments(address), "loop": Watching(asyncio.get_running_loop())}
    arguments["connection_class"] = Connection
    try:
        return await _with_settings(arguments)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        if not tls.falls_back(config, address, error):
            raise
    return await _with_settings({**arguments, "ssl": False})


async def _with_settings(arguments: dict[str, Any]) -> Any:
    settings = arguments["server_settings"]
    try:
        return await asyncpg.connect(**{**arguments, "server_settings": {**CHECK_INTERVAL, **settings}})
    except asyncpg.PostgresError as error:
        if error.sqlstate not in _UNKNOWN_SETTING:
            raise
    return await asyncpg.connect(**arguments)


async def _check(connection: Any, attributes: str) -> None:
    """ConnectionFailed when the server is not what was asked for."""
    if attributes == "any":
        return
    standby, read_only = await connection.fetchrow(
        "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only')::bool"
    )
    is_it = {
        "primary": not standby,
        "standby": standby,
        "read-write": not (standby or read_only),
        "read-only": standby or read_only,
    }
    if not is_it[attributes]:
        raise ConnectionFailed(f"the server is not {attributes}")


def _refused(config: PostgresConfig, address: Address, error: BaseException) -> ConnectionFailed:
    """The error with the place, and what may help."""
    where = f"{address}, database {config.database!r}, user {config.user!r}"
    if isinstance(error, TimeoutError):
        reason, hint, code = f"no answer within {config.connect_timeout:g} s", None, None
    elif isinstance(error, (asyncpg.PostgresError, asyncpg.InterfaceError)):
        ours = translated(error)
        reason, hint = ours.message, ours.hint
        code = getattr(error, "sqlstate", None)
    elif isinstance(error, DkError):
        reason, hint, code = error.message, error.hint, None
    elif isinstance(error, ssl.SSLError):
        reason, hint, code = f"TLS: {error.reason or error}", None, None
    else:
        reason, hint, code = _of_socket(error), None, None
    failed = ConnectionFailed(f"{where}: {reason}", hint=tls.hint(error, config) or hint)
    failed.__dict__["code"] = code
    return failed


def _of_socket(error: BaseException) -> str:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return "connection refused" if isinstance(error, ConnectionRefusedError) else reason


def _keep_alive(connection: Any, config: PostgresConfig) -> None:
    place = connection._transport.get_extra_info("socket")
    if place is None or place.family == getattr(socket, "AF_UNIX", None):
        return
    place.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, config.keepalives)
    for name, setting in OPTIONS.items():
        value = getattr(config, setting)
        if value and hasattr(socket, name):  # not every system has each of them
            place.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def code_of(error: BaseException) -> str | None:
    """The SQLSTATE with which the server refused, if it said one."""
    code: str | None = error.code if isinstance(error, QueryError) else error.__dict__.get("code")
    return code
