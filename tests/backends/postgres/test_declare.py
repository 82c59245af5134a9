"""What a new column is declared as."""

import datetime as dt
import uuid
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest

from dk_notebook.backends.postgres.writing.declare import declared_type
from dk_notebook.errors import ConfigError, ConversionError
from dk_notebook.frames.types import JSON, UNSCALED, mark, mark_labels
from tests.backends.postgres.writing import write

pytestmark = pytest.mark.postgres


async def declared(connection, table="t"):
    rows = await connection.fetch(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
        "WHERE attrelid = $1::regclass AND attnum > 0",
        table,
    )
    return dict(map(tuple, rows))


# --- new columns ------------------------------------------------------------------------------------------------------


async def test_a_frame_gets_the_columns_of_the_type_table(connection):
    frame = pd.DataFrame(
        {
            "int8": pd.Series([1, 2], dtype="Int8"),
            "uint32": pd.Series([1, 2], dtype="uint32"),
            "uint64": pd.Series([1, 2**64 - 1], dtype="uint64"),
            "bool": pd.Series([True, None], dtype="boolean"),
            "float32": pd.Series([0.5, None], dtype="float32"),
            "float": [0.5, None],
            "text": ["a", None],
            "category": pd.Categorical(["y", "x"], ["x", "y", "z"]),
            "naive": pd.to_datetime(["2024-01-01", None]).astype("datetime64[us]"),
            "aware": pd.to_datetime(["2024-01-01", None]).tz_localize("Europe/Berlin").astype("datetime64[us, UTC]"),
            "day": [dt.date(2024, 1, 1), None],
            "time": [dt.time(1, 2), None],
            "money": [Decimal("1.25"), None],
            "delta": pd.to_timedelta(["1s", None]).astype("timedelta64[us]"),
            "dict": [{"a": 1}, None],
            "list": [[1, 2], None],
            "bytes": [b"x", None],
            "nothing": [None, None],
        }
    )
    await write(connection, frame)
    assert await declared(connection) == {
        "int8": "smallint",
        "uint32": "bigint",
        "uint64": "numeric(20,0)",
        "bool": "boolean",
        "float32": "real",
        "float": "double precision",
        "text": "text",
        "category": "text",
        "naive": "timestamp without time zone",
        "aware": "timestamp with time zone",
        "day": "date",
        "time": "time without time zone",
        "money": "numeric(3,2)",
        "delta": "interval",
        "dict": "jsonb",
        "list": "bigint[]",
        "bytes": "bytea",
        "nothing": "text",
    }


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (pa.field("a", pa.decimal128(30, 10)), "numeric(30,10)"),
        (pa.field("a", pa.decimal256(60, 5)), "numeric(60,5)"),
        (pa.field("a", pa.decimal128(3, -2)), "numeric(5,0)"),
        (pa.field("a", UNSCALED), "numeric"),
        (pa.field("a", pa.list_(pa.list_(pa.int64()))), "jsonb"),
        (pa.field("a", pa.list_(pa.struct([("x", pa.int64())]))), "jsonb"),
        (pa.field("a", pa.list_(pa.float32(), 3)), "real[]"),
        (pa.field("a", pa.map_(pa.string(), pa.int64())), "jsonb"),
        (mark(pa.field("a", pa.string()), JSON), "jsonb"),
        (pa.field("a", pa.uuid()), "uuid"),
        (pa.field("a", pa.dictionary(pa.int8(), pa.int16())), "smallint"),
        (mark_labels(pa.field("a", pa.dictionary(pa.int8(), pa.string())), ["x"]), "text"),
        (pa.field("a", pa.time32("s")), "time without time zone"),
        (pa.field("a", pa.large_string()), "text"),
        (pa.field("a", pa.binary(4)), "bytea"),
    ],
    ids=str,
)
def test_an_arrow_type_has_its_column(field, expected):
    assert declared_type(field) == expected


def test_a_type_that_postgres_does_not_have_is_refused():
    with pytest.raises(ConversionError, match="no such type"):
        declared_type(pa.field("a", pa.dense_union([pa.field("x", pa.int64())])))


async def test_types_say_what_a_new_column_is(connection):
    await connection.execute(
        "create type mood as enum ('sad', 'happy'); create domain positive as int check (value > 0)"
    )
    data = {"n": [1], "m": ["happy"], "u": [str(uuid.uuid4())], "d": [1.5], "p": [3], "v": ["abc"]}
    types = {"n": "smallint", "m": "mood", "u": "uuid", "d": "decimal(10, 2)", "p": "positive", "v": "varchar(3)"}
    await write(connection, data, types=types)
    assert list((await declared(connection)).values()) == [
        "smallint",
        "mood",
        "uuid",
        "numeric(10,2)",
        "positive",
        "character varying(3)",
    ]


@pytest.mark.parametrize(
    "types",
    [
        {"a": "nosuchtype"},
        {"b": "int"},
        {"a": "int); drop table x; --"},
        {"a": "int -- x"},
        {"a": "int /* x */"},
        {"a": "int not null"},
        {"a": ""},
        {"a": "enum"},
    ],
    ids=str,
)
async def test_a_type_that_is_none_is_a_bad_argument(connection, types):
    with pytest.raises(ConfigError, match="types="):
        await write(connection, {"a": [1]}, types=types)


async def test_types_enum_makes_a_type_of_the_labels_in_their_order(connection):
    frame = pd.DataFrame({"size": pd.Categorical(["small", "big"], ["small", "middle", "big"])})
    await write(connection, frame, "shirts", types={"size": "enum"})
    assert await connection.fetchval("select enum_range(null::shirts_size)::text") == "{small,middle,big}"


async def test_types_enum_takes_the_type_of_the_table_before(connection):
    frame = pd.DataFrame({"size": pd.Categorical(["small"], ["small", "big"])})
    await write(connection, frame, types={"size": "enum"})
    await write(connection, frame, mode="replace", types={"size": "enum"})
    assert await declared(connection) == {"size": "t_size"}


async def test_types_enum_never_changes_the_labels_of_a_type(connection):
    await connection.execute("create type t_size as enum ('other')")
    frame = pd.DataFrame({"size": pd.Categorical(["small"], ["small", "big"])})
    with pytest.raises(ConfigError, match="other labels"):
        await write(connection, frame, types={"size": "enum"})


async def test_types_beside_a_table_that_exists_may_only_repeat_what_is_declared(connection):
    await connection.execute("create table t (a numeric(10,2))")
    await write(connection, {"a": [1.5]}, mode="append", types={"a": "decimal(10,2)"})
    with pytest.raises(ConfigError, match="declares numeric"):
        await write(connection, {"a": [1]}, mode="append", types={"a": "int"})
