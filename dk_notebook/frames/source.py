"""Everything that can be written, as one stream of Arrow batches."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from typing import Any, TypeVar

import pandas as pd
import pyarrow as pa

from dk_notebook.errors import ConfigError, ConversionError
from dk_notebook.frames import names, types
from dk_notebook.frames.cast import cast_exact
from dk_notebook.frames.dask import is_dask, partitions
from dk_notebook.frames.pandas import label, to_arrow
from dk_notebook.frames.stream import ArrowStream
from dk_notebook.frames.text import check_text

T = TypeVar("T")
Call = Callable[[Callable[[], Any]], Awaitable[Any]]
"""How to call a function that blocks; what makes frames may take its time."""


class Rows(ArrowStream):
    """A stream of what a caller gave, and what is known about it."""

    labels: Callable[[int], object] | None = None
    """Position -> index label of that row, where the data came from pandas and the row is still known."""
    total_rows: int | None = None
    """How many rows there will be, where that is known."""


class _Turns:
    """Lets one thread at a time use what gives rows piece by piece, and closes it.

    When nobody wants more, a worker may still be at it: a generator that is closed while another thread runs it ends
    the process (in Python 3.11), and so does a reader. Then the worker closes it, once it is through.
    """

    def __init__(self, close: Callable[[], object]) -> None:
        self._close = close
        self._lock = threading.Lock()
        self._over = threading.Event()

    def take(self, function: Callable[[], T]) -> T | None:
        """What the function gives; None: it came too late."""
        with self._lock:
            if self._over.is_set():
                return None
            try:
                return function()
            finally:
                if self._over.is_set():
                    self._close()

    def end(self) -> None:
        """Close it, now or when who uses it is through."""
        self._over.set()
        if self._lock.acquire(blocking=False):
            try:
                self._close()
            finally:
                self._lock.release()


async def directly(function: Callable[[], T]) -> T:
    """The function called here and now."""
    return function()


def as_stream(data: Any, *, index: bool = False, call: Call = directly) -> Rows:
    """The rows of a frame, a table, a reader or an iterator of frames, with their schema.

    Takes DataFrames, polars frames, pyarrow Tables, RecordBatches and RecordBatchReaders, dask frames (a partition
    at a time), whatever has ``__arrow_c_stream__``, and iterators of any of these: the first one's schema is the
    stream's, later ones are cast to it exactly. ``call``: how a function that may block is called.

    Raises at once what the first frame raises; from the iteration, ConversionError whose position counts through
    all frames. ConfigError: nothing of that kind can be written, or ``index=True`` without an index.

    >>> stream = as_stream(pd.DataFrame({"a": [1]}, index=["x"]))
    >>> stream.schema.names, stream.total_rows, stream.labels(0)
    (['a'], 1, 'x')
    """
    if is_dask(data):
        return _from_frames(partitions(data), index=index, call=call)
    table = _table(data, index=index)
    if table is not None:
        rows = Rows.from_table(table)
        rows.total_rows = table.num_rows
        if isinstance(data, pd.DataFrame):
            rows.labels = lambda position: label(data.index, position)
        return rows
    reader = _reader(data, index=index)
    if reader is not None:
        names.check_usable(reader.schema.names)
        return Rows(reader.schema, _from_reader(reader, call))
    if isinstance(data, Iterable) and not isinstance(data, (str, bytes, dict)):
        return _from_frames(iter(data), index=index, call=call)
    raise ConfigError(
        f"a {type(data).__name__} cannot be written as a table",
        hint="write a DataFrame, a pyarrow Table, a polars frame, or an iterator of these",
    )


def _is_polars(data: Any) -> bool:
    return type(data).__module__.partition(".")[0] == "polars"


def _table(data: Any, *, index: bool) -> pa.Table | None:
    """The data as one checked table, or None where it is no single table in memory."""
    if isinstance(data, pd.DataFrame):
        return to_arrow(data, index=index)
    if _is_polars(data) and hasattr(data, "collect"):
        data = data.collect()
    if _is_polars(data):
        from dk_notebook.frames import polars

        table = polars.to_arrow(data.to_frame() if hasattr(data, "to_frame") else data)
    elif isinstance(data, pa.RecordBatch):
        table = pa.Table.from_batches([data])
    elif isinstance(data, pa.Table):
        table = data
    else:
        return None
    _no_index(data, index=index)
    names.check_usable(table.column_names)
    _check(table, 0)
    return table


def _no_index(data: Any, *, index: bool) -> None:
    if index:
        raise ConfigError(f"index=True: a {type(data).__name__} has no index")


def _check(table: pa.Table | pa.RecordBatch, position: int) -> None:
    for column, values in zip(table.schema, table.columns, strict=True):
        check_text(values, column=column.name, position=position)


def _reader(data: Any, *, index: bool) -> Any:
    if isinstance(data, pa.RecordBatchReader):
        _no_index(data, index=index)
        return data
    if hasattr(data, "__arrow_c_stream__"):
        _no_index(data, index=index)
        return pa.RecordBatchReader.from_stream(data)
    return None


async def _from_reader(reader: Any, call: Call) -> AsyncGenerator[pa.RecordBatch, None]:
    position, turns = 0, _Turns(reader.close)

    def advance() -> pa.RecordBatch | None:
        try:
            batch = reader.read_next_batch()
        except StopIteration:
            return None
        _check(batch, position)
        return batch

    try:
        while (batch := await call(lambda: turns.take(advance))) is not None:
            position += batch.num_rows
            if batch.num_rows:
                yield batch
    finally:
        turns.end()


# --- iterators of frames ----------------------------------------------------------------------------------------


def _from_frames(frames: Iterator[Any], *, index: bool, call: Call) -> Rows:
    first = _next(frames, index=index, position=0)
    if first is None:
        raise ConfigError("the iterator gave no frame, so that no column is known")
    # A column of which the first frame knows no value is text, as it is where a table is made of one such frame.
    schema = pa.schema([c.with_type(pa.string()) if pa.types.is_null(c.type) else c for c in first.schema])
    return Rows(schema, _frames(frames, first, schema, index=index, call=call))


async def _frames(
    frames: Iterator[Any], first: pa.Table, schema: pa.Schema, *, index: bool, call: Call
) -> AsyncGenerator[pa.RecordBatch, None]:
    position, turns = 0, _Turns(getattr(frames, "close", lambda: None))

    def advance() -> pa.Table | None:
        found = _next(frames, index=index, position=position)
        return None if found is None else conform(found, schema, position=position)

    try:
        current: pa.Table | None = conform(first, schema)
        while current is not None:
            position += current.num_rows
            for batch in current.to_batches():
                if batch.num_rows:
                    yield batch
            current = await call(lambda: turns.take(advance))
    finally:
        turns.end()


def _next(frames: Iterator[Any], *, index: bool, position: int) -> pa.Table | None:
    """The next frame as a checked table; None at the end. A ConversionError's position is moved by ``position``."""
    data = next(frames, None)
    if data is None:
        return None
    try:
        table = _table(data, index=index)
        if table is None:
            reader = _reader(data, index=index)
            if reader is None:
                raise ConfigError(f"the iterator gave a {type(data).__name__}, which is no frame")
            table = reader.read_all()
            _check(table, 0)
    except ConversionError as error:
        if error.position is not None:
            error.position += position
        raise
    return table


