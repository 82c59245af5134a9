"""Frames in and out of the documents of the records API: ``layout="documents"``."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from dk_notebook.backends.base import (
    Layout,
    PlannedColumn,
    Rejected,
    Session,
    TableQuery,
    TableWrite,
    Transactional,
    WritePlan,
    WriteReport,
)
from dk_notebook.backends.documents import Documents, PutMode
from dk_notebook.errors import ConfigError, Conflict, ConversionError, NotFound, Unsupported
from dk_notebook.frames.records import Columns, key_column, records_of
from dk_notebook.frames.stream import ArrowStream
from dk_notebook.records.document import Document
from dk_notebook.runtime.workers import in_worker

BATCH = 10_000
"""Documents that are taken from the store, or put there, at once."""


def checked(layout: Any) -> Layout | None:
    """A layout that there is. ConfigError for another word."""
    if layout not in (None, "documents"):
        raise ConfigError(f"no such layout: {layout!r}", hint='there is "documents", and None for tables')
    chosen: Layout | None = layout
    return chosen


def keeping(session: Session) -> Documents:
    """The session as one that keeps documents. Unsupported where it does not."""
    if not isinstance(session, Documents):
        raise Unsupported('this store keeps no documents: leave out layout="documents"')
    return session


# --- reading ----------------------------------------------------------------------------------------------------


async def scan(session: Session, query: TableQuery, *, batch_rows: int | None = None) -> ArrowStream:
    """The documents of a query as rows, a column a field; as `Session.scan`.

    JSON declares no types: they follow from what the documents hold. So they are all looked through first, and in
    bounded memory (with ``batch_rows``) read twice. NotFound: there is no such place.
    """
    store = keeping(session)
    columns = Columns(query.query.columns)
    kept: list[Document] = []
    is_found = False
    async with aclosing(store.find(query.table, query.query, batch_rows=batch_rows or BATCH)) as found:
        async for batch in found:
            is_found = True
            await in_worker(columns.look, batch)
            if batch_rows is None:
                kept += batch
    if not is_found and not await store.exists(query.table):  # a place that is only a name is found by every store
        raise NotFound(f"there are no documents at {query.table!r}")
    if batch_rows is None:
        return ArrowStream.from_table(await in_worker(columns.table, kept))
    return ArrowStream(columns.schema, _again(store, query, columns, batch_rows))


async def _again(
    store: Documents, query: TableQuery, columns: Columns, batch_rows: int
) -> AsyncGenerator[pa.RecordBatch, None]:
    async with aclosing(store.find(query.table, query.query, batch_rows=batch_rows)) as found:
        async for batch in found:
            table = await in_worker(columns.table, batch)
            for part in table.combine_chunks().to_batches():
                yield part


# --- writing ----------------------------------------------------------------------------------------------------

_PUT: dict[str, PutMode] = {"upsert": "upsert"}
"""How a mode puts documents, where that is not "create"."""


async def ingest(session: Session, target: TableWrite, rows: ArrowStream) -> WriteReport:
    """Write a document a row; as `Session.ingest`. All or nothing where the store has transactions."""
    store = keeping(session)
    key = _key(target, rows.schema)
    exists = await _admitted(store, target)
    writing = _Writing(store, target, key)
    async with AsyncExitStack() as stack:
        if isinstance(session, Transactional):
            await stack.enter_async_context(session.transaction())
        await store.prepare(target.table)
        if exists and target.mode in ("replace", "truncate"):
            await store.clear(target.table)
        async for batch in rows:
            for start in range(0, batch.num_rows, BATCH):
                await writing.take(batch.slice(start, BATCH))
            writing.bytes += batch.nbytes
            session.operation.count(batch.num_rows, batch.nbytes)
    return writing.report(atomic=isinstance(session, Transactional))


async def plan(session: Session, target: TableWrite, schema: pa.Schema) -> WritePlan:
    """What `ingest` would do; as `Session.plan`."""
    key = _key(target, schema)
    await _admitted(keeping(session), target)
    ids = "an id drawn for each" if key is None else f"the column {key!r} is the id"
    return WritePlan(
        table=target.table,
        mode=target.mode,
        statements=(f"one document a row, {ids}",),
        columns=tuple(PlannedColumn(name=each.name, arrow=str(each.type), store="JSON") for each in schema),
    )


def _key(target: TableWrite, schema: pa.Schema) -> str | None:
    if target.types or target.options:
        unused = "types" if target.types else next(iter(target.options))
        raise ConfigError(f'{unused}= is for tables; layout="documents" does not use it')
    if len(target.key) > 1:
        raise ConfigError(f"the id of a document is one column, not {len(target.key)}")
    key = key_column(schema, target.key[0] if target.key else None)
    if key is None and target.mode in ("upsert", "ignore"):
        raise ConfigError(f"mode={target.mode!r} needs key=, or a column 'id': the column that holds the ids")
    return key


async def _admitted(store: Documents, target: TableWrite) -> bool:
    """Whether the place is there, if the mode may go on."""
    exists = await store.exists(target.table)
    if exists and target.mode == "fail":
        raise Conflict(f"{target.table!r} is there already", hint='mode="append" adds to it, "replace" replaces it')
    if not exists and target.mode == "truncate":
        raise NotFound(f"there is no place for documents {target.table!r}", hint='mode="replace" makes it')
    return exists


@dataclass
class _Writing:
    """A write under way."""

    store: Documents
    target: TableWrite
    key: str | None
    position: int = 0
    bytes: int = 0
    written: int = 0
    skipped: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    async def take(self, batch: pa.RecordBatch) -> None:
        """Write these rows."""
        documents = await in_worker(self._documents, batch)
        if self.target.mode == "ignore" or (self.target.errors == "collect" and self.target.mode != "upsert"):
            documents = await self._new(documents)
        await self.store.put(self.target.table, [each for _, each in documents], _PUT.get(self.target.mode, "create"))
        self.written += len(documents)

    def _documents(self, batch: pa.RecordBatch) -> list[tuple[int, Document]]:
        made = []
        one_by_one = self.target.errors == "collect"
        places: list[int | None] = [*range(batch.num_rows)] if one_by_one else [None]
        for place in places:
            rows = batch if place is None else batch.slice(place, 1)
            first = self.position if place is None else self.position + place
            try:
                for number, record in enumerate(records_of(rows, self.key, position=first), first):
                    made.append((number, self._once(record.document(position=number), number)))
            except ConversionError as error:
                if not one_by_one:
                    raise
                self.rejected.append(Rejected(position=first, column=error.column, reason=error.message))
        self.position += batch.num_rows
        return made

    def _once(self, document: Document, position: int) -> Document:
        if document.id in self._seen:
            raise ConversionError("the id of an earlier row", column=self.key or "id", position=position)
        self._seen.add(document.id)
        return document

    async def _new(self, documents: list[tuple[int, Document]]) -> list[tuple[int, Document]]:
        """Those whose id is not there; the others are counted, or reported."""
        there = await self.store.get(self.target.table, [each.id for _, each in documents])
        new = []
        for (position, document), found in zip(documents, there, strict=True):
            if found is None:
                new.append((position, document))
            elif self.target.mode == "ignore":
                self.skipped += 1
            else:
                reason = "a record with this id is there already"
                self.rejected.append(Rejected(position=position, column=self.key, reason=reason))
        return new

    def report(self, *, atomic: bool) -> WriteReport:
        """What was done."""
        return WriteReport(
            table=self.target.table,
            mode=self.target.mode,
            rows=self.written,
            skipped=self.skipped,
            bytes=self.bytes,
            rejected=tuple(sorted(self.rejected, key=lambda each: each.position)),
            notes=() if atomic else ("not atomic: readers may have seen a part of it",),
        )
