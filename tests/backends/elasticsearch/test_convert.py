"""What becomes of values on their way into a field: they arrive as they are, or are told."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from dk_notebook.backends.elasticsearch.writing.convert import converter
from dk_notebook.backends.elasticsearch.writing.declare import declared
from dk_notebook.errors import ConversionError
from dk_notebook.frames.ndjson import values
from dk_notebook.frames.types import JSON, mark

pytestmark = pytest.mark.unit

DAY = dt.datetime(2024, 1, 31)
INFINITE = float("inf")


def converted(array: Any, field: dict[str, Any], *marks: str) -> tuple[list[str | None], list[int]]:
    """What is written, as JSON, and the rows that are told."""
    column = pa.field("c", array.type)
    for name in marks:
        column = mark(column, name)
    found, bad = converter(column, field)(array)
    assert all(reason for _, reason in bad)
    return values(column.with_type(found.type), found).to_pylist(), [row for row, _ in bad]


CASES: list[tuple[str, Any, dict[str, Any], list[str | None], list[int]]] = [
    ("integers that fit", pa.array([1, None, 127], pa.int64()), {"type": "byte"}, ["1", None, "127"], []),
    ("integers that do not", pa.array([1, 200, -129], pa.int64()), {"type": "byte"}, ["1", None, None], [1, 2]),
    ("a negative number", pa.array([-1, 2]), {"type": "unsigned_long"}, [None, "2"], [0]),
    ("floats that are whole", pa.array([1.0, 1.5, np.nan, 2.0**63]), {"type": "long"}, ["1", None, None, None], [1, 3]),
    ("integers beyond a double", pa.array([2**53, 2**53 + 1]), {"type": "double"},
     ["9.007199254740992e+15", None], [1]),
    ("doubles in a float", pa.array([0.5, 0.1]), {"type": "float"}, ["0.5", None], [1]),
    ("doubles in a half_float", pa.array([0.5, 0.1, 65505.0, None]), {"type": "half_float"}, ["0.5", None, None, None],
     [1, 2]),
    ("a number between two steps", pa.array([1.1, 1.115]), {"type": "scaled_float", "scaling_factor": 100},
     ["1.1", None], [1]),
    ("infinity", pa.array([1.0, INFINITE, -INFINITE]), {"type": "double"}, ["1.0", None, None], [1, 2]),
    ("nan", pa.array([np.nan, 1.0]), {"type": "double"}, [None, "1.0"], []),
    ("decimals", pa.array([Decimal("1.10"), None]), {"type": "double"}, ["1.1", None], []),
    ("decimals that no double is", pa.array([Decimal("0.12345678901234567890")]), {"type": "double"}, [None], [0]),
    ("decimals that are whole", pa.array([Decimal("1.00"), Decimal("1.50")]), {"type": "long"}, ["1", None], [1]),
    ("numbers as text", pa.array(["7", "x", "7.5"]), {"type": "integer"}, ["7", None, None], [1, 2]),
    ("truth as text", pa.array(["true", "F", "perhaps"]), {"type": "boolean"}, ["true", "false", None], [2]),
    ("truth as a number", pa.array([True, None]), {"type": "long"}, ["1", None], []),
    ("labels that are numbers", pa.array([1, 300, 1]).dictionary_encode(), {"type": "byte"}, ["1", None, "1"], [1]),
    ("labels too long", pa.array(["a", "x" * 40_000, "a"]).dictionary_encode(), {"type": "keyword"},
     ['"a"', f'"{"x" * 40_000}"', '"a"'], [1]),
    ("texts over ignore_above", pa.array(["x" * 40_000]), {"type": "keyword", "ignore_above": 256},
     [f'"{"x" * 40_000}"'], []),
    ("texts that nobody searches for", pa.array(["x" * 40_000]),
     {"type": "keyword", "index": False, "doc_values": False}, [f'"{"x" * 40_000}"'], []),
    ("large and view texts", pa.array(["a"], pa.string_view()), {"type": "text"}, ['"a"'], []),
    ("addresses", pa.array(["10.0.0.1", "::1", "fe80::1%eth0", "10.0.0", None]), {"type": "ip"},
     ['"10.0.0.1"', '"::1"', '"fe80::1%eth0"', '"10.0.0"', None], [2, 3]),
    ("durations", pa.array([5], pa.duration("ms")), {"type": "integer"}, ["5"], []),
    ("moments to the second", pa.array([DAY, None], pa.timestamp("s")), {"type": "date"},
     ['"2024-01-31T00:00:00"', None], []),
    ("moments with a zone", pa.array([0], pa.timestamp("us", "Asia/Tokyo")), {"type": "date"},
     ['"1970-01-01T00:00:00.000Z"'], []),
    ("finer than milliseconds", pa.array([1000, 1001], pa.timestamp("us")), {"type": "date"},
     ['"1970-01-01T00:00:00.001"', None], [1]),
    ("nanoseconds", pa.array([1, -1], pa.timestamp("ns")), {"type": "date_nanos"},
     ['"1970-01-01T00:00:00.000000001"', None], [1]),
    ("years that nanoseconds do not reach", pa.array([dt.date(2263, 1, 1)]), {"type": "date_nanos"}, [None], [0]),
    ("years beyond 9999", pa.array([0, 2**40, -(2**40)], pa.timestamp("s")), {"type": "date"},
     ['"1970-01-01T00:00:00"', None, None], [1, 2]),
    ("dates as labels", pa.array([DAY.date()] * 2).dictionary_encode(), {"type": "date"}, ['"2024-01-31"'] * 2, []),
    ("dates in milliseconds", pa.array([DAY.date()], pa.date64()), {"type": "date"}, ['"2024-01-31"'], []),
    ("dates in an epoch", pa.array([DAY.date(), None]), {"type": "date", "format": "epoch_millis"},
     ["1706659200000", None], []),
    ("integers in an epoch", pa.array([7]), {"type": "date"}, ["7"], []),
    ("lists", pa.array([[1, 300], [2], None]), {"type": "byte"}, ["[1,null]", "[2]", None], [0]),
    ("lists of a fixed size", pa.array([[1.0, 2.0], None], pa.list_(pa.float64(), 2)), {"type": "dense_vector"},
     ["[1.0,2.0]", None], []),
    ("a list with infinity", pa.array([[1.0], [2.0, INFINITE]]), {"type": "double"}, ["[1.0]", "[2.0,null]"], [1]),
    ("structs", pa.array([{"a": 1}, {"a": 300}, None]), {"properties": {"a": {"type": "byte"}}},
     ['{"a":1}', '{"a":null}', None], [1]),
    ("structs with more than the object", pa.array([{"a": 1, "b": "x"}]), {"properties": {"a": {"type": "byte"}}},
     ['{"a":1,"b":"x"}'], []),
    ("structs of structs in lists", pa.array([[{"a": {"b": INFINITE}}], [{"a": {"b": 1.0}}]]), {"type": "nested"},
     ['[{"a":{"b":null}}]', '[{"a":{"b":1.0}}]'], [0]),
    ("maps", pa.array([[("k", 1.0)], None, [("l", INFINITE), ("m", 2.0)]], pa.map_(pa.string(), pa.float64())),
     {"type": "object"}, ['{"k":1.0}', None, '{"l":null,"m":2.0}'], [2]),
    ("points", pa.array([{"lat": 1.0, "lon": 2.0}]), {"type": "geo_point"}, ['{"lat":1.0,"lon":2.0}'], []),
    ("ranges", pa.array([{"gte": 1, "lt": 2}]), {"type": "integer_range"}, ['{"gte":1,"lt":2}'], []),
    ("nothing", pa.nulls(2), {"type": "geo_point"}, [None, None], []),
    ("uuids", pa.array([uuid.UUID(int=1).bytes, None], pa.uuid()), {"type": "keyword"},
     ['"00000000-0000-0000-0000-000000000001"', None], []),
]  # fmt: skip


@pytest.mark.parametrize(("array", "field", "written", "told"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_values_arrive_or_are_told(
    array: Any, field: dict[str, Any], written: list[str | None], told: list[int]
) -> None:
    assert converted(array, field) == (written, told)


@pytest.mark.parametrize(("array", "field", "written", "told"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_a_part_of_a_column_is_converted_as_that_part(
    array: Any, field: dict[str, Any], written: list[str | None], told: list[int]
) -> None:
    twice = pa.concat_arrays([array, array])
    count = len(array)
    assert converted(twice.slice(count), field) == (written, told)


def test_documents_are_objects_or_lists_of_some() -> None:
    texts = ['{"a": 1}', '[{"a": 1}, null]', "1", '"x"', "[1]", "{", '{"a": NaN}', None, "[]"]
    written, told = converted(pa.array(texts), {"type": "object"}, JSON)
    assert told == [2, 3, 4, 5, 6]
    assert written == [texts[0], texts[1], *[None] * 6, "[]"]


NO_WAY: list[tuple[Any, dict[str, Any]]] = [
    (pa.int64(), {"type": "keyword"}),
    (pa.date32(), {"type": "keyword"}),
    (pa.timestamp("us"), {"type": "long"}),
    (pa.time64("us"), {"type": "date"}),
    (pa.bool_(), {"type": "date"}),
    (pa.string(), {"type": "binary"}),
    (pa.binary(), {"type": "keyword"}),
    (pa.int64(), {"properties": {}}),
    (pa.struct({"a": pa.int8()}), {"type": "long"}),
    (pa.struct({"a": pa.int8()}), {"properties": {"a": {"type": "keyword"}}}),
    (pa.list_(pa.int8()), {"type": "keyword"}),
    (pa.map_(pa.int8(), pa.int8()), {"type": "object"}),
    (pa.string(), {"type": "alias", "path": "b"}),
    (pa.timestamp("us"), {"type": "date", "format": "weekyear"}),
]


@pytest.mark.parametrize(("arrow", "field"), NO_WAY, ids=str)
def test_a_type_that_no_cast_leads_from_names_the_column(arrow: pa.DataType, field: dict[str, Any]) -> None:
    with pytest.raises(ConversionError, match="'c"):
        converter(pa.field("c", arrow), field)


def test_every_field_that_is_declared_for_a_type_takes_it() -> None:
    for case in CASES:
        column = pa.field("c", case[1].type)
        if not pa.types.is_decimal(column.type):
            converter(column, declared(column))(case[1])
