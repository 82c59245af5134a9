"""SQL over datasets: what a statement needs of each is read, and DuckDB runs it over that."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.dataset as ds

from dk_notebook.backends.base import Native
from dk_notebook.backends.duckdb.errors import translating
from dk_notebook.backends.duckdb.scan import Result
from dk_notebook.backends.duckdb.scan import opened as opened_result
from dk_notebook.backends.duckdb.statement import Prepared, check_has_result, parts, prepared
from dk_notebook.backends.s3.reading.dataset import Dataset, Opener
from dk_notebook.backends.s3.reading.image import all_of
from dk_notebook.backends.s3.sql import engine
from dk_notebook.backends.s3.sql.names import Named, named
from dk_notebook.backends.s3.sql.needs import Need, everything, needs
from dk_notebook.errors import NO_RESULT, ConfigError, Conflict, NotFound, QueryError
from dk_notebook.frames.stream import ArrowStream
from dk_notebook.runtime.operations import Operation
from dk_notebook.runtime.workers import in_worker

T = TypeVar("T")


class Tables:
    """The datasets that a statement names, open, and a connection to DuckDB that is to see them."""

    def __init__(self, cursor: Any, statement: Prepared) -> None:
        self.cursor = cursor
        self.statement = statement
        self.datasets: dict[str, Dataset] = {}
        self.needs: Mapping[str, Need] = {}
        self._running = False

    async def run(self, function: Callable[[], T]) -> T:
        """What ``function`` gives, in a worker thread; interrupted when it is cancelled."""

        def used() -> T:
            self._running = True
            try:
                with translating():
                    return function()
            finally:
                self._running = False

        return await in_worker(used, interrupt=self.cursor.interrupt)

    async def open(self, open_table: Opener) -> None:
        """Find the tables, and what is needed of them. NotFound; QueryError: it is no query."""
        found: Named = await self.run(self._named)

        async def one(name: str, place: int) -> None:
            try:
                self.datasets[name] = await open_table(name)
            except NotFound as error:
                if found.tree is not None:
                    _place(error, self.statement, place)
                    raise

        await all_of(one(name, place) for name, place in found.tables.items())
        schemas = {name: dataset.physical for name, dataset in self.datasets.items()}
        if found.tree is None:
            self.needs = everything(schemas)
        else:
            self.needs = needs(found.tree, self.statement.values, schemas)

    def _named(self) -> Named:
        try:
            check_has_result(parts(self.cursor, self.statement), self.statement)
        except QueryError as error:
            if error.code == NO_RESULT:
                error.hint = "SQL only reads here; df.dk.to_backend writes a dataset"
            raise
        return named(self.cursor, self.statement.text)

    async def load(self) -> dict[str, int]:
        """Read what is needed, and let DuckDB see it; how many files that is of each table."""
        shown = {}
        for name, dataset in self.datasets.items():
            need = self.needs[name]
            parts = dataset.kept(need.expression)
            loaded = await all_of(dataset.load(part, need.columns, need.expression) for part in parts)
            shown[name] = sum(map(bool, loaded))
            fragments = [fragment for each in loaded for fragment in each]
            await self.run(lambda: self.cursor.register(name, _table(dataset, fragments, need)))  # noqa: B023
        return shown

    def show_columns(self) -> None:
        """Let DuckDB see the columns of the tables without a row. In a worker thread."""
        for name, dataset in self.datasets.items():
            self.cursor.register(name, dataset.schema.empty_table())

    async def aclose(self) -> None:
        """Leave DuckDB."""
        if not self._running:  # else its thread is deaf to interrupts: the connection goes when it ends
            await in_worker(self.cursor.close)


def _place(error: NotFound, statement: Prepared, place: int) -> None:
    """Have the error of a table tell where the statement names it."""
    if place >= 0:
        error.query, error.position = statement.sent.text, statement.sent.to_source(place)


def _table(dataset: Dataset, fragments: list[Any], need: Need) -> Any:
    """The rows of some files as DuckDB scans them."""
    columns = pa.schema([dataset.physical.field(name) for name in need.columns])
    if dataset.form == "parquet":
        return ds.FileSystemDataset(fragments, columns, dataset.layout)
    seen = pa.schema([dataset.schema.field(name) for name in need.columns])
    batches, position = [], 0
    for fragment in fragments:
        scanner = fragment.scanner(schema=dataset.physical, columns=seen.names)
        for batch in scanner.to_reader():
            batches.append(dataset.shaped(batch, seen, position))
            position += batch.num_rows
    return pa.Table.from_batches(batches, seen)


async def tables_of(statement: Prepared, open_table: Opener) -> Tables:
    """What the statement names, open. NotFound."""
    tables = Tables(await in_worker(engine.cursor), statement)
    try:
        await tables.open(open_table)
    except BaseException:
        await tables.aclose()
        raise
    return tables


class _Result(ArrowStream):
    """The rows of a statement."""

    def __init__(self, tables: Tables, result: Result, operation: Operation) -> None:
        super().__init__(result.schema, self._handed_out())
        self._tables = tables
        self._result = result
        self._operation = operation

    async def _handed_out(self) -> AsyncGenerator[pa.RecordBatch, None]:
        while (batch := await self._next()) is not None:
            self._operation.count(batch.num_rows, batch.nbytes)
            yield batch

    async def _next(self) -> pa.RecordBatch | None:
        if self._result.ahead:
            return self._result.ahead.popleft()
        return None if self._result.ended else await self._tables.run(self._result.next)

    async def aclose(self) -> None:
        """See `ArrowStream.aclose`."""
        await super().aclose()
        self._result.close()
        await self._tables.aclose()


async def scan_sql(query: Native, open_table: Opener, operation: Operation, batch_rows: int | None) -> ArrowStream:
    """The result of a SELECT over datasets; see `Session.scan`. What it needs of them is read already.

    Begins anew, once, where files were replaced between the listing and that.
    """
    statement = checked(query)
    try:
        return await _begun(query, statement, open_table, operation, batch_rows)
    except Conflict:
        return await _begun(query, statement, open_table, operation, batch_rows)


async def _begun(
    query: Native, statement: Prepared, open_table: Opener, operation: Operation, batch_rows: int | None
) -> ArrowStream:
    tables = await tables_of(statement, open_table)

    def start() -> Result:
        result = opened_result(tables.cursor, statement, limit=query.limit, frames=None, batch_rows=batch_rows)
        return result.begin()

    try:
        await tables.load()
        return _Result(tables, await tables.run(start), operation)
    except BaseException:
        await tables.aclose()
        raise


def checked(query: Native) -> Prepared:
    """The statement as DuckDB takes it. ConfigError: it is no SQL, or its parameters do not fit."""
    if not isinstance(query.text, str):
        raise ConfigError("a query for s3 is SQL text, not a Query DSL body")
    return prepared(query)
