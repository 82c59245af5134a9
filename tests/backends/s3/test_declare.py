"""Which types a dataset gets, and what of types= and partition_by= is refused before any row."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest

from dk_notebook.backends.s3.writing.declare import NAMES, arrow_type, shape
from dk_notebook.errors import ConfigError, ConversionError
from dk_notebook.frames.types import JSON, mark
from dk_notebook.testing.samples import SAMPLES

pytestmark = pytest.mark.unit

SCHEMA = pa.schema({"id": pa.int64(), "at": pa.timestamp("us", "UTC"), "x": pa.float64()})


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_a_type_that_arrow_prints_so(name: str) -> None:
    arrow = arrow_type("c", name)
    assert arrow_type("c", str(arrow)) == arrow


@pytest.mark.parametrize(
    "arrow",
    [pa.decimal128(10, 2), pa.decimal256(60, 0), pa.decimal128(5, -2), pa.timestamp("ns", "America/New_York")],
    ids=str,
)
def test_so_are_those_with_numbers_and_zones(arrow: pa.DataType) -> None:
    assert arrow_type("c", str(arrow)) == arrow


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("bigint", "'bigint' for 'c', which is no type of Arrow's"),
        ("int46", "did you mean 'int64'"),
        ("decimal128(99, 2)", "precision"),
        ("list<item: int8>", "no type of Arrow's"),
        ({"type": "x"}, "no type of Arrow's"),
    ],
)
def test_what_is_no_type_is_refused_in_words(said: object, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        arrow_type("c", said)


def test_types_says_what_a_column_becomes() -> None:
    made = shape(SCHEMA, "parquet", (), {"id": "int8"})
    assert made.schema.field("id").type == pa.int8()


def test_a_column_without_any_value_is_text() -> None:
    made = shape(pa.schema({"c": pa.null()}), "csv", (), {})
    assert made.schema.field("c").type == pa.string()


def test_what_is_marked_stays_marked() -> None:
    made = shape(pa.schema([mark(pa.field("c", pa.string()), JSON)]), "jsonl", (), {})
    assert made.schema.field("c").metadata == {b"dk.json": b"1"}


@pytest.mark.parametrize("sample", [sample for sample in SAMPLES if sample.name != "interval"], ids=lambda s: s.name)
def test_parquet_holds_every_type_but_intervals(sample: object) -> None:
    arrow = sample.type  # type: ignore[attr-defined]
    made = shape(pa.schema({"c": arrow}), "parquet", (), {})
    assert made.schema.field("c").type == (pa.string() if pa.types.is_null(arrow) else arrow)


@pytest.mark.parametrize(
    ("arrow", "form", "hint"),
    [
        (pa.month_day_nano_interval(), "parquet", "months, days and nanoseconds"),
        (pa.month_day_nano_interval(), "csv", "months, days and nanoseconds"),
        (pa.list_(pa.int8()), "csv", 'format="parquet" or "jsonl"'),
        (pa.struct({"a": pa.int8()}), "csv", 'format="parquet" or "jsonl"'),
        (pa.run_end_encoded(pa.int32(), pa.int8()), "parquet", ""),
        (pa.struct([]), "parquet", ""),
        (pa.struct([("a", pa.int8()), ("a", pa.int8())]), "jsonl", ""),
    ],
    ids=str,
)
def test_a_type_that_the_format_does_not_hold_is_named(arrow: pa.DataType, form: str, hint: str) -> None:
    with pytest.raises(ConversionError, match=rf"column 'c': .*files of {form} hold no such type") as raised:
        shape(pa.schema({"c": arrow}), form, (), {})
    assert re.search(hint, str(raised.value))


@pytest.mark.parametrize(
    ("partitions", "words"),
    [
        (("idd",), "partition_by= names 'idd', which is no column"),
        (("x",), "'x', of type double: such values make no names of folders"),
        (("id", "at", "x"), "names every column"),
    ],
)
def test_columns_that_make_no_folders_are_refused(partitions: tuple[str, ...], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        shape(SCHEMA, "parquet", partitions, {})


def test_what_becomes_a_folder_need_not_be_held_by_files() -> None:
    made = shape(SCHEMA, "parquet", ("at",), {})
    assert (made.stored.names, made.schema.names) == (["id", "x"], ["id", "at", "x"])
