"""What a record is."""

from __future__ import annotations

import copy
import pickle
import uuid
from collections.abc import MutableMapping
from typing import Any

import pytest

from dk_notebook.errors import ConfigError, ConversionError
from dk_notebook.records.document import Document
from dk_notebook.records.record import Record

pytestmark = pytest.mark.unit


def test_a_record_is_a_mapping_of_its_fields() -> None:
    record = Record({"a": 1, "b": 2})
    record["c"] = 3
    del record["a"]
    assert isinstance(record, MutableMapping)
    assert (dict(record), len(record), "b" in record, record.get("x")) == ({"b": 2, "c": 3}, 2, True, None)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"id": "x"}, "x"),
        ({"data": {"id": 7}}, "7"),
        ({"data": {"id": "7"}, "id": "x"}, "x"),
        ({"id": uuid.UUID(int=1)}, "00000000-0000-0000-0000-000000000001"),
    ],
)
def test_the_id_is_the_one_given_or_the_field(arguments: dict[str, Any], expected: str) -> None:
    assert Record(**{"data": {}, **arguments}).id == expected


@pytest.mark.parametrize("data", [{}, {"id": None}])
def test_else_it_is_drawn_once(data: dict[str, Any]) -> None:
    record = Record(data)
    assert uuid.UUID(record.id)
    assert record.document().id == record.document().id == record.id
    assert Record(data).id != record.id


@pytest.mark.parametrize("wrong", ["", "a\0", b"x", [], {}, True, "\ud800"])
def test_an_id_that_no_store_can_have_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigError):
        Record({}, id=wrong)


@pytest.mark.parametrize("wrong", [[1], "text", 5, [("a", 1)]])
def test_data_and_metadata_are_mappings(wrong: Any) -> None:
    with pytest.raises(ConfigError, match="data"):
        Record(wrong)
    with pytest.raises(ConfigError, match="metadata"):
        Record({}, wrong)


def test_the_data_given_are_not_shared() -> None:
    data = {"a": 1}
    Record(data)["a"] = 2
    assert data == {"a": 1}


def test_equal_data_metadata_and_ids_are_equal_records() -> None:
    assert Record({"a": 1}, {"m": 1}, "x") == Record({"a": 1}, {"m": 1}, "x")
    for other in (Record({"a": 2}, {"m": 1}, "x"), Record({"a": 1}, {}, "x"), Record({"a": 1}, {"m": 1}, "y")):
        assert Record({"a": 1}, {"m": 1}, "x") != other


def test_drawn_ids_tell_no_records_apart() -> None:
    assert Record({"a": 1}) == Record({"a": 1})


def test_a_record_equals_a_mapping_of_the_same_fields() -> None:
    assert Record({"a": 1}) == {"a": 1}
    assert Record({"a": 1}) != [("a", 1)]


def test_a_dot_descends_into_nested_data() -> None:
    record = Record({"a": {"b": {"c": 1}}, "x.y": 2})
    paths = ["a.b.c", "a.b", "x.y", "a.x", "a.b.c.d"]
    assert [record.get_value(path, "none") for path in paths] == [1, {"c": 1}, 2, "none", "none"]


def test_a_value_is_set_under_the_name_as_it_is() -> None:
    record = Record({"a": {"b": 1}})
    record.set_value("a.b", 2)
    assert record == {"a": {"b": 1}, "a.b": 2}


def test_a_dict_comes_back_as_the_record() -> None:
    record = Record({"a": [1]}, {"m": 1}, "x")
    assert record.to_dict() == {"a": [1]}
    assert Record.from_dict(record.to_dict(include_metadata=True)) == record
    record.to_dict()["a"].append(2)
    assert record["a"] == [1]


@pytest.mark.parametrize("duplicate", [Record.copy, copy.deepcopy, lambda record: pickle.loads(pickle.dumps(record))])
def test_a_copy_is_a_record_of_its_own(duplicate: Any) -> None:
    record = Record({"a": [1]}, id="x")
    record.version = "5"
    twin = duplicate(record)
    twin["a"].append(2)
    assert (record, twin.version, twin.id) == (Record({"a": [1]}, id="x"), "5", "x")


def test_a_record_can_be_changed_and_so_has_no_hash() -> None:
    with pytest.raises(TypeError):
        hash(Record({}))


@pytest.mark.parametrize("junk", [[1], "text", 5, None])
def test_what_a_store_has_that_is_no_record_is_told(junk: Any) -> None:
    with pytest.raises(ConversionError, match="mapping of fields"):
        Record.of(Document("x", junk))
