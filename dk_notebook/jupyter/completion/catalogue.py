"""What stores hold, kept for Tab: asked for on the background loop, and never waited for long."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from dk_notebook.backends.base import Browsable, Foldered, Listing, Session
from dk_notebook.errors import DkError
from dk_notebook.frames import notices
from dk_notebook.runtime import background, operations
from dk_notebook.runtime.operations import Operation
from dk_notebook.store import Store

log = logging.getLogger(__name__)

FRESH = 5.0
"""Seconds after which what is known is asked for again, while the old is given."""
SHARE = 20
"""And at least so many times as long as the store took to answer: a slow one is asked less often."""
RETRY = 15.0
"""Seconds until a store that failed is asked again."""
TIMEOUT = 20.0
"""Seconds that a store gets to answer."""
PATIENCE = 0.2
"""Seconds that the first answer is waited for."""
PATIENCE_WITH_OLD = 0.05
"""Seconds that a newer answer is waited for; a table that was just made is there then, as a rule."""

T = TypeVar("T")


@dataclass(frozen=True)
class Table:
    """A table, or an index, an alias, a dataset."""

    schema: str | None
    name: str
    kind: str


class _Answer(Generic[T]):
    """What a store said last to one question."""

    def __init__(self) -> None:
        self.value: Sequence[T] | None = None
        self.asked = 0.0
        self.come = threading.Event()
        """Set while nothing is on its way."""
        self.come.set()
        self.task: asyncio.Task[None] | None = None
        """Held: asyncio keeps only a weak reference."""
        self._due = 0.0

    def wants(self, now: float) -> bool:
        """Whether it is time to ask. An answer that never came, since its loop ended, is not waited for for ever."""
        return now >= self._due and (self.come.is_set() or now >= self.asked + TIMEOUT + RETRY)

    def begin(self, now: float) -> None:
        """The store is asked now."""
        self.asked = now
        self.come.clear()

    def end(self, value: Sequence[T] | None, *, again: float = RETRY) -> None:
        """It has answered, or not (None): then what it said before still counts, and it is asked again then."""
        now = time.monotonic()
        if value is not None:
            self.value, again = value, max(FRESH, SHARE * (now - self.asked))
        self._due = now + again
        self.task = None
        self.come.set()


class Catalogue:
    """What the open stores hold. From any thread but the loop's."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Know nothing."""
        # In a forked child too: an answer that the parent waits for never comes there.
        self._lock = threading.Lock()
        self._known: WeakKeyDictionary[Store, dict[tuple[str, str], _Answer[Any]]] = WeakKeyDictionary()

    def tables(self, store: Store, until: float, folder: str = "") -> Sequence[Table]:
        """The tables, as far as they are known at ``until`` (of `time.monotonic`); of a store with folders of one."""

        async def ask(session: Session) -> Sequence[Table]:
            return await _tables(session, folder)

        return self._given(store, ("tables", folder), ask, until)

    def columns(self, store: Store, table: str, until: float) -> Sequence[str]:
        """The names of a table's columns, the same way."""

        async def ask(session: Session) -> Sequence[str]:
            return await _columns(session, table)

        return self._given(store, ("columns", table), ask, until)

    def _given(
        self, store: Store, what: tuple[str, str], ask: Callable[[Session], Awaitable[Sequence[T]]], until: float
    ) -> Sequence[T]:
        now = time.monotonic()
        with self._lock:
            answer: _Answer[T] = self._known.setdefault(store, {}).setdefault(what, _Answer())
            begins = answer.wants(now)
            if begins:
                answer.begin(now)
        if begins:
            try:
                background.serving().post(_begin, store, answer, ask)
            except DkError:  # the interpreter ends
                answer.end(None)
        # Counted from the question: a store that does not answer is waited for once, not with each Tab.
        patience = PATIENCE if answer.value is None else PATIENCE_WITH_OLD
        if (left := min(until, answer.asked + patience) - now) > 0:
            answer.come.wait(left)
        return answer.value or ()


def _begin(store: Store, answer: _Answer[T], ask: Callable[[Session], Awaitable[Sequence[T]]]) -> None:
    """On the loop's thread: ask."""
    # Nobody waits for this, so nobody is to be told of what it warns of, nor of a cancel that was not heard.
    context = contextvars.Context()
    context.run(operations.watchers.set, [])
    notices.held_in(context)
    answer.task = asyncio.get_running_loop().create_task(
        _asked(store, answer, ask), name="dk_notebook completion", context=context
    )


async def _asked(store: Store, answer: _Answer[T], ask: Callable[[Session], Awaitable[Sequence[T]]]) -> None:
    value: Sequence[T] | None = None
    again = RETRY
    try:
        operation = Operation("names for Tab", timeout=TIMEOUT)
        with operation:
            async with operation.step():
                session = store.session_at_hand(operation)
                if session is None:
                    again = 0.0  # its first use may come any time
                else:
                    async with session as held:
                        value = await ask(held)
    except Exception:  # a driver's too: Tab must never fail, and the next query will tell
        log.debug("no names from %s", store.config.location, exc_info=True)
    finally:
        answer.end(value, again=again)


async def _tables(session: Session, folder: str) -> list[Table]:
    if isinstance(session, Foldered):
        return [Table(None, name, "dataset") for name in await session.names_below(folder)]
    if not isinstance(session, Browsable):
        return []
    found = await session.tables()
    names = (found[name].to_pylist() for name in ("schema", "table", "kind"))
    return [Table(*each) for each in zip(*names, strict=True)]


async def _columns(session: Session, table: str) -> list[str]:
    if isinstance(session, Listing):
        return await session.column_names(table)
    if not isinstance(session, Browsable):
        return []
    names: list[str] = (await session.columns(table))["column"].to_pylist()
    return names


CATALOGUE = Catalogue()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=CATALOGUE.forget)
