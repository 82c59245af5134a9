from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import replace
from typing import Any, ClassVar

import pyarrow as pa
import pytest

from dk_notebook.backends.base import Native
from dk_notebook.backends.s3 import BACKEND
from dk_notebook.backends.s3.config import S3Config
from dk_notebook.backends.s3.session import S3Session
from dk_notebook.config.settings import build
from dk_notebook.errors import PoolTimeout, QueryError
from dk_notebook.testing.browses import BrowseTests
from dk_notebook.testing.place import Place
from dk_notebook.testing.reads import ReadTests
from dk_notebook.testing.stops import StopTests
from dk_notebook.testing.writes import WriteTests

pytestmark = [pytest.mark.s3, pytest.mark.timeout(300)]


class TestTables(ReadTests, WriteTests, StopTests, BrowseTests):
    backend = BACKEND
    gaps: ClassVar[dict[str, str]] = {
        "truncate": "a dataset is replaced, never emptied",
        "upsert": "files have no keys",
        "ignore": "files have no keys",
        "transactions": "S3 has none",
        "execute": "SQL only reads here",
        "constraints": "files have types and no rules",
    }
    types_back: ClassVar[dict[str, pa.DataType]] = {
        "duration": pa.duration("us"),
        "zoned": pa.timestamp("us", "Europe/Berlin"),
        "enum": pa.dictionary(pa.int8(), pa.string()),
    }
    values_back: ClassVar[dict[str, list[Any]]] = {"duration": [dt.timedelta(seconds=1, microseconds=1), None]}
    no_such_types: ClassVar[dict[str, str]] = {"interval": "files of Parquet hold no such type"}
    slow = "select count(*) from range(100000000000) a where hash(range) = 1"

    async def drop(self, place: Place) -> None:
        async with place.session() as session:
            assert isinstance(session, S3Session)
            keys = [
                entry.key async for page in session.objects.list(f"{session.config.prefix}/") for entry in page.entries
            ]
            await session.objects.delete(keys)

    @pytest.fixture
    def config(self, place: dict[str, Any]) -> S3Config:
        return build(S3Config, [("keyword", place)])

    # --- what means something else here -----------------------------------------------------------------------------

    async def test_a_statement_without_result_columns_is_refused_before_it_runs(self, config: Any) -> None:
        """There is none that could run: SQL only reads."""
        async with self.place(config) as place:
            await place.write({"id": [1]})
            with pytest.raises(QueryError, match="no query"):
                await place.read(Native(text=self.delete_all(place.table)))
            assert len(await place.rows()) == 1

    async def test_who_waits_too_long_for_a_connection_is_told_who_has_them(self, config: S3Config) -> None:
        """A session takes none: each of its requests does."""
        narrow = replace(config, pool=replace(config.pool, max_size=1, timeout=0.2))
        async with self.place(narrow) as place, place.session() as session:
            assert isinstance(session, S3Session)
            slow = asyncio.create_task(session._requests.made(lambda: asyncio.sleep(30), bucket=""))
            await asyncio.sleep(0.05)
            with pytest.raises(PoolTimeout, match="a test"):
                await session.objects.get("a")
            slow.cancel()
            await asyncio.wait([slow])

    async def test_status_counts_what_is_in_use(self, config: S3Config) -> None:
        async with self.place(config) as place, place.session() as session:
            assert isinstance(session, S3Session)
            answered = asyncio.Event()
            running = asyncio.create_task(session._requests.made(answered.wait, bucket=""))
            await asyncio.sleep(0.05)
            assert (place.backend.status().in_use, place.backend.status().max_size) == (1, config.pool.max_size)
            answered.set()
            await running
            assert place.backend.status().in_use == 0
