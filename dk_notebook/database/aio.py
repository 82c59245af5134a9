"""`AsyncDatabase`: records in a store, whatever the store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from dk_notebook.backends.base import Isolation
from dk_notebook.backends.documents import PutMode
from dk_notebook.database import transaction as transactions
from dk_notebook.database.dual import Dual
from dk_notebook.database.given import document_of, documents_of, record_of
from dk_notebook.database.opening import opening
from dk_notebook.database.sessions import Sessions
from dk_notebook.database.streaming import StreamConfig, StreamResult, Writing, ahead, batches, limited
from dk_notebook.errors import (
    ConfigError,
    Conflict,
    ConnectionFailed,
    DeadlineExceeded,
    OutcomeUnknown,
    PoolTimeout,
)
from dk_notebook.frames.options import FrameOptions
from dk_notebook.frames.records import documents_to_arrow
from dk_notebook.frames.shape import to_frame
from dk_notebook.progress import Bar, bar, silenced
from dk_notebook.records.document import Document, checked_id
from dk_notebook.records.query import Query
from dk_notebook.records.record import Record
from dk_notebook.runtime.operations import Operation
from dk_notebook.runtime.workers import in_worker

if TYPE_CHECKING:
    import pandas as pd

BATCH: int = 1_000
"""Documents that are taken from the store at once by what reads them all."""


class AsyncDatabase:
    """Records in a store: one class for all backends.

    Open one with ``await AsyncDatabase.create(name, settings)``, or make one and ``await db.connect()``. The pool
    behind it is shared by all that have the same settings in the same event loop; each loop has its own. ``await
    db.close()``, or an ``async with`` block, gives it back.

    >>> async def main():
    ...     async with await AsyncDatabase.create("duckdb", {"table": "guests"}) as db:
    ...         await db.upsert(Record({"name": "Alice", "age": 30}, id="a1"))
    ...         return await db.search(Query().filter("age", ">=", 25))
    >>> asyncio.run(main())
    [Record({'name': 'Alice', 'age': 30}, id='a1')]
    """

    def __init__(self, backend: str, config: Mapping[str, Any] | None = None) -> None:
        self._sessions = Sessions(opening(backend, config))
        self.backend = self._sessions.backend
        """The name of the backend."""
        self._table = self._sessions.table
        # Ids whose `create` was cut off: a repetition may find its own document.
        self._cut_off: set[str] = set()

    # --- opening and closing ------------------------------------------------------------------------------------

    @staticmethod
    async def _open(backend: str, config: Mapping[str, Any] | None = None) -> AsyncDatabase:
        """An open database of that backend.

        ``config``: the backend's settings, or a dictionary that has them under the backend's name. The place of the
        records (a table, an index) is made if it is absent. ConfigError: settings that cannot be used.
        ConnectionFailed: the store refuses, in one attempt.
        """
        return await AsyncDatabase.from_backend(backend, config)

    @classmethod
    async def from_backend(cls, backend: str, config: Mapping[str, Any] | None = None) -> AsyncDatabase:
        """An open database: the same as `create` on the class."""
        database = AsyncDatabase(backend, config)
        await database.connect()
        return database

    async def connect(self) -> None:
        """Open the pool of the running loop, and make the place of the records if it is absent. Twice is no error."""
        await self._sessions.open()

    async def close(self) -> None:
        """Give the pool back; one that others use too stays open. Twice is no error."""
        await self._sessions.close()

    async def __aenter__(self) -> Self:
        await self._sessions.ensure()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        where = f"{self.backend}, {self._sessions.location}, {self._table!r}"
        return f"<{type(self).__name__} {where}: {self._sessions.state}>"

    # --- one record ---------------------------------------------------------------------------------------------

    async def _create(self, record: Record | Mapping[str, Any]) -> str:
        """Store a new record; its id.

        Conflict: the id is there already, unless this repeats a `create` that was cut off and finds its own document.
        ConversionError: a value that JSON does not have.
        """
        (id,) = await self._put_new([document_of(record)])  # noqa: A001 (the word of the API)
        return id

    create = Dual(_open, _create)

    async def read(self, id: str) -> Record | None:  # noqa: A002 (the word of the API)
        """The record of that id, with its version; None if there is none."""
        wanted = [checked_id(id)]
        (found,) = await self._sessions.call("read", lambda session: session.get(self._table, wanted), total=1)
        return None if found is None else Record.of(found)

    async def exists(self, id: str) -> bool:  # noqa: A002 (the word of the API)
        """Whether there is a record of that id."""
        return await self.read(id) is not None

    async def update(
        self,
        id: str,  # noqa: A002 (the word of the API)
        record: Record | Mapping[str, Any],
        *,
        expected_version: str | None = None,
    ) -> bool:
        """Replace the whole record of that id; False if there is none.

        ``expected_version``: that of the record that was read; Conflict when the store has another one by now.
        """
        document = document_of(record)._replace(id=checked_id(id), version=expected_version)
        return (await self._put([document], "update"))[0]

    async def upsert(self, id: str | Record, record: Record | Mapping[str, Any] | None = None) -> str:  # noqa: A002
        """Store a record, new or in place of the one that is there; its id. ``upsert(record)``, ``upsert(id, record)``.

        ConfigError: an id without a record.
        """
        if record is None and not isinstance(id, Mapping):
            raise ConfigError("upsert takes a record, or an id and a record")
        document = document_of(id if record is None else record)  # type: ignore[arg-type]  # one of the two is a record
        if record is not None:
            document = document._replace(id=checked_id(id))
        await self._put([document], "upsert")
        return document.id

    async def delete(self, id: str) -> bool:  # noqa: A002 (the word of the API)
        """Take a record away; False if there is none."""
        return (await self.delete_batch([id]))[0]

    # --- many ---------------------------------------------------------------------------------------------------

    async def create_batch(self, records: Iterable[Record | Mapping[str, Any]]) -> list[str]:
        """Store new records; their ids in the order of the records.

        All or nothing where the store can. Conflict: an id is there already, or twice among them.
        """
        return await self._put_new(await documents_of(records))

    async def read_batch(self, ids: Sequence[str]) -> list[Record | None]:
        """The records of these ids in their order, with their versions; None for one that is not there."""
        wanted = [checked_id(id) for id in ids]  # noqa: A001 (the word of the API)
        found = await self._sessions.call(
            "read", lambda session: session.get(self._table, wanted), draw=_bar(wanted), total=len(wanted)
        )
        return [None if document is None else Record.of(document) for document in found]

    async def update_batch(self, updates: Iterable[tuple[str, Record | Mapping[str, Any]]]) -> list[bool]:
        """Replace whole records, given as ``(id, record)``; for each whether it was there."""
        pairs = list(updates)
        documents = await documents_of([record for _, record in pairs])
        return await self._put(
            [
                document._replace(id=checked_id(id))
                for (id, _), document in zip(pairs, documents, strict=True)  # noqa: A001 (the word of the API)
            ],
            "update",
        )

    async def upsert_batch(self, records: Iterable[Record | Mapping[str, Any]]) -> list[str]:
        """Store records, new or in place of those that are there; their ids. Of several with one id the last stays."""
        documents = await documents_of(records)
        await self._put(documents, "upsert")
        return [document.id for document in documents]

    async def delete_batch(self, ids: Sequence[str]) -> list[bool]:
        """Take records away; for each whether it was there."""
        wanted = [checked_id(id) for id in ids]  # noqa: A001 (the word of the API)
        return await self._sessions.call("delete", lambda session: session.delete(self._table, wanted))

    async def clear(self) -> int:
        """Take all records away; how many there were."""
        return await self._sessions.call("clear", lambda session: session.clear(self._table))

    # --- searching ----------------------------------------------------------------------------------------------

    async def search(self, query: Query | Any = None) -> list[Record]:
        """The records that a query finds, in its order; None: all. Also takes what ``where=`` takes elsewhere.

        >>> async def main():
        ...     async with await AsyncDatabase.create("duckdb", {"table": "capitals"}) as db:
        ...         await db.upsert_batch([Record({"name": name}, id=name) for name in ("Oslo", "Rome")])
        ...         return await db.search(Query().filter("name", "starts_with", "R").limit(5))
        >>> asyncio.run(main())
        [Record({'name': 'Rome'}, id='Rome')]
        """
        return [Record.of(document) for document in await self._found(Query.of(query))]

    async def all(self) -> list[Record]:
        """Every record."""
        return await self.search()

    async def count(self, query: Query | Any = None) -> int:
        """How many records `search` would give."""
        wanted = Query.of(query)
        return await self._sessions.call("count", lambda session: session.count(self._table, wanted))

    async def search_frame(self, query: Query | Any = None) -> pd.DataFrame:
        """The records that a query finds as a DataFrame: a column a field, or a selected field.

        Records without a field ``id`` get one with their key. A column of integers, floats, booleans or text alone
        has that dtype, any other one holds objects.
        """
        wanted = Query.of(query)
        documents = await self._found(wanted)
        frame: pd.DataFrame = await in_worker(
            lambda: to_frame(documents_to_arrow(documents, wanted.columns), FrameOptions())
        )
        return frame

    # --- streams ------------------------------------------------------------------------------------------------

    async def stream_read(
        self, query: Query | Any = None, config: StreamConfig | None = None
    ) -> AsyncGenerator[Record, None]:
        """The records that a query finds, one by one, in bounded memory: a slow consumer slows the store.

        Leaving early frees the connection. Inside of a transaction everything is read at once, so that other work
        can take its turn. ``config.on_error`` is asked about what lies in the store and is no record.
        """
        config = config or StreamConfig()
        async with aclosing(self._batches(Query.of(query), config)) as found:
            async for batch in found:
                for document in batch:
                    record = _readable(document, config)
                    if record is not None:
                        yield record

    async def stream_write(
        self,
        records: Iterable[Record] | AsyncIterable[Record],
        config: StreamConfig | None = None,
        *,
        progress: bool | None = None,
    ) -> StreamResult:
        """Store new records as they come, batch by batch; what came of it.

        ``records``: any iterable, also an asynchronous one; one that is no list is read in a worker thread. Each
        batch is written as a whole; where the store refuses a record, the others of its batch are written and
        ``config.on_error`` decides whether to go on. Without it the exception is raised: earlier batches stay.
        ``progress``: a bar: True, False, or None for notebooks and terminals.
        """
        config = config or StreamConfig()

        async def put(documents: list[Document]) -> None:
            with silenced():  # the bar is that of all of them
                await self._put_new(documents, timeout=config.timeout)
            operation.count(len(documents))

        writing = Writing(config, put)
        with Operation(f"write {self._table}", connection=self.backend, draw=bar(progress)) as operation:
            operation.total_rows = len(records) if isinstance(records, (list, tuple)) else None
            source = ahead(batches(records, config.batch_size), config.prefetch)
            async with operation.step(), aclosing(source):
                async for batch in source:
                    if not await writing.batch([record_of(each) for each in batch]):
                        break
        return writing.result

    # --- transactions -------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def transaction(self, *, isolation: Isolation | None = None) -> AsyncIterator[Self]:
        """All of the block or nothing: BEGIN ... COMMIT; an exception rolls back.

        Tasks that are started in the block are in the transaction too, and take turns; other tasks are outside; a
        task that outlives the block gets QueryError. A block inside of a block is a savepoint. ``isolation``: "read
        committed", "repeatable read" or "serializable", at least. Unsupported: the store has no such thing.
        """
        async with self._sessions.begun(isolation) as begun, transactions.inside(self._sessions, begun):
            yield self

    # --- reading and writing ------------------------------------------------------------------------------------

    async def _found(self, query: Query) -> list[Document]:
        return await self._sessions.call(
            "search", lambda session: _all_of(session.find(self._table, query, batch_rows=BATCH)), draw=bar(None)
        )

    async def _batches(self, query: Query, config: StreamConfig) -> AsyncGenerator[list[Document], None]:
        if transactions.of_task(self._sessions) is not None:
            found = await self._found(query)
            for start in range(0, len(found), config.batch_size):
                yield found[start : start + config.batch_size]
            return
        async with aclosing(ahead(self._streamed(query, config), config.prefetch)) as source:
            async for batch in source:
                yield batch

    async def _streamed(self, query: Query, config: StreamConfig) -> AsyncGenerator[list[Document], None]:
        """Batches of one session, each within the time-out."""
        label = f"stream {self._table}"
        with Operation(label, connection=self.backend) as operation:
            async with (
                self._sessions.for_operation(operation) as session,
                aclosing(session.find(self._table, query, batch_rows=config.batch_size)) as found,
            ):
                while True:
                    async with operation.step(), limited(config.timeout, label):
                        batch = await anext(found, None)
                    if batch is None:
                        return
                    yield batch

    async def _put(self, documents: list[Document], mode: PutMode, timeout: float | None = None) -> list[bool]:
        return await self._sessions.call(
            _VERBS[mode],
            lambda session: session.put(self._table, documents, mode),
            timeout,
            draw=_bar(documents),
            total=len(documents),
        )

    async def _put_new(self, documents: list[Document], timeout: float | None = None) -> list[str]:
        ids = [document.id for document in documents]
        try:
            await self._put(documents, "create", timeout)
        except Conflict:
            if not self._cut_off.intersection(ids):
                raise
            await self._put(await self._not_there(documents), "create", timeout)
        except PoolTimeout:
            raise
        except (asyncio.CancelledError, ConnectionFailed, DeadlineExceeded, OutcomeUnknown):
            self._cut_off.update(ids)
            raise
        self._cut_off.difference_update(ids)
        return ids

    async def _not_there(self, documents: list[Document]) -> list[Document]:
        """Without those that a `create` that was cut off has stored as they are."""
        doubtful = [each for each in documents if each.id in self._cut_off]
        ids = [each.id for each in doubtful]
        found = await self._sessions.call("read", lambda session: session.get(self._table, ids))
        there = {
            each.id
            for each, stored in zip(doubtful, found, strict=True)
            if stored is not None and (stored.data, stored.metadata) == (each.data, each.metadata)
        }
        return [each for each in documents if each.id not in there]


def _bar(many: Sequence[object]) -> Bar | None:
    """A bar for several; one has no progress, and to find out whether somebody could see it takes longer."""
    return bar(None) if len(many) > 1 else None


_VERBS: dict[PutMode, str] = {"create": "create", "update": "update", "upsert": "upsert"}


def _readable(document: Document, config: StreamConfig) -> Record | None:
    try:
        return Record.of(document)
    except Exception as error:
        if config.on_error is None or not config.on_error(error, Record(id=document.id)):
            raise
        return None


async def _all_of(batches: AsyncGenerator[list[Document], None]) -> list[Document]:
    found: list[Document] = []
    async with aclosing(batches):
        async for batch in batches:
            found += batch
    return found
