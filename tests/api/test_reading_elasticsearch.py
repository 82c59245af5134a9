"""Reading, as users type it, on Elasticsearch."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import dk_notebook as dk
from dk_notebook.frames.columns import PANDAS_3
from tests.backends.elasticsearch.reading import fill, is_free, open_contexts, searches
from tests.services.elasticsearch_address import ElasticsearchAddress

pytestmark = pytest.mark.elasticsearch

TEXT = "str" if PANDAS_3 else "object"
INDEX = f"dk-test-flights-{uuid.uuid4().hex[:12]}"
COUNT = 12_000
PROPERTIES = {
    "at": {"type": "date"},
    "carrier": {"type": "keyword"},
    "delay": {"type": "float"},
    "late": {"type": "boolean"},
    "number": {"type": "short"},
    "origin": {"properties": {"code": {"type": "keyword"}, "place": {"type": "geo_point"}}},
    "remarks": {"type": "text"},
    "tags": {"type": "keyword"},
}
DTYPES = {
    "at": "datetime64[ms, UTC]",
    "carrier": TEXT,
    "delay": "float32",
    "late": "boolean",
    "number": "Int16",
    "origin.code": TEXT,
    "origin.place": "object",
    "remarks": TEXT,
    "tags": TEXT,
}


@pytest.fixture(scope="module")
def flights(elasticsearch_node: ElasticsearchAddress) -> Iterator[str]:
    """An index of 12,000 flights; one of them knows nothing."""
    documents = [
        {
            "at": f"2024-01-{1 + n % 28:02}T12:00:00.000Z",
            "carrier": ["AA", "UA", "DL"][n % 3],
            "delay": n / 8,
            "late": n % 2 == 0,
            "number": n,
            "origin": {"code": "JFK", "place": {"lat": 40.64, "lon": -73.78}},
            "remarks": f"Flight {n} left the gate",
        }
        for n in range(COUNT - 1)
    ]
    fill(elasticsearch_node, INDEX, [*documents, {}], PROPERTIES)
    yield INDEX
    elasticsearch_node.delete_indices(INDEX)


@pytest.fixture(scope="module")
def es(elasticsearch_url: str) -> Iterator[dk.Connection]:
    with dk.connect(elasticsearch_url, name="es", replace=True) as connection:
        yield connection


# --- read_table -----------------------------------------------------------------------------------------------------


def test_an_index_is_a_frame_of_all_its_documents(es: dk.Connection, flights: str) -> None:
    frame = dk.read_table(flights, "es")
    assert {str(name): str(dtype) for name, dtype in frame.dtypes.items()} == DTYPES
    assert len(frame) == COUNT
    assert frame["origin.place"][0] == {"lat": 40.64, "lon": -73.78}


def test_conditions_order_columns_and_limit_are_those_of_every_store(es: dk.Connection, flights: str) -> None:
    frame = es.read_table(
        flights,
        columns=["number", "carrier"],
        where=[("carrier", "in", ["AA", "UA"]), ("remarks", "like", "%99 left%"), ("at", ">=", "2024-01-10")],
        order_by="-number",
        limit=2,
    )
    expected = [n for n in range(COUNT - 1) if n % 3 < 2 and n % 100 == 99 and n % 28 >= 9][:-3:-1]
    assert frame.to_dict("list") == {"number": expected, "carrier": [["AA", "UA", "DL"][n % 3] for n in expected]}


def test_missing_values_come_last_over_all_pages(es: dk.Connection, flights: str) -> None:
    frame = es.read_table(flights, columns=["number"], order_by="-number")
    assert frame["number"].isna().to_list() == [False] * (COUNT - 1) + [True]
    assert frame["number"][: COUNT - 1].to_list() == list(range(COUNT - 2, -1, -1))


def test_the_id_is_a_column_or_the_index_when_it_is_named(es: dk.Connection, flights: str) -> None:
    frame = es.read_table(flights, columns=["_id", "number"], order_by="number", limit=2)
    assert frame.to_dict("list") == {"_id": ["0", "1"], "number": [0, 1]}
    frame = es.read_table(flights, columns=["number"], order_by="number", limit=2, index="_id")
    assert (frame.index.to_list(), list(frame.columns)) == (["0", "1"], ["number"])
    frame = es.read_query({"index": flights, "sort": "number", "size": 2, "_source": ["number"]}, index="_id")
    assert (frame.index.to_list(), list(frame.columns)) == (["0", "1"], ["number"])


def test_arrays_are_named_or_an_error(
    es: dk.Connection, elasticsearch_node: ElasticsearchAddress, elasticsearch_index: str
) -> None:
    fill(elasticsearch_node, elasticsearch_index, [{"tags": ["a", "b"]}, {"tags": "c"}], {"tags": {"type": "keyword"}})
    with pytest.raises(dk.ConversionError, match=r"arrays=\['tags'\]"):
        es.read_table(elasticsearch_index)
    frame = es.read_table(elasticsearch_index, arrays=["tags"], index="_id")
    assert str(frame["tags"].dtype) == "list<item: string>[pyarrow]"
    assert {label: list(tags) for label, tags in frame["tags"].items()} == {"0": ["a", "b"], "1": ["c"]}


def test_json_is_left_as_text_on_request(es: dk.Connection, flights: str) -> None:
    frame = es.read_table(flights, where=[("number", "=", 1)], json="text")
    assert frame["origin.place"].to_list() == ['{"lat":40.64,"lon":-73.78}']


def test_a_typo_in_the_name_of_an_index_is_told_the_nearest(es: dk.Connection, flights: str) -> None:
    with pytest.raises(dk.NotFound, match=f"did you mean '{flights}'"):
        es.read_table(flights.replace("flights", "flihgts"))


def test_arrow_and_polars_have_the_same_rows(es: dk.Connection, flights: str) -> None:
    table = es.read_table(flights, as_="arrow", order_by="number", limit=3)
    assert table.schema.field("at").type == pa.timestamp("ms", "UTC")
    frame = es.read_table(flights, as_="polars", order_by="number", limit=3)
    assert isinstance(frame, pl.DataFrame)
    assert frame["number"].to_list() == table["number"].to_pylist() == [0, 1, 2]


def test_an_empty_result_has_the_columns_of_a_full_one(es: dk.Connection, flights: str) -> None:
    empty = es.read_table(flights, where=[("number", "<", 0)])
    assert {str(name): str(dtype) for name, dtype in empty.dtypes.items()} == DTYPES
    assert len(empty) == 0


# --- chunks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk_rows", [500, 5_000, 100_000])
def test_chunks_have_the_rows_that_were_asked_for(es: dk.Connection, flights: str, chunk_rows: int) -> None:
    chunks = list(es.iter_table(flights, columns=["number"], chunk_rows=chunk_rows))
    assert {len(chunk) for chunk in chunks[:-1]} <= {chunk_rows}
    numbers = pd.concat(chunks)["number"]
    assert sorted(numbers.dropna()) == list(range(COUNT - 1))


def test_chunks_of_a_body_come_in_its_order(es: dk.Connection, flights: str) -> None:
    body = {"index": flights, "query": {"term": {"carrier": "AA"}}, "sort": "number", "_source": ["number"]}
    chunks = list(dk.iter_query(body, "es", chunk_rows=1_000))
    assert pd.concat(chunks)["number"].to_list() == list(range(0, COUNT - 1, 3))


def test_an_iterator_that_is_left_early_frees_the_server(
    es: dk.Connection, elasticsearch_node: ElasticsearchAddress, flights: str
) -> None:
    before = open_contexts(elasticsearch_node)
    for _ in es.iter_table(flights, chunk_rows=1_000):
        break
    assert is_free(elasticsearch_node, before)
    assert not searches(elasticsearch_node)


async def test_a_read_that_is_awaited_is_cancelled(es: dk.Connection, flights: str) -> None:
    task = asyncio.create_task(es.aread_table(flights))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(await es.aread_table(flights, limit=5)) == 5


# --- bodies ---------------------------------------------------------------------------------------------------------


def test_a_full_text_search_gives_the_best_hits_first(es: dk.Connection, flights: str) -> None:
    body = {"index": flights, "query": {"match": {"remarks": "flight 77"}}, "size": 3, "fields": ["_score"]}
    frame = es.read_query(body)
    assert frame["number"][0] == 77
    assert frame["_score"].is_monotonic_decreasing


def test_the_frame_says_what_was_asked(es: dk.Connection, flights: str) -> None:
    frame = es.read_query({"index": flights, "size": 1})
    assert frame.attrs["dk"]["query"] == {"index": flights, "size": 1}
    assert frame.attrs["dk"]["rows"] == 1


def test_params_beside_a_body_are_an_error(es: dk.Connection, flights: str) -> None:
    with pytest.raises(dk.ConfigError, match="params"):
        es.read_query({"index": flights}, params={"a": 1})
