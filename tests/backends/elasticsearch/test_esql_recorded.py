"""ES|QL of servers that the tests' node is not, by recorded answers."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pytest

from dk_notebook.backends.base import Native
from dk_notebook.backends.elasticsearch.esql import limits as esql_limits
from dk_notebook.backends.elasticsearch.esql.query import scan_esql
from dk_notebook.errors import QueryError, Unsupported
from tests.backends.elasticsearch.recorded import client_of
from tests.services.scripted_elasticsearch import ROOT, Answer, Request, ScriptedElasticsearch, failure

pytestmark = pytest.mark.unit


@pytest.fixture
def node() -> Iterator[ScriptedElasticsearch]:
    with ScriptedElasticsearch() as scripted:
        scripted.always("GET /_cluster/settings", failure(403, "security_exception", "no"))
        yield scripted


def version(number: str) -> dict[str, Any]:
    said: Any = ROOT["version"]
    return {**ROOT, "version": {**said, "number": number}}


def stream(table: pa.Table) -> bytes:
    """An answer in Arrow."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def script(node: ScriptedElasticsearch, columns: Sequence[Mapping[str, Any]], table: pa.Table, *warnings: str) -> None:
    """What the node answers to the question for the columns, and to the one for the rows."""
    node.always("_query.*format=json", Answer(body={"columns": list(columns), "values": []}))
    headers = {"Warning": ", ".join(f'299 Elasticsearch-8.19.21-0 "{text}"' for text in warnings)} if warnings else {}
    node.always("_query.*format=arrow", Answer(body=stream(table), headers=headers))


async def read(node: ScriptedElasticsearch, text: str = "FROM t", **more: Any) -> pa.Table:
    async with client_of(node) as client:
        return await (await scan_esql(client, Native(text=text, **more), batch_rows=None)).read_all()


def asked_for_rows(node: ScriptedElasticsearch) -> str:
    """The text of the second question."""
    query: str = node.asked("format=arrow")[0].json["query"]
    return query


@pytest.mark.parametrize(
    ("word", "arrow"),
    [("unsigned_long", pa.uint64()), ("version", pa.string()), ("geo_shape", pa.string())],
)
async def test_what_arrow_has_no_word_for_is_asked_for_as_text(
    node: ScriptedElasticsearch, word: str, arrow: pa.DataType
) -> None:
    script(node, [{"name": "x", "type": word}], pa.table({"x": ["18446744073709551615", None]}))
    table = await read(node)
    assert asked_for_rows(node) == "FROM t\n| EVAL `x` = TO_STRING(`x`)\n| KEEP `x`"
    assert table.schema.field("x").type == arrow
    assert str(table["x"][0]) == "18446744073709551615"


async def test_a_column_of_a_dictionary_is_text(node: ScriptedElasticsearch) -> None:
    script(node, [{"name": "x", "type": "keyword"}], pa.table({"x": pa.array(["a", None, "a"]).dictionary_encode()}))
    assert (await read(node))["x"].to_pylist() == ["a", None, "a"]


async def test_counters_are_numbers(node: ScriptedElasticsearch) -> None:
    columns = [{"name": "x", "type": "counter_long"}, {"name": "y", "type": "counter_double"}]
    script(node, columns, pa.table({"x": [1], "y": [0.5]}))
    assert (await read(node)).schema.types == [pa.int64(), pa.float64()]


async def test_a_type_of_a_later_server_is_null_and_said(node: ScriptedElasticsearch) -> None:
    columns = [{"name": "x", "type": "dense_thing"}, {"name": "y", "type": "long"}]
    script(node, columns, pa.table({"x": pa.nulls(1), "y": [1]}))
    with pytest.warns(UserWarning, match=r"'x' \(dense_thing\)"):
        await read(node)
    assert asked_for_rows(node) == "FROM t\n| EVAL `x` = null\n| KEEP `x`, `y`"


async def test_fields_that_indices_declare_differently_are_said(node: ScriptedElasticsearch) -> None:
    columns = [{"name": "x", "type": "unsupported", "original_types": ["keyword", "long"]}]
    script(node, columns, pa.table({"x": pa.nulls(1)}))
    with pytest.warns(UserWarning, match=r"'x' \(keyword and long\)"):
        await read(node)


