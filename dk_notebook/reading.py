"""Queries in, frames out: what every read of a connection goes through, on whatever loop it runs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, TypedDict

import pandas as pd
import pyarrow as pa

from dk_notebook import layouts
from dk_notebook.backends.base import Layout, Native, Session, TableQuery
from dk_notebook.errors import ConfigError
from dk_notebook.frames.options import FrameOptions
from dk_notebook.frames.shape import to_frame
from dk_notebook.frames.stream import ArrowStream
from dk_notebook.progress import bar
from dk_notebook.records.query import Query
from dk_notebook.runtime.operations import Operation
from dk_notebook.runtime.parts import Part
from dk_notebook.runtime.workers import in_worker
from dk_notebook.store import Store

SMALL = 1_000_000
"""Bytes of Arrow data that are made into a frame at once; more goes to a worker thread and leaves the loop free."""


class Source(Protocol):
    """A named store: a Connection."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def store(self) -> Store: ...  # noqa: D102


class FrameArguments(TypedDict, total=False):
    """How the result becomes a frame; the same for every way of reading."""

    index: str | Sequence[str] | None
    """The columns that become the index."""
    dtypes: Mapping[str, Any] | None
    """Column -> dtype, cast after reading, exactly or with ConversionError."""
    dtype_backend: Literal["numpy_nullable", "pyarrow", "numpy"] | None
    """As in pandas; None: the faithful dtypes of the type table."""
    decimals: Literal["auto", "exact", "float", "string"]
    """How decimals are shown; "auto" decides by the declared type, never by values."""
    json: Literal["parse", "text"]
    """JSON as Python objects, or as its text."""
    arrays: Sequence[str] | None
    """Elasticsearch: the fields that hold arrays. Other stores declare theirs and refuse it."""
    timeout: float | None
    """Seconds for the whole call."""
    progress: bool | None
    """A progress bar: True, False, or None for where somebody can see it."""


class ReadArguments(FrameArguments, total=False):
    """Also the form of the frame."""

    as_: Literal["pandas", "arrow", "polars"]


class TableArguments(TypedDict, total=False):
    """Which part of a table is read."""

    columns: Sequence[str] | None
    """The columns, in this order; None: all."""
    where: Any
    """``[("age", ">=", 25), ...]``, a Query, or its condition; runs in the store."""
    order_by: str | Sequence[str] | None
    """``"a"``, ``"-a"`` (descending) or a list of them; NULL comes last."""
    limit: int | None
    """Rows at most; runs in the store."""
    partitions: int
    """Parts read at the same time."""
    layout: Layout | None
    """"documents": what the records API keeps there, a column a field."""


def native(
    query: str | Mapping[str, Any],
    names: Mapping[str, Any],
    *,
    params: Mapping[str, Any] | Sequence[Any] | None = None,
    limit: int | None = None,
) -> Native:
    """A statement as the caller wrote it, with the names that surround it."""
    if not isinstance(query, (str, Mapping)):
        raise ConfigError(f"a query is text or a Query DSL body, not {type(query).__name__}")
    if isinstance(params, str):
        raise ConfigError("params is a mapping for :name or a sequence for $1, not text")
    return Native(text=query, params=params, limit=row_count("limit", limit), frames=names)


def table_query(
    table: str,
    *,
    columns: Sequence[str] | None = None,
    where: Any = None,
    order_by: str | Sequence[str] | None = None,
    limit: int | None = None,
    partitions: int = 1,
    layout: Layout | None = None,
) -> TableQuery:
    """The rows and columns of one table that were asked for."""
    query = Query.of(where=where, order_by=order_by, limit=row_count("limit", limit), columns=columns)
    if isinstance(partitions, bool) or not isinstance(partitions, int) or partitions < 1:
        raise ConfigError(f"partitions must be a whole number of at least 1, not {partitions!r}")
    kind = TableQuery if layouts.checked(layout) is None else DocumentQuery
    return kind(table=table, query=query, partitions=partitions)


async def read(source: Source, query: Native | TableQuery, **arguments: Any) -> Any:
    """The whole result as one frame of the form that was asked for."""
    return (await performed(source, query, **arguments)).frame


@dataclass(frozen=True)
class Performed:
    """A read that is done, and what it took."""

    frame: Any
    table: pa.Table
    """What the frame was made of."""
    seconds: Mapping[Part, float]
    """What each part of it took; `runtime.parts` tells what they are."""


async def performed(source: Source, query: Native | TableQuery, **arguments: Any) -> Performed:
    """What `read` does, with its figures."""
    query, options, operation = _prepare(source, query, arguments)
    with operation:
        async with operation.step(), source.store.session(operation) as session:
            table = await (await _scan(session, query)).read_all()
        frame = await _framed(table, options, set(), operation)
        frame = _described(frame, query, operation, rows=table.num_rows)
    return Performed(frame, table, operation.parts.seconds)


