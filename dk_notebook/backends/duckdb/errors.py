"""DuckDB's exceptions as ours: one table, one seam.

Every open store has ``errors_as_json``, so that the kind, the place and the candidates of an error come as data.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from dk_notebook.backends.sql.sent import Sent
from dk_notebook.errors import (
    Conflict,
    ConnectionFailed,
    DkError,
    NotFound,
    QueryError,
    did_you_mean,
)

ERRORS: dict[type[duckdb.Error], type[DkError]] = {
    duckdb.Error: QueryError,
    duckdb.DatabaseError: QueryError,
    duckdb.DataError: QueryError,
    duckdb.OperationalError: QueryError,
    duckdb.IntegrityError: QueryError,
    duckdb.InternalError: QueryError,
    duckdb.ProgrammingError: QueryError,
    duckdb.NotSupportedError: QueryError,
    duckdb.FatalException: ConnectionFailed,
    duckdb.ConnectionException: ConnectionFailed,
    duckdb.InterruptException: QueryError,
    duckdb.PermissionException: QueryError,
    duckdb.SequenceException: QueryError,
    duckdb.DependencyException: QueryError,
    duckdb.OutOfRangeException: QueryError,
    duckdb.ConversionException: QueryError,
    duckdb.TypeMismatchException: QueryError,
    duckdb.TransactionException: QueryError,
    duckdb.OutOfMemoryException: QueryError,
    duckdb.ResourceInUseException: QueryError,
    duckdb.IOException: QueryError,
    duckdb.HTTPException: QueryError,
    duckdb.SerializationException: QueryError,
    duckdb.ConstraintException: QueryError,
    duckdb.InternalException: QueryError,
    duckdb.ParserException: QueryError,
    duckdb.SyntaxException: QueryError,
    duckdb.BinderException: QueryError,
    duckdb.InvalidInputException: QueryError,
    duckdb.InvalidTypeException: QueryError,
    duckdb.CatalogException: QueryError,
    duckdb.NotImplementedException: QueryError,
}
"""What an exception becomes unless a row of `SPECIAL` says more. A test walks DuckDB's classes."""

SPECIAL: list[tuple[str, re.Pattern[str], type[DkError], str | None]] = [
    # kind, text, ours, hint
    ("Catalog", re.compile(r"^(Table|View|Schema) with name .* does not exist", re.S), NotFound, None),
    ("Catalog", re.compile(r"already exists"), Conflict, None),
    ("Binder", re.compile(r"^Referenced (column|table) .* not found|does not have a column"), NotFound, None),
    ("Binder", re.compile(r"^(Catalog|Schema) .* does not exist"), NotFound, None),
    ("Constraint", re.compile(r"^(Duplicate key|PRIMARY KEY or UNIQUE)"), Conflict, None),
    ("TransactionContext", re.compile(r"conflict|constraint violation", re.I), Conflict, "run it again"),
    ("Out of Memory", re.compile(""), QueryError, "raise memory_limit, or set temp_directory to where space is free"),
    ("Resource In Use", re.compile("open result"), QueryError, "close the stream of the earlier scan first"),
    ("INTERRUPT", re.compile(""), QueryError, None),
]

_PREFIX = re.compile(r"^([A-Z][\w ]*?) Error: (.*)$", re.S)
_CANDIDATES = re.compile(r"\n+(?:Did you mean:?|Candidate bindings:|Candidate extensions:)\s*(.*)$", re.S)
_VALUES_KINDS = ("Conversion", "Out of Range", "Constraint", "TransactionContext", "Invalid Input", "Mismatch Type")


@dataclass(frozen=True)
class _Facts:
    """What DuckDB says about an error."""

    kind: str
    message: str
    name: str | None = None
    candidates: tuple[str, ...] = ()
    byte: int | None = None


def translated(error: BaseException, statement: Sent | None = None) -> DkError:
    """``error`` as one of ours: message without row values, code, place in the caller's own text, hint."""
    facts = _facts(error)
    ours, hint = _class(error, facts)
    hint = hint or did_you_mean(facts.name or "", facts.candidates)
    if hint is None and facts.name is None and facts.candidates:
        hint = f"there are: {', '.join(facts.candidates)}"
    message = _without_values(facts, statement.text if statement else "")
    if facts.kind == "INTERRUPT":
        message = "cancelled: " + message
    if not issubclass(ours, QueryError):
        return ours(message, hint=hint)
    code = "cancelled" if facts.kind == "INTERRUPT" else facts.kind
    if statement is None:
        return ours(message, hint=hint, code=code)
    return ours(message, hint=hint, code=code, query=statement.text, position=_position(facts, statement))


