"""Reading: a statement becomes a relation, whose types are known before it runs, and then a stream of batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Self

import duckdb
import pyarrow as pa

from dk_notebook.backends.duckdb import faithful
from dk_notebook.backends.duckdb.errors import located, translated, translating
from dk_notebook.backends.duckdb.frames_in_sql import registered
from dk_notebook.backends.duckdb.statement import Prepared, check_has_result, parts
from dk_notebook.backends.duckdb.types import Reading, reading, relabelled
from dk_notebook.backends.sql.sent import Sent

WHOLE = 250_000
"""Rows a batch when everything is read at once."""


@dataclass(eq=False)
class Result:
    """An open result of one cursor: its schema, and the batches one by one. Blocking: for worker threads."""

    schema: pa.Schema
    _reader: Any
    _batch_rows: int
    _sent: Sent
    _shapes: list[Callable[[pa.Array, int], pa.Array]]
    _resources: ExitStack
    rows: int = field(default=0, init=False)
    ahead: deque[pa.RecordBatch] = field(default_factory=deque, init=False)
    """Batches that `begin` has read."""
    ended: bool = field(default=False, init=False)
    """Whether none comes after those."""

    def begin(self) -> Self:
        """Read the first batch, and look behind one that is not full: a small result takes one visit to a worker."""
        for _ in range(2):
            batch = self.next()
            if batch is None:
                self.ended = True
                self.close()
                break
            self.ahead.append(batch)
            if batch.num_rows >= self._batch_rows:
                break
        return self

    def next(self) -> pa.RecordBatch | None:
        """The next batch that is not empty, or None at the end."""
        while True:
            try:
                with translating(self._sent):
                    batch = self._reader.read_next_batch()
            except StopIteration:
                return None
            if batch.num_rows:
                break
        columns = [shape(column, self.rows) for shape, column in zip(self._shapes, batch.columns, strict=True)]
        self.rows += batch.num_rows
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def close(self) -> None:
        """End the statement, wherever it is, and free what it holds."""
        self._reader = None
        self._resources.close()


def opened(cursor: Any, statement: Prepared, *, limit: int | None, frames: Any, batch_rows: int | None) -> Result:
    """The result of one statement. QueryError (NotFound) when DuckDB refuses it, or when it has no result columns."""
    check_has_result(parts(cursor, statement), statement)
    size = batch_rows or WHOLE
    with ExitStack() as resources:
        resources.enter_context(registered(cursor, statement.text, frames))
        relation = _relation(cursor, statement)
        readings = [reading(name, kind) for name, kind in zip(relation.columns, relation.types, strict=True)]
        shaped = _shaped(relation, readings, limit)
        sent = statement.sent if shaped is relation else statement.sent.within(shaped.sql_query())
        with translating(sent):
            reader = shaped.to_arrow_reader(size)
        unsigned = [str(kind) == "UHUGEINT" for kind in relation.types]
        shapes = [_shape(one, unsigned=flag) for one, flag in zip(readings, unsigned, strict=True)]
        return Result(pa.schema([one.field for one in readings]), reader, size, sent, shapes, resources.pop_all())


def _relation(cursor: Any, statement: Prepared) -> Any:
    try:
        return cursor.sql(statement.text, params=list(statement.values) if statement.values else None)
    except duckdb.Error as error:
        raise located(translated(error, statement.sent), cursor, statement.sent, statement.values) from error


def _shaped(relation: Any, readings: list[Reading], limit: int | None) -> Any:
    """With the casts that types need; columns by number, because names may repeat."""
    if any(one.cast for one in readings):
        relation = relation.project(
            ", ".join(
                f"CAST(#{number} AS {one.cast}) AS c{number}" if one.cast else f"#{number} AS c{number}"
                for number, one in enumerate(readings, 1)
            )
        )
    return relation if limit is None else relation.limit(limit)


def _shape(one: Reading, *, unsigned: bool) -> Callable[[pa.Array, int], pa.Array]:
    target, name, careful = one.field.type, one.field.name, faithful.careful(one.field.type)

    def shape(array: pa.Array, first: int) -> pa.Array:
        if careful:
            faithful.check(array, name, first=first, unsigned=unsigned)
        return relabelled(array, target)

    return shape
