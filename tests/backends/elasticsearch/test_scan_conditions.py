"""Conditions and orders on typed fields: on the server, and in Python, which is the reference."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dk_notebook.backends.elasticsearch.conditions.decide import Rows
from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.backends.elasticsearch.connections.cluster import Cluster
from dk_notebook.backends.elasticsearch.mappings import mapped
from dk_notebook.backends.elasticsearch.reading import costs
from dk_notebook.errors import NotFound
from dk_notebook.records.filters import And, Compare, Condition, Field, Not, Sort
from dk_notebook.runtime.operations import Operation
from dk_notebook.testing.drawn import conditions
from tests.backends.elasticsearch.conftest import settings as settings_of
from tests.backends.elasticsearch.reading import fill, table
from tests.services.elasticsearch_address import ElasticsearchAddress

pytestmark = pytest.mark.elasticsearch

INDEX = f"dk-test-conditions-{uuid.uuid4().hex[:12]}"
PROPERTIES = {
    "b": {"type": "boolean"},
    "d": {"type": "date"},
    "dn": {"type": "date_nanos"},
    "f": {"type": "float"},
    "h": {"type": "half_float"},
    "ip": {"type": "ip"},
    "k": {"type": "keyword"},
    "lower": {"type": "keyword", "ignore_above": 5, "null_value": "none"},
    "n": {"type": "long"},
    "nested": {"type": "nested", "dynamic": False},
    "o": {"properties": {"a": {"type": "short"}}},
    "t": {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 4}}},
    "tags": {"type": "keyword"},
    "w": {"type": "text"},
    "x": {"type": "double"},
}
NAMES = [name for name in PROPERTIES if name not in ("o", "nested")] + ["o.a", "_id", "nested.a"]

EXAMPLES: list[dict[str, Any]] = [
    {},
    {"n": 1, "x": 0.1, "f": 0.1, "h": 0.1, "k": "a", "t": "a", "w": "a", "b": True, "tags": ["a", "b"], "o": {"a": 1}},
    {"n": -3, "x": -0.5, "f": 2.5, "h": 3, "k": "A", "t": "ab", "w": "", "b": False, "tags": [], "lower": "a"},
    {"n": 2**53 + 1, "x": 2.0**53, "f": 16777216, "k": "a%", "t": "a" * 300, "w": "ab", "lower": "a" * 300},
    {"n": 2**63 - 1, "x": 1e300, "f": -1e30, "k": "", "t": "", "lower": None, "tags": ["\uffff"], "o": {"a": 30}},
    {
        "n": None,
        "x": None,
        "k": None,
        "d": None,
        "lower": "none",
        "tags": [None, "b"],
        "nested": [{"a": "a"}, {"a": 2}],
    },
    {"d": "2024-01-02", "dn": "2024-01-02T03:04:05.000000001Z", "ip": "10.0.0.1", "k": "2024-01-02", "b": False},
    {"d": "2024-01-02T03:04:05.006Z", "dn": "1970-01-01", "ip": "::1", "k": "\U00010000", "w": "2024-01-02"},
    {"d": "0001-01-01", "dn": "2262-01-01", "ip": "10.0.0.2", "k": "aXb", "t": "null", "nested": {"a": 1}},
    {"d": "9999-12-31T23:59:59.999Z", "k": "a*?\\b", "t": "\U00010000", "w": "\uffff", "tags": "single"},
    {"k": "ab\ncd", "t": "é", "w": "true", "n": 3, "x": 3, "f": 3, "h": 3.14159, "o.a": -1},
]
ARRAYS = ("tags",)


@pytest.fixture(scope="module")
def index(elasticsearch_node: ElasticsearchAddress) -> Iterator[str]:
    fill(elasticsearch_node, INDEX, EXAMPLES, PROPERTIES)
    yield INDEX
    elasticsearch_node.delete_indices(INDEX)


@pytest_asyncio.fixture
async def client(elasticsearch_url: str) -> AsyncIterator[Client]:
    cluster = Cluster(settings_of(elasticsearch_url))
    await cluster.open()
    with Operation("a test") as operation:
        async with cluster.leases.lease(operation):
            yield Client(cluster, operation)
    await cluster.close()


CONDITIONS = conditions(st.sampled_from(NAMES))
ORDERS = st.lists(st.builds(Sort, st.sampled_from(NAMES).map(Field), st.booleans()), min_size=1, max_size=2)
drawn = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])

COLUMNS = [*PROPERTIES, "_id"]
COLUMNS[COLUMNS.index("o")] = "o.a"


async def _all(client: Client, index: str) -> tuple[Rows, Any]:
    fields = await mapped(client, index)
    everything = await table(client, index, columns=COLUMNS, arrays=ARRAYS)
    return Rows(fields, everything.schema), everything


@drawn
@given(condition=CONDITIONS)
async def test_the_server_finds_what_the_condition_means(client: Client, index: str, condition: Condition) -> None:
    rows, everything = await _all(client, index)
    expected = [one["_id"] for batch in everything.to_batches() for one in rows.matching(batch, condition).to_pylist()]
    found = await table(client, index, where=condition, columns=["_id"], arrays=ARRAYS)
    assert sorted(found["_id"].to_pylist()) == sorted(expected)


@drawn
@given(order=ORDERS)
async def test_rows_come_in_the_order_that_was_asked_for(client: Client, index: str, order: list[Sort]) -> None:
    rows, everything = await _all(client, index)
    found = await table(client, index, order_by=order, columns=COLUMNS, arrays=ARRAYS)
    # Those that are alike may come in any order; the same ones as before stay where they are.
    assert rows.ordered(found, order).equals(found)
    assert sorted(found["_id"].to_pylist()) == sorted(everything["_id"].to_pylist())


async def test_a_limit_counts_the_rows_that_are_left_of_a_wider_search(client: Client, index: str) -> None:
    found = await table(
        client, index, where=[("w", "exists")], order_by="k", limit=2, columns=["k", "w"], arrays=ARRAYS
    )
    assert found.to_pylist() == [{"k": "A", "w": ""}, {"k": "a", "w": "a"}]


async def test_what_only_the_condition_needs_is_no_column(client: Client, index: str) -> None:
    found = await table(client, index, where=[("w", "=", "ab")], columns=["n"])
    assert found.to_pydict() == {"n": [2**53 + 1]}


async def test_a_field_that_is_not_there_is_named_with_the_nearest(client: Client, index: str) -> None:
    with pytest.raises(NotFound, match=r"no field 'tag'[\s\S]*did you mean 'tags'"):
        await table(client, index, where=[("tag", "=", "a")])


async def test_an_object_in_a_condition_is_told_its_fields(client: Client, index: str) -> None:
    with pytest.raises(NotFound, match=r"'o' is an object, with 'o.a'"):
        await table(client, index, where=[("o", "exists")])


async def test_conditions_may_lie_as_deep_as_one_likes(client: Client, index: str) -> None:
    condition: Condition = Compare("k", "=", "aXb")
    for _ in range(20):
        condition = Not(And((Not(condition), Compare("n", "not_exists"))))
    rows, everything = await _all(client, index)
    expected = [one["_id"] for batch in everything.to_batches() for one in rows.matching(batch, condition).to_pylist()]
    assert sorted((await table(client, index, where=condition, columns=["_id"]))["_id"].to_pylist()) == sorted(expected)


@pytest.mark.parametrize("field", ["k", "t", "_id", "ip"])
async def test_half_a_character_is_found_nowhere(client: Client, index: str, field: str) -> None:
    found = await table(client, index, where=[(field, "in", ["\ud800", "nothing"])], columns=["_id"])
    assert found.num_rows == 0


@pytest.mark.parametrize("field", ["k", "t", "_id", "ip", "w"])
@pytest.mark.parametrize("text", ["", "x" * 40_000, "\0", "*", "\\", "%" * 200 + "x"])
@pytest.mark.parametrize("op", ["=", "<", "like", "starts_with", "regex"])
async def test_texts_that_servers_stumble_over_mean_what_they_say(
    client: Client, index: str, field: str, text: str, op: str
) -> None:
    condition = Compare(field, op, re.escape(text)[:60] if op == "regex" else text)
    rows, everything = await _all(client, index)
    expected = [one["_id"] for batch in everything.to_batches() for one in rows.matching(batch, condition).to_pylist()]
    found = await table(client, index, where=condition, columns=["_id"], arrays=ARRAYS)
    assert sorted(found["_id"].to_pylist()) == sorted(expected)


async def test_ten_thousand_values_of_in_are_found(client: Client, index: str) -> None:
    words = [f"word {number}" for number in range(70_000)]
    found = await table(client, index, where=[("k", "in", [*words, "aXb"])], columns=["k"])
    assert found["k"].to_pylist() == ["aXb"]


async def test_a_thousand_instants_of_in_are_found(client: Client, index: str) -> None:
    moments = [datetime.fromtimestamp(second, UTC) for second in range(1_000)]
    found = await table(client, index, where=[("dn", "in", moments)], columns=["_id"])
    assert found["_id"].to_pylist() == ["7"]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"where": [("w", "=", "nowhere in them")]}, "the condition on w is decided here, not on the server"),
        ({"order_by": "w", "limit": 1}, "the order by w is made here"),
    ],
    ids=["where", "order_by"],
)
async def test_a_query_that_reads_very_many_documents_to_find_few_says_so(
    client: Client, index: str, monkeypatch: pytest.MonkeyPatch, query: dict[str, Any], told: str
) -> None:
    monkeypatch.setattr(costs, "MANY", 2)
    with pytest.warns(UserWarning, match=told):
        await table(client, index, columns=["n"], **query)
