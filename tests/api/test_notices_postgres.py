"""What the server says beside results: warnings at the user's line, notices in the log, neither without bound."""

from __future__ import annotations

import logging
import tracemalloc
import warnings
from typing import Any

import pandas as pd
import pytest

import dk_notebook as dk
from dk_notebook.backends.postgres.config import PostgresConfig
from dk_notebook.backends.postgres.connections.server_notices import ServerNotices

pytestmark = pytest.mark.postgres

LOG = "dk_notebook.postgres"
LOOP = "do $$ begin for i in 1..100000 loop raise {what}; end loop; end $$"


@pytest.fixture
def speaking(pg: dk.Connection) -> dk.Connection:
    """A function that warns of what it is given, and a table whose trigger does."""
    pg.execute(
        "create function careful(i int) returns int language plpgsql as "
        "$$ begin raise warning 'careful' using hint = 'slowly'; raise notice 'step'; return i; end $$"
    )
    pg.execute(
        "create function watch() returns trigger language plpgsql as "
        "$$ begin raise warning 'watched'; return new; end $$"
    )
    pg.execute("create table watched (a int)")
    pg.execute("create trigger t before insert on watched for each row execute function watch()")
    return pg


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    return [(record.levelno, record.getMessage()) for record in caplog.records if record.name == LOG]


def test_a_warning_of_a_read_points_at_the_users_line(speaking: dk.Connection) -> None:
    with pytest.warns(UserWarning, match=r"^careful\nHint: slowly$") as caught:
        speaking.read_query("select careful(1)")
    assert [warning.filename for warning in caught] == [__file__]


async def test_a_warning_of_an_awaited_read_points_at_the_users_line(speaking: dk.Connection) -> None:
    with pytest.warns(UserWarning, match="careful") as caught:
        await speaking.aread_query("select careful(1)")
    assert [warning.filename for warning in caught] == [__file__]


def test_a_warning_of_each_row_is_told_once_with_their_number(speaking: dk.Connection) -> None:
    with pytest.warns(UserWarning, match=r"^careful \(1,000 times\)\n") as caught:
        speaking.read_query("select careful(i) from generate_series(1, 1000) i")
    assert len(caught) == 1


def test_a_warning_of_chunks_is_told_when_they_have_come(speaking: dk.Connection) -> None:
    with pytest.warns(UserWarning, match=r"^careful \(30 times\)\n") as caught:
        list(speaking.iter_query("select careful(i) from generate_series(1, 30) i", chunk_rows=10))
    assert len(caught) == 1


def test_a_warning_of_a_statement_is_told(pg: dk.Connection) -> None:
    with pytest.warns(UserWarning, match="there is no transaction in progress"):
        pg.execute("rollback")


@pytest.mark.parametrize("arguments", [{}, {"errors": "collect"}])
def test_a_warning_of_a_trigger_is_told_of_a_write(speaking: dk.Connection, arguments: dict[str, Any]) -> None:
    with pytest.warns(UserWarning, match=r"^watched \(2 times\)$"):
        speaking.write_table(pd.DataFrame({"a": [1, 2]}), "watched", mode="append", **arguments)


def test_a_warning_before_an_error_is_told_too(pg: dk.Connection) -> None:
    with pytest.warns(UserWarning, match="^before$"), pytest.raises(dk.QueryError, match="no"):
        pg.execute("do $$ begin raise warning 'before'; raise exception 'no'; end $$")


def test_a_warning_of_a_record_is_told_by_each_call(speaking: dk.Connection, postgres_database: str) -> None:
    given = {**PostgresConfig.from_url(postgres_database), "table": "kept"}
    with dk.Database.from_backend("postgres", given) as database:
        speaking.execute("create trigger t before insert on kept for each row execute function watch()")
        with warnings.catch_warnings(record=True, action="always") as caught, database.transaction():
            database.create(dk.Record({"a": 1}))
            seen = len(caught)
    assert ([(str(each.message), each.filename) for each in caught], seen) == ([("watched", __file__)], 1)


def test_many_different_warnings_are_counted(pg: dk.Connection) -> None:
    with warnings.catch_warnings(record=True, action="always") as caught:
        pg.execute(LOOP.format(what="warning '%', i"))
    told = [str(warning.message) for warning in caught]
    assert (len(told), told[0], told[-1]) == (21, "1", "the server gave 99,980 more warnings")


def test_a_warning_that_is_an_error_leaves_the_connection_whole(speaking: dk.Connection) -> None:
    with warnings.catch_warnings(action="error"), pytest.raises(UserWarning, match="careful"):
        speaking.read_query("select careful(1)")
    assert dk.status().query("connection == 'pg'")["in_use"].to_list() == [0]


# --- notices


def test_a_notice_is_logged_and_warns_of_nothing(pg: dk.Connection, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, LOG):
        pg.execute("drop table if exists nope")
    assert logged(caplog) == [(logging.INFO, 'NOTICE: table "nope" does not exist, skipping')]


def test_a_loop_of_notices_is_logged_up_to_a_bound(pg: dk.Connection, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, LOG):
        pg.execute(LOOP.format(what="notice '%', i"))
    lines = [text for _, text in logged(caplog)]
    assert (len(lines), lines[0], lines[-2:]) == (101, "NOTICE: 1", ["NOTICE: 100", "99,900 more notices"])


def test_notices_that_nobody_logs_are_not_kept(pg: dk.Connection) -> None:
    pg.execute("select 1")
    tracemalloc.start()
    try:
        pg.execute(LOOP.format(what="notice '%', repeat('x', 1000)"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000


def test_that_the_server_ends_the_connection_is_logged_and_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    said = ServerNotices()
    with caplog.at_level(logging.INFO, LOG), warnings.catch_warnings(action="error"):
        said.hear({"V": "WARNING", "C": "57P02", "M": "terminating connection"}, lambda log, *line: log(*line))
        said.tell()
    assert logged(caplog) == [(logging.INFO, "WARNING: terminating connection")]


def test_what_a_stopped_transaction_leaves_is_no_news(pg: dk.Connection) -> None:
    with warnings.catch_warnings(action="error"), pytest.raises(dk.DeadlineExceeded):
        pg.execute("begin; select pg_sleep(10); commit", timeout=0.3)
    assert len(pg.read_query("select 1")) == 1
