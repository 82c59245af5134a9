"""Types by the mapping, whatever way the documents spell their values."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.backends.elasticsearch.reading.reader import Reader
from dk_notebook.errors import ConversionError, NotFound
from dk_notebook.frames.types import is_document
from tests.backends.elasticsearch.reading import fill, table
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
FEB_3 = datetime(2024, 2, 3, tzinfo=UTC)
JANUARY, FEBRUARY = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)


async def values(client: Client, index: str, name: str, **query: Any) -> list[Any]:
    """The values of a column, in the order of the documents."""
    found = await table(client, index, columns=[name, "_id"], **query)
    return [row[name] for row in sorted(found.to_pylist(), key=lambda row: int(row["_id"]))]


# --- types ----------------------------------------------------------------------------------------------------------

TYPED: dict[str, tuple[dict[str, Any], list[Any], list[Any]]] = {
    # name -> its mapping, values as documents have them, values as they are read
    "byte": ({"type": "byte"}, [-128, None, 127], [-128, None, 127]),
    "unsorted": ({"type": "long"}, [2**63 - 1, -(2**63), 0], [2**63 - 1, -(2**63), 0]),
    "float": ({"type": "float"}, [0.5, 1, -1e30], [0.5, 1.0, -1.0000000150474662e30]),
    "half": ({"type": "half_float"}, [0.5, 65504, None], [0.5, 65504.0, None]),
    "double": ({"type": "double"}, [0.1, 1e300, 5], [0.1, 1e300, 5.0]),
    "yes": ({"type": "boolean"}, [True, False, None], [True, False, None]),
    "word": ({"type": "keyword"}, ["a", "", "\U0001f600"], ["a", "", "\U0001f600"]),
    "words": ({"type": "text"}, ["a b", "", None], ["a b", "", None]),
    "at": ({"type": "date"}, ["2024-01-02T03:04:05.678Z", None, "2024-01-02T03:04:05.678Z"], [AT, None, AT]),
    "ip": ({"type": "ip"}, ["10.0.0.1", "::1", None], ["10.0.0.1", "::1", None]),
    "bytes": ({"type": "binary"}, ["AAH/", "", None], [b"\0\1\xff", b"", None]),
    "vector": ({"type": "dense_vector", "dims": 2}, [[1, 0.5], [0, 1], None], [[1.0, 0.5], [0.0, 1.0], None]),
}


@pytest.mark.parametrize("name", TYPED)
async def test_a_type_is_read_as_the_mapping_has_it(client: Client, node: Node, index: str, name: str) -> None:
    mapping, sent, expected = TYPED[name]
    fill(node, index, ({name: value} for value in sent), {name: mapping})
    assert await values(client, index, name) == expected


SPELLED: dict[str, tuple[dict[str, Any], list[Any], list[Any]]] = {
    "numbers as text": ({"type": "long"}, ["30", 31, "-5"], [30, 31, -5]),
    "whole numbers with a fraction of zero": ({"type": "integer"}, [1.0, 2, "3.0"], [1, 2, 3]),
    "numbers with an exponent": ({"type": "double"}, ["1e5", 1e-5, 1], [1e5, 1e-5, 1.0]),
    "booleans as text": ({"type": "boolean"}, ["true", "false", True, ""], [True, False, True, False]),
    "text as numbers": ({"type": "keyword"}, [30, 1.5, True, "a"], ["30", "1.5", "true", "a"]),
    "long whole numbers as text": ({"type": "keyword"}, [10**30, 1], ["1" + "0" * 30, "1"]),
    "dates in milliseconds": ({"type": "date"}, [1704164645678, "2024-01-02T03:04:05.678Z"], [AT, AT]),
    "dates with zones and without": (
        {"type": "date"},
        ["2024-01-02T04:04:05.678+01:00", "2024-01-02T03:04:05.678"],
        [AT, AT],
    ),
    "dates finer than the type": (
        {"type": "date"},
        ["2024-01-02T03:04:05.678912Z", "2024-01-02T03:04:05.678999999Z"],
        [AT, AT],
    ),
    "years and months": ({"type": "date"}, ["2024", "2024-02"], [JANUARY, FEBRUARY]),
    "dates in a format of their own": ({"type": "date", "format": "dd/MM/yyyy"}, ["03/02/2024", None], [FEB_3, None]),
    "dates that ISO reads otherwise": ({"type": "date", "format": "yyyy-dd-MM"}, ["2024-03-02"], [FEB_3]),
    "seconds": (
        {"type": "date", "format": "epoch_second"},
        [1704164645, "1704164645"],
        [AT.replace(microsecond=0)] * 2,
    ),
    "null in place of a value": ({"type": "keyword", "null_value": "none"}, [None, "a"], [None, "a"]),
    "texts that the index leaves out": ({"type": "keyword", "ignore_above": 3}, ["long text", "a"], ["long text", "a"]),
}


@pytest.mark.parametrize("name", SPELLED)
async def test_another_spelling_is_the_value_of_the_type(client: Client, node: Node, index: str, name: str) -> None:
    mapping, sent, expected = SPELLED[name]
    fill(node, index, ({"v": value} for value in sent), {"v": mapping})
    assert await values(client, index, "v") == expected


async def test_a_page_of_other_spellings_does_not_slow_down_what_it_does_not_change(
    client: Client, node: Node, index: str
) -> None:
    documents: list[dict[str, Any]] = [{"n": n, "k": f"k{n}"} for n in range(1_500)]
    documents[700]["n"] = "700"
    fill(node, index, documents, {"n": {"type": "long"}, "k": {"type": "keyword"}})
    found = await table(client, index, order_by="n")
    assert found.to_pydict() == {"k": [f"k{n}" for n in range(1_500)], "n": list(range(1_500))}


async def test_dates_in_milliseconds_need_no_python_objects(
    client: Client, node: Node, index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(
        node, index, ({"at": 1704164645678, "n": n} for n in range(3)), {"at": {"type": "date"}, "n": {"type": "long"}}
    )
    monkeypatch.setattr(Reader, "_of_objects", None)
    assert await values(client, index, "at") == [AT] * 3


async def test_a_column_may_be_named_twice(client: Client, node: Node, index: str) -> None:
    fill(node, index, [{"n": 5}], {"n": {"type": "long"}})
    found = await table(client, index, columns=["n", "_id", "n"])
    assert (found.column_names, found[2].to_pylist()) == (["n", "_id", "n"], [5])


POINTS = [
    "41.5,-71",
    {"lat": 41.5, "lon": -71},
    [-71, 41.5],
    "POINT (-71 41.5)",
    {"type": "Point", "coordinates": [-71, 41.5]},
]


async def test_points_of_the_earth_are_alike_in_every_spelling(client: Client, node: Node, index: str) -> None:
    fill(node, index, ({"p": p} for p in POINTS), {"p": {"type": "geo_point"}})
    found = await table(client, index)
    assert is_document(found.schema.field("p"))
    assert {text: json.loads(text) for text in found["p"].to_pylist()} == {
        '{"lat":41.5,"lon":-71.0}': {"lat": 41.5, "lon": -71.0}
    }


async def test_a_geohash_is_asked_of_the_server(client: Client, node: Node, index: str) -> None:
    fill(node, index, [{"p": "drm3btev3e86"}], {"p": {"type": "geo_point"}})
    [text] = (await table(client, index))["p"].to_pylist()
    assert json.loads(text) == pytest.approx({"lat": 41.12, "lon": -71.34}, abs=1e-6)


# --- objects, documents ---------------------------------------------------------------------------------------------


async def test_objects_are_flattened_however_their_dots_are_spelled(client: Client, node: Node, index: str) -> None:
    documents = [{"a": {"b": {"c": 1}}}, {"a.b.c": 2}, {"a.b": {"c": 3}}, {"a": {"b.c": 4}}, {"a": None}, {"a": {}}]
    fill(node, index, documents, {"a": {"properties": {"b": {"properties": {"c": {"type": "long"}}}}}})
    assert await values(client, index, "a.b.c") == [1, 2, 3, 4, None, None]


async def test_nested_documents_are_json(client: Client, node: Node, index: str) -> None:
    nested = [{"n": 1, "t": "a"}, {"n": 10**25}]
    properties = {"o": {"type": "nested", "dynamic": False}, "f": {"type": "object", "enabled": False}}
    fill(node, index, [{"o": nested, "f": [1, "a"]}], properties)
    found = await table(client, index)
    assert [json.loads(found[name][0].as_py()) for name in ("f", "o")] == [[1, "a"], nested]


async def test_fields_that_the_mapping_does_not_know_are_no_columns(client: Client, node: Node, index: str) -> None:
    fill(node, index, [{"a": 1, "b": 2}], {"a": {"type": "long"}}, dynamic=False)
    assert (await table(client, index)).to_pydict() == {"a": [1]}


async def test_hostile_names_are_names(client: Client, node: Node, index: str) -> None:
    names = ["_source", 'a"b', "a b", "sort", "hits", "é", "a'; drop", "x" * 300, "*"]
    documents = [{"o": [{"_source": {"a": 1}}], **{name: number for number, name in enumerate(names)}}] * 3
    properties = {name: {"type": "long"} for name in names if name != "_source"}
    fill(
        node,
        index,
        [{k: v for k, v in d.items() if k != "_source"} for d in documents],
        {**properties, "o": {"type": "nested", "dynamic": False}},
    )
    found = await table(client, index)
    assert found[0].to_pylist() is not None
    assert {name: found[name][0].as_py() for name in properties} == {name: names.index(name) for name in properties}


async def test_documents_that_look_like_pages_are_read(client: Client, node: Node, index: str) -> None:
    texts = ['},{"_source":{"t":"x"}', '"sort":[1]}', '\\"hits":[', "]}]}}", "\u2028\n\r\t\0"[:4]]
    objects = [[{"a": 1}, {"_source": {"t": "no"}}, {"sort": [5]}]]
    documents = [*({"t": text} for text in texts), *({"t": "o", "d": each} for each in objects)]
    properties = {"t": {"type": "keyword"}, "d": {"type": "nested", "dynamic": False}}
    fill(node, index, documents, properties)
    assert await values(client, index, "t") == [*texts, "o"]
    assert [json.loads(each) for each in await values(client, index, "d") if each] == objects


# --- arrays ---------------------------------------------------------------------------------------------------------

TAGS = [{"tags": ["a", "b"]}, {"tags": "c"}, {}, {"tags": []}, {"tags": [None, ["d"]]}]


async def test_an_array_is_an_error_that_names_the_argument(client: Client, node: Node, index: str) -> None:
    fill(node, index, TAGS, {"tags": {"type": "keyword"}})
    with pytest.raises(ConversionError, match=r"arrays=\['tags'\]") as raised:
        await table(client, index)
    assert "document '0'" in str(raised.value)


async def test_a_list_of_one_is_an_array_too(client: Client, node: Node, index: str) -> None:
    fill(node, index, [{"n": [5]}], {"n": {"type": "long"}})
    with pytest.raises(ConversionError, match=r"arrays=\['n'\]"):
        await table(client, index)


async def test_named_arrays_are_lists_single_values_too(client: Client, node: Node, index: str) -> None:
    fill(node, index, TAGS, {"tags": {"type": "keyword"}})
    assert await values(client, index, "tags", arrays=("tags",)) == [["a", "b"], ["c"], None, [], [None, "d"]]


@pytest.mark.parametrize(
    ("mapping", "sent", "expected"),
    [
        ({"type": "integer"}, ["1", 2.0], [1, 2]),
        ({"type": "date"}, ["2024-01-02T03:04:05.678Z", 1704164645678], [AT, AT]),
        ({"type": "date", "format": "dd/MM/yyyy"}, ["03/02/2024"], [datetime(2024, 2, 3, tzinfo=UTC)]),
        ({"type": "boolean"}, [True, "false"], [True, False]),
    ],
)
async def test_lists_of_other_spellings_are_lists_of_values(
    client: Client, node: Node, index: str, mapping: Any, sent: Any, expected: Any
) -> None:
    fill(node, index, [{"v": sent}, {}], {"v": mapping})
    assert await values(client, index, "v", arrays=("v",)) == [expected, None]


async def test_objects_in_a_list_make_arrays_of_their_fields(client: Client, node: Node, index: str) -> None:
    fill(node, index, [{"o": [{"a": 1}, {"a": [2, 3]}, {}]}], {"o": {"properties": {"a": {"type": "long"}}}})
    with pytest.raises(ConversionError, match=r"arrays=\['o.a'\]"):
        await table(client, index)
    assert await values(client, index, "o.a", arrays=("o.a",)) == [[1, 2, 3]]


async def test_an_unknown_array_is_not_found(client: Client, node: Node, index: str) -> None:
    fill(node, index, TAGS, {"tags": {"type": "keyword"}})
    with pytest.raises(NotFound, match="did you mean 'tags'"):
        await table(client, index, arrays=("tag",))


# --- what the mapping refused or changed ----------------------------------------------------------------------------


async def test_a_value_that_the_mapping_ignored_is_an_error_not_a_null(client: Client, node: Node, index: str) -> None:
    fill(node, index, [{"n": 1}, {"n": "bad"}], {"n": {"type": "long", "ignore_malformed": True}})
    with pytest.raises(ConversionError, match="ignores, in document '1'"):
        await table(client, index)


async def test_digits_that_the_index_cut_are_an_error(client: Client, node: Node, index: str) -> None:
    fill(node, index, [{"n": 1}, {"n": 1.7}], {"n": {"type": "long"}})
    with pytest.raises(ConversionError, match="digits would be lost, in document '1'"):
        await table(client, index)
