"""Values on their way into a dataset: exactly, or told with their row."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest

from dk_notebook.backends.s3.datasets.manifest import Shape
from dk_notebook.backends.s3.writing.fit import collected, fits, fitted
from dk_notebook.backends.s3.writing.sayable import unsayable
from dk_notebook.errors import ConversionError
from dk_notebook.frames.types import mark_labels

pytestmark = pytest.mark.unit

NAN, INFINITE = float("nan"), float("inf")
SHAPE = Shape("jsonl", pa.schema({"m": pa.int8(), "x": pa.float64(), "k": pa.string()}), ("k",))
BATCH = pa.record_batch({"x": [1.0, NAN, 2.0], "k": ["a", "b", "ü" * 300], "m": [1.0, 2.0, 3.5]})


def test_columns_are_matched_by_name() -> None:
    table = fitted(BATCH.slice(0, 1), fits(BATCH.schema, SHAPE), SHAPE.schema, first=0)
    assert table.to_pydict() == {"m": [1], "x": [1.0], "k": ["a"]}


def test_the_first_row_that_does_not_fit_is_named() -> None:
    with pytest.raises(ConversionError, match="column 'x', row 101: double to double: JSON has no word for NaN"):
        fitted(BATCH, fits(BATCH.schema, SHAPE), SHAPE.schema, first=100)


def test_rows_that_do_not_fit_are_collected_with_their_reasons() -> None:
    table, told = collected(BATCH, fits(BATCH.schema, SHAPE), SHAPE.schema, first=100)
    assert table.to_pydict() == {"m": [1], "x": [1.0], "k": ["a"]}
    assert sorted((row.position, row.column) for row in told) == [(101, "x"), (102, "m")]


def test_a_name_of_a_folder_may_not_be_endless() -> None:
    batch = pa.record_batch({"x": [1.0], "k": ["ü" * 90], "m": [1]})
    with pytest.raises(ConversionError, match=r"column 'k', row 0: .*too long for the name of a folder"):
        fitted(batch, fits(batch.schema, SHAPE), SHAPE.schema, first=0)


def test_a_label_that_the_dataset_does_not_have_is_named() -> None:
    column = mark_labels(pa.field("c", pa.dictionary(pa.int8(), pa.string())), ["low", "high"])
    shape = Shape("parquet", pa.schema([column]))
    batch = pa.record_batch({"c": ["low", None, "middle"]})
    with pytest.raises(ConversionError, match=r"column 'c', row 2: .*a label that the categories of the dataset lack"):
        fitted(batch, fits(batch.schema, shape), shape.schema, first=0)


FAR = [0, 253402300800, None, -62135596801]
CASES: list[tuple[Any, str, list[int]]] = [
    (pa.array([1.0, NAN, None, INFINITE]), "jsonl", [1, 3]),
    (pa.array([1.0, NAN, None, INFINITE]), "csv", []),
    (pa.array([1.0, NAN, None, INFINITE]), "parquet", []),
    (pa.array([NAN, 1.0, NAN]).dictionary_encode(), "jsonl", [0, 2]),
    (pa.array([[1.0], None, [], [2.0, NAN]]), "jsonl", [3]),
    (pa.array([[NAN], [1.0], [NAN]]).slice(1), "jsonl", [1]),
    (pa.array([{"a": [NAN]}, None, {"a": []}]), "jsonl", [0]),
    (pa.array([[("a", 1.0)], None, [("b", 1.0), ("c", NAN)]], pa.map_(pa.string(), pa.float64())), "jsonl", [2]),
    (pa.array(FAR, pa.timestamp("s")), "csv", [1, 3]),
    (pa.array(FAR, pa.timestamp("s")), "parquet", []),
    (pa.array([-(2**63), 2**63 - 1], pa.timestamp("ns", "UTC")), "csv", [0]),
    (pa.array([dt.date.max, dt.date.min, None]), "csv", []),
    (pa.array([2932897, -719163, None], pa.int32()).cast(pa.date32()), "jsonl", [0, 1]),
    (pa.nulls(2, pa.timestamp("us")), "csv", []),
    (pa.nulls(2, pa.float64()), "jsonl", []),
]


@pytest.mark.parametrize(("array", "form", "rows"), CASES, ids=[f"{a.type} {form}" for a, form, _ in CASES])
def test_what_a_format_has_no_words_for_is_known_by_row(array: Any, form: str, rows: list[int]) -> None:
    assert [row for row, _ in unsayable(array, form)] == rows
