"""What new fields are declared for columns, or as the caller wrote them, and which names no field can have."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from dk_notebook.backends.elasticsearch.writing.declare import declared, fields_for, mapping_of, written
from dk_notebook.errors import ConfigError, ConversionError
from dk_notebook.frames.types import JSON, mark

pytestmark = pytest.mark.unit

DECLARED: list[tuple[pa.DataType, dict[str, Any]]] = [
    *((make(), {"type": "long"}) for make in (pa.int8, pa.int16, pa.int32, pa.int64, pa.uint8, pa.uint16, pa.uint32)),
    (pa.uint64(), {"type": "unsigned_long"}),
    (pa.bool_(), {"type": "boolean"}),
    (pa.float16(), {"type": "float"}),
    (pa.float32(), {"type": "float"}),
    (pa.float64(), {"type": "double"}),
    (pa.string(), {"type": "keyword"}),
    (pa.large_string(), {"type": "keyword"}),
    (pa.string_view(), {"type": "keyword"}),
    (pa.dictionary(pa.int8(), pa.string()), {"type": "keyword"}),
    (pa.dictionary(pa.int8(), pa.int64()), {"type": "long"}),
    (pa.null(), {"type": "keyword"}),
    (pa.binary(), {"type": "binary"}),
    (pa.binary(16), {"type": "binary"}),
    (pa.date32(), {"type": "date"}),
    (pa.date64(), {"type": "date"}),
    (pa.time64("us"), {"type": "keyword"}),
    (pa.timestamp("s"), {"type": "date"}),
    (pa.timestamp("us"), {"type": "date"}),
    (pa.timestamp("us", "Europe/Oslo"), {"type": "date"}),
    (pa.timestamp("ns"), {"type": "date_nanos"}),
    (pa.timestamp("ns", "UTC"), {"type": "date_nanos"}),
    (pa.duration("us"), {"type": "long"}),
    (pa.list_(pa.int32()), {"type": "long"}),
    (pa.list_(pa.float32(), 3), {"type": "float"}),
    (pa.large_list(pa.string()), {"type": "keyword"}),
    (pa.struct({"a": pa.int8(), "b": pa.struct({"c": pa.string()})}),
     {"properties": {"a": {"type": "long"}, "b": {"properties": {"c": {"type": "keyword"}}}}}),
    (pa.list_(pa.struct({"a": pa.int8()})), {"properties": {"a": {"type": "long"}}}),
    (pa.struct([]), {"type": "object"}),
    (pa.map_(pa.string(), pa.int64()), {"type": "object"}),
    (pa.uuid(), {"type": "keyword"}),
]  # fmt: skip


@pytest.mark.parametrize(("arrow", "field"), DECLARED, ids=str)
def test_each_type_has_its_field(arrow: pa.DataType, field: dict[str, Any]) -> None:
    assert declared(pa.field("c", arrow)) == field


@pytest.mark.parametrize(
    "arrow",
    [
        pa.decimal128(10, 2),
        pa.list_(pa.decimal128(10, 2)),
        pa.struct({"a": pa.decimal128(10, 2)}),
        pa.month_day_nano_interval(),
        pa.list_(pa.list_(pa.int8())),
    ],
    ids=str,
)
def test_what_no_field_holds_is_an_error_that_names_the_column(arrow: pa.DataType) -> None:
    with pytest.raises(ConversionError, match="'c"):
        declared(pa.field("c", arrow))


def test_a_decimal_is_told_what_types_could_say() -> None:
    with pytest.raises(ConversionError) as raised:
        declared(pa.field("c", pa.decimal128(10, 2)))
    assert "types={'c': \"double\"}" in (raised.value.hint or "")


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ("text", {"type": "text"}),
        (" ip ", {"type": "ip"}),
        ('{"type": "date", "format": "yyyy"}', {"type": "date", "format": "yyyy"}),
        ({"type": "scaled_float", "scaling_factor": 100}, {"type": "scaled_float", "scaling_factor": 100}),
    ],
)
def test_types_says_a_type_or_a_whole_field(said: object, field: dict[str, Any]) -> None:
    assert written(pa.field("c", pa.string()), said) == field


@pytest.mark.parametrize("said", ["", "two words", "{}", "[1]", '{"type":', 7, None, {"type": {1, 2}}, 'text"}'])
def test_what_is_no_type_is_told(said: object) -> None:
    with pytest.raises(ConfigError, match="'c'"):
        written(pa.field("c", pa.string()), said)


@pytest.mark.parametrize("name", ["_id", "_source", "_seq_no", ".a", "a.", "a..b", " ", "a. ", "a" + ".a" * 20])
def test_a_name_that_no_field_can_have_is_told(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be a field"):
        fields_for(pa.schema({name: pa.int8()}), {})


@pytest.mark.parametrize("name", ["_own", "a b", 'a"b', "å", "a/b", "*", "x" * 300])
def test_other_names_are_taken_as_they_are(name: str) -> None:
    assert list(fields_for(pa.schema({name: pa.int8()}), {})) == [name]


@pytest.mark.parametrize("names", [("a", "a.b"), ("a.b.c", "a.b")])
def test_a_field_cannot_be_an_object_too(names: tuple[str, str]) -> None:
    with pytest.raises(ConfigError, match="is none"):
        fields_for(pa.schema(dict.fromkeys(names, pa.int8())), {})


def test_a_name_with_dots_leads_into_objects() -> None:
    mapping = mapping_of(fields_for(pa.schema({"a.b": pa.int8(), "a.c": pa.bool_()}), {}))
    assert mapping == {"properties": {"a": {"properties": {"b": {"type": "long"}, "c": {"type": "boolean"}}}}}


def test_what_a_dict_brings_is_declared_as_columns_are() -> None:
    mapping = mapping_of(fields_for(pa.schema([mark(pa.field("d", pa.string()), JSON)]), {}))
    assert (mapping["date_detection"], mapping["properties"]) == (False, {"d": {"type": "object"}})
