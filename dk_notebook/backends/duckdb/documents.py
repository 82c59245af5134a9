"""Documents in a DuckDB table: id, data and metadata as JSON, and when they were made and changed.

The layout is that of dataknobs-data, whose programs share the store. All functions block: for worker threads.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import duckdb
import pyarrow as pa

from dk_notebook.backends.derive import Candidate, wanted
from dk_notebook.backends.documents import PutMode
from dk_notebook.backends.duckdb import catalog
from dk_notebook.backends.duckdb.errors import rolled_back, translated
from dk_notebook.backends.duckdb.frames_in_sql import unregistered
from dk_notebook.backends.sql import documents as queries
from dk_notebook.backends.sql.json_dialects import DUCKDB_JSON
from dk_notebook.backends.sql.names import quote
from dk_notebook.errors import Conflict, QueryError
from dk_notebook.records.document import Document
from dk_notebook.records.query import Query

BATCH: Final = "dk_documents_in"
BATCH_ROWS: Final = 20_000
"""Documents that are encoded and inserted at once."""
BATCH_SCHEMA: Final = pa.schema({"place": pa.int64(), "id": pa.string(), "data": pa.string(), "metadata": pa.string(),
                                 "version": pa.string()})  # fmt: skip

_COLUMNS: Final = ", ".join(DUCKDB_JSON.columns.values())
_VERSION: Final = DUCKDB_JSON.columns["version"]
_NOW: Final = "CAST(current_timestamp AS TIMESTAMP)"


def prepare(cursor: Any, table: str) -> None:
    """Make the table, and its schema, if they are absent."""
    if catalog.find(cursor, table) is not None:
        return
    _, schema, _ = catalog.name_parts(table)
    if schema is not None:
        cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}")
    cursor.execute(
        f"CREATE TABLE IF NOT EXISTS {catalog.quoted_name(table)} (id VARCHAR PRIMARY KEY, data JSON NOT NULL, "
        "metadata JSON, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP)"
    )


# --- reading ----------------------------------------------------------------------------------------------------


def get(cursor: Any, table: str, ids: Sequence[str]) -> list[Document | None]:
    """See `Documents.get`."""
    name = catalog.quoted_name(table)
    if len(ids) == 1:
        rows = cursor.execute(f"SELECT {_COLUMNS} FROM {name} WHERE id = $1", [ids[0]]).fetchall()
    else:
        with _registered(cursor, pa.table({"wanted": pa.array(ids, pa.string())})):
            joined = f"FROM {name} WHERE id IN (SELECT wanted FROM {BATCH})"
            rows = cursor.execute(f"SELECT {_COLUMNS} {joined}").fetchall()
    found = {row[0]: _document(*row) for row in rows}
    return [found.get(each) for each in ids]


def candidates(batch: pa.RecordBatch) -> list[Candidate]:
    """The rows of `queries.select`."""
    columns = (column.to_pylist() for column in batch.columns)
    return [Candidate(_document(*row), sure) for *row, sure in zip(*columns, strict=True)]


def count(cursor: Any, table: str, query: Query) -> int:
    """See `Documents.count`."""
    selected = queries.count(catalog.quoted_name(table), query, DUCKDB_JSON)
    result = cursor.execute(selected.text, list(selected.values))
    total = 0
    while rows := result.fetchmany(1_000):
        for id, data, surely in rows:  # noqa: A001 (the word of the layout)
            total += surely if data is None else query.matches(json.loads(data), id)
    return wanted(total, query)


def _document(id: str, data: str, metadata: str | None, version: str) -> Document:  # noqa: A002
    return Document(id, json.loads(data), (json.loads(metadata) or {}) if metadata else {}, version)


# --- writing ----------------------------------------------------------------------------------------------------


def put(cursor: Any, table: str, documents: Sequence[Document], mode: PutMode, *, inside: bool) -> list[bool]:
    """See `Documents.put`; ``inside``: a transaction is open already."""
    name = catalog.quoted_name(table)
    if len(documents) == 1 and mode == "create":
        with _existing(of_many=False):
            cursor.execute(
                f"INSERT INTO {name} (id, data, metadata, created_at, updated_at) VALUES ($1, $2, $3, {_NOW}, {_NOW})",
                _row(documents[0]),
            )
        return [True]
    updated: set[str] = set()
    with _transaction(cursor, needed=not inside):
        for start in range(0, len(documents), BATCH_ROWS):
            updated |= _put(cursor, name, documents[start : start + BATCH_ROWS], mode)
    return [document.id in updated for document in documents] if mode == "update" else [True] * len(documents)


def _put(cursor: Any, name: str, documents: Sequence[Document], mode: PutMode) -> set[str]:
    """The ids of those that were updated."""
    if mode != "create":
        documents = list({document.id: document for document in documents}.values())  # the last one of each id
    with _registered(cursor, _table(documents)):
        if mode == "create":
            with _existing(of_many=len(documents) > 1):
                cursor.execute(_INSERT.format(name=name))
        elif mode == "upsert":
            _check_versions(cursor, name, documents)
            cursor.execute(_INSERT.format(name=name) + _OR_UPDATE)
        else:
            _check_versions(cursor, name, documents)
            return {id for (id,) in cursor.execute(_UPDATE.format(name=name)).fetchall()}  # noqa: A001
    return set()


_INSERT: Final = (
    "INSERT INTO {name} (id, data, metadata, created_at, updated_at) "
    f"SELECT id, data, metadata, {_NOW}, {_NOW} FROM {BATCH} ORDER BY place"
)
_OR_UPDATE: Final = (
    " ON CONFLICT (id) DO UPDATE "
    "SET data = excluded.data, metadata = excluded.metadata, updated_at = excluded.updated_at"
)
_UPDATE: Final = (
    "UPDATE {name} AS old "
    f"SET data = new.data, metadata = new.metadata, updated_at = {_NOW} "
    f"FROM {BATCH} AS new WHERE old.id = new.id RETURNING old.id"
)


def _check_versions(cursor: Any, name: str, documents: Sequence[Document]) -> None:
    """Conflict where a document is there in another version than the one expected.

    Between this look and the write nobody gets through: DuckDB refuses the later of two transactions.
    """
    if all(document.version is None for document in documents):
        return
    ((stale,),) = cursor.execute(
        f"SELECT count(*) FROM {BATCH} AS new JOIN (SELECT id, {_VERSION} AS version FROM {name}) AS old USING (id) "
        "WHERE new.version <> old.version"
    ).fetchall()
    if stale:
        which = "the record" if len(documents) == 1 else f"{stale:,} of {len(documents):,} records"
        raise Conflict(
            f"{which} changed since the version that was read",
            code="version",
            hint="read it again, and repeat the change on what is there now",
        )


def delete(cursor: Any, table: str, ids: Sequence[str]) -> list[bool]:
    """See `Documents.delete`."""
    name = catalog.quoted_name(table)
    with _registered(cursor, pa.table({"wanted": pa.array(ids, pa.string())})):
        rows = cursor.execute(f"DELETE FROM {name} WHERE id IN (SELECT wanted FROM {BATCH}) RETURNING id").fetchall()
    there = {id for (id,) in rows}  # noqa: A001 (the word of the layout)
    told = []
    for each in ids:
        told.append(each in there)
        there.discard(each)
    return told


def clear(cursor: Any, table: str) -> int:
    """See `Documents.clear`."""
    ((rows,),) = cursor.execute(f"DELETE FROM {catalog.quoted_name(table)}").fetchall()
    return int(rows)


def again(error: QueryError) -> bool:
    """Whether a write failed only because another one was under way at the same rows, and nothing was written."""
    return error.code == "TransactionContext"


# --- rows -------------------------------------------------------------------------------------------------------

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def _row(document: Document) -> tuple[str, str, str | None]:
    return document.id, _encode(document.data), _encode(document.metadata) if document.metadata else None


def _table(documents: Sequence[Document]) -> pa.Table:
    ids, data, metadata = zip(*map(_row, documents), strict=True)
    versions = [document.version for document in documents]
    columns = [range(len(documents)), ids, data, metadata, versions]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, BATCH_SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=BATCH_SCHEMA)


@contextmanager
def _registered(cursor: Any, table: pa.Table) -> Iterator[None]:
    """Inside the block the rows are a view of ``cursor``."""
    cursor.register(BATCH, table)
    try:
        yield
    finally:
        unregistered(cursor, BATCH)


@contextmanager
def _existing(*, of_many: bool) -> Iterator[None]:
    """A key that is there, in our words."""
    try:
        yield
    except duckdb.Error as error:
        ours = translated(error)
        if not isinstance(ours, Conflict):
            raise
        what = "one of the records has an id" if of_many else "the record has an id"
        raise Conflict(f"{what} that is there already", code=ours.code, hint="upsert replaces what is there") from error


@contextmanager
def _transaction(cursor: Any, *, needed: bool) -> Iterator[None]:
    """All of the statements or none."""
    if not needed:
        yield
        return
    cursor.begin()
    try:
        yield
        cursor.commit()
    except BaseException:
        rolled_back(cursor)
        raise
