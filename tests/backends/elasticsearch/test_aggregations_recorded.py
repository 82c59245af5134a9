"""Aggregations that the tests' node has no modules for, and what goes wrong on a server, by recorded answers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from dk_notebook.backends.base import Native
from dk_notebook.backends.elasticsearch.aggregations.tables import scan_aggregations
from tests.backends.elasticsearch.recorded import client_of
from tests.services.scripted_elasticsearch import Answer, ScriptedElasticsearch

pytestmark = pytest.mark.unit

MILLISECONDS = pa.timestamp("ms", "UTC")


@pytest.fixture
def node() -> Iterator[ScriptedElasticsearch]:
    with ScriptedElasticsearch() as scripted:
        yield scripted


async def read(
    node: ScriptedElasticsearch,
    aggs: Mapping[str, Any],
    answer: Mapping[str, Any],
    *,
    types: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    **beside: Any,
) -> pa.Table:
    """What becomes of an answer. ``types``: of the fields; ``beside``: what stands beside the aggregations."""
    fields = {field: {word: {"type": word}} for field, word in (types or {}).items()}
    node.always("POST /t/_field_caps", Answer(body={"indices": ["t"], "fields": fields}))
    whole = {"took": 1, "timed_out": False, "_shards": {"total": 2, "successful": 2, "failed": 0}, **beside}
    node.always("POST /t/_search", Answer(body={**whole, "aggregations": answer}, headers=headers or {}))
    async with client_of(node) as client:
        query = Native(text={"index": "t", "aggs": aggs})
        return await (await scan_aggregations(client, query, batch_rows=None)).read_all()


def buckets(*found: Mapping[str, Any]) -> dict[str, Any]:
    return {"buckets": list(found)}


async def test_unsigned_longs_are_exact(node: ScriptedElasticsearch) -> None:
    answer = {"u": {"sum_other_doc_count": 0, **buckets({"key": 2**64 - 1, "doc_count": 1})}}
    table = await read(node, {"u": {"terms": {"field": "u"}}}, answer, types={"u": "unsigned_long"})
    assert (table.schema.field("u").type, table["u"].to_pylist()) == (pa.uint64(), [2**64 - 1])


async def test_multi_terms_are_a_column_each(node: ScriptedElasticsearch) -> None:
    terms = [{"field": "genre"}, {"field": "year"}, {"field": "on", "format": "dd.MM."}]
    bucket = {"key": ["rock", 1999, "1999-01-01T00:00:00.000Z"], "key_as_string": "rock|1999|...", "doc_count": 2}
    types = {"genre": "keyword", "year": "long", "on": "date"}
    table = await read(node, {"m": {"multi_terms": {"terms": terms}}}, {"m": buckets(bucket)}, types=types)
    assert table.to_pylist() == [
        {"m.genre": "rock", "m.year": 1999, "m.on": pd.Timestamp("1999-01-01T00:00Z"), "doc_count": 2}
    ]
    assert "format" not in str(node.asked("_search")[0].json)


async def test_automatic_histograms_of_dates(node: ScriptedElasticsearch) -> None:
    bucket = {"key_as_string": "2015-01-01T00:00:00.000Z", "key": 1420070400000, "doc_count": 3}
    answer = {"d": {**buckets(bucket), "interval": "1M"}}
    table = await read(
        node, {"d": {"auto_date_histogram": {"field": "at", "buckets": 10}}}, answer, types={"at": "date"}
    )
    assert table.to_pylist() == [{"d": pd.Timestamp("2015-01-01T00:00Z"), "doc_count": 3}]


@pytest.mark.parametrize("kind", ["adjacency_matrix", "geohex_grid"])
async def test_keys_that_are_always_text(node: ScriptedElasticsearch, kind: str) -> None:
    table = await read(node, {"k": {kind: {}}}, {"k": buckets({"key": "A&B", "doc_count": 1})})
    assert table.to_pylist() == [{"k": "A&B", "doc_count": 1}]


async def test_categories_of_text_have_their_pattern(node: ScriptedElasticsearch) -> None:
    bucket = {"doc_count": 3, "key": "Node shutting down", "regex": ".*?Node.+?down.*?", "max_matching_length": 49}
    table = await read(node, {"c": {"categorize_text": {"field": "m"}}}, {"c": buckets(bucket)}, types={"m": "text"})
    assert table.column_names == ["c", "c.regex", "c.max_matching_length", "doc_count"]


async def test_significant_terms_have_their_score(node: ScriptedElasticsearch) -> None:
    bucket = {"key": "Bicycle theft", "doc_count": 3640, "score": 0.371, "bg_count": 66799}
    answer = {"s": {"doc_count": 47347, "bg_count": 5064554, **buckets(bucket)}}
    table = await read(node, {"s": {"significant_terms": {"field": "crime"}}}, answer, types={"crime": "keyword"})
    assert table.to_pylist() == [{"s": "Bicycle theft", "s.score": 0.371, "s.bg_count": 66799, "doc_count": 3640}]


async def test_the_metrics_of_the_top_document_have_their_types(node: ScriptedElasticsearch) -> None:
    metrics = [{"field": "m"}, {"field": "on"}, {"field": "ip"}]
    top = {"top": [{"sort": [3], "metrics": {"m": 2, "on": "2019-12-31T00:01:12.500Z", "ip": "192.168.0.1"}}]}
    aggs = {"tm": {"top_metrics": {"metrics": metrics, "sort": {"s": "desc"}}}}
    table = await read(node, aggs, {"tm": top}, types={"m": "long", "on": "date", "ip": "ip"})
    assert table.to_pylist() == [{"tm.m": 2, "tm.on": pd.Timestamp("2019-12-31T00:01:12.500Z"), "tm.ip": "192.168.0.1"}]


async def test_the_metrics_of_several_documents_are_json(node: ScriptedElasticsearch) -> None:
    aggs = {"tm": {"top_metrics": {"metrics": {"field": "m"}, "sort": {"s": "desc"}, "size": 3}}}
    table = await read(node, aggs, {"tm": {"top": [{"sort": [3], "metrics": {"m": 2}}]}}, types={"m": "long"})
    assert table.to_pylist() == [{"tm": '[{"sort":[3],"metrics":{"m":2}}]'}]


async def test_boxes_and_strings(node: ScriptedElasticsearch) -> None:
    box = {"min": 0.0, "max": 990.0, "q1": 167.5, "q2": 445.0, "q3": 722.5, "lower": 0.0, "upper": 990.0}
    string = {"count": 5, "min_length": 24, "max_length": 30, "avg_length": 28.8, "entropy": 3.94}
    aggs = {"b": {"boxplot": {"field": "x"}}, "s": {"string_stats": {"field": "m"}}}
    table = await read(node, aggs, {"b": box, "s": string}, types={"x": "long", "m": "keyword"})
    assert table.to_pylist() == [
        {
            **{f"b.{name}": value for name, value in box.items()},
            **{f"s.{name}": value for name, value in string.items()},
        }
    ]


async def test_pipelines_that_say_nothing_of_a_bucket_are_null_there(node: ScriptedElasticsearch) -> None:
    below = {
        "sales": {"sum": {"field": "price"}},
        "change": {"derivative": {"buckets_path": "sales", "unit": "day"}},
        "share": {"bucket_script": {"buckets_path": {"a": "sales"}, "script": "params.a / 2"}},
        "largest": {"bucket_sort": {"size": 3}},
        "some": {"bucket_selector": {"buckets_path": {"a": "sales"}, "script": "params.a > 1"}},
    }
    first = {"key": 1420070400000, "doc_count": 3, "sales": {"value": 550.0}, "share": {"value": "NaN"}}
    second = {
        "key": 1422748800000, "doc_count": 2, "sales": {"value": 60.0}, "share": {"value": 30.0},
        "change": {"value": -490.0, "normalized_value": -15.8},
    }  # fmt: skip
    aggs = {"month": {"date_histogram": {"field": "at", "calendar_interval": "month"}, "aggs": below}}
    table = await read(node, aggs, {"month": buckets(first, second)}, types={"at": "date", "price": "long"})
    assert table.column_names == ["month", "doc_count", "sales", "change", "change.normalized_value", "share"]
    assert table["change"].to_pylist() == [None, -490.0]
    assert math.isnan(table["share"][0].as_py())


async def test_an_aggregation_of_a_plugin_is_json(node: ScriptedElasticsearch) -> None:
    table = await read(node, {"x": {"something_new": {"field": "a"}}}, {"x": {"curve": [1, 2]}}, types={"a": "long"})
    assert table.to_pylist() == [{"x": '{"curve":[1,2]}'}]


async def test_scripted_metrics_are_json(node: ScriptedElasticsearch) -> None:
    table = await read(node, {"profit": {"scripted_metric": {"map_script": "..."}}}, {"profit": {"value": {"a": 240}}})
    assert table.to_pylist() == [{"profit": '{"a":240}'}]


async def test_samplers_are_seen_through(node: ScriptedElasticsearch) -> None:
    aggs = {"s": {"random_sampler": {"probability": 0.1}, "aggs": {"c": {"terms": {"field": "c"}}}}}
    answer = {"s": {"seed": 1, "probability": 0.1, "doc_count": 10, "c": buckets({"key": "a", "doc_count": 10})}}
    table = await read(node, aggs, answer, types={"c": "keyword"})
    assert table.to_pylist() == [{"c": "a", "doc_count": 10}]


async def test_a_script_has_the_type_that_the_request_gives_it(node: ScriptedElasticsearch) -> None:
    aggs = {"s": {"terms": {"script": {"source": "doc['a'].value % 7"}, "value_type": "long"}}}
    table = await read(node, aggs, {"s": buckets({"key": 5, "doc_count": 1})})
    assert table.schema.field("s").type == pa.int64()


# --- what is said -----------------------------------------------------------------------------------------------------

TERMS = {"c": {"terms": {"field": "c"}}}
ONE = {"c": buckets({"key": "a", "doc_count": 1})}


async def test_shards_that_failed_are_said(node: ScriptedElasticsearch) -> None:
    failure = {"shard": 0, "index": "t", "reason": {"type": "illegal_state_exception", "reason": "it broke"}}
    shards = {"total": 2, "successful": 1, "failed": 1, "failures": [failure]}
    with pytest.warns(UserWarning, match=r"1 of 2 shards failed \(it broke\)"):
        await read(node, TERMS, ONE, types={"c": "keyword"}, _shards=shards)


async def test_a_timeout_is_said(node: ScriptedElasticsearch) -> None:
    with pytest.warns(UserWarning, match="ran into its timeout"):
        await read(node, TERMS, ONE, types={"c": "keyword"}, timed_out=True)


async def test_clusters_that_were_skipped_are_said(node: ScriptedElasticsearch) -> None:
    with pytest.warns(UserWarning, match="1 of 2 clusters were skipped"):
        await read(node, TERMS, ONE, types={"c": "keyword"}, _clusters={"total": 2, "successful": 1, "skipped": 1})


async def test_counts_that_may_be_too_small_are_said(node: ScriptedElasticsearch) -> None:
    answer = {"c": {**ONE["c"], "doc_count_error_upper_bound": 46, "sum_other_doc_count": 0}}
    with pytest.warns(UserWarning, match=r"counts of 'c' may be too small by up to 46.*shard_size="):
        await read(node, TERMS, answer, types={"c": "keyword"})


async def test_the_servers_warnings_are_said(node: ScriptedElasticsearch) -> None:
    headers = {"Warning": '299 Elasticsearch-8.19.21-0 "this \\"word\\" is old"'}
    with pytest.warns(UserWarning, match='this "word" is old'):
        await read(node, TERMS, ONE, types={"c": "keyword"}, headers=headers)


async def test_no_shard_at_all_is_an_empty_table(node: ScriptedElasticsearch) -> None:
    node.always("POST /t/_field_caps", Answer(body={"indices": [], "fields": {"c": {"long": {}}}}))
    shards = {"total": 0, "successful": 0, "failed": 0}
    node.always("POST /t/_search", Answer(body={"took": 1, "timed_out": False, "_shards": shards}))
    async with client_of(node) as client:
        stream = await scan_aggregations(client, Native(text={"index": "t", "aggs": TERMS}), batch_rows=None)
        assert (await stream.read_all()).schema.types == [pa.int64(), pa.int64()]
