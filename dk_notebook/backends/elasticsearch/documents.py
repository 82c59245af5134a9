"""Documents of the records API in an index."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from dk_notebook.backends.documents import Documents, PutMode
from dk_notebook.backends.elasticsearch import names
from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.backends.elasticsearch.records import mapping as document_mapping
from dk_notebook.backends.elasticsearch.records import search as document_search
from dk_notebook.backends.elasticsearch.records import writes as document_writes
from dk_notebook.records.document import Document
from dk_notebook.records.query import Query


class ElasticsearchDocuments(Documents):
    """The part of a session that keeps documents; ``client`` is the session's.

    What is read by its key is as it is now. What is searched for is what this process has written before, and what
    others have written a second ago.
    """

    client: Client

    async def prepare(self, table: str, **making: Any) -> None:  # noqa: ARG002 (the signature of `Documents`)
        """See `Documents.prepare`."""
        await document_mapping.prepare(self.client, table)

    async def exists(self, table: str) -> bool:
        """See `Documents.exists`."""
        return await self.client.exists(names.path(table))

    async def get(self, table: str, ids: Sequence[str]) -> list[Document | None]:
        """See `Documents.get`."""
        return await document_writes.get(self.client, table, ids)

    async def put(self, table: str, documents: Sequence[Document], mode: PutMode) -> list[bool]:
        """See `Documents.put`. Several are all or nothing only where they are new, and nobody cuts the connection."""
        return await document_writes.put(self.client, table, documents, mode)

    async def delete(self, table: str, ids: Sequence[str]) -> list[bool]:
        """See `Documents.delete`."""
        return await document_writes.delete(self.client, table, ids)

    async def clear(self, table: str) -> int:
        """See `Documents.clear`."""
        return await document_writes.clear(self.client, table)

    def find(self, table: str, query: Query, *, batch_rows: int) -> AsyncGenerator[list[Document], None]:
        """See `Documents.find`."""
        return document_search.found(self.client, table, query, batch_rows=batch_rows)

    async def count(self, table: str, query: Query) -> int:
        """See `Documents.count`."""
        return await document_search.counted(self.client, table, query)
