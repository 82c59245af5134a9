"""Aggregations on a real node: the rows, the columns and their types, pages, what is said of what is missing."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from dk_notebook.backends.base import Native
from dk_notebook.backends.elasticsearch.aggregations.tables import scan_aggregations
from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.errors import ConfigError, NotFound, QueryError
from tests.backends.elasticsearch.flights import load
from tests.services.elasticsearch_address import ElasticsearchAddress

pytestmark = pytest.mark.elasticsearch

MILLISECONDS = pa.timestamp("ms", "UTC")
NOBODY = {"term": {"carrier": "nobody"}}


@pytest.fixture(scope="module")
def flights(elasticsearch_node: ElasticsearchAddress) -> Iterator[str]:
    name = f"dk-test-{uuid.uuid4().hex[:12]}"
    load(elasticsearch_node, name)
    yield name
    elasticsearch_node.delete_indices(name)


async def read(client: Client, index: str, aggs: dict[str, Any], *, limit: int | None = None, **more: Any) -> pa.Table:
    query = Native(text={"index": index, "aggs": aggs, **more}, limit=limit)
    return await (await scan_aggregations(client, query, batch_rows=None)).read_all()


def terms(field: str, **more: Any) -> dict[str, Any]:
    return {"terms": {"field": field, "order": {"_key": "asc"}, **more}}


def rows(table: pa.Table) -> list[tuple[Any, ...]]:
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


# --- one level --------------------------------------------------------------------------------------------------------


async def test_a_row_a_bucket_and_a_column_a_metric(client: Client, flights: str) -> None:
    table = await read(
        client, flights, {"carrier": {**terms("carrier"), "aggs": {"delay": {"avg": {"field": "delay"}}}}}
    )
    assert table.column_names == ["carrier", "doc_count", "delay"]
    assert rows(table) == [("AA", 2, 4.0), ("B6", 1, None), ("DL", 1, -2.0), ("UA", 1, 8.0)]


async def test_metrics_alone_are_one_row(client: Client, flights: str) -> None:
    table = await read(client, flights, {"n": {"value_count": {"field": "delay"}}, "sum": {"sum": {"field": "fare"}}})
    assert (table.column_names, rows(table)) == (["n", "sum"], [(4, 134.75)])


KEYS: list[tuple[str, pa.DataType, Any]] = [
    ("carrier", pa.string(), "AA"),
    ("delay", pa.int64(), -2),
    ("distance", pa.int64(), -5),
    ("fare", pa.float64(), 5.0),
    ("late", pa.bool_(), False),
    ("at", MILLISECONDS, pd.Timestamp("2024-01-01T10:00Z")),
    ("landed", MILLISECONDS, pd.Timestamp("2024-01-01T12:00:00.123Z")),
    ("tower", pa.string(), "::1"),
]


@pytest.mark.parametrize(("field", "arrow", "first"), KEYS)
async def test_the_key_has_the_type_of_its_field(
    client: Client, flights: str, field: str, arrow: pa.DataType, first: Any
) -> None:
    table = await read(client, flights, {"key": terms(field)})
    assert (table.schema.field("key").type, table["key"][0].as_py()) == (arrow, first)


@pytest.mark.parametrize(("field", "arrow", "first"), KEYS)
async def test_the_key_of_a_composite_has_the_type_of_its_field(
    client: Client, flights: str, field: str, arrow: pa.DataType, first: Any
) -> None:
    source = {"key": {"terms": {"field": field}}}
    table = await read(client, flights, {"c": {"composite": {"sources": [source]}}})
    assert (table.schema.field("key").type, table["key"][0].as_py()) == (arrow, first)


@pytest.mark.parametrize(("field", "arrow", "first"), KEYS)
async def test_no_bucket_at_all_has_the_same_types(
    client: Client, flights: str, field: str, arrow: pa.DataType, first: Any
) -> None:
    aggs = {"key": {**terms(field), "aggs": {"at": {"max": {"field": "at"}}, "top": {"top_hits": {}}}}}
    table = await read(client, flights, aggs, query=NOBODY)
    assert table.num_rows == 0
    assert table.schema == (await read(client, flights, aggs)).schema


async def test_whole_numbers_beyond_a_double_are_exact(client: Client, flights: str) -> None:
    table = await read(client, flights, {"distance": {"terms": {"field": "distance", "order": {"_key": "desc"}}}})
    assert table["distance"][0].as_py() == 2**53 + 1


async def test_dates_are_dates_in_histograms_and_in_metrics(client: Client, flights: str) -> None:
    first = {"first": {"min": {"field": "at"}}}
    aggs = {"day": {"date_histogram": {"field": "at", "calendar_interval": "day"}, "aggs": first}}
    assert rows(await read(client, flights, aggs)) == [
        (pd.Timestamp("2024-01-01T00:00Z"), 1, pd.Timestamp("2024-01-01T10:00Z")),
        (pd.Timestamp("2024-01-02T00:00Z"), 2, pd.Timestamp("2024-01-02T10:00Z")),
        (pd.Timestamp("2024-01-03T00:00Z"), 2, pd.Timestamp("2024-01-03T00:00Z")),
    ]


async def test_days_of_a_time_zone_are_the_instants_at_which_they_begin(client: Client, flights: str) -> None:
    histogram = {"field": "at", "calendar_interval": "day", "time_zone": "America/New_York", "format": "yyyy"}
    table = await read(client, flights, {"day": {"date_histogram": histogram}})
    assert table["day"][0].as_py() == pd.Timestamp("2024-01-01T05:00Z")


@pytest.mark.parametrize("keyed", [True, False])
async def test_keyed_answers_are_the_same(client: Client, flights: str, keyed: bool) -> None:
    ranges = [{"to": 0}, {"from": 0, "key": "late"}]
    table = await read(client, flights, {"band": {"range": {"field": "delay", "ranges": ranges, "keyed": keyed}}})
    assert table.column_names == ["band", "band.from", "band.to", "doc_count"]
    assert rows(table) == [("*-0.0", None, 0.0, 1), ("late", 0.0, None, 3)]


async def test_ranges_of_dates_have_dates_as_edges(client: Client, flights: str) -> None:
    table = await read(client, flights, {"r": {"date_range": {"field": "at", "ranges": [{"to": "2024-01-02"}]}}})
    assert table.schema.field("r.to").type == MILLISECONDS
    assert table["r.to"][0].as_py() == pd.Timestamp("2024-01-02T00:00Z")


async def test_ranges_of_addresses_have_addresses_as_edges(client: Client, flights: str) -> None:
    table = await read(client, flights, {"net": {"ip_range": {"field": "tower", "ranges": [{"mask": "10.0.0.0/24"}]}}})
    assert rows(table) == [("10.0.0.0/24", "10.0.0.0", "10.0.1.0", 1)]


async def test_filters_by_name_and_by_place(client: Client, flights: str) -> None:
    late, early = {"term": {"late": True}}, {"term": {"late": False}}
    named = await read(client, flights, {"f": {"filters": {"filters": {"late": late, "early": early}}}})
    placed = await read(client, flights, {"f": {"filters": {"filters": [late, early], "other_bucket": True}}})
    assert sorted(rows(named)) == [("early", 2), ("late", 2)]
    assert rows(placed) == [(0, 2), (1, 2), (2, 1)]


async def test_grids_of_the_earth_are_text(client: Client, flights: str) -> None:
    table = await read(client, flights, {"tile": {"geotile_grid": {"field": "place", "precision": 3}}})
    assert rows(table) == [("3/2/3", 1)]


async def test_numbers_in_steps(client: Client, flights: str) -> None:
    table = await read(client, flights, {"step": {"histogram": {"field": "delay", "interval": 5}}})
    assert rows(table) == [(-5.0, 1), (0.0, 1), (5.0, 2)]


async def test_a_missing_value_that_is_given_is_a_key(client: Client, flights: str) -> None:
    table = await read(client, flights, {"origin": terms("origin", missing="?")})
    assert rows(table)[0] == ("?", 1)


# --- metrics ----------------------------------------------------------------------------------------------------------


async def test_stats_are_a_column_each(client: Client, flights: str) -> None:
    table = await read(client, flights, {"d": {"stats": {"field": "delay"}}})
    assert table.to_pylist() == [{"d.count": 4, "d.min": -2.0, "d.max": 8.0, "d.avg": 3.5, "d.sum": 14.0}]


async def test_stats_of_dates_are_dates(client: Client, flights: str) -> None:
    schema = (await read(client, flights, {"d": {"stats": {"field": "at"}}})).schema
    assert [schema.field(f"d.{name}").type for name in ("min", "max", "avg")] == [MILLISECONDS] * 3


async def test_extended_stats_have_their_bounds(client: Client, flights: str) -> None:
    table = await read(client, flights, {"d": {"extended_stats": {"field": "delay"}}})
    assert table["d.std_deviation_bounds.upper"][0].as_py() == pytest.approx(
        3.5 + 2 * table["d.std_deviation"][0].as_py()
    )


async def test_percentiles_are_named_by_their_percents(client: Client, flights: str) -> None:
    percentiles = {"field": "delay", "percents": [50, 99.9, 0.0001]}
    table = await read(client, flights, {"d": {"percentiles": percentiles}})
    assert table.column_names == ["d.50.0", "d.99.9", "d.0.0001"]
    assert table["d.50.0"][0].as_py() == 4.0


async def test_percentiles_without_percents_are_the_servers(client: Client, flights: str) -> None:
    table = await read(client, flights, {"d": {"percentiles": {"field": "at", "keyed": True}}})
    assert table.column_names == [f"d.{percent}.0" for percent in (1, 5, 25, 50, 75, 95, 99)]
    assert table.schema.types == [MILLISECONDS] * 7


async def test_ranks_of_percentiles(client: Client, flights: str) -> None:
    table = await read(client, flights, {"d": {"percentile_ranks": {"field": "delay", "values": [2e9, -100]}}})
    assert table.to_pylist() == [{"d.2000000000.0": 100.0, "d.-100.0": 0.0}]


async def test_counts_are_whole_numbers(client: Client, flights: str) -> None:
    table = await read(client, flights, {"c": {"cardinality": {"field": "carrier"}}})
    assert (table.schema.types, rows(table)) == ([pa.int64()], [(4,)])


async def test_places_and_hits_are_json(client: Client, flights: str) -> None:
    aggs = {
        "box": {"geo_bounds": {"field": "place"}},
        "centre": {"geo_centroid": {"field": "place"}},
        "top": {"top_hits": {"size": 1, "_source": ["carrier"], "sort": ["at"]}},
    }
    table = await read(client, flights, aggs)
    assert table.column_names == ["box", "centre", "centre.count", "top"]
    assert [b"dk.json" in (field.metadata or {}) for field in table.schema] == [True, True, False, True]
    assert '"_source":{"carrier":"AA"}' in table["top"][0].as_py()


async def test_what_was_computed_of_nothing_is_null(client: Client, flights: str) -> None:
    aggs = {"a": {"avg": {"field": "delay"}}, "m": {"max": {"field": "at"}}, "b": {"geo_bounds": {"field": "place"}}}
    assert rows(await read(client, flights, aggs, query=NOBODY)) == [(None, None, None)]


# --- pipelines --------------------------------------------------------------------------------------------------------


async def test_pipelines_are_columns_beside_what_they_are_made_of(client: Client, flights: str) -> None:
    below = {
        "sum": {"sum": {"field": "delay"}},
        "so_far": {"cumulative_sum": {"buckets_path": "sum"}},
        "step": {"serial_diff": {"buckets_path": "sum"}},
    }
    aggs = {"day": {"date_histogram": {"field": "at", "calendar_interval": "day"}, "aggs": below}}
    table = await read(client, flights, aggs)
    assert rows(table.select(["sum", "so_far", "step"])) == [(3.0, 3.0, None), (13.0, 16.0, 10.0), (-2.0, 14.0, -15.0)]


async def test_pipelines_over_siblings_stand_in_every_row(client: Client, flights: str) -> None:
    aggs = {
        "carrier": {**terms("carrier"), "aggs": {"sum": {"sum": {"field": "delay"}}}},
        "most": {"max_bucket": {"buckets_path": "carrier>sum"}},
    }
    table = await read(client, flights, aggs)
    assert table["most"].to_pylist() == [8.0] * 4
    assert table["most.keys"][0].as_py() == ["AA", "UA"]


# --- trees ------------------------------------------------------------------------------------------------------------


async def test_nested_buckets_are_multiplied_out(client: Client, flights: str) -> None:
    inner = {**terms("origin"), "aggs": {"sum": {"sum": {"field": "delay"}}}}
    aggs = {"carrier": {**terms("carrier"), "aggs": {"origin": inner, "all": {"sum": {"field": "delay"}}}}}
    table = await read(client, flights, aggs)
    assert table.column_names == ["carrier", "origin", "doc_count", "sum", "all"]
    assert rows(table) == [
        ("AA", "JFK", 1, 3.0, 8.0),
        ("AA", "LGA", 1, 5.0, 8.0),
        ("B6", "LGA", 1, 0.0, 0.0),
        ("DL", None, 0, None, -2.0),  # without an origin: not lost
        ("UA", "JFK", 1, 8.0, 8.0),
    ]


async def test_a_bucket_alone_is_a_row(client: Client, flights: str) -> None:
    aggs = {"late": {"filter": {"term": {"late": True}}, "aggs": {"delay": {"max": {"field": "delay"}}}}}
    table = await read(client, flights, aggs)
    assert (table.column_names, rows(table)) == (["doc_count", "delay"], [(2, 8.0)])


async def test_buckets_side_by_side_have_their_names_in_front(client: Client, flights: str) -> None:
    delay = {"delay": {"max": {"field": "delay"}}}
    aggs = {
        "late": {"filter": {"term": {"late": True}}, "aggs": delay},
        "all": {"global": {}, "aggs": delay},
        "nowhere": {"missing": {"field": "origin"}},
    }
    table = await read(client, flights, aggs, query={"term": {"carrier": "AA"}})
    assert table.to_pylist() == [
        {"late.doc_count": 1, "late.delay": 5.0, "all.doc_count": 5, "all.delay": 8.0, "nowhere.doc_count": 0}
    ]


async def test_a_filter_in_a_bucket_is_a_column_of_its_row(client: Client, flights: str) -> None:
    aggs = {"carrier": {**terms("carrier"), "aggs": {"late": {"filter": {"term": {"late": True}}}}}}
    table = await read(client, flights, aggs)
    assert table.column_names == ["carrier", "doc_count", "late.doc_count"]
    assert rows(table)[0] == ("AA", 2, 1)


async def test_nested_objects_and_back(client: Client, flights: str) -> None:
    back = {"reverse_nested": {}, "aggs": {"delay": {"max": {"field": "delay"}}}}
    aggs = {"legs": {"nested": {"path": "legs"}, "aggs": {"miles": {**terms("legs.miles"), "aggs": {"flights": back}}}}}
    table = await read(client, flights, aggs)
    assert table.column_names == ["miles", "doc_count", "flights.doc_count", "delay"]
    assert rows(table) == [(100, 1, 1, 3.0), (300, 1, 1, 3.0)]


async def test_trees_side_by_side_follow_each_other_and_a_column_tells_which(client: Client, flights: str) -> None:
    aggs = {"carrier": terms("carrier"), "origin": terms("origin"), "all": {"max": {"field": "delay"}}}
    table = await read(client, flights, aggs)
    assert table.column_names == ["aggregation", "carrier", "origin", "doc_count", "all"]
    assert rows(table) == [
        ("carrier", "AA", None, 2, 8.0),
        ("carrier", "B6", None, 1, 8.0),
        ("carrier", "DL", None, 1, 8.0),
        ("carrier", "UA", None, 1, 8.0),
        ("origin", None, "JFK", 2, 8.0),
        ("origin", None, "LGA", 2, 8.0),
    ]


async def test_trees_side_by_side_below_a_bucket(client: Client, flights: str) -> None:
    aggs = {"carrier": {**terms("carrier"), "aggs": {"origin": terms("origin"), "late": terms("late")}}}
    table = await read(client, flights, aggs, query={"term": {"carrier": "UA"}})
    assert rows(table) == [("carrier>origin", "UA", "JFK", None, 1), ("carrier>late", "UA", None, True, 1)]


async def test_metrics_are_not_lost_where_there_is_no_bucket(client: Client, flights: str) -> None:
    aggs = {"carrier": terms("carrier"), "n": {"value_count": {"field": "delay"}}}
    assert rows(await read(client, flights, aggs, query=NOBODY)) == [(None, 0, 0)]


async def test_a_name_that_is_there_twice_has_its_place_in_front(client: Client, flights: str) -> None:
    largest = {"max": {"field": "delay"}}
    aggs = {"carrier": {**terms("carrier"), "aggs": {"x": largest}}, "x": {"avg": {"field": "delay"}}}
    assert (await read(client, flights, aggs)).column_names == ["carrier", "doc_count", "carrier.x", "x"]


@pytest.mark.parametrize("name", ["doc_count", "key"])
async def test_a_name_that_answers_have_for_the_bucket_is_an_error(client: Client, flights: str, name: str) -> None:
    with pytest.raises(ConfigError, match=f"cannot be called '{name}'"):
        await read(client, flights, {"c": {**terms("carrier"), "aggs": {name: {"max": {"field": "delay"}}}}})


async def test_names_with_dots_and_letters_of_all_kinds(client: Client, flights: str) -> None:
    aggs = {"größe.x": {**terms("carrier"), "aggs": {"a b": {"max": {"field": "delay"}}}}}
    assert (await read(client, flights, aggs)).column_names == ["größe.x", "doc_count", "a b"]


async def test_the_long_word_for_aggs(client: Client, flights: str) -> None:
    inner = {"n": {"value_count": {"field": "delay"}}}
    query = Native(text={"index": [flights], "aggregations": {"c": {**terms("carrier"), "aggregations": inner}}})
    table = await (await scan_aggregations(client, query, batch_rows=None)).read_all()
    assert table.column_names == ["c", "doc_count", "n"]


async def test_a_runtime_field_has_the_type_that_the_body_gives_it(client: Client, flights: str) -> None:
    table = await read(
        client, flights, {"fare": terms("fare")}, runtime_mappings={"fare": {"type": "keyword"}}, query=NOBODY
    )
    assert table.schema.field("fare").type == pa.string()


# --- composite --------------------------------------------------------------------------------------------------------


def composite(**more: Any) -> dict[str, Any]:
    sources = [
        {"carrier": {"terms": {"field": "carrier"}}},
        {"day": {"date_histogram": {"field": "at", "calendar_interval": "day", "format": "dd.MM."}}},
        {"origin": {"terms": {"field": "origin", "missing_bucket": True}}},
    ]
    return {"composite": {"sources": sources, **more}}


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
async def test_a_composite_is_read_to_its_end_whatever_the_page(client: Client, flights: str, size: int) -> None:
    table = await read(client, flights, {"all": composite(size=size)})
    assert table.column_names == ["carrier", "day", "origin", "doc_count"]
    assert rows(table.select(["carrier", "origin"])) == [
        ("AA", "JFK"),
        ("AA", "LGA"),
        ("B6", "LGA"),
        ("DL", None),
        ("UA", "JFK"),
    ]
    assert table["day"][1].as_py() == pd.Timestamp("2024-01-02T00:00Z")


async def test_what_stands_beside_a_composite_is_in_every_page_once(client: Client, flights: str) -> None:
    aggs = {"all": composite(size=2), "late": terms("late"), "n": {"value_count": {"field": "delay"}}}
    table = await read(client, flights, aggs)
    assert table["aggregation"].to_pylist() == ["all", "all", "late", "late", "all", "all", "all"]
    assert table["n"].to_pylist() == [4] * 7


async def test_a_composite_below_a_bucket_of_its_own_is_read_to_its_end(client: Client, flights: str) -> None:
    source = {"miles": {"terms": {"field": "legs.miles"}}}
    aggs = {"legs": {"nested": {"path": "legs"}, "aggs": {"c": {"composite": {"sources": [source], "size": 1}}}}}
    assert rows(await read(client, flights, aggs)) == [(100, 1), (300, 1)]


async def test_limit_ends_the_pages(client: Client, flights: str) -> None:
    assert (await read(client, flights, {"all": composite(size=1)}, limit=3)).num_rows == 3


async def test_buckets_come_in_batches_of_the_size_asked_for(client: Client, flights: str) -> None:
    query = Native(text={"index": flights, "aggs": {"all": composite(size=3)}})
    stream = await scan_aggregations(client, query, batch_rows=2)
    assert [batch.num_rows async for batch in stream] == [2, 1, 2]


async def test_pages_are_of_one_state(
    client: Client, elasticsearch_node: ElasticsearchAddress, elasticsearch_index: str
) -> None:
    load(elasticsearch_node, elasticsearch_index)
    query = Native(text={"index": elasticsearch_index, "aggs": {"all": composite(size=1)}})
    stream = await scan_aggregations(client, query, batch_rows=None)
    elasticsearch_node.request("DELETE", f"/{elasticsearch_index}/_doc/1?refresh=true")
    assert (await stream.read_all())["carrier"].to_pylist() == ["AA", "AA", "B6", "DL", "UA"]


@pytest.mark.parametrize("read_rows", [0, 1, 5])
async def test_no_state_is_held_when_the_stream_is_closed(
    client: Client, elasticsearch_node: ElasticsearchAddress, elasticsearch_index: str, read_rows: int
) -> None:
    load(elasticsearch_node, elasticsearch_index)
    query = Native(text={"index": elasticsearch_index, "aggs": {"all": composite(size=1)}})
    stream = await scan_aggregations(client, query, batch_rows=None)
    for _ in range(read_rows):
        await anext(stream)
    await stream.aclose()
    stats = elasticsearch_node.request("GET", f"/{elasticsearch_index}/_stats/search")
    assert stats["_all"]["total"]["search"]["open_contexts"] == 0


# --- what is said -----------------------------------------------------------------------------------------------------


async def test_buckets_that_are_left_out_are_said(client: Client, flights: str) -> None:
    with pytest.warns(UserWarning, match="'carrier' has the 1 largest buckets only, and 3 documents .*size="):
        await read(client, flights, {"carrier": terms("carrier", size=1)})


async def test_buckets_that_are_left_out_of_others_are_summed_up(client: Client, flights: str) -> None:
    aggs = {"late": {**terms("late"), "aggs": {"carrier": terms("carrier", size=1)}}}
    with pytest.warns(UserWarning, match="'late>carrier' has the 1 largest buckets only, and 2 documents"):
        await read(client, flights, aggs)


async def test_a_field_that_is_not_there_is_said_with_the_nearest(client: Client, flights: str) -> None:
    with pytest.warns(UserWarning, match="no field 'carier'.*did you mean 'carrier'"):
        assert (await read(client, flights, {"c": terms("carier")})).num_rows == 0


async def test_what_is_below_a_flattened_field_is_no_unknown_field(
    client: Client, elasticsearch_node: ElasticsearchAddress, elasticsearch_index: str
) -> None:
    mapping = {"properties": {"labels": {"type": "flattened"}}}
    elasticsearch_node.request("PUT", f"/{elasticsearch_index}", {"mappings": mapping})
    elasticsearch_node.request("PUT", f"/{elasticsearch_index}/_doc/1?refresh=true", {"labels": {"a": "b"}})
    assert rows(await read(client, elasticsearch_index, {"a": terms("labels.a")})) == [("b", 1)]


async def test_hits_that_are_asked_for_too_are_said_to_be_left_out(client: Client, flights: str) -> None:
    with pytest.warns(UserWarning, match="hits that size=5 asks for are not read"):
        await read(client, flights, {"c": terms("carrier")}, size=5)


# --- errors -----------------------------------------------------------------------------------------------------------


async def test_a_body_names_its_index(client: Client) -> None:
    with pytest.raises(ConfigError, match="names no index"):
        await scan_aggregations(client, Native(text={"aggs": {"c": terms("x")}}), batch_rows=None)


async def test_params_are_no_part_of_a_body(client: Client) -> None:
    query = Native(text={"index": "x", "aggs": {"c": terms("x")}}, params={"a": 1})
    with pytest.raises(ConfigError, match="params="):
        await scan_aggregations(client, query, batch_rows=None)


async def test_a_missing_index_is_not_found(client: Client) -> None:
    with pytest.raises(NotFound, match="dk-test-nowhere"):
        await read(client, "dk-test-nowhere", {"c": terms("x")})


@pytest.mark.parametrize("aggs", [{"c": {"nope": {"field": "delay"}}}, {"c": 5}, {"c": {}}, {"c": {"terms": "x"}}])
async def test_what_is_no_aggregation_is_refused_by_the_server(client: Client, flights: str, aggs: Any) -> None:
    with pytest.raises(QueryError):
        await read(client, flights, aggs)


async def test_a_text_is_refused_with_the_keyword_beside_it(
    client: Client, elasticsearch_node: ElasticsearchAddress, elasticsearch_index: str
) -> None:
    elasticsearch_node.request("PUT", f"/{elasticsearch_index}/_doc/1?refresh=true", {"name": "Ann"})
    with pytest.raises(QueryError, match="Fielddata is disabled") as raised:
        await read(client, elasticsearch_index, {"n": terms("name")})
    assert raised.value.hint == "'name.keyword' can be"


async def test_the_callers_body_is_not_changed(client: Client, flights: str) -> None:
    aggs: dict[str, Any] = {"all": composite(size=2), "p": {"percentiles": {"field": "delay"}}}
    before = str(aggs)
    await read(client, flights, aggs)
    assert str(aggs) == before


async def test_indices_that_declare_a_field_differently(
    client: Client, elasticsearch_node: ElasticsearchAddress, elasticsearch_index: str
) -> None:
    for number, word in enumerate(["keyword", "long"]):
        mapping = {"properties": {"x": {"type": word}, "y": {"type": ["integer", "double"][number]}}}
        elasticsearch_node.request("PUT", f"/{elasticsearch_index}-{number}", {"mappings": mapping})
    with pytest.raises(QueryError, match=r"declare 'x' differently: .*keyword in .*long in"):
        await read(client, f"{elasticsearch_index}-*", {"c": terms("x")})
    assert (await read(client, f"{elasticsearch_index}-*", {"c": terms("y")})).schema.field("c").type == pa.float64()
