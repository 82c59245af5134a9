"""Rows of a table: pruned, read and filtered by Arrow in worker threads."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from dk_notebook.backends.base import TableQuery
from dk_notebook.backends.s3.flow import Turns, flow
from dk_notebook.backends.s3.reading.conditions import expressed
from dk_notebook.backends.s3.reading.dataset import Dataset, Opener, Part, Span
from dk_notebook.backends.s3.reading.rows import matching, ordered
from dk_notebook.errors import ConfigError, Conflict, NotFound, QueryError, did_you_mean
from dk_notebook.frames.stream import ArrowStream
from dk_notebook.records.condition_fields import named_in
from dk_notebook.records.filters import Condition, Field, Sort
from dk_notebook.runtime.operations import Operation
from dk_notebook.runtime.workers import in_worker

WHOLE: Final = 131_072
"""Rows a batch when everything is read at once."""
AHEAD: Final = 8
"""Parts of files that are read ahead where memory need not be bounded; else it is one, and one that is on its way."""
MADE: Final = min(os.cpu_count() or 1, 8)
"""Parts whose rows are made at the same time: more of them would only wait for each other."""
QUICK: Final = 2 * MADE
PROMPT: Final = 0.03
"""Parts that are under way at the same time as long as each is there within so many seconds; else `AHEAD` and those
that are being made."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is read of a dataset, and what is left to do with it here."""

    columns: tuple[str, ...]
    """Of the result, and after these what only a condition or the order needs."""
    wanted: int
    """How many of them are the result's."""
    expression: Any
    condition: Condition | None
    """To be decided here."""
    order: tuple[Sort, ...]
    skip: int
    limit: int | None

    @property
    def rows_read(self) -> int | None:
        """How many rows of the files are enough; None: nobody knows."""
        if self.limit is None or self.order or self.condition is not None or self.expression is not None:
            return None
        return self.skip + self.limit


async def scan_table(
    open_table: Opener, query: TableQuery, operation: Operation, batch_rows: int | None
) -> ArrowStream:
    """The rows of a table; see `Session.scan`. Its first rows are read already.

    Begins anew, once, where files were replaced between the listing and that.
    """
    try:
        return await _begun(open_table, query, operation, batch_rows)
    except Conflict:
        return await _begun(open_table, query, operation, batch_rows)


async def _begun(open_table: Opener, query: TableQuery, operation: Operation, batch_rows: int | None) -> ArrowStream:
    dataset = await open_table(query.table)
    plan = planned(dataset.schema, query)
    stream = _Scan(dataset, plan, operation, batch_rows)
    try:
        await stream.begin()
    except BaseException:
        await stream.aclose()
        raise
    return stream


# --- what is asked ----------------------------------------------------------------------------------------------------


def planned(schema: pa.Schema, query: TableQuery) -> Plan:
    """What to read of a table with these columns. NotFound: one that is asked for is not there."""
    asked = query.query
    if asked.columns is not None and not asked.columns:
        raise ConfigError("no columns are selected")
    chosen = schema.names if asked.columns is None else [_column(schema, each) for each in asked.columns]
    named = [_column(schema, each) for each in named_in(asked.condition)]
    sorted_by = [_column(schema, each.field) for each in asked.order]
    found = expressed(asked.condition, schema)
    needed = [*chosen, *([] if found.sure else named), *sorted_by]
    return Plan(
        columns=tuple(dict.fromkeys(needed)),
        wanted=len(dict.fromkeys(chosen)),
        expression=None if asked.condition is None else found.expression,
        condition=None if found.sure else asked.condition,
        order=asked.order,
        skip=asked.skip,
        limit=asked.max_rows,
    )


def _column(schema: pa.Schema, field: Field) -> str:
    """The column that a field is, or lies in."""
    if schema.get_field_index(field.name) >= 0:
        return field.name
    if len(field.path) > 1 and schema.get_field_index(field.path[0]) >= 0:
        return field.path[0]
    raise NotFound(
        f"there is no column {field.name!r}",
        hint=did_you_mean(field.name, schema.names) or f"there are {', '.join(schema.names)}",
    )


# --- the rows ---------------------------------------------------------------------------------------------------------


async def _each(parts: Iterable[Part]) -> AsyncGenerator[list[Part], None]:
    for part in parts:
        yield [part]


async def _one_by_one(
    lists: AsyncGenerator[list[list[Span]], None], rows: int | None
) -> AsyncGenerator[list[Span], None]:
    """Each on its own, until there are so many rows (None: all of them)."""
    async with aclosing(lists):
        async for found in lists:
            for spans in found:
                for span in spans:
                    yield [span]
                    if rows is not None and span.rows is not None:
                        rows -= span.rows
                        if rows <= 0:
                            return


