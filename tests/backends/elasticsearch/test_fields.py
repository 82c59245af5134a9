"""Mappings as columns: types, where values come from, several indices."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from dk_notebook.backends.elasticsearch.fields import Fields, is_named, merged
from dk_notebook.backends.elasticsearch.types import TYPES, arrow_field
from dk_notebook.errors import NotFound, QueryError
from dk_notebook.frames.types import TYPE, is_document, marked

pytestmark = pytest.mark.unit


def fields(properties: dict[str, Any], **said: Any) -> Fields:
    """The fields of one index; ``settings``: of the index, the rest of its mapping."""
    settings = said.pop("settings", {})
    return merged("t", {"t": {"mappings": {"properties": properties, **said}, "settings": settings}})


def vias(found: Fields) -> dict[str, str]:
    return {name: each.via for name, each in found.all.items()}


# --- types ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", TYPES)
def test_every_type_of_the_table_is_a_column(word: str) -> None:
    [found] = fields({"a": {"type": word, "enabled": False}}).shown()
    assert marked(found.arrow, TYPE) == word


def test_a_type_of_a_later_server_is_json() -> None:
    [found] = fields({"a": {"type": "hologram"}}).shown()
    assert is_document(found.arrow)


@pytest.mark.parametrize(
    ("word", "arrow"),
    [
        ("unsigned_long", pa.uint64()),
        ("scaled_float", pa.float64()),
        ("wildcard", pa.string()),
        ("constant_keyword", pa.string()),
        ("version", pa.string()),
        ("token_count", pa.int32()),
        ("rank_feature", pa.float64()),
        ("dense_vector", pa.list_(pa.float32())),
    ],
)
def test_types_that_few_servers_have(word: str, arrow: pa.DataType) -> None:
    assert arrow_field("a", word).type == arrow


@pytest.mark.parametrize("word", ["geo_shape", "join", "percolator", "rank_features", "completion", "date_range"])
def test_what_has_parts_of_its_own_is_json(word: str) -> None:
    assert is_document(arrow_field("a", word))


def test_an_array_of_vectors_or_documents_is_what_it_was() -> None:
    assert arrow_field("a", "dense_vector", array=True) == arrow_field("a", "dense_vector")
    assert arrow_field("a", "nested", array=True) == arrow_field("a", "nested")


# --- one index ------------------------------------------------------------------------------------------------------


def test_objects_are_walked_through_and_nested_ones_are_not() -> None:
    inner = {"b": {"type": "long"}, "c": {"properties": {"d": {"type": "date"}}}}
    found = fields({"a": {"properties": inner}, "n": {"type": "nested", "properties": inner}})
    assert list(found.all) == ["a.b", "a.c.d", "n"]


def test_an_object_that_is_not_looked_into_is_json() -> None:
    [found] = fields({"a": {"type": "object", "enabled": False}}).shown()
    assert is_document(found.arrow)


def test_multi_fields_aliases_and_copies_are_there_and_not_shown() -> None:
    found = fields(
        {
            "name": {"type": "text", "copy_to": ["all"], "fields": {"raw": {"type": "keyword"}}},
            "all": {"type": "text"},
            "other": {"type": "alias", "path": "name.raw"},
        }
    )
    assert [each.name for each in found.shown()] == ["name"]
    assert vias(found) == {"name": "source", "name.raw": "fields", "all": "fields", "other": "fields"}
    assert found.find("other").type == "keyword"


@pytest.mark.parametrize(
    "said",
    [
        {"_source": {"enabled": False}},
        {"_source": {"mode": "disabled"}},
        {"settings": {"index": {"mapping": {"source": {"mode": "disabled"}}}}},
        {"_source": {"excludes": ["*"]}},
        {"_source": {"includes": ["nothing"]}},
    ],
)
def test_without_the_document_the_index_is_asked(said: dict[str, Any]) -> None:
    found = fields(
        {
            "n": {"type": "long"},
            "off": {"type": "long", "doc_values": False},
            "t": {"type": "text"},
            "stored": {"type": "text", "store": True},
            "b": {"type": "binary"},
        },
        **said,
    )
    assert vias(found) == {"n": "docvalues", "off": "nowhere", "t": "nowhere", "stored": "stored", "b": "nowhere"}
    with pytest.raises(QueryError, match=r"'off', 't', 'b' of 't' cannot be read"):
        found.shown()


def test_a_part_of_the_document_that_is_left_out_is_read_from_the_index() -> None:
    found = fields({"a": {"properties": {"b": {"type": "long"}}}, "c": {"type": "long"}}, _source={"excludes": ["a"]})
    assert vias(found) == {"a.b": "docvalues", "c": "source"}


def test_a_source_made_up_from_the_index_is_a_source() -> None:
    assert vias(fields({"n": {"type": "long"}}, _source={"mode": "synthetic"})) == {"n": "source"}


def test_what_documents_need_not_say_is_asked_of_the_server() -> None:
    found = fields({"c": {"type": "constant_keyword", "value": "x"}}, runtime={"r": {"type": "date"}})
    assert vias(found) == {"c": "fields", "r": "fields"}


def test_vectors_that_later_servers_leave_out_are_asked_for() -> None:
    properties = {"v": {"type": "dense_vector", "dims": 2}}
    indices = {"t": {"mappings": {"properties": properties}}}
    assert merged("t", indices).find("v").via == "source"
    assert merged("t", indices, excludes_vectors=True).find("v").via == "fields"


def test_the_exact_form_of_a_text_is_a_keyword_without_a_normalizer() -> None:
    lowered = {"type": "keyword", "normalizer": "lowercase"}
    found = fields(
        {
            "a": {"type": "text", "fields": {"x": lowered, "y": {"type": "keyword"}}},
            "b": {"type": "text", "fields": {"x": lowered}},
        }
    )
    assert found.find("a").keyword == found.find("a.y")
    assert found.find("b").keyword is None


# --- names ----------------------------------------------------------------------------------------------------------


def test_a_near_miss_is_told_the_nearest() -> None:
    with pytest.raises(NotFound, match="did you mean 'name'"):
        fields({"name": {"type": "text"}}).find("nmae")


def test_an_object_is_told_its_fields() -> None:
    with pytest.raises(NotFound, match=r"'a' is an object, with 'a.b'"):
        fields({"a": {"properties": {"b": {"type": "long"}}}}).find("a")


@pytest.mark.parametrize("name", ["_id", "_index", "_score"])
def test_what_hits_have_is_found_by_name(name: str) -> None:
    assert fields({}).find(name).via == "hit"


@pytest.mark.parametrize(
    ("name", "patterns", "named"),
    [("a.b", ["a.*"], True), ("a.b", ["b"], False), ("a", ["a.b"], False), ("a.b.c", ["*.c"], True), ("a", [], False)],
)
def test_patterns_name_fields_and_all_that_is_in_objects(name: str, patterns: list[str], named: bool) -> None:
    assert is_named(name, patterns) is named


# --- several indices ------------------------------------------------------------------------------------------------


def several(*specs: dict[str, Any]) -> Fields:
    return merged("i*", {f"i{n}": {"mappings": {"properties": {"a": spec}}} for n, spec in enumerate(specs)})


def test_a_field_that_all_declare_alike_is_everywhere() -> None:
    assert several({"type": "long"}, {"type": "long"}).find("a").everywhere


def test_a_field_of_one_of_them_is_not_everywhere() -> None:
    indices = {"i0": {"mappings": {"properties": {"a": {"type": "long"}}}}, "i1": {"mappings": {}}}
    assert not merged("i*", indices).find("a").everywhere


@pytest.mark.parametrize(
    ("first", "second"), [("long", "integer"), ("date", "date_nanos"), ("keyword", "long"), ("nested", "keyword")]
)
def test_types_that_are_read_differently_are_a_conflict_when_they_are_read(first: str, second: str) -> None:
    found = several({"type": first}, {"type": second})
    with pytest.raises(QueryError, match=f"'a' is {first} in 'i0', {second} in 'i1'"):
        found.shown()


def test_an_object_in_one_and_a_value_in_another_are_two_columns() -> None:
    assert list(several({"properties": {"b": {"type": "long"}}}, {"type": "long"}).all) == ["a.b", "a"]


def test_texts_are_read_alike_and_nothing_is_relied_on() -> None:
    found = several({"type": "keyword"}, {"type": "text", "fields": {"raw": {"type": "keyword"}}}).find("a")
    assert (found.conflict, found.keyword, found.says["index"]) == (None, None, False)


def test_dates_of_several_formats_are_of_none() -> None:
    found = several({"type": "date"}, {"type": "date", "format": "dd/MM/yyyy"}).find("a")
    assert found.says["format"] is None
