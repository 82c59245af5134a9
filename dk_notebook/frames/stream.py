"""How tables travel: a schema first, then record batches."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from typing import Self

import pyarrow as pa


class ArrowStream:
    """A table on its way: ``schema`` is known before the first batch, batches are consumed once.

    ``async for batch in stream`` gives RecordBatches of exactly that schema, none of them empty. ``aclose`` may be
    called at any time, more than once, and frees what the source holds. A source that fails raises from the
    iteration; after that the stream is closed.
    """

    def __init__(self, schema: pa.Schema, batches: AsyncGenerator[pa.RecordBatch, None]) -> None:
        self.schema = schema
        self._batches = batches

    @classmethod
    def from_table(cls, table: pa.Table, *, batch_rows: int | None = None) -> Self:
        """The batches of a table in memory, without a copy; at most ``batch_rows`` rows each (None: as they lie)."""

        async def batches() -> AsyncGenerator[pa.RecordBatch, None]:
            for batch in table.to_batches(max_chunksize=batch_rows):
                if batch.num_rows:
                    yield batch

        return cls(table.schema, batches())

    @classmethod
    def from_batches(cls, schema: pa.Schema, source: Iterable[pa.RecordBatch]) -> Self:
        """Batches that are in memory already."""
        return cls.from_table(pa.Table.from_batches(list(source), schema))

    def __aiter__(self) -> AsyncIterator[pa.RecordBatch]:
        return self

    async def __anext__(self) -> pa.RecordBatch:
        return await anext(self._batches)

    async def aclose(self) -> None:
        """Free what the source holds; the rest of the batches is lost."""
        await self._batches.aclose()

    async def read_all(self) -> pa.Table:
        """What is left of the stream as one table, without a copy; the stream is closed afterwards."""
        try:
            return pa.Table.from_batches([batch async for batch in self], self.schema)
        finally:
            await self.aclose()
