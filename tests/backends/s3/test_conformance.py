from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import pytest

from dk_notebook.backends.s3 import BACKEND
from dk_notebook.backends.s3.config import S3Config
from dk_notebook.config.settings import build
from dk_notebook.errors import NotFound, QueryError
from dk_notebook.records.query import Query
from dk_notebook.testing.documents import DocumentTests
from dk_notebook.testing.place import Place
from dk_notebook.testing.queries import QueryTests
from dk_notebook.testing.suite import Suite

# Each document is a request.
pytestmark = [pytest.mark.s3, pytest.mark.timeout(300)]


class Records(Suite):
    """What both carriers have in common."""

    backend = BACKEND
    gaps: ClassVar[dict[str, str]] = {"transactions": "S3 has none"}
    refuses_ids = (QueryError,)
    many = 1_050  # two pages of a listing
    transport: ClassVar[str]

    async def drop(self, place: Place) -> None:
        async with place.documents() as session:
            await session.clear(place.table)

    @pytest.fixture
    def config(self, place: dict[str, Any]) -> S3Config:
        return build(S3Config, [("keyword", {**place, "transport": self.transport})])


class TestRecords(Records, DocumentTests, QueryTests):
    transport = "obstore"
    examples = 15
    of_comparisons = 61  # Python alone decides; 61 has nothing in common with the eight operators

    # --- what means something else here -----------------------------------------------------------------------------

    async def test_a_query_on_an_absent_table_is_not_found(self, config: S3Config) -> None:
        """A prefix is only a name; what can be absent is a bucket."""
        async with self.place(config) as place, place.documents() as session:
            with pytest.raises(NotFound, match="dk-test-absent"):
                await anext(session.find("s3://dk-test-absent/people", Query(), batch_rows=1))

    async def test_one_of_many_who_expect_a_version_gets_through(self, config: S3Config) -> None:
        """One request at a time: the gateway of the tests looks and writes in two steps."""
        one_by_one = replace(config, pool=replace(config.pool, max_size=1))
        await super().test_one_of_many_who_expect_a_version_gets_through(one_by_one)


class TestRecordsByTheOtherCarrier(Records, DocumentTests):
    transport = "aioboto3"

    async def test_one_of_many_who_expect_a_version_gets_through(self, config: S3Config) -> None:
        """As above."""
        one_by_one = replace(config, pool=replace(config.pool, max_size=1))
        await super().test_one_of_many_who_expect_a_version_gets_through(one_by_one)
