"""What is kept of stores: asked for in the background, never waited for long, and nothing left running."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import dk_notebook as dk
from dk_notebook.backends.duckdb.session import DuckDBSession
from dk_notebook.jupyter.completion import catalogue
from dk_notebook.jupyter.completion.catalogue import CATALOGUE, Table
from dk_notebook.runtime import thread

pytestmark = pytest.mark.duckdb

SOON = 60.0


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """Where there is nothing yet."""
    dk.close()
    CATALOGUE.forget()
    yield f"duckdb:///{tmp_path}/here.duckdb"
    dk.close()


@pytest.fixture
def store(url: str) -> Any:
    """The store of an open connection, with one table."""
    connection = dk.connect(url, name="here")
    connection.execute("create table first (n integer)")
    return connection.store


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """The store answers when this is set; at the end it is."""
    opened, real = threading.Event(), DuckDBSession.tables

    async def tables(self: DuckDBSession) -> Any:
        await asyncio.to_thread(opened.wait, SOON)
        return await real(self)

    monkeypatch.setattr(DuckDBSession, "tables", tables)
    yield opened
    opened.set()


def tables(store: Any) -> list[str]:
    return [each.name for each in CATALOGUE.tables(store, time.monotonic() + SOON)]


def answered() -> None:
    """Wait until nothing is on its way."""
    for answers in list(CATALOGUE._known.values()):
        for answer in list(answers.values()):
            assert answer.come.wait(SOON)


def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "PATIENCE", SOON)


def test_the_first_answer_is_waited_for(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    patient(monkeypatch)
    assert list(CATALOGUE.tables(store, time.monotonic() + SOON)) == [Table("main", "first", "table")]


def test_a_slow_store_is_not_waited_for_and_the_next_tab_has_it(store: Any, gate: threading.Event) -> None:
    assert tables(store) == []
    assert tables(store) == []
    gate.set()
    answered()
    assert tables(store) == ["first"]


def test_what_is_known_is_not_asked_again_at_once(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    patient(monkeypatch)
    monkeypatch.setattr(catalogue, "FRESH", SOON)
    tables(store)
    dk.execute("create table second (n integer)", "here")
    assert tables(store) == ["first"]


def test_what_is_old_is_given_while_it_is_asked_again(
    store: Any, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient(monkeypatch)
    monkeypatch.setattr(catalogue, "FRESH", 0.0)
    monkeypatch.setattr(catalogue, "SHARE", 0)
    gate.set()
    tables(store)
    gate.clear()
    dk.execute("create table second (n integer)", "here")
    old = tables(store)
    gate.set()
    answered()
    assert (old, tables(store)) == (["first"], ["first", "second"])


def test_a_store_that_fails_says_nothing_and_is_not_asked_at_once(
    store: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    patient(monkeypatch)
    asked = []

    async def fails(self: DuckDBSession) -> Any:
        asked.append(1)
        raise dk.QueryError("out of order")

    monkeypatch.setattr(DuckDBSession, "tables", fails)
    caplog.set_level(logging.DEBUG, logger=catalogue.__name__)
    assert [tables(store), tables(store), len(asked)] == [[], [], 1]
    assert ("no names from" in caplog.text, capfd.readouterr()) == (True, ("", ""))


def test_a_store_that_failed_is_asked_again_later(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    patient(monkeypatch)
    monkeypatch.setattr(catalogue, "RETRY", 0.0)

    async def fails(self: DuckDBSession) -> Any:
        raise OSError("gone")

    with monkeypatch.context() as broken:
        broken.setattr(DuckDBSession, "tables", fails)
        assert tables(store) == []
        answered()
    assert tables(store) == ["first"]


def test_a_store_that_fails_keeps_what_it_said(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    patient(monkeypatch)
    monkeypatch.setattr(catalogue, "FRESH", 0.0)
    monkeypatch.setattr(catalogue, "SHARE", 0)
    tables(store)

    async def fails(self: DuckDBSession) -> Any:
        raise OSError("gone")

    monkeypatch.setattr(DuckDBSession, "tables", fails)
    tables(store)
    answered()
    assert tables(store) == ["first"]


def test_closing_ends_what_is_asked_and_opens_nothing(store: Any, gate: threading.Event) -> None:
    assert tables(store) == []
    dk.close()
    gate.set()
    answered()
    assert dk.status().empty
    assert tables(store) == []
    assert (dk.status().empty, dk.running().empty) == (True, True)


def test_a_pool_that_is_not_open_is_asked_as_soon_as_it_is(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    patient(monkeypatch)
    connection = dk.connect(url, name="here")
    connection.execute("create table first (n integer)")
    thread.run(connection.store.give_back())
    assert tables(connection.store) == []
    connection.read_query("select 1")
    assert tables(connection.store) == ["first"]


def test_it_does_not_keep_a_closed_connection(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    patient(monkeypatch)
    connection = dk.connect(url, name="here")
    tables(connection.store)
    known = len(CATALOGUE._known)
    dk.close()
    del connection
    gc.collect()
    assert (known, len(CATALOGUE._known)) == (1, 0)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")  # that is what is tested
def test_a_forked_child_knows_nothing_and_waits_for_nothing(store: Any, gate: threading.Event) -> None:
    assert tables(store) == []
    child = os.fork()
    if child == 0:
        os._exit(len(CATALOGUE._known) + CATALOGUE._lock.locked())
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