@contextmanager
def translating(statement: Sent | None = None) -> Iterator[None]:
    """Raise DuckDB's errors of the block as ours, with the original as their cause."""
    try:
        yield
    except (duckdb.Error, OSError) as error:
        # The Arrow reader raises OSError with DuckDB's text.
        if isinstance(error, OSError) and not _PREFIX.match(str(error)):
            raise
        raise translated(error, statement) from error


def located(error: DkError, cursor: Any, statement: Sent, values: Sequence[Any] = ()) -> DkError:
    """``error`` with its place, which DuckDB tells when a statement is prepared, not when a relation is made.

    ``values``: of its parameters. Where a type hangs on one, as in ``unnest($1)``, only a plan with values tells it.
    """
    if not isinstance(error, QueryError) or error.position is not None:
        return error
    head = "PREPARE dk_place AS "
    try:
        cursor.execute(head + statement.sent)
        cursor.execute("DEALLOCATE dk_place")
        if values:
            head = "EXPLAIN "
            cursor.execute(head + statement.sent, list(values))
    except duckdb.Error as again:
        if head == "EXPLAIN " and translated(again, statement).message != error.message:
            return error  # it has no plan of this kind of statement, and says so
        facts = _facts(again)
        byte = facts.byte - len(head) if facts.byte is not None else None
        error.position = _position(replace(facts, byte=byte), statement)
        error.query = statement.text
    return error


def rolled_back(cursor: Any) -> bool:
    """Whether there was a transaction to undo; afterwards there is none."""
    try:
        cursor.rollback()
    except duckdb.TransactionException:
        return False
    return True


def _class(error: BaseException, facts: _Facts) -> tuple[type[DkError], str | None]:
    for kind, text, ours, hint in SPECIAL:
        if facts.kind == kind and text.search(facts.message):
            return ours, hint
    for known in type(error).__mro__:
        if known in ERRORS:
            return ERRORS[known], None
    return QueryError, None


def _facts(error: BaseException) -> _Facts:
    match = _PREFIX.match(str(error))
    kind, body = match.groups() if match else (type(error).__name__, str(error))
    try:
        data = json.loads(body)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        data = {"exception_type": kind, "exception_message": body}
    message = str(data.get("exception_message", body))
    suggested = _CANDIDATES.search(message)
    candidates: tuple[str, ...] = ()
    if suggested:
        message = message[: suggested.start()]
        candidates = tuple(re.findall(r'"([^"]+)"', suggested[1]))
    location = data.get("position")
    return _Facts(
        kind=str(data.get("exception_type", kind)),
        message=message.split("\nLINE ")[0].split("\n\nStack Trace")[0].strip(),
        name=data.get("name") or _name(message),
        candidates=candidates,
        byte=int(location) if location is not None else None,
    )


def _name(message: str) -> str | None:
    """The name that is missing, where only the message tells it."""
    found = re.match(r'(?:[\w ]+ with name|Referenced column) "?(.+?)"? (?:does not exist|not found)', message)
    return found[1] if found else None


def _position(facts: _Facts, statement: Sent) -> int | None:
    """DuckDB counts bytes of what was sent; the caller counts characters of what he wrote."""
    sent = statement.sent.encode()
    if facts.byte is None or not 0 <= facts.byte <= len(sent):
        return None
    return statement.to_source(len(sent[: facts.byte].decode(errors="ignore")))


def _without_values(facts: _Facts, query: str) -> str:
    """The message without what came out of rows; what stands in the caller's own text may stay."""
    message = facts.message
    if facts.kind not in _VALUES_KINDS:
        return message

    def unless_written(match: re.Match[str]) -> str:
        return match[0] if match["value"] in query else match[0].replace(match["value"], "…")

    if facts.kind in ("Constraint", "TransactionContext"):
        return re.sub(
            r'\s*key "(?P<value>.*)"',
            lambda match: match[0][: match.start("value") - match.start() - 2],
            message,
            flags=re.S,
        )
    message = re.sub(r"\s*Input: .*$", "", message, flags=re.S)
    message = re.sub(r"\n.*$", "", message, flags=re.S) if facts.kind == "Invalid Input" else message
    message = re.sub(r"(?<=string )'(?P<value>.*)'(?= to )", unless_written, message, flags=re.S)
    message = re.sub(r'"(?P<value>.*)"', unless_written, message, flags=re.S)
    message = re.sub(r"\bvalue (?P<value>\S+)(?= (?:can't|to)\b)", unless_written, message)
    return re.sub(r" \((?P<value>[-\d.eE+]+ [-+*/%] [-\d.eE+]+)\)", unless_written, message)