async def test_several_batches_are_read_and_rows_counted_on(node: ScriptedElasticsearch) -> None:
    first = pa.record_batch({"x": pa.array([[1], [2]], pa.list_(pa.int64()))})
    second = pa.record_batch({"x": pa.array([None, [3]], pa.list_(pa.int64()))})
    script(node, [{"name": "x", "type": "long"}], pa.Table.from_batches([first, second]))
    assert (await read(node))["x"].to_pylist() == [1, 2, None, 3]


@pytest.mark.parametrize("most", [7, 20_000])
async def test_the_clusters_own_maximum_tells_what_is_cut(node: ScriptedElasticsearch, most: int) -> None:
    setting = {"persistent": {"esql": {"query": {"result_truncation_max_size": str(most)}}}}
    node.always("GET /_cluster/settings", Answer(body=setting))
    script(node, [{"name": "x", "type": "long"}], pa.table({"x": range(most)}))
    with pytest.warns(UserWarning, match=f"{most:,} rows, the most"):
        await read(node, "FROM t | LIMIT 50000")


async def test_without_the_right_to_read_settings_the_default_counts(node: ScriptedElasticsearch) -> None:
    async with client_of(node) as client:
        assert await esql_limits.known(client) == esql_limits.Limits(most=10_000)


async def test_the_settings_are_asked_for_once(node: ScriptedElasticsearch) -> None:
    script(node, [{"name": "x", "type": "long"}], pa.table({"x": [1]}))
    async with client_of(node) as client:
        for _ in range(3):
            await scan_esql(client, Native(text="FROM t"), batch_rows=None)
    assert len(node.asked("_cluster/settings")) == 1


async def test_every_warning_is_said_once(node: ScriptedElasticsearch) -> None:
    script(node, [{"name": "x", "type": "long"}], pa.table({"x": [1]}), "Line 1:1: old", "Line 1:1: old", "also")
    with pytest.warns(UserWarning, match="the server warns") as told:
        await read(node)
    assert [str(each.message) for each in told] == ["the server warns: line 1:1: old\nalso"]


async def test_a_part_of_a_result_is_refused_where_the_server_knows_how(node: ScriptedElasticsearch) -> None:
    script(node, [{"name": "x", "type": "long"}], pa.table({"x": [1]}))
    await read(node)
    assert {each.query["allow_partial_results"] for each in node.asked("_query")} == {"false"}


async def test_an_older_server_is_not_asked_what_it_does_not_know() -> None:
    with ScriptedElasticsearch(root=version("8.14.3")) as node:
        node.always("GET /_cluster/settings", Answer(body={}))
        script(node, [{"name": "x", "type": "long"}], pa.table({"x": [1]}))
        await read(node)
        assert not node.asked("allow_partial_results")


async def test_a_server_that_tells_no_version_is_asked_again() -> None:
    def picky(request: Request) -> Answer:
        if "allow_partial_results" in request.query:
            return failure(400, "illegal_argument_exception", "unrecognized parameter: [allow_partial_results]")
        if request.query["format"] == "json":
            return Answer(body={"columns": [{"name": "x", "type": "long"}], "values": []})
        return Answer(body=stream(pa.table({"x": [1]})))

    with ScriptedElasticsearch() as node:
        node.always("GET /$", failure(403, "security_exception", "no"))
        node.always("GET /_cluster/settings", Answer(body={}))
        node.always("_query", picky)
        assert (await read(node))["x"].to_pylist() == [1]


async def test_a_server_before_esql_says_so_and_what_to_use() -> None:
    with ScriptedElasticsearch(root=version("8.10.4")) as node:
        with pytest.raises(Unsupported, match=r"version 8\.10\.4.*8\.11") as raised:
            await read(node)
        assert "dk.read_table" in (raised.value.hint or "")


async def test_a_server_without_the_module_says_so(node: ScriptedElasticsearch) -> None:
    reason = "no handler found for uri [/_query?format=json] and method [POST]"
    node.always("_query", Answer(400, {"error": reason, "status": 400}))
    with pytest.raises(Unsupported, match=r"has no ES\|QL"):
        await read(node)


async def test_an_error_is_not_a_result(node: ScriptedElasticsearch) -> None:
    node.always("_query.*format=json", Answer(body={"columns": [{"name": "x", "type": "long"}], "values": []}))
    node.always("_query.*format=arrow", failure(500, "some_exception", "a shard broke"))
    with pytest.raises(QueryError, match="a shard broke"):
        await read(node)
