"""The columns of a dataset that is made: their types, and which of them become folders."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from dk_notebook.backends.s3.datasets.carried import carried
from dk_notebook.backends.s3.datasets.manifest import Shape
from dk_notebook.backends.sql.targets import known
from dk_notebook.errors import ConfigError, ConversionError, did_you_mean
from dk_notebook.frames.types import kind

NAMES: Final = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64",
    "string", "large_string", "binary", "large_binary", "date32", "date64", "time32[s]", "time32[ms]", "time64[us]",
    "time64[ns]", "timestamp[s]", "timestamp[ms]", "timestamp[us]", "timestamp[ns]", "duration[s]", "duration[ms]",
    "duration[us]", "duration[ns]",
)  # fmt: skip
"""What ``types=`` takes, and ``decimal128(p, s)``, ``decimal256(p, s)``, ``timestamp[unit, tz=zone]`` besides."""
SPELLINGS: Final = {
    "float": "float32",
    "double": "float64",
    "halffloat": "float16",
    "date32[day]": "date32",
    "date64[ms]": "date64",
}
"""As Arrow prints some of them."""
FOLDERS: Final = ("boolean", "integer", "text", "date", "timestamp", "decimal")
"""Kinds of values that make names of folders from which they come back."""

_DECIMAL: Final = re.compile(r"decimal(128|256)\((\d+), ?(-?\d+)\)")
_ZONED: Final = re.compile(r"timestamp\[(s|ms|us|ns), ?tz=([^\]]+)\]")


def arrow_type(name: str, text: object) -> pa.DataType:
    """The type that ``types=`` says for a column, spelled as Arrow prints it. ConfigError.

    >>> arrow_type("at", "timestamp[ms, tz=Europe/Vienna]"), arrow_type("price", "decimal128(10, 2)")
    (TimestampType(timestamp[ms, tz=Europe/Vienna]), Decimal128Type(decimal128(10, 2)))
    """
    said = str(text).strip()
    try:
        if found := _DECIMAL.fullmatch(said):
            make = pa.decimal128 if found[1] == "128" else pa.decimal256
            return make(int(found[2]), int(found[3]))
    except ValueError as error:
        raise ConfigError(f"types= says {said!r} for {name!r}: {error}") from None
    if found := _ZONED.fullmatch(said):
        return pa.timestamp(found[1], found[2])
    plain = SPELLINGS.get(said, said)
    if plain not in NAMES:
        raise ConfigError(
            f"types= says {said!r} for {name!r}, which is no type of Arrow's",
            hint=did_you_mean(said, [*NAMES, *SPELLINGS])
            or "as int32, string, decimal128(10, 2), timestamp[us, tz=UTC]",
        )
    return pa.type_for_alias(plain)


def shape(schema: pa.Schema, form: str, partitions: Sequence[str], types: Mapping[str, str]) -> Shape:
    """The shape of the dataset that is made for a stream of this schema.

    ConfigError: what ``types=`` and ``partition_by=`` say does not fit. ConversionError: a type that the format
    cannot hold.
    """
    check_partitions(partitions, schema)
    columns = [_declared(column, types.get(column.name)) for column in schema]
    for column in columns:
        if column.name in partitions:
            _check_folder(column)
        else:
            check_holds(column, form)
    return Shape(form, pa.schema(columns), tuple(partitions))


def check_partitions(partitions: Sequence[str], schema: pa.Schema) -> None:
    """ConfigError: they are no columns, or all of them."""
    for name in partitions:
        known(name, schema, "partition_by")
    if partitions and len(partitions) == len(schema.names):
        raise ConfigError("partition_by= names every column: none is left for the files")


def _declared(column: pa.Field, said: str | None) -> pa.Field:
    """The column in the type that it gets; one of which no value is known is text, as in a table that is made."""
    if said is not None:
        column = column.with_type(arrow_type(column.name, said))
    elif kind(column.type) == "null":
        column = column.with_type(pa.string())
    return column.with_nullable(True)


def check_holds(column: pa.Field, form: str) -> None:
    """ConversionError: files of that format hold no such type."""
    if form == "parquet":
        try:
            # Its own words, since what it takes changes from version to version.
            pq.ParquetWriter(pa.BufferOutputStream(), pa.schema([column])).close()
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
            raise _unheld(column, form) from None
    elif carried(column.type, "csv" if form == "csv" else "jsonl") is None:
        raise _unheld(column, form)


HINTS: Final = {
    "list": 'format="parquet" or "jsonl" holds them',
    "struct": 'format="parquet" or "jsonl" holds them',
    "map": 'format="parquet" or "jsonl" holds them',
    "interval": "months, days and nanoseconds as a column each",
}


def _unheld(column: pa.Field, form: str) -> ConversionError:
    return ConversionError(
        f"files of {form} hold no such type",
        column=column.name,
        source=str(column.type),
        hint=HINTS.get(kind(column.type) or ""),
    )


def _check_folder(column: pa.Field) -> None:
    arrow: Any = column.type
    labelled = kind(arrow) == "dictionary" and kind(arrow.value_type) == "text"
    if kind(arrow) not in FOLDERS and not labelled:
        raise ConfigError(
            f"partition_by= names {column.name!r}, of type {arrow}: such values make no names of folders",
            hint="texts, whole numbers, dates, timestamps, decimals and truth values do",
        )
