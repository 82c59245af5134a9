"""Queries of Elasticsearch as users type them: ES|QL and Query DSL, hits and aggregations, as frames of all forms."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
import time
import uuid
from collections.abc import Iterator

import pandas as pd
import pyarrow as pa
import pytest

import dk_notebook as dk
from dk_notebook.errors import ConfigError, DeadlineExceeded, QueryError, Unsupported
from tests.backends.elasticsearch.conftest import endless
from tests.backends.elasticsearch.flights import load
from tests.services.elasticsearch_address import ElasticsearchAddress

pytestmark = pytest.mark.elasticsearch


@pytest.fixture(scope="module")
def es(elasticsearch_node: ElasticsearchAddress) -> Iterator[dk.Connection]:
    with dk.connect(elasticsearch_node.url, name="es", replace=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def flights(elasticsearch_node: ElasticsearchAddress) -> Iterator[str]:
    name = f"dk-test-{uuid.uuid4().hex[:12]}"
    load(elasticsearch_node, name)
    yield name
    elasticsearch_node.delete_indices(name)


# --- ES|QL ------------------------------------------------------------------------------------------------------------


def test_esql_is_a_frame_with_faithful_dtypes(es: dk.Connection, flights: str) -> None:
    frame = dk.read_query(
        f"FROM {flights} | WHERE delay >= ?least | STATS n = COUNT(*), begun = MIN(at) BY late, carrier | SORT carrier",
        "es",
        params={"least": 5},
    )
    assert frame.astype(object).to_numpy().tolist() == [
        [1, pd.Timestamp("2024-01-02T22:00Z"), True, "AA"],
        [1, pd.Timestamp("2024-01-02T10:00Z"), True, "UA"],
    ]
    assert [str(dtype) for dtype in frame.dtypes[:3]] == ["Int64", "datetime64[ms, UTC]", "boolean"]


def test_esql_takes_a_sequence(es: dk.Connection) -> None:
    assert es.read_query("ROW a = ?1, b = ?2", params=[1, "x"]).to_dict("records") == [{"a": 1, "b": "x"}]


def test_esql_as_arrow_and_polars(es: dk.Connection) -> None:
    assert isinstance(es.read_query("ROW a = 1", as_="arrow"), pa.Table)
    assert es.read_query("ROW a = 1", as_="polars")["a"].to_list() == [1]


def test_columns_become_the_index_and_lists(es: dk.Connection, flights: str) -> None:
    frame = es.read_query(f"FROM {flights} METADATA _id | KEEP _id, tags", index="_id", arrays=["tags"])
    assert list(frame.loc["0", "tags"]) == ["a", "b"]


def test_esql_in_chunks(es: dk.Connection, flights: str) -> None:
    assert [len(frame) for frame in es.iter_query(f"FROM {flights} | KEEP carrier", chunk_rows=2)] == [2, 2, 1]


def test_a_cut_is_told_at_the_callers_line(es: dk.Connection) -> None:
    text = f"ROW a = {list(range(40))} | EVAL b = a | MV_EXPAND a | MV_EXPAND b"
    with pytest.warns(UserWarning, match="stopped at 1,000 rows") as told:
        es.read_query(text)
    assert told[0].filename == __file__


def test_the_frame_says_where_it_is_from(es: dk.Connection) -> None:
    said = es.read_query("ROW a = ?a", params={"a": dt.date(2024, 1, 1)}).attrs["dk"]
    assert (said["query"], said["connection"], said["rows"]) == ("ROW a = ?a", "es", 1)


async def test_esql_is_awaited_in_the_callers_loop(elasticsearch_node: ElasticsearchAddress) -> None:
    with dk.connect(elasticsearch_node.url, name="awaited") as connection:
        assert (await connection.aread_query("ROW a = 1"))["a"].tolist() == [1]
        await connection.aclose()


# --- hits -------------------------------------------------------------------------------------------------------------


def test_a_field_that_no_index_has_is_told_at_the_callers_line(es: dk.Connection, flights: str) -> None:
    with pytest.warns(UserWarning, match="no field 'carier'.*did you mean 'carrier'") as told:
        assert es.read_query({"index": flights, "query": {"term": {"carier": "AA"}}}).empty
    assert [each.filename for each in told] == [__file__]


# --- aggregations -----------------------------------------------------------------------------------------------------


def test_aggregations_are_a_tidy_frame(es: dk.Connection, flights: str) -> None:
    body = {
        "index": flights,
        "size": 0,
        "query": {"exists": {"field": "delay"}},
        "aggs": {
            "day": {
                "date_histogram": {"field": "at", "calendar_interval": "day"},
                "aggs": {"carrier": {"terms": {"field": "carrier"}, "aggs": {"delay": {"avg": {"field": "delay"}}}}},
            }
        },
    }
    frame = dk.read_query(body, "es")
    assert frame.columns.tolist() == ["day", "carrier", "doc_count", "delay"]
    assert str(frame["day"].dtype) == "datetime64[ms, UTC]"
    assert frame.sort_values(["day", "carrier"])["delay"].tolist() == [3.0, 5.0, 8.0, -2.0]


def test_top_hits_are_parsed(es: dk.Connection, flights: str) -> None:
    aggs = {"top": {"top_hits": {"size": 1, "sort": ["at"], "_source": ["carrier"]}}}
    frame = es.read_query({"index": flights, "aggs": aggs})
    assert frame.loc[0, "top"][0]["_source"] == {"carrier": "AA"}


def test_a_composite_in_chunks(es: dk.Connection, flights: str) -> None:
    sources = [{"carrier": {"terms": {"field": "carrier"}}}]
    body = {"index": flights, "aggs": {"c": {"composite": {"sources": sources, "size": 1}}}}
    frames = list(es.iter_query(body, chunk_rows=3))
    assert [frame["carrier"].tolist() for frame in frames] == [["AA", "B6", "DL"], ["UA"]]


def test_arrays_are_for_hits(es: dk.Connection, flights: str) -> None:
    with pytest.raises(ConfigError, match="arrays="):
        es.read_query({"index": flights, "aggs": {"n": {"value_count": {"field": "delay"}}}}, arrays=["tags"])


# --- the rest ---------------------------------------------------------------------------------------------------------


def test_the_plan_of_a_body_and_of_what_ran(es: dk.Connection, flights: str) -> None:
    assert dk.explain({"index": flights}, "es")["node"].tolist() == ["query"]
    assert "OutputOperator" in dk.explain(f"FROM {flights} | LIMIT 1", "es", analyze=True)["node"].tolist()


def test_execute_says_what_to_use(es: dk.Connection) -> None:
    with pytest.raises(Unsupported, match=r"ES\|QL only reads"):
        dk.execute("FROM x", "es")


def test_a_timeout_ends_the_query(es: dk.Connection) -> None:
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        es.read_query(endless()["query"], timeout=1)
    assert time.monotonic() - started < 3
    assert es.read_query("ROW a = 1")["a"].tolist() == [1]


def test_cancel_ends_the_query_from_another_thread(es: dk.Connection) -> None:
    timer = threading.Timer(1, dk.cancel)
    timer.start()
    with pytest.raises(QueryError, match="cancelled"):
        es.read_query(endless()["query"])
    timer.join()


def test_many_queries_at_once(elasticsearch_node: ElasticsearchAddress) -> None:
    async def all_of_them() -> list[int]:
        connection = dk.connect(elasticsearch_node.url, name="many", pool={"max_size": 2})
        frames = await asyncio.gather(*(connection.aread_query(f"ROW a = {n}") for n in range(8)))
        await connection.aclose()
        return [int(frame.loc[0, "a"]) for frame in frames]

    assert asyncio.run(all_of_them()) == list(range(8))
