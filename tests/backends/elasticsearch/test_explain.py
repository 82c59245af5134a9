"""How queries were run, and how bodies are understood."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from dk_notebook.backends.base import Native
from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.backends.elasticsearch.execute import executed
from dk_notebook.backends.elasticsearch.explain import explained
from dk_notebook.backends.sql.plans import SCHEMA
from dk_notebook.errors import ConfigError, NotFound, QueryError, Unsupported
from tests.backends.elasticsearch.flights import load
from tests.services.elasticsearch_address import ElasticsearchAddress

pytestmark = pytest.mark.elasticsearch

AA = {"term": {"carrier": "AA"}}


@pytest.fixture(scope="module")
def flights(elasticsearch_node: ElasticsearchAddress) -> Iterator[str]:
    name = f"dk-test-{uuid.uuid4().hex[:12]}"
    load(elasticsearch_node, name)
    yield name
    elasticsearch_node.delete_indices(name)


async def plan(client: Client, text: Any, *, analyze: bool = False, **params: Any) -> list[dict[str, Any]]:
    table = await explained(client, Native(text=text, params=params or None), analyze=analyze)
    assert table.schema == SCHEMA
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


async def test_a_body_is_told_as_each_index_understands_it(client: Client, flights: str) -> None:
    rows = await plan(client, {"index": flights, "query": AA, "size": 3})
    assert [(row["node"], row["detail"], row["rows"]) for row in rows] == [("query", f"{flights}: carrier:AA", None)]


async def test_the_aggregations_of_a_body_are_told_as_a_tree(client: Client, flights: str) -> None:
    below = {"delay": {"avg": {"field": "delay"}}}
    rows = await plan(client, {"index": flights, "aggs": {"c": {"terms": {"field": "carrier"}, "aggs": below}}})
    assert [(row["depth"], row["node"], row["detail"]) for row in rows[1:]] == [
        (0, "terms", 'c: {"field":"carrier"}'),
        (1, "avg", 'delay: {"field":"delay"}'),
    ]


async def test_analyze_gives_the_profile_of_a_search(client: Client, flights: str) -> None:
    rows = await plan(
        client, {"index": flights, "query": AA, "aggs": {"c": {"terms": {"field": "carrier"}}}}, analyze=True
    )
    assert (rows[0]["node"], rows[0]["rows"]) == ("search", 2)
    assert [row["depth"] for row in rows[:3]] == [0, 1, 2]
    assert any(row["node"] == "TermQuery" and row["detail"] == "carrier:AA" and row["seconds"] > 0 for row in rows)
    assert any("Terms" in row["node"] and row["rows"] == 2 for row in rows)


async def test_analyze_gives_the_profile_of_esql(client: Client, flights: str) -> None:
    text = f"FROM {flights} | WHERE carrier IN ?ids | STATS n = COUNT(*) BY origin"
    rows = await plan(client, text, analyze=True, ids=["AA", "UA"])
    assert (rows[0]["node"], rows[0]["rows"], rows[0]["depth"]) == ("query", 2, 0)
    source = next(row for row in rows if row["node"] == "LuceneSourceOperator")
    assert (source["depth"], source["rows"]) == (2, 3)


async def test_esql_without_running_is_its_commands_and_its_result(client: Client, flights: str) -> None:
    rows = await plan(client, f"FROM {flights}\n| WHERE delay > ?least // late\n| STATS n = COUNT(*) BY late", least=3)
    assert [(row["depth"], row["node"], row["detail"]) for row in rows] == [
        (0, "result", "n long, late boolean"),
        (1, "STATS", "n = COUNT(*) BY late"),
        (2, "WHERE", "delay > ?least"),
        (3, "FROM", flights),
    ]


@pytest.mark.parametrize("analyze", [False, True])
async def test_an_error_of_esql_has_its_place(client: Client, flights: str, analyze: bool) -> None:
    with pytest.raises(NotFound, match="nope") as raised:
        await plan(client, f"FROM {flights} | KEEP nope", analyze=analyze)
    assert raised.value.position == len(f"FROM {flights} | KEEP ")


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"bool": {"musts": []}}, "unknown field .musts"),
        ({"range": {"at": {"gte": "soon"}}}, "failed to parse date field"),
        ({"nope": {}}, "unknown query"),
    ],
)
async def test_a_wrong_query_is_an_error_in_the_servers_words(
    client: Client, flights: str, query: Any, reason: str
) -> None:
    with pytest.raises(QueryError, match=reason) as raised:
        await plan(client, {"index": flights, "query": query})
    assert "org.elasticsearch" not in str(raised.value)


async def test_a_missing_index_is_not_found(client: Client) -> None:
    with pytest.raises(NotFound, match="dk-test-nowhere"):
        await plan(client, {"index": "dk-test-nowhere"})


async def test_a_body_names_its_index(client: Client) -> None:
    with pytest.raises(ConfigError, match="names no index"):
        await plan(client, {"query": AA})


@pytest.mark.parametrize("text", ["FROM flights", {"index": "flights", "query": AA}])
async def test_there_is_nothing_to_execute(client: Client, text: Any) -> None:
    with pytest.raises(Unsupported, match=r"dk\.execute has nothing to run") as raised:
        await executed(client, Native(text=text))
    assert "dk.read_query" in (raised.value.hint or "")
