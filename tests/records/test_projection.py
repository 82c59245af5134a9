"""Which part of a document is selected."""

from __future__ import annotations

from typing import Any

import pytest

from dk_notebook.records.projection import project
from dk_notebook.records.query import Query

pytestmark = pytest.mark.unit

DATA: dict[str, Any] = {
    "a": 1,
    "b": {"c": 2, "d": {"e": 3}},
    "list": [{"x": 1, "y": 2}, {"x": 3}, 4, [{"x": 5, "y": 6}]],
    "f.g": 7,
    "none": None,
}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (["a"], {"a": 1}),
        (["none", "absent"], {"none": None}),
        (["b.c"], {"b": {"c": 2}}),
        (["b.c", "b.d.e"], {"b": {"c": 2, "d": {"e": 3}}}),
        (["b.d", "b.d.e"], {"b": {"d": {"e": 3}}}),
        (["b", "b.c"], {"b": DATA["b"]}),
        (["a.x"], {}),
        (["list.x"], {"list": [{"x": 1}, {"x": 3}, None, [{"x": 5}]]}),
        (["list.x", "list.y"], {"list": [{"x": 1, "y": 2}, {"x": 3}, None, [{"x": 5, "y": 6}]]}),
        (["list", "list.x"], {"list": DATA["list"]}),
        (["f.g"], {}),
        ([Query.field("f.g", literal=True)], {"f.g": 7}),
        (["id"], {"id": "key"}),
        ([], {}),
    ],
)
def test_the_selected_fields_keep_their_places(fields: list[Any], expected: dict[str, Any]) -> None:
    before = repr(DATA)
    assert project(Query().select(fields).columns, DATA, "key") == expected
    assert repr(DATA) == before


def test_an_id_in_the_data_is_the_field_and_not_the_key() -> None:
    assert project(Query().select("id").columns, {"id": 5}, "key") == {"id": 5}


def test_without_a_selection_it_is_the_document() -> None:
    assert project(None, DATA, "key") is DATA
