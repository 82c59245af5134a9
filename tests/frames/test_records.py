"""Documents as columns, and rows as documents."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from dk_notebook.errors import ConfigError, ConversionError
from dk_notebook.frames.records import Columns, documents_to_arrow, key_column, records_of
from dk_notebook.frames.shape import to_frame
from dk_notebook.frames.types import JSON, mark
from dk_notebook.records.document import Document
from dk_notebook.records.query import Query
from dk_notebook.records.record import Record

pytestmark = pytest.mark.unit


def column(*values: Any) -> pa.ChunkedArray:
    """The column of a field that has these values, one a document."""
    return documents_to_arrow([Document(str(n), {"x": value}) for n, value in enumerate(values)]).column("x")


@pytest.mark.parametrize(
    ("values", "arrow"),
    [
        ([1, None, 2**63 - 1], pa.int64()),
        ([1.5, None], pa.float64()),
        ([1, 1.5], pa.float64()),
        ([True, None], pa.bool_()),
        (["a", None], pa.string()),
        ([None], pa.string()),
    ],
)
def test_a_field_of_one_kind_is_a_column_of_that_type(values: list[Any], arrow: pa.DataType) -> None:
    assert column(*values).type == arrow
    assert column(*values).to_pylist() == values


@pytest.mark.parametrize(
    "values", [[1, "a"], [True, 1], [[1], None], [{"a": 1}], [2**63], [2**53 + 1, 0.5], [None, [], "a"]]
)
def test_any_other_is_json_and_comes_back_as_it_was(values: list[Any]) -> None:
    table = documents_to_arrow([Document(str(n), {"x": value}) for n, value in enumerate(values)])
    assert to_frame(table)["x"].to_list() == values


def test_the_key_is_the_first_column_unless_the_data_have_an_id() -> None:
    documents = [Document("a", {"n": 1}), Document("b", {"n": 2, "id": "own"})]
    assert documents_to_arrow(documents).to_pydict() == {"id": ["a", "own"], "n": [1, 2]}


def test_fields_come_in_the_order_in_which_they_are_met() -> None:
    assert documents_to_arrow([Document("a", {"z": 1, "y": 1}), Document("b", {"x": 1, "z": 1})]).column_names == [
        "id",
        "z",
        "y",
        "x",
    ]


def test_a_selected_field_inside_of_others_is_a_column_of_its_own() -> None:
    documents = [Document("a", {"home": {"city": "Oslo"}}), Document("b", {"home": [{"city": "Rome"}, {}]})]
    columns = Query().select("home.city", "id").columns
    assert to_frame(documents_to_arrow(documents, columns)).to_dict("list") == {
        "home.city": ["Oslo", ["Rome", None]],
        "id": ["a", "b"],
    }


def test_no_documents_are_no_rows() -> None:
    table = documents_to_arrow([], Query().select("a").columns)
    assert (table.num_rows, table.column_names) == (0, ["a"])


def test_what_changed_since_it_was_looked_at_is_told() -> None:
    columns = Columns()
    columns.look([Document("a", {"n": 1})])
    with pytest.raises(ConversionError, match="changed"):
        columns.table([Document("a", {"n": "text"})])


def test_json_columns_become_nested_data() -> None:
    schema = pa.schema([pa.field("id", pa.int64()), mark(pa.field("x", pa.string()), JSON)])
    table = pa.table({"id": [1, 2], "x": ['{"a": [1]}', None]}, schema=schema)
    assert records_of(table, "id") == [Record({"id": 1, "x": {"a": [1]}}), Record({"id": 2, "x": None})]


def test_a_missing_id_is_told_by_its_row() -> None:
    with pytest.raises(ConversionError) as raised:
        records_of(pa.table({"k": ["a", None]}), "k", position=10)
    assert (raised.value.column, raised.value.position) == ("k", 11)


@pytest.mark.parametrize(("key", "expected"), [(None, "id"), ("n", "n")])
def test_the_ids_are_in_the_key_or_in_id(key: str | None, expected: str) -> None:
    assert key_column(pa.schema({"id": pa.string(), "n": pa.int64()}), key) == expected


def test_a_key_that_is_no_column_is_refused() -> None:
    with pytest.raises(ConfigError, match="'n'"):
        key_column(pa.schema({"n": pa.int64()}), "nn")
