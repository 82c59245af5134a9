"""What lies in the object of a document, in the words of dataknobs-data and in those of others."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dk_notebook.backends.s3.records.body import decoded, encoded
from dk_notebook.errors import QueryError
from dk_notebook.records.document import Document, Unreadable
from dk_notebook.records.record import Record
from dk_notebook.testing import drawn

pytestmark = pytest.mark.unit

NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=3)
ETAG = '"5d41402abc4b2a76b9719d911017c592"'


def read(body: str | bytes, key: str = "x.json") -> Document:
    return decoded("x", body.encode() if isinstance(body, str) else body, ETAG, key=key)


# --- what is stored -------------------------------------------------------------------------------------------------


def test_a_document_is_its_fields_its_key_and_its_metadata() -> None:
    stored = json.loads(encoded(Document("a/b", {"name": "Ann", "n": 1}, {"from": "form"})))
    assert stored == {
        "fields": {
            "name": {"name": "name", "value": "Ann", "type": "string", "metadata": {}},
            "n": {"name": "n", "value": 1, "type": "integer", "metadata": {}},
        },
        "id": "a/b",
        "metadata": {"from": "form"},
    }


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("x" * 1_000, "string"),
        ("x" * 1_001, "text"),
        (None, "string"),
        (True, "boolean"),
        (1, "integer"),
        (1.0, "float"),
        ({}, "json"),
        ([1], "json"),
        ("2024-01-02T03:04:05", "string"),
    ],
    ids=repr,
)
def test_a_type_is_that_of_the_value(value: Any, kind: str) -> None:
    assert json.loads(encoded(Document("x", {"f": value})))["fields"]["f"]["type"] == kind


@given(st.dictionaries(NAMES, drawn.DATA, max_size=3), drawn.DATA)
def test_what_was_stored_comes_back(data: dict[str, Any], metadata: dict[str, Any]) -> None:
    plain = Record(data, metadata, id="x").document()
    assert decoded("x", encoded(plain), ETAG, key="x.json") == plain._replace(version=ETAG)


@pytest.mark.parametrize(
    "value",
    [2**53 + 1, 2**63, -(2**64), 10**300, 0.1, 5e-324, -0.0, 1e22, 1.0, [1, 1.0, True, None], {"a": {"b": [{}]}}],
    ids=repr,
)
def test_values_come_back_exactly(value: Any) -> None:
    found = decoded("x", encoded(Document("x", {"v": value})), ETAG, key="x.json")
    assert repr(found.data["v"]) == repr(value)


@pytest.mark.parametrize(
    "data",
    [{"fields": {"a": 1}}, {"value": 1}, {"f": {"value": 1}}, {"id": 7, "metadata": [1]}, {"_id": 1, "_metadata": {}}],
    ids=repr,
)
def test_fields_that_are_called_as_parts_of_the_layout_are_fields(data: dict[str, Any]) -> None:
    assert decoded("x", encoded(Document("x", data)), ETAG, key="x.json").data == data


# --- what others have stored ----------------------------------------------------------------------------------------


def test_fields_with_their_types_are_read() -> None:
    field = {"name": "n", "value": 1, "type": "integer", "metadata": {"unit": "m"}}
    found = read(json.dumps({"fields": {"n": field}, "id": "other", "metadata": {"a": 1}}))
    assert found == Document("x", {"n": 1}, {"a": 1}, ETAG)


def test_a_vector_is_a_list() -> None:
    field = {"name": "v", "value": [0.5, 1.0], "type": "vector", "metadata": {"dimensions": 2}, "dimensions": 2}
    assert read(json.dumps({"fields": {"v": field}})).data == {"v": [0.5, 1.0]}


def test_fields_that_are_bare_values_are_read() -> None:
    fields = {"n": 1, "home": {"city": "Oslo"}, "price": {"value": 3, "currency": "NOK"}}
    assert read(json.dumps({"fields": fields, "id": "x", "metadata": {}})).data == fields


def test_a_flat_object_is_its_fields() -> None:
    assert read('{"name": "Ann", "id": "7", "tags": ["a"]}').data == {"name": "Ann", "id": "7", "tags": ["a"]}


def test_a_flat_object_that_says_its_key_and_metadata_apart_is_read_like_that() -> None:
    flat = Record({"name": "Ann"}, {"from": "form"}, id="y").to_dict(include_metadata=True)
    assert read(json.dumps(flat)) == Document("x", {"name": "Ann"}, {"from": "form"}, ETAG)


@pytest.mark.parametrize(
    "whole", [{"fields": [1], "n": 1}, {"fields": {"a": 1}, "n": 1}, {"fields": {}, "metadata": 1}]
)
def test_of_a_flat_object_with_a_field_called_fields_nothing_is_left_out(whole: dict[str, Any]) -> None:
    assert read(json.dumps(whole)).data == whole


def test_nan_of_others_is_read_as_it_is() -> None:
    value = read('{"fields": {"n": {"name": "n", "value": NaN, "type": "float", "metadata": {}}}}').data["n"]
    assert math.isnan(value)


def test_long_whole_numbers_of_others_are_exact() -> None:
    assert read('{"n": 123456789012345678901234567890}').data == {"n": 123456789012345678901234567890}


def test_a_text_with_a_mark_of_its_encoding_is_read() -> None:
    assert read(b'\xef\xbb\xbf{"n": 1}').data == {"n": 1}


# --- what is no document --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "no JSON"),
        (b"PAR1", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff\xfe\x00", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[1]", "a list"),
        (b"null", "null"),
        (b'"text"', "a text"),
        (b"1", "a number"),
    ],
)
def test_what_is_no_document_says_so_and_names_the_key(body: bytes, said: str) -> None:
    found = read(body, key="data/notes.json")
    with pytest.raises(QueryError, match=rf"data/notes\.json.*{said}"):
        Record.of(found)


@pytest.mark.parametrize(
    "use",
    [
        lambda data: data["n"],
        lambda data: data.get("n"),
        lambda data: "n" in data,
        list,
        dict,
        len,
        bool,
        lambda data: data == {},
        lambda data: {**data},
    ],
)
def test_what_is_no_document_is_never_taken_for_one(use: Any) -> None:
    with pytest.raises(QueryError):
        use(Unreadable(QueryError("no document")))
