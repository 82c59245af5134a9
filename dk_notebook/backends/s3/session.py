"""Work on an S3 store for one operation."""

from __future__ import annotations

import pyarrow as pa

from dk_notebook.backends.base import Native, Session, TableQuery, TableWrite, WritePlan, WriteReport
from dk_notebook.backends.s3 import catalog
from dk_notebook.backends.s3.config import S3Config
from dk_notebook.backends.s3.connections.bucket import Bucket
from dk_notebook.backends.s3.connections.requests import Requests
from dk_notebook.backends.s3.connections.store import Store
from dk_notebook.backends.s3.datasets.location import Location
from dk_notebook.backends.s3.documents import S3Documents
from dk_notebook.backends.s3.objects import Objects
from dk_notebook.backends.s3.reading.dataset import Dataset, opened
from dk_notebook.backends.s3.reading.scan import scan_table
from dk_notebook.backends.s3.sql.explain import explained
from dk_notebook.backends.s3.sql.query import scan_sql
from dk_notebook.backends.s3.writing.ingest import ingested
from dk_notebook.backends.s3.writing.plan import planned
from dk_notebook.errors import ConfigError, NotFound, Unsupported
from dk_notebook.frames.stream import ArrowStream
from dk_notebook.runtime.operations import Operation


class S3Session(Session, S3Documents):
    """What an operation asks of the store; it ends when the task that waits for it is cancelled."""

    def __init__(self, operation: Operation, store: Store) -> None:
        super().__init__(operation)
        self._requests = Requests(store, operation)
        self._buckets: dict[str, Bucket] = {}
        self._streams: list[ArrowStream] = []

    @property
    def config(self) -> S3Config:
        """The settings of the store."""
        return self._requests.store.config

    @property
    def objects(self) -> Objects:
        """The bucket of the connection. ConfigError: it names none."""
        if not self.config.bucket:
            raise ConfigError("the connection names no bucket", hint="bucket= names it, or a whole s3:// URL the table")
        return self.objects_in(self.config.bucket)

    def objects_in(self, bucket: str) -> Objects:
        """Another bucket of the same store."""
        found = self._buckets.get(bucket)
        if found is None:
            found = self._buckets[bucket] = Bucket(self._requests, bucket)
        return found

    async def open_table(self, name: str) -> Dataset:
        """The table of a name. NotFound, with the one that was probably meant; see `reading.dataset.opened`."""
        try:
            return await opened(self.objects_in, Location.of(name, self.config))
        except NotFound as error:
            raise await catalog.suggested(self, name, error) from error

    async def scan(self, query: TableQuery | Native, *, batch_rows: int | None = None) -> ArrowStream:
        """See `Session.scan`."""
        if isinstance(query, TableQuery):
            stream = await scan_table(self.open_table, query, self.operation, batch_rows)
        else:
            stream = await scan_sql(query, self.open_table, self.operation, batch_rows)
        self._streams.append(stream)
        return stream

    async def execute(self, statement: Native) -> int:  # noqa: ARG002 (as in the other backends)
        """Unsupported, always: SQL only reads here."""
        raise Unsupported("s3: dk.execute has nothing to run", hint="df.dk.to_backend writes a dataset")

    async def ingest(self, target: TableWrite, data: ArrowStream) -> WriteReport:
        """See `Session.ingest`. All or nothing for readers through this package; the report says what others see."""
        return await ingested(self.objects_in, self.config, self.operation, target, data)

    async def plan(self, target: TableWrite, schema: pa.Schema) -> WritePlan:
        """See `Session.plan`."""
        return await planned(self.objects_in, self.config, target, schema)

    # --- what S3 can do beyond it -----------------------------------------------------------------------------------

    async def tables(self) -> pa.Table:
        """See `Browsable.tables`."""
        return await catalog.tables(self)

    async def columns(self, table: str) -> pa.Table:
        """See `Browsable.columns`."""
        return await catalog.columns(self, table)

    async def names_below(self, folder: str) -> list[str]:
        """See `Foldered.names_below`."""
        return await catalog.names_below(self, folder)

    async def bucket_names(self) -> list[str]:
        """The buckets of the account. ConnectionFailed, and QueryError where they may not be listed."""
        return await self._requests.made(self._requests.store.general.buckets, bucket="")

    async def explain(self, query: Native, *, analyze: bool) -> pa.Table:
        """See `Explainable.explain`."""
        return await explained(query, self.open_table, analyze=analyze)

    # --- ends -------------------------------------------------------------------------------------------------------

    def cut(self) -> None:
        """End what runs, at once and from any thread."""
        self._requests.cut()

    async def finish(self) -> None:
        """End the streams that nobody has closed."""
        for stream in self._streams:
            await stream.aclose()
