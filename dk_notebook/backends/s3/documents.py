"""Documents of the records API in a bucket: an object each."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from dk_notebook.backends.documents import Documents, PutMode
from dk_notebook.backends.s3.config import S3Config
from dk_notebook.backends.s3.datasets.location import Location
from dk_notebook.backends.s3.objects import Objects
from dk_notebook.backends.s3.records import by_id, search, writes
from dk_notebook.backends.s3.records.folder import Folder
from dk_notebook.backends.s3.records.keys import Keys
from dk_notebook.records.document import Document
from dk_notebook.records.query import Query
from dk_notebook.runtime.operations import Operation


class S3Documents(Documents):
    """The part of a session that keeps documents.

    ``table`` is a prefix under the connection's, or a whole ``s3://bucket/prefix``; empty: the connection's own. It is
    only a name: a bucket may be absent, a prefix never is.
    """

    operation: Operation

    @property
    @abstractmethod
    def config(self) -> S3Config:
        """The settings of the store."""

    @property
    @abstractmethod
    def objects(self) -> Objects:
        """The bucket of the connection. ConfigError: it names none."""

    @abstractmethod
    def objects_in(self, bucket: str) -> Objects:
        """Another bucket of the same store."""

    def _folder(self, table: str) -> Folder:
        if not table:
            inner = self.config.prefix
            return self._at(self.objects, f"{inner}/" if inner else "")
        place = Location.of(table, self.config)
        return self._at(self.objects_in(place.bucket), place.prefix)

    def _at(self, objects: Objects, prefix: str) -> Folder:
        return Folder(objects, Keys(prefix), self.config.pool.max_size, seen=self.operation.count)

    async def prepare(self, table: str, **making: Any) -> None:  # noqa: ARG002 (the signature of `Documents`)
        """Nothing is made. ConfigError: no bucket is named."""
        self._folder(table)

    async def exists(self, table: str) -> bool:
        """See `Documents.exists`."""
        return await by_id.is_any(self._folder(table))

    async def get(self, table: str, ids: Sequence[str]) -> list[Document | None]:
        """See `Documents.get`."""
        return await by_id.get(self._folder(table), ids)

    async def put(self, table: str, documents: Sequence[Document], mode: PutMode) -> list[bool]:
        """See `Documents.put`. Several are all or nothing only where they are new, and nobody cuts the connection."""
        return await writes.put(self._folder(table), documents, mode)

    async def delete(self, table: str, ids: Sequence[str]) -> list[bool]:
        """See `Documents.delete`."""
        return await by_id.delete(self._folder(table), ids)

    async def clear(self, table: str) -> int:
        """See `Documents.clear`."""
        return await by_id.clear(self._folder(table))

    def find(self, table: str, query: Query, *, batch_rows: int) -> AsyncGenerator[list[Document], None]:
        """See `Documents.find`."""
        return search.found(self._folder(table), query, batch_rows=batch_rows)

    async def count(self, table: str, query: Query) -> int:
        """See `Documents.count`."""
        return await search.counted(self._folder(table), query)
