"""Documents in a PostgreSQL table: id, data and metadata as jsonb, and when they were made and changed.

The layout is that of dataknobs-data, whose programs share the store.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, Final

import asyncpg

from dk_notebook.backends import exact_json
from dk_notebook.backends.derive import Candidate, wanted
from dk_notebook.backends.documents import PutMode
from dk_notebook.backends.postgres import catalog
from dk_notebook.backends.postgres.document_rows import columns_of, copied, row_of
from dk_notebook.backends.postgres.errors import translating
from dk_notebook.backends.postgres.writing.outcome import Change
from dk_notebook.backends.sql.json_dialects import POSTGRES_JSON
from dk_notebook.backends.sql.names import quote
from dk_notebook.backends.sql.select import Selected
from dk_notebook.errors import Conflict, QueryError
from dk_notebook.records.document import Document
from dk_notebook.records.query import Query
from dk_notebook.runtime.operations import Operation
from dk_notebook.runtime.workers import in_worker

COPIED: Final = 100
"""New documents from which on COPY is faster than one INSERT."""
FEW: Final = 100
"""Documents that are decoded on the spot: a worker would cost more than the work."""
GRACE: Final = 2.0
"""Seconds that the server gets to end a cursor, before the connection is cut."""

_COLUMNS: Final = ", ".join(POSTGRES_JSON.columns.values())
_VERSION: Final = POSTGRES_JSON.columns["version"]

_SELECT: Final = f"SELECT {_COLUMNS} FROM {{name}} WHERE id = $1"
_SELECT_MANY: Final = f"SELECT {_COLUMNS} FROM {{name}} WHERE id = ANY($1)"
# The times of new documents are the column's defaults, as in COPY. A changed one has the clock's: of two changes in
# one transaction each makes another version.
_INSERT: Final = "INSERT INTO {name} (id, data, metadata) VALUES ($1, $2, $3)"
_UPDATE: Final = "UPDATE {name} SET data = $2, metadata = $3, updated_at = clock_timestamp() WHERE id = $1"
_OR_UPDATE: Final = (
    " ON CONFLICT (id) DO UPDATE SET data = excluded.data, metadata = excluded.metadata, updated_at = clock_timestamp()"
)
_MANY: Final = (
    "(SELECT id, CAST(data AS JSONB) AS data, CAST(metadata AS JSONB) AS metadata "
    "FROM unnest(CAST($1 AS TEXT[]), CAST($2 AS TEXT[]), CAST($3 AS TEXT[])) AS given(id, data, metadata)) AS new"
)
# By id: of two writers at once one waits for the other, and neither for both.
_LOCKED: Final = (
    "WITH locked AS MATERIALIZED (SELECT id FROM {name} WHERE id = ANY(CAST($1 AS TEXT[])) "
    'ORDER BY id COLLATE "C" FOR UPDATE) '
)
_INSERT_MANY: Final = (
    "INSERT INTO {name} (id, data, metadata) SELECT id, data, metadata FROM " + _MANY + ' ORDER BY id COLLATE "C"'
)
_UPDATE_MANY: Final = (
    _LOCKED + "UPDATE {name} AS old SET data = new.data, metadata = new.metadata, updated_at = clock_timestamp() "
    "FROM locked, " + _MANY + " WHERE old.id = locked.id AND new.id = locked.id RETURNING old.id"
)
_DELETE_MANY: Final = _LOCKED + "DELETE FROM {name} AS old USING locked WHERE old.id = locked.id RETURNING old.id"


@lru_cache(maxsize=256)
def quoted(table: str) -> str:
    """The table as SQL; asked for with each document."""
    return catalog.quoted_name(table)


@lru_cache(maxsize=1_024)
def _on(table: str, statement: str) -> str:
    """A statement with its table. The same text each time: asyncpg looks up what it has prepared by it."""
    return statement.format(name=quoted(table))


# --- the table --------------------------------------------------------------------------------------------------


async def prepare(connection: Any, table: str, *, index: bool) -> None:
    """Make the table, and its schema, if they are absent; with ``index`` its indexes too."""
    if not await exists(connection, table):
        await _made(connection, table)
    if index:
        for column in ("data", "metadata"):
            name = quote(_index(table, column))
            await _make(connection, f"INDEX IF NOT EXISTS {name} ON {quoted(table)} USING gin ({column})")


async def exists(connection: Any, table: str) -> bool:
    """See `Documents.exists`."""
    found: bool = await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", quoted(table))
    return found


async def _made(connection: Any, table: str) -> None:
    schema, _ = catalog.name_parts(table)
    # Asked first: whoever may not make schemas may still have this one.
    if schema is not None and not await connection.fetchval("SELECT to_regnamespace($1) IS NOT NULL", quote(schema)):
        await _make(connection, f"SCHEMA IF NOT EXISTS {quote(schema)}")
    await _make(
        connection,
        f"TABLE IF NOT EXISTS {quoted(table)} (id TEXT PRIMARY KEY, data JSONB NOT NULL, "
        "metadata JSONB, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, "
        "updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP)",
    )


async def _make(connection: Any, what: str) -> None:
    try:
        await connection.execute(f"CREATE {what}")
    except (asyncpg.UniqueViolationError, asyncpg.DuplicateObjectError, asyncpg.DuplicateTableError):
        # Two made it at the same time, which IF NOT EXISTS does not cover: the other's is there by now.
        await connection.execute(f"CREATE {what}")


def _index(table: str, column: str) -> str:
    """The name of an index: the server would cut a longer one."""
    _, name = catalog.name_parts(table)
    end = f"_{column}_idx"
    return name.encode()[: catalog.LONGEST - len("idx_") - len(end)].decode(errors="ignore").join(("idx_", end))


# --- reading ----------------------------------------------------------------------------------------------------


async def get(connection: Any, table: str, ids: Sequence[str]) -> list[Document | None]:
    """See `Documents.get`."""
    if len(ids) == 1:
        row = await connection.fetchrow(_on(table, _SELECT), ids[0])
        return [None if row is None else _document(row)]
    rows = await connection.fetch(_on(table, _SELECT_MANY), list(dict.fromkeys(ids)))
    found = {document.id: document for document in await _decoded(rows, _document)}
    return [found.get(each) for each in ids]


async def candidates(rows: AsyncGenerator[list[Any], None]) -> AsyncGenerator[tuple[list[Candidate], int], None]:
    """The rows of `queries.select`, and their bytes, about."""
    try:
        async for batch in rows:
            size = sum(len(row[1]) + len(row[2] or "") for row in batch)
            yield await _decoded(batch, _candidate), size
    finally:
        await rows.aclose()


async def counted(rows: AsyncGenerator[list[Any], None], query: Query) -> int:
    """How many the rows of `queries.count` stand for."""
    total = 0
    try:
        async for batch in rows:
            for id, data, surely in batch:  # noqa: A001 (the word of the layout)
                total += surely if data is None else query.matches(_loads(data), id)
    finally:
        await rows.aclose()
    return wanted(total, query)


async def fetched(
    connection: Any, selected: Selected, *, batch_rows: int, inside: bool
) -> AsyncGenerator[list[Any], None]:
    """The rows of a query, so many at once, by a cursor: the server waits for the one who reads.

    ``inside``: a transaction is open already.
    """
    try:
        with translating():
            if not inside:
                await connection.execute("BEGIN READ ONLY")
            cursor = await connection.cursor(selected.text, *selected.values)
            rows = await cursor.fetch(batch_rows)
        while rows:
            yield rows
            if len(rows) < batch_rows:
                break
            with translating():
                rows = await cursor.fetch(batch_rows)
    finally:
        if not inside:
            await _ended(connection)


async def _ended(connection: Any) -> None:
    """End the transaction of a cursor, whatever came of it."""
    if connection.is_closed():
        return
    try:
        async with asyncio.timeout(GRACE):
            await connection.execute("ROLLBACK")
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        connection.terminate()  # the server then ends it


async def _decoded(rows: Sequence[Any], function: Any) -> list[Any]:
    if len(rows) <= FEW:
        return list(map(function, rows))
    return await in_worker(lambda: list(map(function, rows)))


def _document(row: Any) -> Document:
    id, data, metadata, version = row  # noqa: A001 (the word of the layout)
    return Document(id, _loads(data), (_loads(metadata) or {}) if metadata else {}, version)


def _loads(text: str) -> Any:
    try:
        return exact_json.loads(text)
    except ValueError:  # it is JSON, and deeper than the fast parser goes
        return json.loads(text)


def _candidate(row: Any) -> Candidate:
    *document, sure = row
    return Candidate(_document(document), sure)


# --- writing ----------------------------------------------------------------------------------------------------


async def put(
    connection: Any, table: str, documents: Sequence[Document], mode: PutMode, operation: Operation, change: Change
) -> list[bool]:
    """See `Documents.put`. ``change``: for what takes more than one statement."""
    if len(documents) == 1 and not (mode == "upsert" and documents[0].version):
        return [await _put_one(connection, table, documents[0], mode)]
    name = quoted(table)
    if mode == "create":
        try:
            if len(documents) >= COPIED and not await _guarded(connection, name):
                await copied(connection, table, documents, operation)
                return [True] * len(documents)
            async with _all_or_nothing(change):
                async for columns in columns_of(documents):
                    await connection.execute(_INSERT_MANY.format(name=name), *columns)
        except asyncpg.UniqueViolationError as error:
            raise _existing("one of the records has an id", error) from error
        return [True] * len(documents)
    last = sorted({document.id: document for document in documents}.values(), key=lambda document: document.id)
    stored: set[str] = set()
    async with _all_or_nothing(change):
        await _check_versions(connection, name, last)
        async for columns in columns_of(last):
            if mode == "upsert":
                await connection.execute(_INSERT_MANY.format(name=name) + _OR_UPDATE, *columns)
                stored.update(columns[0])
            else:
                stored.update(row[0] for row in await connection.fetch(_UPDATE_MANY.format(name=name), *columns))
    return [document.id in stored for document in documents]


async def _put_one(connection: Any, table: str, document: Document, mode: PutMode) -> bool:
    row, version = row_of(document), document.version
    if mode == "create":
        try:
            await connection.execute(_on(table, _INSERT), *row)
        except asyncpg.UniqueViolationError as error:
            raise _existing("the record has an id", error) from error
        return True
    if mode == "upsert":
        await connection.execute(_on(table, _INSERT + _OR_UPDATE), *row)
        return True
    text = _on(table, _UPDATE)
    if version is None:
        return _affected(await connection.execute(text, *row)) > 0
    if _affected(await connection.execute(f"{text} AND {_VERSION} = $4", *row, version)):
        return True
    if await connection.fetchrow(f"SELECT FROM {quoted(table)} WHERE id = $1", document.id) is None:
        return False
    raise _stale(1, 1)


async def _check_versions(connection: Any, name: str, documents: Sequence[Document]) -> None:
    """Conflict where a document is there in another version than the one expected. Nobody else changes them then."""
    expected = {document.id: document.version for document in documents if document.version is not None}
    if not expected:
        return
    rows = await connection.fetch(
        f'SELECT id, {_VERSION} FROM {name} WHERE id = ANY($1) ORDER BY id COLLATE "C" FOR UPDATE', list(expected)
    )
    stale = sum(expected[id] != version for id, version in rows)  # noqa: A001 (the word of the layout)
    if stale:
        raise _stale(stale, len(documents))


def _stale(stale: int, total: int) -> Conflict:
    which = "the record" if total == 1 else f"{stale:,} of {total:,} records"
    return Conflict(
        f"{which} changed since the version that was read",
        code="version",
        hint="read it again, and repeat the change on what is there now",
    )


async def delete(connection: Any, table: str, ids: Sequence[str]) -> list[bool]:
    """See `Documents.delete`."""
    name = quoted(table)
    if len(ids) == 1:
        return [_affected(await connection.execute(f"DELETE FROM {name} WHERE id = $1", ids[0])) > 0]
    rows = await connection.fetch(_DELETE_MANY.format(name=name), list(dict.fromkeys(ids)))
    there = {row[0] for row in rows}
    told = []
    for each in ids:
        told.append(each in there)
        there.discard(each)
    return told


async def clear(connection: Any, table: str) -> int:
    """See `Documents.clear`."""
    return _affected(await connection.execute(f"DELETE FROM {quoted(table)}"))


def again(error: QueryError) -> bool:
    """Whether a write failed only because another one was under way at the same rows, and nothing was written."""
    return error.code in ("40001", "40P01")


def _affected(status: str) -> int:
    return int(status.rpartition(" ")[2])


def _existing(what: str, error: asyncpg.UniqueViolationError) -> Conflict:
    """A key that is there, in our words."""
    return Conflict(f"{what} that is there already", code=error.sqlstate, hint="upsert replaces what is there")


@asynccontextmanager
async def _all_or_nothing(change: Change) -> AsyncIterator[None]:
    await change.begin()
    try:
        yield
        await change.ready()
    except BaseException:
        await asyncio.shield(change.rollback())
        raise
    await change.commit()


async def _guarded(connection: Any, name: str) -> bool:
    """Whether row security decides what may be written, so that COPY is refused."""
    guarded: bool | None = await connection.fetchval("SELECT row_security_active(to_regclass($1))", name)
    return bool(guarded)
