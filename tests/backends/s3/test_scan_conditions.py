"""Conditions and orders on columns of every type: what Arrow keeps is what they mean in Python."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dk_notebook.backends.s3.reading.conditions import expressed
from dk_notebook.backends.s3.reading.rows import documents, matching, ordered
from dk_notebook.records.filters import Compare, Condition, Field, Not, Sort, matches, sort_key
from dk_notebook.testing.drawn import conditions

pytestmark = pytest.mark.unit

NOW = dt.datetime(2024, 2, 29, 12, 30)
COLUMNS: dict[str, tuple[pa.DataType, list[Any]]] = {
    "b": (pa.bool_(), [True, False, None]),
    "n": (pa.int64(), [0, 1, -3, 2**53 + 1, 2**63 - 1, None]),
    "small": (pa.uint8(), [0, 1, 255, None]),
    "x": (pa.float64(), [0.1, -0.0, 1.0, 2.0**53, float("nan"), float("inf"), None]),
    "f": (pa.float32(), [0.5, 0.1, 16777216.0, float("nan"), None]),
    "d": (pa.decimal128(10, 2), [Decimal("0.10"), Decimal("1.00"), None]),
    "t": (pa.string(), ["", "a", "A", "ab", "a%", "ü", "\uffff", "1", "2024-02-29", None]),
    "day": (pa.date32(), [NOW.date(), dt.date(1969, 12, 31), None]),
    "at": (pa.timestamp("us"), [NOW, dt.datetime(1970, 1, 1), None]),
    "zoned": (pa.timestamp("ms", "Europe/Berlin"), [NOW.replace(tzinfo=dt.UTC), None]),
    "nano": (pa.timestamp("ns"), [NOW, None]),
    "tags": (pa.list_(pa.string()), [["a", "b"], [], None]),
    "o": (pa.struct({"a": pa.int64()}), [{"a": 1}, {"a": None}, None]),
    "label": (pa.dictionary(pa.int8(), pa.string()), ["a", "b", None]),
}
ROWS = 30
TABLE = pa.table(
    {
        name: pa.array([values[(row * step) % len(values)] for row in range(ROWS)], arrow)
        for step, (name, (arrow, values)) in enumerate(COLUMNS.items(), 1)
    }
)
BATCH = TABLE.to_batches()[0]
NAMES = [*COLUMNS, "o.a"]


def kept(condition: Condition) -> tuple[list[int], list[int]]:
    """The rows that are kept, and those that match in Python."""
    found = expressed(condition, TABLE.schema)
    numbered = TABLE.append_column("row", pa.array(range(ROWS)))
    left = numbered.filter(found.expression).combine_chunks().to_batches()
    batch = left[0] if left else numbered.schema.empty_table().to_batches()
    if isinstance(batch, list):
        rows: list[int] = []
    else:
        batch = batch if found.sure else matching(batch, condition)
        rows = batch.column("row").to_pylist()
    meant = [number for number, row in enumerate(documents(BATCH)) if matches(condition, row)]
    return rows, meant


@settings(max_examples=400, deadline=None)
@given(conditions(st.sampled_from(NAMES)))
def test_rows_that_are_kept_are_those_that_match(condition: Condition) -> None:
    rows, meant = kept(condition)
    assert rows == meant


OPERANDS = [
    0, 1, -3, 1.5, 0.1, 2**53, 2**63, -(2**70), float("inf"), Decimal("0.10"), True, "", "a", "2024-02-29", "ü",
    NOW, NOW.replace(tzinfo=dt.UTC), NOW.date(), dt.datetime(2024, 2, 29, 12, 30, 0, 1), b"a",
]  # fmt: skip


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("op", ["=", "!=", "<", "<=", ">", ">="])
def test_every_type_compares_to_every_operand_as_in_python(name: str, op: str) -> None:
    for operand in OPERANDS:
        for condition in (Compare(name, op, operand), Not(Compare(name, op, operand))):
            rows, meant = kept(condition)
            assert rows == meant, condition


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("name", COLUMNS)
def test_an_order_is_that_of_python_and_keeps_what_is_alike_as_it_came(name: str, descending: bool) -> None:
    sorts = (Sort(Field(name), descending),)
    numbered = TABLE.append_column("row", pa.array(range(ROWS)))
    found = ordered(numbered, sorts, None).column("row").to_pylist()
    rows = list(documents(BATCH))
    assert found == sorted(range(ROWS), key=lambda row: sort_key(sorts, rows[row]))


@pytest.mark.parametrize(
    ("condition", "sure"),
    [
        (Compare("n", ">=", 1), True),
        (Compare("n", "<", 1.5), True),
        (Compare("x", "between", (0, 1)), True),
        (Compare("t", "starts_with", "a"), True),
        (Compare("t", "in", ["a", "b"]), True),
        (Compare("day", ">", dt.date(2020, 1, 1)), True),
        (Compare("at", ">", NOW), True),
        (Compare("zoned", "not_exists"), True),
        (Compare("t", "like", "a%"), False),
        (Compare("tags", "=", "a"), False),
    ],
    ids=str,
)
def test_arrow_alone_decides_what_it_can(condition: Condition, sure: bool) -> None:
    assert expressed(condition, TABLE.schema).sure is sure
