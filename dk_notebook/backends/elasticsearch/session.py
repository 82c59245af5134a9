"""Work on one lease of a cluster."""

from __future__ import annotations

import pyarrow as pa

from dk_notebook.backends.base import Native, Session, TableQuery, TableWrite, WritePlan, WriteReport
from dk_notebook.backends.elasticsearch import catalog
from dk_notebook.backends.elasticsearch.aggregations.tables import has_aggregations, scan_aggregations
from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.backends.elasticsearch.documents import ElasticsearchDocuments
from dk_notebook.backends.elasticsearch.esql.query import scan_esql
from dk_notebook.backends.elasticsearch.execute import executed
from dk_notebook.backends.elasticsearch.explain import explained
from dk_notebook.backends.elasticsearch.mappings import mapped
from dk_notebook.backends.elasticsearch.reading.scan import scan_body, scan_table
from dk_notebook.backends.elasticsearch.records.freshness import refreshed
from dk_notebook.backends.elasticsearch.writing.ingest import ingested
from dk_notebook.backends.elasticsearch.writing.plan import planned
from dk_notebook.errors import NotFound
from dk_notebook.frames.stream import ArrowStream
from dk_notebook.runtime.operations import Operation


class ElasticsearchSession(Session, ElasticsearchDocuments):
    """A lease; what it asks the cluster ends when the task that waits for it is cancelled."""

    def __init__(self, operation: Operation, client: Client) -> None:
        super().__init__(operation)
        self.client = client
        self._streams: list[ArrowStream] = []

    async def scan(self, query: TableQuery | Native, *, batch_rows: int | None = None) -> ArrowStream:
        """See `Session.scan`. What this process has written as documents is there."""
        await refreshed(self.client)
        try:
            stream = await self._scan(query, batch_rows)
        except NotFound as error:
            raise await catalog.suggested(self.client, error) from error
        self._streams.append(stream)
        return stream

    async def _scan(self, query: TableQuery | Native, batch_rows: int | None) -> ArrowStream:
        if isinstance(query, TableQuery):
            return await scan_table(self.client, query, batch_rows=batch_rows)
        if isinstance(query.text, str):
            return await scan_esql(self.client, query, batch_rows=batch_rows)
        if has_aggregations(query.text):
            return await scan_aggregations(self.client, query, batch_rows=batch_rows)
        return await scan_body(self.client, query, batch_rows=batch_rows)

    async def execute(self, statement: Native) -> int:
        """See `Session.execute`."""
        return await executed(self.client, statement)

    async def ingest(self, target: TableWrite, data: ArrowStream) -> WriteReport:
        """See `Session.ingest`. Not all or nothing: the report says what was written."""
        return await ingested(self.client, target, data)

    async def plan(self, target: TableWrite, schema: pa.Schema) -> WritePlan:
        """See `Session.plan`."""
        return await planned(self.client, target, schema)

    # --- what Elasticsearch can do beyond it ------------------------------------------------------------------------

    async def tables(self) -> pa.Table:
        """See `Browsable.tables`."""
        return await catalog.tables(self.client)

    async def columns(self, table: str) -> pa.Table:
        """See `Browsable.columns`."""
        try:
            return await catalog.describe(self.client, table)
        except NotFound as error:
            raise await catalog.suggested(self.client, error) from error

    async def column_names(self, table: str) -> list[str]:
        """See `Listing.column_names`: those too that are columns only when they are named, as ``name.keyword``."""
        return list((await mapped(self.client, table)).all)

    async def explain(self, query: Native, *, analyze: bool) -> pa.Table:
        """See `Explainable.explain`."""
        return await explained(self.client, query, analyze=analyze)

    # --- ends -------------------------------------------------------------------------------------------------------

    async def finish(self) -> None:
        """End the streams that nobody has closed, and what a stop has left on the server."""
        for stream in self._streams:
            await stream.aclose()
        await self.client.finish()
