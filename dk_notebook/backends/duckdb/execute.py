"""Statements that change something: how many rows each affected, several of them in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from dk_notebook.backends.duckdb.errors import rolled_back, translating
from dk_notebook.backends.duckdb.frames_in_sql import registered
from dk_notebook.backends.duckdb.statement import Prepared, parts
from dk_notebook.backends.sql.sent import Sent
from dk_notebook.errors import ConfigError, QueryError

_COUNTED = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE_INTO", "COPY", "CREATE"})


def executed(cursor: Any, statement: Prepared, *, frames: Any, inside: bool) -> int:
    """Rows affected, over all statements of the text; DDL counts as 0. ``inside``: a transaction is open already."""
    found = parts(cursor, statement)
    if len(found) > 1 and statement.values:
        raise ConfigError("several statements take no params", hint="execute them one by one")
    explicit = any(part.type.name == "TRANSACTION" for part in found)
    if explicit and inside:
        raise QueryError("BEGIN, COMMIT and ROLLBACK do not go inside of transaction()", query=statement.sent.text)
    count, offset = 0, 0
    with _transaction(cursor, statement, needed=len(found) > 1 and not explicit and not inside, explicit=explicit):
        for part in found:
            start = statement.text.index(part.query, offset)
            offset = start + len(part.query)
            sent = statement.sent if len(found) == 1 else _part(statement.sent, part.query, start)
            with registered(cursor, part.query, frames), translating(sent):
                cursor.execute(part.query, list(statement.values))
                count += _affected(cursor, part.type.name)
    return count


def _part(whole: Sent, text: str, start: int) -> Sent:
    return Sent(text=whole.text, sent=text, to_source=lambda offset: whole.to_source(start + offset))


def _affected(cursor: Any, kind: str) -> int:
    if kind not in _COUNTED or cursor.description is None:
        return 0
    names = [column[0] for column in cursor.description]
    if names != ["Count"]:
        return len(cursor.fetchall())  # a row for each that RETURNING shows
    row: Sequence[int] | None = cursor.fetchone()
    return 0 if row is None or kind == "CREATE" else row[0]


@contextmanager
def _transaction(cursor: Any, statement: Prepared, *, needed: bool, explicit: bool) -> Iterator[None]:
    """All of the statements or none; a transaction that the text itself leaves open is undone, with an error."""
    if needed:
        cursor.begin()
    try:
        yield
    except BaseException:
        if needed or explicit:
            rolled_back(cursor)
        raise
    if needed:
        with translating(statement.sent):
            cursor.commit()
    elif explicit and rolled_back(cursor):
        raise QueryError(
            "the statements leave their transaction open; it was rolled back",
            hint="end it with COMMIT, or leave BEGIN out: several statements of one execute are one transaction",
            query=statement.sent.text,
        )
