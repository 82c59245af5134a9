"""The table of types from PostgreSQL to pandas, as users read it: a row a type, full, empty and in chunks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

import dk_notebook as dk
from dk_notebook.frames.columns import PANDAS_3

pytestmark = pytest.mark.postgres

TEXT = "str" if PANDAS_3 else "object"

ROWS: list[tuple[str, str, str, Any]] = [
    # the column, a value of it in SQL, the dtype in pandas, the value there
    ("int2", "-32768", "Int16", -(2**15)),
    ("int4", "2147483647", "Int32", 2**31 - 1),
    ("int8", "9007199254740993", "Int64", 2**53 + 1),
    ("bool", "true", "boolean", True),
    ("float4", "1.5", "float32", 1.5),
    ("float8", "5e-324", "float64", 5e-324),
    ("numeric(15,2)", "9999999999999.99", "float64", 9999999999999.99),
    ("numeric(16,2)", "0.10", "decimal128(16, 2)[pyarrow]", Decimal("0.10")),
    ("numeric(40,5)", "-0.00001", "decimal256(40, 5)[pyarrow]", Decimal("-0.00001")),
    ("numeric", "1.50", "object", Decimal("1.5")),
    ("text", r"E'\\N \\. \n''\"'", TEXT, "\\N \\. \n'\""),
    ("varchar(3)", "'äöü'", TEXT, "äöü"),
    ("char(3)", "'a'", TEXT, "a  "),
    ("name", "'n'", TEXT, "n"),
    ("uuid", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", TEXT, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("inet", "'10.0.0.1/24'", TEXT, "10.0.0.1/24"),
    ("bit(3)", "'101'", TEXT, "101"),
    ("timetz", "'12:00+02'", TEXT, "12:00:00+02"),
    ("int4range", "'[1,5)'", TEXT, "[1,5)"),
    ("bytea", r"'\x00ff'", "binary[pyarrow]", b"\x00\xff"),
    ("date", "'0001-01-01'", "date32[day][pyarrow]", dt.date(1, 1, 1)),
    ("time", "'23:59:59.999999'", "time64[us][pyarrow]", dt.time(23, 59, 59, 999_999)),
    ("timestamp", "'9999-12-31 23:59'", "datetime64[us]", pd.Timestamp("9999-12-31 23:59")),
    ("timestamptz", "'2024-07-01 14:00+02'", "datetime64[us, UTC]", pd.Timestamp("2024-07-01 12:00", tz="UTC")),
    ("interval", "'1 month -2 days'", "object", pd.DateOffset(months=1, days=-2, nanoseconds=0)),
    ("json", "'{\"a\":  [1, null]}'", "object", {"a": [1, None]}),
    ("jsonb", '\'[{"a": "b"}]\'', "object", [{"a": "b"}]),
    ("int8[]", "'{1,NULL}'", "list<item: int64>[pyarrow]", [1, None]),
    ("text[]", "array['', 'a,b']", "list<item: string>[pyarrow]", ["", "a,b"]),
    ("float4[]", "'{1.5}'", "list<item: float>[pyarrow]", [1.5]),
]


def is_missing(value: object) -> bool:
    return not isinstance(value, (list, dict, np.ndarray)) and bool(pd.isna(value))  # type: ignore[call-overload]


def plain(value: object) -> object:
    return value.tolist() if isinstance(value, np.ndarray) else value


@pytest.fixture(scope="module")
def every(postgres_database: str) -> Iterator[dk.Connection]:
    """A connection to a database with a table of all the columns, a row of NULLs between two full ones."""
    columns = ", ".join(f"c{number} {kind}" for number, (kind, *_) in enumerate(ROWS))
    values = ", ".join(sql for _, sql, *_ in ROWS)
    nulls = ", ".join("null" for _ in ROWS)
    with dk.connect(postgres_database, name="every", replace=True) as connection:
        connection.execute(
            f"create table every_type ({columns});insert into every_type values ({values}), ({nulls}), ({values})"
        )
        yield connection


@pytest.mark.parametrize("number", range(len(ROWS)), ids=[kind for kind, *_ in ROWS])
def test_a_column_is_what_the_store_declares(every: dk.Connection, number: int) -> None:
    column = every.read_table("every_type")[f"c{number}"]
    _, _, dtype, value = ROWS[number]
    assert (str(column.dtype), plain(column[0]), is_missing(column[1])) == (dtype, value, True)


def test_an_empty_result_has_the_dtypes_of_the_full_one(every: dk.Connection) -> None:
    full, empty = every.read_table("every_type"), every.read_query("select * from every_type where false")
    assert (len(empty), empty.dtypes.to_list()) == (0, full.dtypes.to_list())


@pytest.mark.parametrize("backend", [None, "numpy_nullable", "pyarrow", "numpy"])
def test_chunks_have_the_dtypes_of_the_full_result(every: dk.Connection, backend: Any) -> None:
    # Whole numbers with NULL are floats to numpy, which the values alone can tell: so here are none.
    query = "select * from every_type where c0 is not null"
    full = every.read_query(query, dtype_backend=backend)
    chunks = list(every.iter_query(query, chunk_rows=1, dtype_backend=backend))
    assert [chunk.dtypes.to_list() for chunk in chunks] == [full.dtypes.to_list()] * 2


def test_columns_tells_the_dtypes_that_reading_gives(every: dk.Connection) -> None:
    told = every.columns("every_type")["dtype"].to_list()
    assert told == [str(dtype) for dtype in every.read_table("every_type").dtypes]


def test_numpy_nullable_is_as_in_pandas(every: dk.Connection) -> None:
    frame = every.read_table("every_type", dtype_backend="numpy_nullable")
    assert {str(frame[name].dtype) for name in ("c4", "c5", "c10")} == {"Float32", "Float64", "string"}


def test_pyarrow_backs_every_column_but_parsed_json(every: dk.Connection) -> None:
    frame = every.read_table("every_type", dtype_backend="pyarrow", json="text")
    assert all(isinstance(dtype, pd.ArrowDtype) for dtype in frame.dtypes)


def test_numpy_has_no_missing_whole_number(every: dk.Connection) -> None:
    frame = every.read_query("select c1, c3 from every_type", dtype_backend="numpy")
    assert [str(dtype) for dtype in frame.dtypes] == ["float64", "object"]


def test_numpy_refuses_a_whole_number_that_a_float_rounds(every: dk.Connection) -> None:
    with pytest.raises(dk.ConversionError, match="c2"):
        every.read_query("select c2 from every_type", dtype_backend="numpy")
