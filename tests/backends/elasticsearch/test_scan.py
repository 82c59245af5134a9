"""Reading an index as it is: all hits, also of several indices, and of fields that no document has."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from dk_notebook.backends.base import TableQuery
from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.backends.elasticsearch.reading import pages
from dk_notebook.backends.elasticsearch.reading.pages import Pages
from dk_notebook.backends.elasticsearch.reading.scan import scan_table
from dk_notebook.errors import ConfigError, NotFound, QueryError
from dk_notebook.records.query import Query
from tests.backends.elasticsearch.reading import fill, is_free, open_contexts, table
from tests.services.elasticsearch_address import ElasticsearchAddress

pytestmark = pytest.mark.elasticsearch

Node = ElasticsearchAddress


@pytest.fixture
def node(elasticsearch_node: Node) -> Node:
    return elasticsearch_node


@pytest.fixture
def index(elasticsearch_index: str) -> str:
    return elasticsearch_index


AT = datetime(2024, 1, 2, 3, 4, 5, 678_000, UTC)


async def values(client: Client, index: str, name: str, **query: Any) -> list[Any]:
    """The values of a column, in the order of the documents."""
    found = await table(client, index, columns=[name, "_id"], **query)
    return [row[name] for row in sorted(found.to_pylist(), key=lambda row: int(row["_id"]))]


# --- all hits -------------------------------------------------------------------------------------------------------


async def test_all_hits_are_read_not_the_first_ten_thousand(client: Client, node: Node, index: str) -> None:
    fill(node, index, ({"n": n} for n in range(10_500)), {"n": {"type": "integer"}})
    found = await table(client, index)
    assert sorted(found["n"].to_pylist()) == list(range(10_500))


async def test_in_an_order_all_hits_are_read_too(client: Client, node: Node, index: str) -> None:
    fill(node, index, ({"n": n} for n in range(10_500)), {"n": {"type": "integer"}})
    found = await table(client, index, order_by="-n")
    assert found["n"].to_pylist() == list(range(10_499, -1, -1))


async def test_several_shards_give_each_hit_once(client: Client, node: Node, index: str) -> None:
    settings = {"number_of_shards": 3}
    fill(node, index, ({"n": n} for n in range(3_000)), {"n": {"type": "long"}}, settings=settings)
    found = await table(client, index)
    assert sorted(found["n"].to_pylist()) == list(range(3_000))


async def test_partitions_are_read_side_by_side(
    client: Client, node: Node, index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(node, index, ({"n": n} for n in range(3_000)), {"n": {"type": "long"}})
    monkeypatch.setattr(pages, "GROWTH", 2)
    asked: list[int] = []
    after = Pages.after

    async def noted(self: Pages, last: Any, part: Any) -> Any:
        asked.append(part["slice"]["max"])
        return await after(self, last, part)

    monkeypatch.setattr(Pages, "after", noted)
    query = TableQuery(table=index, partitions=3)
    found = await (await scan_table(client, query, batch_rows=None)).read_all()
    assert (sorted(found["n"].to_pylist()), set(asked)) == (list(range(3_000)), {3})


@pytest.mark.parametrize("limit", [0, 1, 100, 101, 1_500, 5_000])
async def test_a_limit_is_kept_whatever_the_pages(client: Client, node: Node, index: str, limit: int) -> None:
    fill(node, index, ({"n": n} for n in range(2_000)), {"n": {"type": "long"}})
    found = await table(client, index, limit=limit)
    assert len(set(found["n"].to_pylist())) == found.num_rows == min(limit, 2_000)


async def test_an_offset_leaves_out_the_first(client: Client, node: Node, index: str) -> None:
    fill(node, index, ({"n": n} for n in range(300)), {"n": {"type": "long"}})
    found = await table(client, index, where=Query().sort("n").offset(150).limit(3))
    assert found["n"].to_pylist() == [150, 151, 152]


async def test_large_documents_come_in_smaller_pages(
    client: Client, node: Node, index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(node, index, ({"t": "x" * 100_000} for _ in range(250)), {"t": {"type": "text"}})
    sizes: list[int] = []
    asked = Pages._asked

    async def noted(self: Pages, *args: Any) -> bytes:
        sizes.append(len(await asked(self, *args)))
        return await asked(self, *args)

    monkeypatch.setattr(Pages, "_asked", noted)
    assert (await table(client, index)).num_rows == 250
    assert max(sizes) < 12_000_000


async def test_nothing_is_left_open_on_the_server(client: Client, node: Node, index: str) -> None:
    fill(node, index, ({"n": n} for n in range(3_000)), {"n": {"type": "long"}})
    before = open_contexts(node)
    await table(client, index)
    stream = await scan_table(client, TableQuery(table=index), batch_rows=10)
    await stream.aclose()
    stream = await scan_table(client, TableQuery(table=index), batch_rows=10)
    await anext(stream)
    await stream.aclose()
    assert is_free(node, before)


async def test_an_index_without_documents_has_its_columns(client: Client, node: Node, index: str) -> None:
    fill(node, index, [], {"n": {"type": "short"}, "at": {"type": "date_nanos"}})
    found = await table(client, index)
    assert found.schema.names == ["at", "n"]
    assert found.schema.types == [pa.timestamp("ns", "UTC"), pa.int16()]


async def test_an_index_without_fields_has_no_columns(client: Client, node: Node, index: str) -> None:
    fill(node, index, [{}, {}])
    assert (await table(client, index)).num_columns == 0


# --- fields that documents do not have ------------------------------------------------------------------------------

DERIVED = {
    "all": {"type": "text"},
    "name": {"type": "text", "copy_to": "all", "fields": {"raw": {"type": "keyword", "ignore_above": 5}}},
    "other": {"type": "alias", "path": "name.raw"},
}


async def test_what_is_derived_is_a_column_when_it_is_named(client: Client, node: Node, index: str) -> None:
    fill(node, index, [{"name": "ann"}, {"name": "ann of x"}], DERIVED)
    assert (await table(client, index)).column_names == ["name"]
    found = await table(client, index, columns=["all", "name.raw", "other", "_id"], order_by="name")
    assert found.to_pydict() == {
        "all": ["ann", "ann of x"],
        "name.raw": ["ann", "ann of x"],
        "other": ["ann", "ann of x"],
        "_id": ["0", "1"],
    }


async def test_a_runtime_field_is_a_column(client: Client, node: Node, index: str) -> None:
    fill(node, index, [{"n": "5"}], {}, dynamic=False, runtime={"n": {"type": "long"}})
    assert (await table(client, index)).to_pydict() == {"n": [5]}


async def test_where_no_source_is_kept_the_index_is_read(client: Client, node: Node, index: str) -> None:
    properties = {
        "at": {"type": "date", "format": "dd/MM/yyyy"},
        "b": {"type": "boolean"},
        "n": {"type": "long"},
        "p": {"type": "geo_point"},
        "t": {"type": "text", "store": True},
    }
    document = {"at": "03/02/2024", "b": "true", "n": "5", "p": "41.5,-71", "t": "words"}
    fill(node, index, [document, {}], properties, _source={"enabled": False})
    found = (await table(client, index)).to_pylist()
    point = json.loads(found[0].pop("p"))
    assert point == pytest.approx({"lat": 41.5, "lon": -71}, abs=1e-6)
    assert found[0] == {"at": datetime(2024, 2, 3, tzinfo=UTC), "b": True, "n": 5, "t": "words"}
    assert set(found[1].values()) == {None}


async def test_a_setting_that_keeps_no_source_is_seen_too(client: Client, node: Node, index: str) -> None:
    settings = {"index.mapping.source.mode": "disabled"}
    fill(node, index, [{"n": 5}], {"n": {"type": "long"}}, settings=settings)
    assert (await table(client, index)).to_pydict() == {"n": [5]}


async def test_what_neither_the_source_nor_the_index_holds_is_named(client: Client, node: Node, index: str) -> None:
    properties = {"n": {"type": "long"}, "t": {"type": "text"}}
    fill(node, index, [{"n": 5, "t": "a"}], properties, _source={"excludes": ["t"]})
    with pytest.raises(QueryError, match=r"'t'.*cannot be read"):
        await table(client, index)
    assert (await table(client, index, columns=["n"])).to_pydict() == {"n": [5]}


async def test_a_source_that_is_made_up_from_the_index_is_read(client: Client, node: Node, index: str) -> None:
    settings = {"index.mapping.source.mode": "synthetic"}
    properties = {"n": {"type": "long"}, "k": {"type": "keyword", "ignore_above": 3}, "at": {"type": "date"}}
    fill(node, index, [{"n": "5", "k": "long", "at": 1704164645678}], properties, settings=settings)
    assert (await table(client, index)).to_pydict() == {"at": [AT], "k": ["long"], "n": [5]}


# --- several indices ------------------------------------------------------------------------------------------------


async def test_several_indices_have_all_the_fields_of_any(client: Client, node: Node, index: str) -> None:
    names = [f"{index}-{part}" for part in "ab"]
    fill(node, names[0], [{"n": 1}], {"n": {"type": "long"}, "t": {"type": "text"}})
    fill(node, names[1], [{"n": 2, "u": 3}], {"n": {"type": "long"}, "u": {"type": "byte"}})
    for asked in (f"{index}-*", ",".join(names)):
        found = await table(client, asked, order_by=["-u", "n"])
        assert found.to_pylist() == [{"n": 2, "t": None, "u": 3}, {"n": 1, "t": None, "u": None}]


async def test_an_alias_and_the_index_of_a_hit(client: Client, node: Node, index: str) -> None:
    fill(node, f"{index}-1", [{"n": 1}], {"n": {"type": "long"}})
    node.request("PUT", f"/{index}-1/_alias/{index}")
    found = await table(client, index, columns=["_index", "n"])
    assert found.to_pydict() == {"_index": [f"{index}-1"], "n": [1]}


async def test_fields_that_indices_declare_differently_are_listed(client: Client, node: Node, index: str) -> None:
    for word in ("long", "keyword", "ip"):
        fill(node, f"{index}-{word}", [{"a": 1}], {"a": {"type": "long"}, "n": {"type": word}})
    with pytest.raises(QueryError) as raised:
        await table(client, f"{index}-*")
    for word in ("long", "keyword", "ip"):
        assert f"{word} in '{index}-{word}'" in raised.value.message
    found = await table(client, f"{index}-*", columns=["a"])
    assert found.to_pydict() == {"a": [1, 1, 1]}


async def test_words_and_text_are_both_text(client: Client, node: Node, index: str) -> None:
    for word in ("text", "keyword"):
        fill(node, f"{index}-{word}", [{"t": word}], {"t": {"type": word}})
    found = await table(client, f"{index}-*", where=[("t", "like", "%e%")], order_by="t")
    assert found.to_pydict() == {"t": ["keyword", "text"]}


@pytest.mark.parametrize("name", ["dk-test-absent", "dk-test-absent-*"])
async def test_an_index_that_is_not_there_is_not_found(client: Client, name: str) -> None:
    with pytest.raises(NotFound):
        await table(client, name)


@pytest.mark.parametrize("name", ["", "_search", "a/b", "a?b", "_all"])
async def test_a_name_that_would_be_another_request_is_refused(client: Client, name: str) -> None:
    with pytest.raises(ConfigError):
        await table(client, name)


async def test_a_closed_index_says_so(client: Client, node: Node, index: str) -> None:
    fill(node, index, [{"n": 1}], {"n": {"type": "long"}})
    node.request("POST", f"/{index}/_close")
    with pytest.raises(QueryError, match="closed"):
        await table(client, index)
