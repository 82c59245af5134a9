"""A place for datasets in a real store: written and read through the backend, looked at from outside."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from dk_notebook.backends.base import TableQuery, TableWrite, WritePlan, WriteReport
from dk_notebook.backends.s3.backend import S3Backend
from dk_notebook.backends.s3.datasets.manifest import NAME, Manifest
from dk_notebook.testing.place import Place
from tests.services.s3_address import S3Address

Data = pa.Table | Mapping[str, Sequence[Any]]
OPTIONS = ("format", "compression", "partition_by")


class Lake:
    """A table of its own, or several, below a prefix; ``store`` is asked by another client than ours."""

    def __init__(self, backend: S3Backend, store: S3Address, bucket: str, prefix: str) -> None:
        self.backend = backend
        self.store = store
        self.bucket = bucket
        self.prefix = prefix
        self.place = Place(backend)
        self.table = f"t-{uuid.uuid4().hex[:12]}"

    async def write(self, data: Data, table: str | None = None, **how: Any) -> WriteReport:
        """Write columns; ``options`` as keywords of their own."""
        options = {name: how.pop(name) for name in OPTIONS if name in how}
        return await self.place.write(data, table or self.table, options=options, **how)

    async def plan(self, schema: pa.Schema, table: str | None = None, **how: Any) -> WritePlan:
        options = {name: how.pop(name) for name in OPTIONS if name in how}
        async with self.place.session() as session:
            return await session.plan(TableWrite(table=table or self.table, options=options, **how), schema)

    async def read(self, table: str | None = None) -> pa.Table:
        return await self.place.read(TableQuery(table=table or self.table))

    async def rows(self, table: str | None = None) -> dict[str, list[Any]]:
        """The columns of a table, in its order."""
        found: dict[str, list[Any]] = (await self.read(table)).to_pydict()
        return found

    @property
    def base(self) -> str:
        """What the keys of the table begin with."""
        return f"{self.prefix}/{self.table}/"

    def paths(self) -> list[str]:
        """What lies below the table, as another client sees it."""
        return [key.removeprefix(self.base) for key in self.store.keys(self.bucket, self.base)]

    def files(self) -> list[str]:
        """The same without the manifest."""
        return [key for key in self.paths() if key != NAME]

    def body(self, path: str) -> bytes:
        """An object below the table."""
        return self.store.get(self.bucket, self.base + path)

    def put(self, path: str, body: bytes) -> None:
        """As another program does it."""
        self.store.put(self.bucket, self.base + path, body)

    @property
    def manifest(self) -> Manifest:
        """As it is now."""
        return Manifest.from_json(self.body(NAME))

    @manifest.setter
    def manifest(self, state: Manifest) -> None:
        self.put(NAME, state.to_json())
