from __future__ import annotations

from typing import Any, ClassVar

import pyarrow as pa
import pytest

from dk_notebook.backends.base import Native
from dk_notebook.backends.elasticsearch import BACKEND
from dk_notebook.backends.elasticsearch.config import ElasticsearchConfig
from dk_notebook.backends.elasticsearch.session import ElasticsearchSession
from dk_notebook.errors import ConfigError, QueryError
from dk_notebook.testing.backend import BackendTests
from dk_notebook.testing.place import Place
from dk_notebook.testing.writes import NEW, OLD
from tests.backends.elasticsearch.conftest import endless, settings

# Drawn documents get an index each, which takes the node its time.
pytestmark = [pytest.mark.elasticsearch, pytest.mark.timeout(600)]

MILLISECONDS = "a date has milliseconds, and the sample microseconds"
DECIMALS = "no field holds decimals exactly"
MOMENTS = pa.timestamp("ms", "UTC")


class TestElasticsearch(BackendTests):
    backend = BACKEND
    gaps: ClassVar[dict[str, str]] = {
        "truncate": "an index is replaced, never emptied: readers would see it half done",
        "transactions": "Elasticsearch has none",
        "execute": "ES|QL only reads",
        "constraints": "an index has types and no rules, and the suite says them by `execute`",
    }
    types_back: ClassVar[dict[str, pa.DataType]] = {
        **dict.fromkeys(("int8", "int16", "int32", "uint8", "uint16", "uint32"), pa.int64()),
        "date": MOMENTS,
        "time": pa.string(),
        "nanoseconds": pa.timestamp("ns", "UTC"),
        "duration": pa.int64(),
        "enum": pa.string(),
    }
    values_back: ClassVar[dict[str, list[Any]]] = {
        "time": ["00:00:00.000000", "23:59:59.999999", None],
        "duration": [1_000_001, None],
    }
    columns_back: ClassVar[dict[str, dict[str, list[Any]]]] = {
        "struct": {"struct.a": [1, None], "struct.b c": ["x", None]},
        "map": {"map.a": [1, None, None]},
    }
    no_such_types: ClassVar[dict[str, str]] = {
        "uint64": "the node of the tests is without the module of unsigned_long",
        "float64": "JSON has no infinity",
        "decimal": DECIMALS,
        "wide_decimal": DECIMALS,
        "timestamp": MILLISECONDS,
        "timestamptz": MILLISECONDS,
        "zoned": MILLISECONDS,
        "interval": "months are no length of time",
        "json": "an object field takes objects, no text and no number",
    }
    refuses = (QueryError,)
    examples = 50  # each in an index of its own
    at_once = 8
    mistake = "FRO t"
    slow = endless()["query"]

    def select_all(self, table: str) -> str:
        return f'FROM "{table}" | LIMIT 10000'

    def select_where(self, table: str, column: str, parameter: str) -> str:
        return f'FROM "{table}" | WHERE `{column}` == ?{parameter} | LIMIT 10000'

    async def drop(self, place: Place) -> None:
        async with place.session() as session:
            assert isinstance(session, ElasticsearchSession)
            found = await session.client.json("GET", f"/{place.table}*/_alias", params={"expand_wildcards": "all"})
            for index in found:  # a replacement has another name, and servers may refuse to delete by a pattern
                await session.client.raw("DELETE", f"/{index}", allowed=(404,))

    @pytest.fixture
    def config(self, elasticsearch_url: str) -> ElasticsearchConfig:
        return settings(elasticsearch_url)

    # --- what means something else here -----------------------------------------------------------------------------

    async def test_a_statement_without_result_columns_is_refused_before_it_runs(self, config: Any) -> None:
        """There is none; SQL is a mistake."""
        async with self.place(config) as place:
            await place.write(OLD)
            with pytest.raises(QueryError):
                await place.read(Native(text=self.delete_all(place.table)))
            assert len(await place.rows()) == 2

    async def test_upsert_without_a_unique_index_says_how_to_make_one(self, config: Any) -> None:
        """The id of a document is the index; one that was not made of the key finds nothing."""
        async with self.place(config) as place:
            await place.write(OLD)
            with pytest.raises(ConfigError) as raised:
                await place.write(NEW, mode="upsert", key=("id",))
            assert "mode='replace' with key=['id']" in str(raised.value)