async def iterate(
    source: Source, query: Native | TableQuery, *, chunk_rows: int, **arguments: Any
) -> AsyncGenerator[Any, None]:
    """The result as frames of ``chunk_rows`` rows (the last may be shorter); an empty result is one empty frame."""
    query, options, operation = _prepare(source, query, arguments)
    with operation:
        chunks = _chunks(source, query, operation, chunk_rows)
        warned: set[str] = set()
        try:
            while True:
                async with operation.step():
                    table = await anext(chunks, None)
                    if table is None:
                        return
                    frame = await _framed(table, options, warned, operation)
                with operation.parts.during(None):
                    yield _described(frame, query, operation, rows=table.num_rows)
        finally:
            await chunks.aclose()


class DocumentQuery(TableQuery):
    """A query over documents."""


async def _scan(session: Session, query: Native | TableQuery, *, batch_rows: int | None = None) -> ArrowStream:
    if isinstance(query, DocumentQuery):
        return await layouts.scan(session, query, batch_rows=batch_rows)
    return await session.scan(query, batch_rows=batch_rows)


async def _chunks(
    source: Source, query: Native | TableQuery, operation: Operation, chunk_rows: int
) -> AsyncGenerator[pa.Table, None]:
    """Tables of exactly ``chunk_rows`` rows, cut from the batches as they come."""
    async with source.store.session(operation) as session:
        stream = await _scan(session, query, batch_rows=chunk_rows)
        try:
            waiting: list[pa.RecordBatch] = []
            rows, yielded = 0, False
            async for batch in stream:
                while rows + batch.num_rows >= chunk_rows:
                    cut = chunk_rows - rows
                    yield pa.Table.from_batches([*waiting, batch.slice(0, cut)], stream.schema)
                    batch, waiting, rows, yielded = batch.slice(cut), [], 0, True
                if batch.num_rows:
                    waiting.append(batch)
                    rows += batch.num_rows
            if rows or not yielded:
                yield pa.Table.from_batches(waiting, stream.schema)
        finally:
            await stream.aclose()


def _prepare(
    source: Source, query: Native | TableQuery, arguments: dict[str, Any]
) -> tuple[Native | TableQuery, FrameOptions, Operation]:
    timeout = arguments.pop("timeout", None)
    progress = arguments.pop("progress", None)
    query = _with_arrays(source, query, arguments.pop("arrays", None))
    index = arguments.get("index")
    if index is not None:
        query = replace(query, named=(index,) if isinstance(index, str) else tuple(index))
    chosen = {name: value for name, value in arguments.items() if value is not None}
    if chosen.get("decimals", "auto") == "auto":
        chosen["decimals"] = source.store.config.decimals
    options = FrameOptions(**chosen)
    operation = Operation(label(query), connection=source.name, timeout=seconds(timeout), draw=bar(progress))
    return query, options, operation


def _with_arrays(source: Source, query: Native | TableQuery, arrays: Any) -> Native | TableQuery:
    """The query with the columns of lists that the caller names."""
    if arrays is None:
        return query
    if not source.store.backend.names_arrays:
        raise ConfigError(f"arrays= is for Elasticsearch; {source.store.backend.name} declares its array columns")
    named = [arrays] if isinstance(arrays, str) else list(arrays)
    if not all(isinstance(name, str) for name in named):
        raise ConfigError("arrays= takes the names of columns")
    return replace(query, arrays=tuple(named))


async def _framed(table: pa.Table, options: FrameOptions, warned: set[str], operation: Operation) -> Any:
    """The frame of a table; ``warned``: the columns of the same result that were warned of."""
    with operation.parts.during("conversion"):
        if table.nbytes <= SMALL:
            return to_frame(table, options, warned=warned)
        return await in_worker(lambda: to_frame(table, options, warned=warned))


def _described(frame: Any, query: Native | TableQuery, operation: Operation, *, rows: int) -> Any:
    """The frame with ``attrs["dk"]``: plain JSON values, so that pandas can write the frame to Parquet."""
    if isinstance(frame, pd.DataFrame):
        text = query.text if isinstance(query, Native) else query.table
        frame.attrs["dk"] = {
            "query": text if isinstance(text, str) else dict(text),
            "connection": operation.connection,
            "rows": rows,
            "seconds": round(operation.seconds, 6),
        }
    return frame


def label(query: Native | TableQuery) -> str:
    """How `dk.running()` and progress bars call this query: its text on one line, 80 characters at most."""
    text = query.text if isinstance(query, Native) else f"table {query.table}"
    return " ".join(str(text).split())[:80]


def row_count(name: str, value: int | None) -> int | None:
    """``value`` if it is a number of rows (or None), else ConfigError."""
    if value is None:
        return None
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < 0:
        raise ConfigError(f"{name} must be a whole number of at least 0, not {value!r}")
    return int(value)


def chunk_size(rows: int) -> int:
    """``rows`` if a chunk can have that many, else ConfigError."""
    if row_count("chunk_rows", rows) in (None, 0):
        raise ConfigError(f"chunk_rows must be a whole number of at least 1, not {rows!r}")
    return int(rows)


def seconds(timeout: float | None) -> float | None:
    """``timeout`` if it is a positive number of seconds (or None), else ConfigError."""
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not timeout > 0:
        raise ConfigError(f"timeout must be a number of seconds above 0, not {timeout!r}")
    return float(timeout)