class _Scan(ArrowStream):
    """Batches of a table, part after part of file after file, the next ones being read meanwhile.

    What a part takes goes with it: where memory is bounded, a large file is never there as a whole.
    """

    def __init__(self, dataset: Dataset, plan: Plan, operation: Operation, batch_rows: int | None) -> None:
        self._dataset = dataset
        self._plan = plan
        self._operation = operation
        self._rows = batch_rows or WHOLE
        self._whole = batch_rows is None and plan.limit is None
        self._read = pa.schema([dataset.schema.field(name) for name in plan.columns])
        self._as_read = dataset.gives(self._read) and plan.condition is None
        self._files = dataset.kept(plan.expression)
        self._spans: dict[Part, tuple[int, int]] = {}
        """How many parts of a file were fetched, of how many."""
        self._turns = Turns(QUICK, PROMPT)
        self._makers = asyncio.Semaphore(MADE)
        self._readers = self._read_ahead()
        self._reader: Any = None
        self._first: pa.RecordBatch | None = None
        self._position = 0
        super().__init__(pa.schema(list(self._read)[: plan.wanted]), self._handed_out())

    async def begin(self) -> None:
        """Read up to the first rows."""
        self._expect()
        if self._plan.limit != 0:
            self._first = await self._next()

    def _expect(self) -> None:
        """Say how much there is, where that is known: rows, or the bytes of the files."""
        plan, operation = self._plan, self._operation
        operation.read = 0
        if plan.limit is None:
            operation.total_read = sum(part.file.size for part in self._files)
        rows = self._dataset.rows
        if rows is not None and plan.condition is None and plan.expression is None:
            rows = max(rows - plan.skip, 0)
            operation.total_rows = rows if plan.limit is None else min(rows, plan.limit)

    async def aclose(self) -> None:
        """See `ArrowStream.aclose`."""
        await super().aclose()
        await self._readers.aclose()
        self._reader = None

    def _read_ahead(self) -> AsyncGenerator[list[Iterator[pa.RecordBatch]], None]:
        """The batches of part after part. Files are described, parts fetched and parts made at the same time."""
        dataset, plan = self._dataset, self._plan

        async def spans(part: Part) -> list[Span]:
            found = await dataset.spans(part, plan.columns, plan.expression, bounded=not self._whole)
            self._spans[part] = (0, len(found))
            if not found:
                self._operation.read += part.file.size
            return found

        described = flow(_each(self._files), spans, at_once=AHEAD, ahead=AHEAD)
        parts = _one_by_one(described, plan.rows_read)
        if self._whole:
            return flow(parts, self._fetched_and_made, at_once=AHEAD + MADE, ahead=2 * AHEAD)
        there = flow(parts, self._fetched, at_once=1, ahead=1)
        return flow(there, self._made, at_once=1, ahead=1)

    async def _fetched(self, span: Span) -> Any:
        fragment = await self._dataset.fetched(span, as_labels=self._plan.expression is None)
        done, of = self._spans[span.part]
        self._spans[span.part] = (done + 1, of)
        size = span.part.file.size
        self._operation.read += size * (done + 1) // of - size * done // of
        return fragment

    async def _fetched_and_made(self, span: Span) -> Iterator[pa.RecordBatch]:
        """The rows of a part; those of the part that is there first are made first.

        Where fetching is quick, few are under way: the processor makes rows of the first ones while the others come,
        and the memory of those that are done serves the next. Who takes longer waits for the network, and stands in
        nobody's way.
        """
        async with self._turns.turn() as is_there:
            fragment = await self._fetched(span)
            is_there()
            async with self._makers:
                return await self._made(fragment)

    async def _made(self, fragment: Any) -> Iterator[pa.RecordBatch]:
        """The batches of a fragment, made at once, except for a file of text in bounded memory."""
        plan, dataset = self._plan, self._dataset
        how = {"schema": dataset.physical, "columns": list(plan.columns), "filter": plan.expression}
        threads = not self._whole or len(self._files) < MADE

        def made() -> Iterator[pa.RecordBatch]:
            if self._whole or dataset.form == "parquet":
                table = fragment.to_table(**how, use_threads=threads)
                return iter(table.to_batches(max_chunksize=None if self._whole else self._rows))
            return iter(fragment.scanner(**how, batch_size=self._rows).to_reader())

        batches: Iterator[pa.RecordBatch] = await self._work(made)
        return batches

    async def _next(self) -> pa.RecordBatch | None:
        """The next batch that has rows which match."""
        while True:
            if self._reader is None:
                readers = await anext(self._readers, None)
                if readers is None:
                    return None
                [self._reader] = readers
            batch = self._read_one() if self._as_read else await self._work(self._read_one)
            if batch is None:
                self._reader = None
            elif batch.num_rows:
                return batch

    def _read_one(self) -> pa.RecordBatch | None:
        """The rows of the next batch that match, which may be none; None at the end of the file."""
        try:
            batch = next(self._reader)
        except StopIteration:
            return None
        shaped = self._dataset.shaped(batch, self._read, self._position)
        self._position += batch.num_rows
        return shaped if self._plan.condition is None else matching(shaped, self._plan.condition)

    async def _work(self, function: Callable[[], Any]) -> Any:
        try:
            return await in_worker(function)
        except (pa.ArrowException, OSError) as error:
            raise QueryError(f"{self._dataset.listing.location.url} cannot be read: {error}") from error

    async def _matching(self) -> AsyncGenerator[pa.RecordBatch, None]:
        """All rows that match, as they lie."""
        batch, self._first = self._first, None
        while batch is not None:
            yield batch
            batch = await self._next()

    async def _handed_out(self) -> AsyncGenerator[pa.RecordBatch, None]:
        plan = self._plan
        skip, left = plan.skip, plan.limit
        source = self._sorted() if plan.order else self._matching()
        try:
            async for batch in source:
                cut = batch.slice(skip, left)
                skip = max(0, skip - batch.num_rows)
                for start in range(0, cut.num_rows, self._rows):
                    part = cut.slice(start, self._rows).select(list(range(plan.wanted)))
                    self._operation.count(part.num_rows, part.nbytes)
                    yield part
                if left is not None:
                    left -= cut.num_rows
                    if left <= 0:
                        break
        finally:
            await source.aclose()

    async def _sorted(self) -> AsyncGenerator[pa.RecordBatch, None]:
        held: list[pa.RecordBatch] = [batch async for batch in self._matching()]
        if not held:
            return
        plan = self._plan
        most = None if plan.limit is None else plan.skip + plan.limit
        table = await in_worker(ordered, pa.Table.from_batches(held), plan.order, most)
        for batch in table.to_batches(max_chunksize=self._rows):
            yield batch
