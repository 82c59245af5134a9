"""What the server says, as errors of ours."""

from __future__ import annotations

import inspect

import asyncpg
import pytest

from dk_notebook.backends.postgres.errors import CODES, translated, translating
from dk_notebook.backends.sql.sent import Sent
from dk_notebook.errors import ConfigError, Conflict, ConnectionFailed, DkError, NotFound, QueryError

pytestmark = pytest.mark.unit

CLASSES = [
    kind
    for _, kind in inspect.getmembers(asyncpg.exceptions, inspect.isclass)
    if issubclass(kind, asyncpg.PostgresError) and kind.sqlstate is not None
]


def said(code: str, message: str, **fields: str) -> asyncpg.PostgresError:
    """The error that asyncpg makes of a message of the server."""
    letters = {"detail": "D", "hint": "H", "position": "P"}
    return asyncpg.PostgresError.new(
        {"C": code, "M": message, **{letters[name]: each for name, each in fields.items()}}
    )


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_class_of_asyncpg_is_one_of_ours_with_the_servers_message(kind: type[asyncpg.PostgresError]) -> None:
    error = translated(said(kind.sqlstate, "as the server said it"))
    assert isinstance(error, (QueryError, ConnectionFailed))
    assert "as the server said it" in str(error)


@pytest.mark.parametrize(
    ("code", "ours"),
    [
        ("42P01", NotFound),
        ("42703", NotFound),
        ("42883", QueryError),
        ("23505", Conflict),
        ("42P07", Conflict),
        ("28P01", ConnectionFailed),
        ("57P01", ConnectionFailed),
        ("08006", ConnectionFailed),
        ("53300", ConnectionFailed),
        ("40P01", QueryError),
        ("53100", QueryError),
        ("57014", QueryError),
        ("99999", QueryError),
    ],
)
def test_the_code_decides(code: str, ours: type[DkError]) -> None:
    assert type(translated(said(code, "x"))) is ours


def test_every_row_of_the_table_names_a_code_or_a_class() -> None:
    assert all(len(code) in (0, 2, 5) for code in CODES)


def test_the_place_is_found_in_what_the_user_wrote() -> None:
    sent = Sent(text="select :a + b", sent="select CAST('1' AS int) + b", to_source=lambda offset: offset - 14)
    error = translated(said("42703", 'column "b" does not exist', position="27"), sent)
    assert isinstance(error, QueryError)
    assert (error.query, error.position) == ("select :a + b", 12)


def test_the_servers_hint_is_kept() -> None:
    assert translated(said("42703", "x", hint="Perhaps you meant t.a.")).hint == "Perhaps you meant t.a."


@pytest.mark.parametrize(
    ("code", "message", "shown"),
    [
        ("22P02", 'invalid input syntax for type integer: "secret"', "invalid input syntax for type integer: …"),
        ("22003", 'value "31415" is out of range for type smallint', "value … is out of range for type smallint"),
        ("23505", 'duplicate key value violates unique constraint "t_pkey"', None),
        ("23514", 'new row for relation "t" violates check constraint "t_n_check"', None),
        ("23502", 'null value in column "id" of relation "t" violates not-null constraint', None),
    ],
)
def test_values_of_rows_are_not_shown_and_names_are(code: str, message: str, shown: str | None) -> None:
    error = translated(said(code, message, detail="Key (id)=(27182) already exists."))
    assert error.message == (shown or message)


def test_a_value_that_the_user_wrote_may_be_shown() -> None:
    sent = Sent(text="select 'abc'::int", sent="select 'abc'::int")
    error = translated(said("22P02", 'invalid input syntax for type integer: "abc"'), sent)
    assert '"abc"' in error.message


def test_a_detail_that_holds_no_values_is_told() -> None:
    error = translated(said("2BP01", "cannot drop table t", detail="view v depends on table t"))
    assert "view v depends on table t" in error.message


def test_a_lost_connection_says_what_the_server_had_said() -> None:
    lost = asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
    lost.__cause__ = said("57P01", "terminating connection due to administrator command")
    error = translated(lost)
    assert isinstance(error, ConnectionFailed)
    assert "terminating connection due to administrator command" in str(error)


def test_a_reset_socket_is_a_lost_connection() -> None:
    with pytest.raises(ConnectionFailed), translating():
        raise ConnectionResetError(104, "Connection reset by peer")


def test_an_error_of_ours_passes_as_it_is() -> None:
    with pytest.raises(ConfigError), translating():
        raise ConfigError("x")