def conform(table: pa.Table, schema: pa.Schema, *, position: int = 0) -> pa.Table:
    """The table with the columns of ``schema``, by name, cast exactly.

    ConversionError: one is missing, or too many, or a value does not fit; its row is counted from ``position``.

    >>> conform(pa.table({"b": [1.0], "a": ["x"]}), pa.schema({"a": pa.string(), "b": pa.int8()})).to_pydict()
    {'a': ['x'], 'b': [1]}
    """
    for name in sorted({*table.column_names} ^ {*schema.names}):
        side = "the first frame lacks" if name in table.column_names else "a later frame lacks"
        raise ConversionError(f"{side} it: the frames of one iterator have the same columns", column=name)
    arrays = []
    for column in schema:
        values = cast_exact(table.column(column.name), column.type, column=column.name, position=position)
        labels = types.labels_of(column)
        if labels is not None:
            values = _relabel(values, labels, column, position)
        arrays.append(values)
    return pa.Table.from_arrays(arrays, schema=schema)


def _relabel(values: Any, labels: list[str], column: pa.Field, position: int) -> Any:
    """The enum's values numbered by the labels that the first frame declared."""
    chunks = []
    for chunk in values.chunks:
        known = pa.array(labels, column.type.value_type)
        if chunk.dictionary.equals(known):
            chunks.append(chunk)
            position += len(chunk)
            continue
        plain = chunk.cast(column.type.value_type)
        indices = pa.compute.index_in(plain, value_set=known)
        unknown = pa.compute.and_(indices.is_null(), plain.is_valid())
        row = pa.compute.index(unknown, True).as_py()
        if row >= 0:
            raise ConversionError(
                "a label that the first frame's categories lack",
                column=column.name,
                position=position + row,
                source="category",
                hint="give all frames the same categories, or write plain values, as in "
                f"df[{column.name!r}].astype(df[{column.name!r}].cat.categories.dtype)",
            )
        codes = indices.cast(column.type.index_type)
        chunks.append(pa.DictionaryArray.from_arrays(codes, known, ordered=column.type.ordered))
        position += len(chunk)
    return pa.chunked_array(chunks, column.type)
