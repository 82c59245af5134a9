"""What a cluster holds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dk_notebook.backends.elasticsearch import catalog
from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.backends.elasticsearch.connections.cluster import Cluster
from dk_notebook.errors import NotFound
from dk_notebook.runtime.operations import Operation
from tests.backends.elasticsearch.conftest import settings
from tests.services.elasticsearch_node import ElasticsearchNode
from tests.services.scripted_elasticsearch import Answer, ScriptedElasticsearch

pytestmark = pytest.mark.elasticsearch


@pytest.fixture
def flights(elasticsearch_node: ElasticsearchNode, elasticsearch_index: str) -> Iterator[str]:
    """An index of two documents, which has an alias."""
    node, name = elasticsearch_node, elasticsearch_index
    node.request("PUT", f"/{name}", {"aliases": {f"{name}-alias": {}}, "settings": {"number_of_replicas": 0}})
    node.request("PUT", f"/{name}/_doc/1?refresh=true", {"n": 1, "name": "Ann"})
    node.request("PUT", f"/{name}/_doc/2?refresh=true", {"n": 2})
    return name


async def listed(client: Client, beginning: str) -> list[tuple[str, str, int | None]]:
    """Names, kinds and rows of what begins so."""
    rows = (await catalog.tables(client)).to_pylist()
    return [(row["table"], row["kind"], row["rows"]) for row in rows if row["table"].startswith(beginning)]


async def test_indices_and_aliases_are_listed_with_their_rows(client: Client, flights: str) -> None:
    assert await listed(client, flights) == [(flights, "index", 2), (f"{flights}-alias", "alias", 2)]


async def test_bytes_are_those_on_disk(client: Client, flights: str) -> None:
    (size,) = [row["bytes"] for row in (await catalog.tables(client)).to_pylist() if row["table"] == flights]
    assert size > 0


async def test_a_closed_index_is_listed_as_one(
    client: Client, flights: str, elasticsearch_node: ElasticsearchNode
) -> None:
    elasticsearch_node.request("POST", f"/{flights}/_close")
    assert (flights, "closed index") in [(table, kind) for table, kind, _ in await listed(client, flights)]


async def test_an_index_that_is_hidden_is_not_listed(
    client: Client, elasticsearch_node: ElasticsearchNode, elasticsearch_index: str
) -> None:
    elasticsearch_node.request("PUT", f"/{elasticsearch_index}", {"settings": {"index.hidden": True}})
    assert await listed(client, elasticsearch_index) == []


async def test_a_data_stream_is_one_table() -> None:
    """The node of the tests has none."""
    streams = [{"name": "logs", "backing_indices": [".ds-logs-1", ".ds-logs-2"], "timestamp_field": "@timestamp"}]
    sizes = {"primaries": {"docs": {"count": 5}, "store": {"size_in_bytes": 7}}}
    with ScriptedElasticsearch() as node:
        node.always("_resolve/index", Answer(body={"indices": [], "aliases": [], "data_streams": streams}))
        node.always("_stats", Answer(body={"indices": {".ds-logs-1": sizes, ".ds-logs-2": sizes}}))
        cluster = Cluster(settings(node.url))
        await cluster.open()
        listed = (await catalog.tables(Client(cluster, Operation("a test")))).to_pylist()
        await cluster.close()
    assert listed == [{"schema": None, "table": "logs", "kind": "data stream", "rows": 10, "bytes": 14}]


async def suggested(client: Client, method: str, path: str, query: str | None = None) -> str | None:
    """The hint of what the server does not find."""
    body = {"query": query} if query is not None else None
    with pytest.raises(NotFound) as raised:
        await client.raw(method, path, body=body, query=query)
    return (await catalog.suggested(client, raised.value)).hint


async def test_a_near_name_is_suggested(client: Client, flights: str) -> None:
    wrong = flights[:-1] + "_"
    for hint in (
        await suggested(client, "GET", f"/{wrong}/_search"),
        await suggested(client, "POST", "/_query", f"FROM {wrong}"),
    ):
        assert hint == f"did you mean {flights!r}?"


@pytest.mark.parametrize("name", ["zzzzzzzzzzzz", "zzz*,yyy"])
async def test_nothing_is_suggested_where_nothing_is_near(client: Client, flights: str, name: str) -> None:
    assert await suggested(client, "GET", f"/{name}/_search?allow_no_indices=false") is None


async def test_a_missing_column_keeps_the_servers_own_suggestion(client: Client, flights: str) -> None:
    assert await suggested(client, "POST", "/_query", f"FROM {flights} | WHERE nmae == 1") == "did you mean 'name'?"


async def test_the_columns_of_an_index_are_told(client: Client, flights: str) -> None:
    told = (await catalog.describe(client, flights)).to_pylist()
    assert [(row["column"], row["type"], row["dtype"]) for row in told] == [
        ("n", "long", "Int64"),
        ("name", "text", "str"),
    ]
