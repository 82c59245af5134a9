"""Arrow as lines of JSON: what Python's own JSON reads of them, and how they look where it matters."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dk_notebook.frames.ndjson import documents, joined, lines, quoted, values
from dk_notebook.frames.types import JSON, mark

pytestmark = pytest.mark.unit


def texts(array: Any, **marks: str) -> list[str | None]:
    column = pa.field("c", array.type)
    for name in marks.values():
        column = mark(column, name)
    return values(column, array).to_pylist()


WRITTEN: list[tuple[Any, list[str | None]]] = [
    (pa.array([1, None, -7], pa.int8()), ["1", None, "-7"]),
    (pa.array([2**64 - 1], pa.uint64()), ["18446744073709551615"]),
    (pa.array([True, False, None]), ["true", "false", None]),
    (pa.array([0.1, 1.0, -0.0, 1e20, 1e-7, 5e-324, None]), ["0.1", "1.0", "-0.0", "1e+20", "1e-7", "5e-324", None]),
    (pa.array([0.1, 16777216], pa.float32()), ["0.1", "16777216.0"]),
    (pa.array([np.float16(0.5)], pa.float16()), ["0.5"]),
    (pa.array([Decimal("1.10"), None, Decimal("-12345678901234567890.01")]),
     ["1.10", None, "-12345678901234567890.01"]),
    (pa.array(["a", "", None, 'q"\\\n\t\x01\x7fé😀\u2028']),
     ['"a"', '""', None, '"q\\"\\\\\\n\\t\\u0001\x7fé😀\u2028"']),
    (pa.array(["a", None], pa.large_string()), ['"a"', None]),
    (pa.array(["a", None], pa.string_view()), ['"a"', None]),
    (pa.array(["a", None, "a"]).dictionary_encode(), ['"a"', None, '"a"']),
    (pa.array([b"\x00\xff", None, b""]), ['"AP8="', None, '""']),
    (pa.array([dt.date(1, 1, 1), dt.date(9999, 12, 31)]), ['"0001-01-01"', '"9999-12-31"']),
    (pa.array([dt.time(23, 59, 59, 1)], pa.time64("us")), ['"23:59:59.000001"']),
    (pa.array([dt.datetime(1, 1, 1)], pa.timestamp("s")), ['"0001-01-01T00:00:00"']),
    (pa.array([0, None], pa.timestamp("ms", "Asia/Tokyo")), ['"1970-01-01T00:00:00.000Z"', None]),
    (pa.array([-1], pa.timestamp("ns")), ['"1969-12-31T23:59:59.999999999"']),
    (pa.array([90], pa.duration("s")), ["90"]),
    (pa.array([[1, None], [], None]), ["[1,null]", "[]", None]),
    (pa.array([[0.5, 1], None], pa.list_(pa.float32(), 2)), ["[0.5,1.0]", None]),
    (pa.array([["a"], None], pa.large_list(pa.string())), ['["a"]', None]),
    (pa.array([{"a": 1, "b": None}, None]), ['{"a":1,"b":null}', None]),
    (pa.array([[{"a": 1}, None], []]), ['[{"a":1},null]', "[]"]),
    (pa.array([[('k"', 1), ("l", None)], None, []], pa.map_(pa.string(), pa.int8())),
     ['{"k\\"":1,"l":null}', None, "{}"]),
    (pa.nulls(2), [None, None]),
]  # fmt: skip


@pytest.mark.parametrize(("array", "expected"), WRITTEN, ids=lambda value: str(getattr(value, "type", "")))
def test_each_type_has_its_words(array: Any, expected: list[str | None]) -> None:
    assert texts(array) == expected


@pytest.mark.parametrize(("array", "expected"), WRITTEN, ids=lambda value: str(getattr(value, "type", "")))
def test_a_part_of_an_array_is_written_as_that_part(array: Any, expected: list[str | None]) -> None:
    longer = pa.concat_arrays([array, array])
    assert texts(longer.slice(1, len(array))) == [*expected[1:], expected[0]]


@pytest.mark.parametrize(("array", "expected"), WRITTEN, ids=lambda value: str(getattr(value, "type", "")))
def test_everything_is_json(array: Any, expected: list[str | None]) -> None:
    for text in expected:
        json.loads(text or "null")


def test_json_is_left_as_it_is_but_for_its_line_breaks() -> None:
    found = texts(pa.array(['{"a":\n 12345678901234567890,\r\n"b":1.10}']), mark=JSON)
    assert found == ['{"a":  12345678901234567890,  "b":1.10}']


def test_null_is_left_out_of_a_document() -> None:
    columns = [pa.field("a", pa.int8()), pa.field("b", pa.string()), pa.field("c", pa.int8())]
    arrays = [pa.array([1, None, None], pa.int8()), pa.array(["x", None, "y"]), pa.array([None, None, 3], pa.int8())]
    assert documents(columns, arrays, 3).to_pylist() == ['{"a":1,"b":"x"}', "{}", '{"b":"y","c":3}']


def test_null_is_said_where_it_changes_what_is_there() -> None:
    columns = [pa.field("a", pa.int8()), pa.field("b", pa.string())]
    arrays = [pa.array([None], pa.int8()), pa.array([None], pa.string())]
    assert documents(columns, arrays, 1, nulls=True).to_pylist() == ['{"a":null,"b":null}']


def test_rows_without_columns_are_empty_documents() -> None:
    assert documents([], [], 2).to_pylist() == ["{}", "{}"]


def test_a_name_is_a_key_whatever_is_in_it() -> None:
    name = 'a"b\\\n\x00é'
    (text,) = documents([pa.field(name, pa.int8())], [pa.array([1], pa.int8())], 1).to_pylist()
    assert json.loads(text) == {name: 1}


def test_a_row_is_two_lines_whatever_it_holds() -> None:
    keys, hostile = pa.array(["1"]), pa.array(['"}}\n{"delete":{"_id":"2"}}\n'])
    action = joined('{"create":{"_id":', quoted(keys), "}}")
    (text,) = lines(action, documents([pa.field("a", pa.string())], [hostile], 1)).to_pylist()
    assert [json.loads(line) for line in text.splitlines()] == [{"create": {"_id": "1"}}, {"a": hostile[0].as_py()}]


@given(st.lists(st.one_of(st.none(), st.text()), min_size=1, max_size=20))
def test_any_text_comes_back(given_texts: list[str | None]) -> None:
    found = texts(pa.array(given_texts, pa.string()))
    assert [None if text is None else json.loads(text) for text in found] == given_texts


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_any_float_comes_back_and_looks_like_one(floats: list[float]) -> None:
    found = [json.loads(text or "") for text in texts(pa.array(floats))]
    assert [(type(value), np.float64(value).tobytes()) for value in found] == [
        (float, np.float64(value).tobytes()) for value in floats
    ]
