"""Rows in files, and what a reader of the format makes of them again: the same, for every type."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq
import pytest

from dk_notebook.backends.s3.datasets.carried import TextFormat, carried, restored
from dk_notebook.backends.s3.writing.encode import Encoding
from dk_notebook.errors import ConfigError, ConversionError
from dk_notebook.frames.cast import cast_exact
from dk_notebook.testing.samples import SAMPLES

pytestmark = pytest.mark.unit

PARQUET = Encoding("parquet", "snappy")


def read_csv(body: bytes, schema: pa.Schema) -> pa.Table:
    """As a reader does that knows the columns."""
    return pa.csv.read_csv(
        io.BytesIO(body),
        parse_options=pa.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=pa.csv.ConvertOptions(
            column_types={column.name: carried(column.type, "csv") for column in schema},
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=[""],
        ),
    )


def read_jsonl(body: bytes, schema: pa.Schema) -> pa.Table:
    expected = pa.schema([pa.field(column.name, carried(column.type, "jsonl")) for column in schema])
    return pa.json.read_json(
        io.BytesIO(body),
        parse_options=pa.json.ParseOptions(explicit_schema=expected, unexpected_field_behavior="error"),
    )


def back(table: pa.Table, form: TextFormat) -> pa.Table:
    """The table, there and back again."""
    body = bytes(Encoding(form, "none").encoded(table))
    found = (read_csv if form == "csv" else read_jsonl)(body, table.schema)
    arrays = [restored(values, column) for column, values in zip(table.schema, found.columns, strict=True)]
    return pa.Table.from_arrays(arrays, schema=table.schema)


def one(values: list[Any], arrow: pa.DataType) -> pa.Table:
    plain = pa.array(values, arrow.value_type if pa.types.is_dictionary(arrow) else arrow)
    return pa.table({"c": cast_exact(plain, arrow, column="c"), "row": range(len(values))})


DAY = dt.date(2024, 2, 29)
MORE: list[tuple[pa.DataType, list[Any]]] = [
    (pa.float16(), [0.5, None]),
    (pa.decimal128(38, 38), [Decimal("1E-38"), Decimal("0E-38"), None]),
    (pa.decimal256(76, 38), [Decimal("1" * 38 + "." + "2" * 38), Decimal("-1E-38"), None]),
    (pa.large_string(), ["", None, "a"]),
    (pa.large_binary(), [b"", None, b"\xff"]),
    (pa.binary(2), [b"ab", None]),
    (pa.date64(), [DAY, None]),
    (pa.time32("s"), [dt.time(1, 2, 3), None]),
    (pa.time64("ns"), [86_399_999_999_999, None]),
    (pa.timestamp("s"), [dt.datetime(2024, 2, 29), None]),
    (pa.timestamp("ms", "+01:30"), [dt.datetime(2024, 2, 29), None]),
    (pa.timestamp("ns", "America/New_York"), [1_700_000_000_123_456_789, None]),
    (pa.duration("ns"), [-1, 2**62, None]),
    (pa.dictionary(pa.int16(), pa.int64()), [7, None, 7]),
    (pa.dictionary(pa.int8(), pa.date32()), [DAY, None, DAY]),
]
NESTED: list[tuple[pa.DataType, list[Any]]] = [
    (pa.list_(pa.date32()), [[DAY, None], [], None]),
    (pa.large_list(pa.binary()), [[b"\xff", None], [], None]),
    (pa.list_(pa.int8(), 2), [[1, None], None]),
    (pa.list_(pa.list_(pa.time64("us"))), [[[dt.time(1)], None, []], None]),
    (pa.struct({"a": pa.duration("s"), "b": pa.dictionary(pa.int8(), pa.string())}), [{"a": None, "b": "x"}, None]),
    (pa.map_(pa.int64(), pa.list_(pa.decimal128(5, 2))), [[(1, [Decimal("1.10")]), (0, None)], None, []]),
    (pa.list_(pa.map_(pa.string(), pa.binary())), [[[("k", b"a")], None], None]),
]
HOLDS_NO = {"csv": {"interval", "list", "list_of_text", "struct", "map"}, "jsonl": {"interval", "float64"}}


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_sample_of_each_type_comes_back(sample: Any, form: TextFormat) -> None:
    if sample.name in HOLDS_NO[form] - {"float64"}:
        assert carried(sample.type, form) is None
        return
    table = sample.table if sample.name not in HOLDS_NO[form] else sample.table.slice(0, 3)
    assert back(table, form).to_pylist() == table.to_pylist()


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize(("arrow", "values"), MORE, ids=[str(arrow) for arrow, _ in MORE])
def test_other_types_come_back_too(arrow: pa.DataType, values: list[Any], form: TextFormat) -> None:
    table = one(values, arrow)
    found = back(table, form)
    assert found.schema == table.schema
    assert found.to_pylist() == table.to_pylist()


@pytest.mark.parametrize(("arrow", "values"), NESTED, ids=[str(arrow) for arrow, _ in NESTED])
def test_what_is_nested_comes_back_from_json(arrow: pa.DataType, values: list[Any]) -> None:
    table = one(values, arrow)
    found = back(table, "jsonl")
    assert found.schema == table.schema
    assert found.to_pylist() == table.to_pylist()


@pytest.mark.parametrize(
    ("arrow", "values"),
    [*((sample.type, sample.values) for sample in SAMPLES if sample.name != "interval"), *MORE, *NESTED],
    ids=str,
)
def test_parquet_gives_back_the_values_and_by_an_exact_cast_the_types(arrow: pa.DataType, values: list[Any]) -> None:
    table = one(values, arrow)
    found = pq.read_table(pa.BufferReader(PARQUET.encoded(table))).column("c")
    assert cast_exact(found, arrow, column="c").to_pylist() == table.column("c").to_pylist()


def test_nan_is_a_number_in_csv_and_null_is_none() -> None:
    found = back(one([float("nan"), None, -0.0, float("-inf")], pa.float64()), "csv")
    assert str(found.column("c").to_pylist()) == "[nan, None, -0.0, -inf]"


def test_null_in_the_only_column_is_a_row() -> None:
    table = pa.table({"c": ["a", None, ""]})
    assert back(table, "csv").column("c").to_pylist() == ["a", None, ""]


def test_python_reads_the_csv_as_it_is_meant() -> None:
    body = bytes(Encoding("csv", "none").encoded(pa.table({'a "b",\n': ['x,"y"\r\n'], "n": [1]}))).decode()
    assert list(csv.reader(io.StringIO(body, newline=""))) == [['a "b",\n', "n"], ['x,"y"\r\n', "1"]]


def test_each_line_of_json_is_an_object_with_every_column() -> None:
    table = pa.table({"a b": [1, None], "t": ['"', "\n"]})
    lines = bytes(Encoding("jsonl", "none").encoded(table)).decode().splitlines()
    assert [json.loads(line) for line in lines] == [{"a b": 1, "t": '"'}, {"a b": None, "t": "\n"}]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_gzip_holds_the_same_bytes(form: str) -> None:
    table = pa.table({"c": [f"text {row}" for row in range(50_000)]})
    small = Encoding(form, "gzip").encoded(table)
    assert gzip.decompress(small) == bytes(Encoding(form, "none").encoded(table))


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_no_rows_are_a_file_with_the_columns_as_far_as_the_format_tells_them(form: str) -> None:
    empty = pa.table({"c": pa.array([], pa.int8())})
    body = bytes(Encoding.of(form, None).encoded(empty))
    told = {"parquet": lambda: pq.read_schema(io.BytesIO(body)).names, "csv": lambda: body, "jsonl": lambda: body}
    assert told[form]() == {"parquet": ["c"], "csv": b'"c"\n', "jsonl": b""}[form]


def test_rows_that_come_in_pieces_are_one_file() -> None:
    pieces = [pa.table({"c": pa.array([text]).dictionary_encode()}) for text in "ab"]
    sink = pa.BufferOutputStream()
    PARQUET.write(sink, pieces[0].schema, pieces)
    assert pq.read_table(pa.BufferReader(sink.getvalue())).column("c").to_pylist() == ["a", "b"]


def test_what_repeats_itself_has_a_dictionary_and_what_does_not_has_none() -> None:
    rows = 20_000
    table = pa.table({"same": ["x", "y"] * (rows // 2), "own": range(rows), "list": [["x"]] * rows})
    group = pq.ParquetFile(pa.BufferReader(PARQUET.encoded(table))).metadata.row_group(0)
    having = {group.column(place).path_in_schema: group.column(place).has_dictionary_page for place in range(3)}
    assert having == {"same": True, "own": False, "list.list.element": True}


def test_a_reader_can_leave_out_rows_by_their_smallest_and_largest_values() -> None:
    metadata = pq.ParquetFile(pa.BufferReader(PARQUET.encoded(pa.table({"n": range(300_000)})))).metadata
    ends = [metadata.row_group(place).column(0).statistics for place in range(metadata.num_row_groups)]
    assert [(each.min, each.max) for each in ends] == [(0, 131_071), (131_072, 262_143), (262_144, 299_999)]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_how_long_a_row_gets_is_known_from_some(form: str) -> None:
    encoding = Encoding.of(form, None)
    table = pa.table({"flag": [True, False] * 5_000, "text": ["ä"] * 10_000})
    assert encoding.row_bytes(table) == pytest.approx(encoding.encoded(table).nbytes / 10_000, rel=0.02)


def test_a_file_that_somebody_changed_is_an_error_with_the_row() -> None:
    with pytest.raises(ConversionError, match="column 'b', row 8: text to binary: the text is no base64"):
        restored(pa.array(["YQ==", "?"]), pa.field("b", pa.binary()), position=7)


@pytest.mark.parametrize(
    ("form", "compression", "words"),
    [
        ("orc", None, "'orc' is no format of datasets"),
        ("csv", "snappy", "nothing that csv has"),
        ("parquet", "zip", "did you mean 'gzip'"),
    ],
)
def test_what_a_format_does_not_have_is_refused(form: str, compression: str | None, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Encoding.of(form, compression)


@pytest.mark.parametrize("compression", ["snappy", "zstd", "gzip", "lz4", "brotli", "none"])
def test_parquet_is_compressed_as_it_is_said(compression: str) -> None:
    body = Encoding.of("parquet", compression).encoded(pa.table({"c": [1]}))
    column = pq.ParquetFile(pa.BufferReader(body)).metadata.row_group(0).column(0)
    assert column.compression.replace("UNCOMPRESSED", "NONE") == compression.upper()
