"""`Database`: `AsyncDatabase` for cells and programs that do not await, method by method."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MethodType, TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

from dk_notebook.backends.base import Isolation
from dk_notebook.database import transaction as transactions
from dk_notebook.database.aio import AsyncDatabase
from dk_notebook.database.dual import Dual
from dk_notebook.runtime import bridges
from dk_notebook.runtime.blocking import Blocking, blocking
from dk_notebook.runtime.thread import run

A = TypeVar("A")
P = ParamSpec("P")
T = TypeVar("T")


class iterating(Generic[A, P, T]):  # noqa: N801 (called like a function)
    """The blocking twin of an async generator method, with its parameters, types and docstring."""

    def __init__(self, method: Callable[Concatenate[A, P], AsyncGenerator[T, None]]) -> None:
        @functools.wraps(method)
        def call(face: Blocking[A], *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
            return bridges.iterate(method(face.awaited, *args, **kwargs))

        call.__signature__ = inspect.signature(method)  # type: ignore[attr-defined]  # functions have it
        self._call = call

    @overload
    def __get__(self, face: None, owner: type) -> Callable[Concatenate[Blocking[A], P], Iterator[T]]: ...
    @overload
    def __get__(self, face: Blocking[A], owner: type) -> Callable[P, Iterator[T]]: ...
    def __get__(self, face: Blocking[A] | None, owner: type) -> Any:
        return self._call if face is None else MethodType(self._call, face)


class Database:
    """Records in a store, without await: the methods of `AsyncDatabase`, with its arguments, on the background loop.

    Ctrl-C stops what runs in the store. BlockingCallInLoop where a call would wait for itself.

    >>> from dk_notebook import Record
    >>> db = Database.create("duckdb", {"table": "guests"})
    >>> db.upsert(Record({"name": "Alice", "age": 30}, id="a1"))
    'a1'
    >>> with db.transaction():
    ...     record = db.read("a1")
    ...     record["age"] += 1
    ...     db.update("a1", record)
    True
    >>> db.close()
    """

    def __init__(self, backend: str, config: Mapping[str, Any] | None = None) -> None:
        self.awaited = AsyncDatabase(backend, config)
        """The same database, to be awaited; on another loop it has a pool of its own."""

    @property
    def backend(self) -> str:
        """The name of the backend."""
        return self.awaited.backend

    @staticmethod
    @functools.wraps(AsyncDatabase._open)
    def _open(backend: str, config: Mapping[str, Any] | None = None) -> Database:
        return Database.from_backend(backend, config)

    @classmethod
    def from_backend(cls, backend: str, config: Mapping[str, Any] | None = None) -> Database:
        """An open database: the same as `create` on the class."""
        database = Database(backend, config)
        database.connect()
        return database

    _create = blocking(AsyncDatabase._create)
    create = Dual(_open, _create)
    connect = blocking(AsyncDatabase.connect)
    close = blocking(AsyncDatabase.close)

    read = blocking(AsyncDatabase.read)
    exists = blocking(AsyncDatabase.exists)
    update = blocking(AsyncDatabase.update)
    upsert = blocking(AsyncDatabase.upsert)
    delete = blocking(AsyncDatabase.delete)

    create_batch = blocking(AsyncDatabase.create_batch)
    read_batch = blocking(AsyncDatabase.read_batch)
    update_batch = blocking(AsyncDatabase.update_batch)
    upsert_batch = blocking(AsyncDatabase.upsert_batch)
    delete_batch = blocking(AsyncDatabase.delete_batch)
    clear = blocking(AsyncDatabase.clear)

    search = blocking(AsyncDatabase.search)
    all = blocking(AsyncDatabase.all)
    count = blocking(AsyncDatabase.count)
    search_frame = blocking(AsyncDatabase.search_frame)

    stream_read = iterating(AsyncDatabase.stream_read)
    stream_write = blocking(AsyncDatabase.stream_write)

    @contextmanager
    def transaction(self, *, isolation: Isolation | None = None) -> Iterator[Self]:
        """All of the block or nothing: as `AsyncDatabase.transaction`, for the calls of this thread."""
        sessions = self.awaited._sessions
        with bridges.enter(sessions.begun(isolation)) as begun:
            token = transactions.enter(sessions, begun)
            try:
                yield self
            finally:
                transactions.leave(token)

    def __enter__(self) -> Self:
        run(self.awaited.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self.awaited).replace("AsyncDatabase", "Database", 1)
