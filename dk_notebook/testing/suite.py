"""What the tests of the suite share: the backend under test, and how to say things in its language."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pyarrow as pa

from dk_notebook.backends.base import Backend, BackendConfig
from dk_notebook.testing.place import Place


class Suite:
    """Settings of a run. A subclass sets ``backend``, gives a fixture ``config``, and says what is different.

    The texts are SQL; a backend with another language overrides them.
    """

    backend: ClassVar[type[Backend]]
    """The class under test."""
    gaps: ClassVar[Mapping[str, str]] = {}
    """Capability -> why the backend does not have it. Each must be refused with Unsupported."""
    types_back: ClassVar[Mapping[str, pa.DataType]] = {}
    """Sample -> the type in which this store gives it back, where that is not the sample's."""
    values_back: ClassVar[Mapping[str, list[Any]]] = {}
    """Sample -> its values as they come back, where another type writes them otherwise."""
    columns_back: ClassVar[Mapping[str, Mapping[str, list[Any]]]] = {}
    """Sample -> the columns that this store gives in its place, with their values: the fields of a struct, say."""
    no_such_types: ClassVar[Mapping[str, str]] = {}
    """Sample -> why the store has no type for it; writing it is a ConversionError or Unsupported."""

    refuses: ClassVar[tuple[type[Exception], ...]] = ()
    """What the store raises for documents that JSON has and it does not take: where a field has one type, say. The
    tests of queries then ask for the others, and begin with values of several types."""

    refuses_ids: ClassVar[tuple[type[Exception], ...]] = ()
    """What the store raises for ids that would lead to another place."""

    many: ClassVar[int] = 45_000
    """How many documents are many: more than one statement or page takes. Fewer where each is a request."""

    mistake: ClassVar[str] = "selct 1"
    """A statement that the store refuses."""
    slow: ClassVar[str] = "select 1"
    """A statement that runs for at least ten seconds."""

    def select_all(self, table: str) -> str:
        """All rows and columns of a table."""
        return f'select * from "{table}"'

    def select_where(self, table: str, column: str, parameter: str) -> str:
        """The rows in which a column has the value of a named parameter."""
        return f'select * from "{table}" where "{column}" = :{parameter}'

    def delete_all(self, table: str) -> str:
        """A statement that empties a table."""
        return f'delete from "{table}"'

    def insert_one(self, table: str) -> str:
        """A statement that adds a row ``id`` 100, ``n`` 1 to a table that has these two columns."""
        return f'insert into "{table}" (id, n) values (100, 1)'

    def small_numbers(self, table: str) -> str:
        """DDL of a table ``id`` (a key, not NULL), ``n`` (smallint, below 100)."""
        return f'create table "{table}" (id bigint primary key, n smallint check (n < 100))'

    async def drop(self, place: Place) -> None:
        """Take away what a test has made."""
        await place.execute(f'drop table if exists "{place.table}"')

    @asynccontextmanager
    async def place(self, config: BackendConfig) -> AsyncIterator[Place]:
        """An open backend; what the test made there is gone afterwards."""
        opened = await self.backend.open(config)
        try:
            place = Place(opened)
            yield place
            await self.drop(place)
        finally:
            await opened.close()
