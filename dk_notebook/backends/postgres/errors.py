"""asyncpg's exceptions as ours: one table, by SQLSTATE, and one seam."""

from __future__ import annotations

import re
from types import TracebackType

import asyncpg

from dk_notebook.backends.sql.sent import Sent
from dk_notebook.errors import ConfigError, Conflict, ConnectionFailed, DkError, NotFound, QueryError

CODES: dict[str, tuple[type[DkError], str | None]] = {
    # SQLSTATE, or the class that it begins with -> ours, and a hint where the server has none
    "08": (ConnectionFailed, None),
    "23505": (Conflict, None),
    "25006": (QueryError, "target_session_attrs='read-write' finds the primary, if this is a standby"),
    "25P03": (ConnectionFailed, None),
    "25P04": (ConnectionFailed, None),
    "28": (ConnectionFailed, None),
    "3F000": (NotFound, None),
    "40001": (QueryError, "run it again"),
    "40P01": (QueryError, "run it again"),
    "42701": (Conflict, None),
    "42703": (NotFound, None),
    "42704": (NotFound, None),
    "42710": (Conflict, None),
    "42P01": (NotFound, None),
    "42P06": (Conflict, None),
    "42P07": (Conflict, None),
    "42P08": (QueryError, "CAST(:name AS ...) in the statement says of which type the parameter is"),
    "42P18": (QueryError, "CAST(:name AS ...) in the statement says of which type the parameter is"),
    "53300": (ConnectionFailed, "pool={'max_size': ...} asks for fewer; the server's limit is max_connections"),
    "57P01": (ConnectionFailed, None),
    "57P02": (ConnectionFailed, None),
    "57P03": (ConnectionFailed, None),
    "57P04": (ConnectionFailed, None),
    "57P05": (ConnectionFailed, None),
    "": (QueryError, None),
}  # fmt: skip
"""A test walks asyncpg's classes: what is in no row is a QueryError, on purpose."""

WAITING = frozenset({"53300", "57P01", "57P02", "57P03"})
"""The server has no place yet, is starting or stopping: trying again soon may help."""

DRIVER = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, BufferError)
"""What asyncpg raises when the server refuses, the connection is lost, or what comes from there makes no sense."""

_VALUES = ("22", "23", "21")
"""Classes of errors whose message or detail may show what is in rows.

What a function raises (P0001) is not among them: whoever wrote it chose what it shows, to those who make it run.
"""


class translating:  # noqa: N801 (read as the word in ``with translating():``)
    """Raise asyncpg's errors of the block as ours, with the original as their cause."""

    __slots__ = ("_sent",)

    def __init__(self, sent: Sent | None = None) -> None:
        self._sent = sent

    def __enter__(self) -> None:
        """Nothing is done before there is an error: a block stands around every statement."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, DRIVER) and not isinstance(error, DkError):
            raise translated(error, self._sent) from error


def translated(error: BaseException, sent: Sent | None = None) -> DkError:
    """``error`` as one of ours: the server's message without row values, its code, hint, and the place in the
    caller's own text.
    """  # noqa: D205 (one sentence)
    if isinstance(error, asyncpg.PostgresError):
        said = error.__cause__ if isinstance(error, asyncpg.ConnectionDoesNotExistError) else None
        # The connection was lost after the server had said why.
        return _of_server(said, None, lost=True) if isinstance(said, asyncpg.PostgresError) else _of_server(error, sent)
    if isinstance(error, asyncpg.ClientConfigurationError):
        return ConfigError(str(error))
    if isinstance(error, asyncpg.InterfaceError) and "another operation" in str(error):
        return QueryError(str(error), hint="a session does one thing at a time: end the stream first")
    return ConnectionFailed(f"the connection to the server was lost: {error or type(error).__name__}")


def plain_message(error: asyncpg.PostgresError, sent: Sent | None = None) -> str:
    """The server's message without row values, and without its detail and hint."""
    return _without_values(error.message or str(error.args[0] if error.args else error), error.sqlstate or "", sent)


def is_lost(error: BaseException) -> bool:
    """Whether the error says that the connection is gone."""
    return isinstance(error, ConnectionFailed)


def is_about_names(error: asyncpg.PostgresError) -> bool:
    """Whether something has the name already; where two make it at one moment, a key of the catalogue says so."""
    return bool(error.sqlstate != "23505" or error.schema_name == "pg_catalog")


def _of_server(error: asyncpg.PostgresError, sent: Sent | None, *, lost: bool = False) -> DkError:
    code = error.sqlstate or ""
    ours, hint = _row(code)
    message = plain_message(error, sent)
    hint = error.hint or hint
    if code == "23505" and is_about_names(error):
        message, hint = "another session has just made something of that name", "run it again"
    if not issubclass(ours, QueryError):
        return ours(f"{'the connection was lost: ' if lost else ''}{message}", hint=hint)
    if error.detail and not code.startswith(_VALUES):
        message = f"{message}: {error.detail}"
    if sent is None or not error.position:
        return ours(message, hint=hint, code=code, query=sent.text if sent else None)
    position = min(max(int(error.position) - 1, 0), len(sent.sent))
    return ours(message, hint=hint, code=code, query=sent.text, position=sent.to_source(position))


def _row(code: str) -> tuple[type[DkError], str | None]:
    return next(CODES[part] for part in (code, code[:2], "") if part in CODES)


def _without_values(message: str, code: str, sent: Sent | None) -> str:
    """The message without what came out of rows; what stands in the caller's own text may stay."""
    if not code.startswith(_VALUES):
        return message
    text = sent.text if sent else ""

    def unless_written(match: re.Match[str]) -> str:
        shown = match["value"]
        return match[0] if shown in text or match["before"].endswith(_NAMING) else f"{match['before']}…"

    message = re.sub(r"\b0x[0-9a-f]{2}(?: 0x[0-9a-f]{2})*", "…", message)
    return re.sub(r'(?P<before>\S+ )"(?P<value>.*?)"(?=$|[ ,:.;)])', unless_written, message, flags=re.S)


_NAMING = (
    "constraint ",
    "column ",
    "relation ",
    "index ",
    "table ",
    "domain ",
    "schema ",
    "type ",
    "enum ",
    "encoding ",
)
"""What is quoted after one of these words is a name, no value."""
