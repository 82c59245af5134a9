"""A statement on its way to DuckDB: the caller's text, the placeholders, the values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pandas as pd

from dk_notebook.backends.base import Native
from dk_notebook.backends.duckdb.errors import translated
from dk_notebook.backends.sql.lexer import tokens
from dk_notebook.backends.sql.parameters import parse
from dk_notebook.backends.sql.sent import Sent
from dk_notebook.backends.sql.statements import check_count, no_columns, no_statement
from dk_notebook.errors import ConfigError

_CHANGES = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE_INTO"})
_NEVER = frozenset({"CREATE", "COPY", "COPY_DATABASE", "EXPORT"})


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What is sent, and the values of its placeholders in their order."""

    sent: Sent
    values: tuple[Any, ...]

    @property
    def text(self) -> str:
        """The text that DuckDB gets."""
        return self.sent.sent


def prepared(native: Native) -> Prepared:
    """The statement with DuckDB's placeholders. MissingParameter, ConfigError: params do not fit the text."""
    if not isinstance(native.text, str):
        raise ConfigError("a query for duckdb is SQL text, not a Query DSL body")
    statement = parse(native.text)
    bound = statement.bind(native.params)
    casts = {key: _cast(value) for key, value in bound.items()}

    def placeholder(number: int, key: Any) -> str:
        return f"CAST(${number} AS {casts[key]})" if casts[key] else f"${number}"

    rendered = statement.render(bound, placeholder)
    values = tuple(value.isoformat(sep=" ") if casts[key] else _whole(value) for key, value in bound.items())
    return Prepared(sent=Sent(text=native.text, sent=rendered.text, to_source=rendered.user_offset), values=values)


def plain(text: str, values: Sequence[Any] = ()) -> Prepared:
    """A statement that this package wrote itself."""
    return Prepared(sent=Sent(text=text, sent=text), values=tuple(values))


def parts(cursor: Any, statement: Prepared) -> list[duckdb.Statement]:
    """The statements that the text holds. QueryError: a syntax error, or no statement at all."""
    try:
        found: list[duckdb.Statement] = cursor.extract_statements(statement.text)
    except duckdb.Error as error:
        raise translated(error, statement.sent) from error
    if not found:
        raise no_statement(statement.sent.text)
    return found


def check_has_result(found: Sequence[duckdb.Statement], statement: Prepared) -> None:
    """Nothing, for one statement that has result columns; else QueryError, before anything runs."""
    check_count(len(found), statement.sent.text)
    kind = found[0].type.name
    expected = {result.name for result in found[0].expected_result_type}
    nothing = "QUERY_RESULT" not in expected and kind != "MULTI"
    count_only = kind in _CHANGES and not _returns(statement.text)
    if nothing or kind in _NEVER or count_only:
        raise no_columns(statement.sent.text, kind.replace("_", " "))


def _returns(text: str) -> bool:
    """Whether an INSERT, UPDATE, DELETE or MERGE has a RETURNING clause. The word is reserved in DuckDB."""
    return any(token.kind == "word" and token.upper == "RETURNING" for token in tokens(text))


def _cast(value: Any) -> str | None:
    """The type of a value that DuckDB's client would cut: timestamps with nanoseconds go as text."""
    if isinstance(value, pd.Timestamp):
        return "TIMESTAMPTZ_NS" if value.tzinfo is not None else "TIMESTAMP_NS"
    return None


def _whole(value: Any) -> Any:
    if isinstance(value, pd.Timedelta):
        raise ConfigError(
            "an interval of DuckDB has microseconds, and this Timedelta has digits below", hint="round it"
        )
    return value
