"""Statements that change something: how many rows each affected, several of them in one transaction."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from dk_notebook.backends.base import Native
from dk_notebook.backends.postgres.connections.pool import Loan
from dk_notebook.backends.postgres.errors import translating
from dk_notebook.backends.postgres.statements.describe import described
from dk_notebook.backends.postgres.statements.statement import prepared, with_literals
from dk_notebook.backends.postgres.type_catalog import server_types
from dk_notebook.backends.sql.lexer import tokens
from dk_notebook.backends.sql.sent import Sent
from dk_notebook.backends.sql.statements import Part, split
from dk_notebook.errors import ConfigError, QueryError

_COUNTED = re.compile(r"(?:INSERT \d+|UPDATE|DELETE|MERGE|COPY) (?P<rows>\d+)")
"""The server's words after a statement, where the number is one of rows affected."""
_CONTROL = frozenset({"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "PREPARE", "SAVEPOINT", "RELEASE"})
_STREAMS = frozenset({"STDIN", "STDOUT"})


async def executed(loan: Loan, native: Native, *, inside: bool) -> int:
    """Rows affected, over all statements of the text; DDL counts as 0. ``inside``: a transaction is open already."""
    if not isinstance(native.text, str):
        raise ConfigError("a statement for postgres is SQL text, not a Query DSL body")
    parts = split(native.text)
    if not parts:
        raise QueryError("there is no statement in the text", query=native.text)
    _refuse_streams(native.text)
    loan.held.dirty = True  # whatever it sets must not reach the next user of the connection
    control = [part for part in parts if _first_word(part) in _CONTROL]
    if control and inside:
        raise QueryError("BEGIN, COMMIT and ROLLBACK do not go inside of transaction()", query=native.text)
    if len(parts) == 1:
        return await _one(loan, native)
    if native.params:
        raise ConfigError("several statements take no params", hint="execute them one by one")
    return await _several(loan, native.text, parts, own=not control and not inside)


async def _one(loan: Loan, native: Native) -> int:
    statement = prepared(native)
    sent = statement.sent
    if statement.values:
        loan.described = True
        with translating(sent):
            description = await described(loan.connection, sent.sent)
        with translating():
            types = await server_types(loan.connection, description.parameters)
        sent = with_literals(statement, [types[oid] for oid in description.parameters])
    with translating(sent):
        rows = _affected(await loan.connection.execute(sent.sent))
    loan.described = False
    await _refuse_open(loan, sent.text)
    return rows


async def _several(loan: Loan, text: str, parts: Sequence[Part], *, own: bool) -> int:
    """``own``: all of the statements in a transaction of our own; else the text has its own."""
    connection = loan.connection
    if own:
        with translating():
            await connection.execute("BEGIN")
    count = 0
    try:
        for part in parts:
            with translating(_sent(text, part)):
                count += _affected(await connection.execute(part.text))
        if own:
            with translating():
                await connection.execute("COMMIT")
    except Exception:
        if not connection.is_closed() and connection.is_in_transaction():
            with translating():
                await connection.execute("ROLLBACK")
        raise
    if not own:
        await _refuse_open(loan, text)
    return count


def _sent(text: str, part: Part) -> Sent:
    start = part.start
    return Sent(text=text, sent=part.text, to_source=lambda offset: start + offset)


async def _refuse_open(loan: Loan, text: str) -> None:
    """A transaction that the text itself leaves open is undone, with an error."""
    connection: Any = loan.connection
    if loan.in_transaction or not connection.is_in_transaction():
        return
    with translating():
        await connection.execute("ROLLBACK")
    raise QueryError(
        "the statements leave their transaction open; it was rolled back",
        hint="end it with COMMIT, or leave BEGIN out: several statements of one execute are one transaction",
        query=text,
    )


def _affected(status: str) -> int:
    found = _COUNTED.fullmatch(status)
    return int(found["rows"]) if found else 0


def _first_word(part: Part) -> str:
    return next((token.upper for token in tokens(part.text) if token.kind == "word"), "")


def _refuse_streams(text: str) -> None:
    """COPY to or from the client would wait for data that nobody sends."""
    words = [token.upper for token in tokens(text) if token.kind == "word"]
    if "COPY" in words and _STREAMS & set(words):
        raise QueryError(
            "COPY FROM STDIN and TO STDOUT need a client that streams",
            hint="df.dk.to_backend writes by COPY, dk.read_query reads by it",
            query=text,
        )
