"""What a store must be able to do with documents, for the records API (`dk_notebook.database`)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from dk_notebook.records.document import Document
from dk_notebook.records.query import Query

PutMode = Literal["create", "update", "upsert"]


@dataclass(frozen=True, kw_only=True)
class DocumentPlace:
    """Where the documents lie in a store. A backend with other words for it has a class of its own."""

    table: str = "records"
    """The table of the records, named as everywhere; with a schema given apart, a dot in it is part of the name."""
    schema: str | None = None
    """The schema of the table; None: the one in which the store looks for tables."""

    spellings: ClassVar[Mapping[str, str]] = {"table_name": "table", "schema_name": "schema"}
    """As in `BackendConfig`."""

    @property
    def name(self) -> str:
        """What the document methods of a Session take as ``table``."""
        return self.table if self.schema is None else f"{_quoted(self.schema)}.{_quoted(self.table)}"

    @property
    def making(self) -> Mapping[str, Any]:
        """What `Documents.prepare` takes beside the name."""
        return {}


def _quoted(part: str) -> str:
    return '"' + part.replace('"', '""') + '"'


class Documents(ABC):
    """A session that keeps documents. ``table`` is the name of a `DocumentPlace`; one that is not there is NotFound."""

    @abstractmethod
    async def prepare(self, table: str, **making: Any) -> None:
        """Make the place for documents, if it is absent and the store makes such places.

        ``making``: what `DocumentPlace.making` gives, of this backend's own.
        """

    @abstractmethod
    async def exists(self, table: str) -> bool:
        """Whether the place is there; where places are only names, whether it holds a document."""

    @abstractmethod
    async def get(self, table: str, ids: Sequence[str]) -> list[Document | None]:
        """The documents of these ids in their order, with their versions; None for one that is not there."""

    @abstractmethod
    async def put(self, table: str, documents: Sequence[Document], mode: PutMode) -> list[bool]:
        """Store whole documents; whether each was: False for one that is to be updated and is not there.

        Of several with one id the last one stays. Conflict: one that is to be created is there, or another version
        is there than the document has. All or nothing where the store can.
        """

    @abstractmethod
    async def delete(self, table: str, ids: Sequence[str]) -> list[bool]:
        """Take these away; whether each was there."""

    @abstractmethod
    async def clear(self, table: str) -> int:
        """Take all away; how many there were."""

    @abstractmethod
    def find(self, table: str, query: Query, *, batch_rows: int) -> AsyncGenerator[list[Document], None]:
        """The documents that a query finds, in its order, at most ``batch_rows`` at a time, in bounded memory.

        Exactly those of `records.filters`; where the store can only come close, `backends.derive` decides the rest.
        Without an order, limit and offset they come as they lie. Must be closed before the session ends.
        """

    @abstractmethod
    async def count(self, table: str, query: Query) -> int:
        """How many documents `find` would give."""
