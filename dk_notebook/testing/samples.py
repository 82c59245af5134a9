"""Columns of every type, as data: each is written to a store and read back."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pyarrow as pa

from dk_notebook.frames.types import JSON, mark, mark_labels


@dataclass(frozen=True)
class Sample:
    """A column with its values; ``back``: the type that it comes back in, where that is not the type it had."""

    name: str
    type: pa.DataType
    values: list[Any]
    back: pa.DataType | None = None
    marks: dict[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    values_back: list[Any] | None = None
    """The values in the type ``back``, where no cast leads there."""

    @property
    def field(self) -> pa.Field:
        """The column as it is written."""
        column = pa.field(self.name, self.type)
        for name, value in self.marks.items():
            column = mark(column, name, value)
        return mark_labels(column, self.labels) if self.labels else column

    @property
    def table(self) -> pa.Table:
        """A table of this column and the row's number, by which it is sorted on the way back."""
        column = pa.array(self.values, self.type)
        numbers = pa.array(range(len(self.values)), pa.int64())
        return pa.Table.from_arrays([numbers, column], schema=pa.schema([pa.field("row", pa.int64()), self.field]))

    def expected(self, back: pa.DataType) -> pa.Array:
        """The values as they come back in a type."""
        if self.values_back is not None:
            return pa.array(self.values_back, back)
        values = pa.array(self.values, self.type)
        return values if pa.types.is_dictionary(back) else values.cast(back)


def _ends(bits: int, *, signed: bool) -> list[int | None]:
    return [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1, 0, None] if signed else [2**bits - 1, 0, None]


_MOMENTS = [dt.datetime(2024, 2, 29, 23, 59, 59, 999999), dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31), None]

SAMPLES: tuple[Sample, ...] = (
    *(Sample(f"int{bits}", getattr(pa, f"int{bits}")(), _ends(bits, signed=True)) for bits in (8, 16, 32, 64)),
    *(Sample(f"uint{bits}", getattr(pa, f"uint{bits}")(), _ends(bits, signed=False)) for bits in (8, 16, 32, 64)),
    Sample("bool", pa.bool_(), [True, False, None]),
    Sample("float32", pa.float32(), [1.5, -0.0, 3.4e38, None]),
    Sample("float64", pa.float64(), [0.1, -1e308, 5e-324, float("inf"), None]),
    Sample("decimal", pa.decimal128(10, 2), [Decimal("12345678.90"), Decimal("-0.01"), None]),
    Sample("wide_decimal", pa.decimal128(30, 10), [Decimal("12345678901234567890.0123456789"), None]),
    Sample("text", pa.string(), ["", "a'b\"c\\", "Grüße 你好 🎈", "line\nbreak\ttab", None]),
    Sample("binary", pa.binary(), [b"", b"\x00\xff", None]),
    Sample("date", pa.date32(), [dt.date(1, 1, 1), dt.date(9999, 12, 31), dt.date(2024, 2, 29), None]),
    Sample("time", pa.time64("us"), [dt.time(0), dt.time(23, 59, 59, 999999), None]),
    Sample("timestamp", pa.timestamp("us"), _MOMENTS),
    Sample("timestamptz", pa.timestamp("us", "UTC"), _MOMENTS),
    Sample("zoned", pa.timestamp("us", "Europe/Berlin"), _MOMENTS[:1], back=pa.timestamp("us", "UTC")),
    Sample("nanoseconds", pa.timestamp("ns"), [1, 1_700_000_000_123_456_789, None]),
    Sample(
        "duration",
        pa.duration("us"),
        [dt.timedelta(seconds=1, microseconds=1), None],
        back=pa.month_day_nano_interval(),
        values_back=[pa.MonthDayNano([0, 0, 1_000_001_000]), None],
    ),
    Sample("interval", pa.month_day_nano_interval(), [pa.MonthDayNano([14, 3, 5_000]), None]),
    Sample(
        "enum",
        pa.dictionary(pa.int8(), pa.string()),
        ["small", None, "big"],
        back=pa.dictionary(pa.uint8(), pa.string(), ordered=True),
        labels=("small", "middle", "big"),
    ),
    Sample("json", pa.string(), ['{"a": [1, null]}', "null", '"text"', None], marks={JSON: "1"}),
    Sample("list", pa.list_(pa.int64()), [[1, None], [], None]),
    Sample("list_of_text", pa.list_(pa.string()), [["a", ""], None]),
    Sample("struct", pa.struct([("a", pa.int64()), ("b c", pa.string())]), [{"a": 1, "b c": "x"}, None]),
    Sample("map", pa.map_(pa.string(), pa.int64()), [[("a", 1)], [], None]),
    Sample("nothing", pa.null(), [None, None], back=pa.string()),
)
"""One a row of the table from Arrow to the stores."""
