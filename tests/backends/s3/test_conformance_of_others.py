"""Tables that other programs have made, without a manifest: read as those of this package are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from dk_notebook.backends.base import Backend, WriteReport
from dk_notebook.backends.s3 import BACKEND
from dk_notebook.backends.s3.config import S3Config
from dk_notebook.config.settings import build
from dk_notebook.testing.browses import BrowseTests
from dk_notebook.testing.place import Place
from dk_notebook.testing.reads import ReadTests
from tests.backends.s3.files import csv, gzipped, jsonl, parquet
from tests.services.s3_address import S3Address

pytestmark = pytest.mark.s3


class OthersPlace(Place):
    """Tables are put there as files, by another client."""

    def __init__(self, backend: Backend, config: S3Config, store: S3Address, files: Any) -> None:
        super().__init__(backend)
        self._config = config
        self._store = store
        self._files = files

    async def write(
        self, data: pa.Table | Mapping[str, Sequence[Any]], table: str | None = None, **how: Any
    ) -> WriteReport:
        """Of whole tables only."""
        assert not how
        rows = data if isinstance(data, pa.Table) else pa.table(dict(data))
        below = f"{self._config.prefix}/{table or self.table}"
        for path, body in self._files(rows):
            self._store.put(self._config.bucket, f"{below}/{path}", body)
        return WriteReport(rows=rows.num_rows, table=table or self.table, mode="fail")


def in_folders(rows: pa.Table) -> Any:
    """As Hive and Spark do it: a folder a value of the last column, which lies in no file."""
    *_, last = rows.column_names
    if rows.num_columns == 1:
        yield "part-0.parquet", parquet(rows)
        return
    for value in rows[last].unique().to_pylist():
        mask = pc.is_null(rows[last]) if value is None else pc.equal(rows[last], value)
        folder = "__HIVE_DEFAULT_PARTITION__" if value is None else str(value)
        yield f"{last}={folder}/part-0.parquet", parquet(rows.filter(mask).drop_columns([last]))
    yield "_SUCCESS", b""


def as_csv(rows: pa.Table) -> Any:
    """Two files of text, one of them compressed."""
    half = rows.num_rows // 2
    return [("a.csv", csv(rows.slice(0, half))), ("b.csv.gz", gzipped(csv(rows.slice(half))))]


def as_jsonl(rows: pa.Table) -> Any:
    return [("a.jsonl", jsonl(rows.to_pylist()))]


class Others(ReadTests, BrowseTests):
    backend = BACKEND
    gaps: ClassVar[dict[str, str]] = {"transactions": "S3 has none"}
    files: ClassVar[Any]
    # Nothing is read for it, so that the files do not matter.
    test_a_statement_without_result_columns_is_refused_before_it_runs = None

    @pytest.fixture
    def config(self, place: dict[str, Any], s3_store: S3Address) -> S3Config:
        self.store = s3_store
        return build(S3Config, [("keyword", place)])

    @asynccontextmanager
    async def place(self, config: Any) -> AsyncIterator[Place]:
        """See `Suite.place`; what is made there goes with the bucket."""
        opened = await self.backend.open(config)
        try:
            yield OthersPlace(opened, config, self.store, self.files)
        finally:
            await opened.close()


class TestFolders(Others):
    files = staticmethod(in_folders)


class TestCsv(Others):
    files = staticmethod(as_csv)


class TestJsonl(Others):
    files = staticmethod(as_jsonl)
