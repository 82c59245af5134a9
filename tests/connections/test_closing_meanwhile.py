"""Closing a connection while something else is about to use it: nothing stays open."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from dk_notebook.connections import BOOK, close, connect, resolve, status
from dk_notebook.errors import ConnectionFailed
from dk_notebook.runtime import thread
from dk_notebook.runtime.operations import Operation
from dk_notebook.store import Store

pytestmark = pytest.mark.unit

URL = "vault://db/shop"


async def use(store: Store) -> None:
    with Operation("use") as operation:
        async with store.session(operation):
            pass


class Failed(threading.Thread):
    """A call in a thread, and its error."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            thread.run(use(self.store))
        except ConnectionFailed as error:
            self.error = error


@contextmanager
def slowly_opened(vault: type[Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Opening waits; the event says that it does."""
    begun = threading.Event()

    async def hang(config: Any) -> Any:
        begun.set()
        await asyncio.sleep(60)

    with monkeypatch.context() as patched:
        patched.setattr(vault, "open", hang)
        yield begun


@pytest.mark.parametrize("one", [True, False])
def test_what_is_just_being_opened_is_closed_too(
    vault: type[Any], monkeypatch: pytest.MonkeyPatch, *, one: bool
) -> None:
    with slowly_opened(vault, monkeypatch) as begun:
        connection = resolve(URL)
        waiting = Failed(connection.store)
        assert begun.wait(10)
        close(connection.name if one else None)
        waiting.join(10)
    assert "closed" in str(waiting.error)
    assert status() == []


def test_a_call_that_had_found_its_connection_before_it_was_closed_opens_nothing(vault: type[Any]) -> None:
    store = connect(URL).store
    close()
    late = Failed(store)
    late.join(10)
    assert "closed" in str(late.error)
    assert (status(), len(vault.opened)) == ([], 1)


def test_of_two_that_are_made_at_once_for_one_place_only_the_first_is_known() -> None:
    first = resolve(URL)
    BOOK.made.clear()  # as another thread saw it before the first was entered
    second = resolve(URL)
    BOOK.made.clear()
    assert BOOK.add(first) is first
    assert BOOK.add(second) is first


def test_connect_opens_the_one_that_another_thread_has_entered_meanwhile(
    vault: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = vault.open.__func__

    async def and_meanwhile(config: Any) -> Any:
        monkeypatch.setattr(vault, "open", classmethod(plain))
        BOOK.add(other)
        return await plain(vault, config)

    other = resolve(URL)
    BOOK.made.clear()
    monkeypatch.setattr(vault, "open", and_meanwhile)
    connection = connect(URL)
    assert (connection is other, connection.is_open, len(status())) == (True, True, 1)
    close()
    assert status() == []


@pytest.mark.parametrize("number", range(20))
def test_threads_that_use_it_for_the_first_time_while_it_is_closed_leave_nothing(number: int) -> None:
    def read() -> None:
        for _ in range(20):
            try:
                thread.run(use(resolve(f"{URL}{number}").store))
            except ConnectionFailed:
                refused.append(number)

    refused: list[int] = []
    threads = [threading.Thread(target=read) for _ in range(4)]
    for each in threads:
        each.start()
    while any(each.is_alive() for each in threads):
        close()
    close()
    assert (status(), len(refused) < 80) == ([], True)
