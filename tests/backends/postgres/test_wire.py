"""What a column of an existing type takes, read back from the server, and what it refuses."""

from decimal import Context, Decimal

import pandas as pd
import pyarrow as pa
import pytest

from dk_notebook.backends.postgres.reading.numerics import unscaled
from dk_notebook.backends.postgres.writing.encode import encoded
from dk_notebook.backends.postgres.writing.numeric_bytes import numeric_bytes
from dk_notebook.errors import ConversionError
from tests.backends.postgres.column_values import EXACT, REFUSED
from tests.backends.postgres.writing import column, shown, write

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize(("kind", "arrow", "values", "expected"), EXACT, ids=lambda part: str(part)[:40])
async def test_a_value_arrives_as_it_was(connection, kind, arrow, values, expected):
    await connection.execute(f"set timezone to 'UTC'; set lc_monetary to 'C'; create table t (a {kind})")
    if kind == "money":
        expected = [await connection.fetchval("select '12.34'::money::text")]
    report = await write(connection, column(values, arrow), mode="append")
    assert await shown(connection) == expected
    assert report.rows == len(values)


@pytest.mark.parametrize(("kind", "arrow", "values"), REFUSED, ids=lambda part: str(part)[:40])
async def test_a_value_that_the_column_cannot_hold_names_column_and_row(connection, kind, arrow, values):
    await connection.execute(f"create table t (a {kind})")
    with pytest.raises(ConversionError) as raised:
        await write(connection, column(values, arrow), mode="append")
    assert (raised.value.column, raised.value.position) == ("a", 1)
    assert await shown(connection) == []


@pytest.mark.parametrize(("kind", "arrow", "values"), REFUSED, ids=lambda part: str(part)[:40])
async def test_a_value_that_the_column_cannot_hold_is_left_out_on_request(connection, kind, arrow, values):
    await connection.execute(f"create table t (a {kind})")
    report = await write(connection, column(values, arrow), mode="append", errors="collect")
    assert [(row.position, row.column) for row in report.rejected] == [(1, "a")]
    assert len(await shown(connection)) == report.rows == 1


@pytest.mark.parametrize(
    ("kind", "arrow"),
    [
        ("inet", pa.int64()),
        ("uuid", pa.int64()),
        ("interval", pa.int64()),
        ("numeric", pa.bool_()),
        ("int4[]", pa.int64()),
    ],
    ids=str,
)
async def test_a_type_that_no_cast_leads_to_is_refused_before_any_row(connection, kind, arrow):
    await connection.execute(f"create table t (a {kind})")
    with pytest.raises(ConversionError, match="no cast leads there"):
        await write(connection, column([], arrow), mode="append")


async def test_an_enum_takes_its_labels_and_nothing_else(connection):
    await connection.execute("create type mood as enum ('sad', 'happy'); create table t (a mood)")
    await write(connection, pd.DataFrame({"a": pd.Categorical(["happy", None])}), mode="append")
    assert await shown(connection) == ["happy", None]
    with pytest.raises(ConversionError, match="no label"):
        await write(connection, {"a": ["sad", "angry"]}, mode="append")


async def test_a_domain_takes_what_it_is_made_of_and_its_rule_holds(connection):
    await connection.execute("create domain positive as int check (value > 0); create table t (a positive)")
    await write(connection, {"a": [1.0, 2.0]}, mode="append")
    assert await shown(connection) == ["1", "2"]
    with pytest.raises(Exception, match=r"row 1: value for domain positive violates") as raised:
        await write(connection, {"a": [1, -1]}, mode="append")
    assert "-1" not in str(raised.value)


async def test_a_vector_takes_lists_of_numbers(connection):
    await connection.execute("create extension if not exists vector with schema public")
    await connection.execute("create table t (a public.vector(2))")
    await write(connection, column([[1.5, -0.1], None], pa.list_(pa.float32())), mode="append")
    assert await shown(connection) == ["[1.5,-0.1]", None]
    with pytest.raises(ConversionError) as raised:
        await write(connection, column([[1, 2], [1, 2, 3]], pa.list_(pa.float32())), mode="append")
    assert (raised.value.column, raised.value.position) == ("a", 1)


@pytest.mark.parametrize(
    "text", ["0", "-0", "1", "12.50", "-0.0001", "10000", "1e10", "9999.9999", "1E-20", "100.000", "7" * 60]
)
def test_the_bytes_of_a_number_are_the_number(text):
    number = Decimal(text)
    scale = max(-int(number.as_tuple().exponent), 0)
    assert unscaled(numeric_bytes(number), 76, scale) == int(number.scaleb(scale, Context(100)))


def test_a_slice_of_a_column_is_encoded_as_itself():
    values = [
        pa.array(["a", None, "c", "d"]),
        pa.array([True, None, False, True]),
        pa.array([[1], None, [], [2]], pa.list_(pa.int64())),
        pa.array([Decimal(1), None, Decimal(2), Decimal(3)], pa.decimal128(10, 2)),
        pa.array([bytes(16), None, bytes(range(16)), bytes(16)], pa.binary(16)),
    ]
    sliced = [array.slice(1, 2) for array in values]
    copied = [pa.array(array.to_pylist(), array.type) for array in sliced]
    assert encoded(sliced) == encoded(copied)
