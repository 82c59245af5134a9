"""Columns of ES|QL: the type that the server declares for each, how it is asked for, and what is made of what comes.

The Arrow format has no word for some types and another word for others: addresses come as 4 or 16 bytes, dates without
a zone, the places of the earth as WKB, an unsigned_long with its sign bit flipped, and a date_nanos not at all. So
these are asked for as text or as whole numbers, which the server itself makes of them exactly. Whether a column comes
as lists depends on the rows that are found; ``arrays=`` decides what it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from dk_notebook.errors import ConversionError, Unsupported
from dk_notebook.frames.types import JSON, TYPE, mark


@dataclass(frozen=True)
class EsqlType:
    """What a word of the server means."""

    arrow: pa.DataType
    asked: str | None = None
    """The function of ES|QL around a column whose values Arrow does not carry as they are."""
    is_json: bool = False


_TEXT: Final = EsqlType(pa.string())
_AS_TEXT: Final = EsqlType(pa.string(), asked="TO_STRING")
_NOTHING: Final = EsqlType(pa.null())

TYPES: Final[dict[str, EsqlType]] = {
    "boolean": EsqlType(pa.bool_()),
    "integer": EsqlType(pa.int32()),
    "counter_integer": EsqlType(pa.int32()),
    "long": EsqlType(pa.int64()),
    "counter_long": EsqlType(pa.int64()),
    "unsigned_long": EsqlType(pa.uint64(), asked="TO_STRING"),
    "double": EsqlType(pa.float64()),
    "counter_double": EsqlType(pa.float64()),
    "keyword": _TEXT,
    "text": _TEXT,
    "semantic_text": _TEXT,
    "ip": _AS_TEXT,
    "version": _AS_TEXT,
    "geo_point": _AS_TEXT,
    "geo_shape": _AS_TEXT,
    "cartesian_point": _AS_TEXT,
    "cartesian_shape": _AS_TEXT,
    "geohash": _AS_TEXT,
    "geotile": _AS_TEXT,
    "geohex": _AS_TEXT,
    "date": EsqlType(pa.timestamp("ms", "UTC")),
    "datetime": EsqlType(pa.timestamp("ms", "UTC")),
    "date_nanos": EsqlType(pa.timestamp("ns", "UTC"), asked="TO_LONG"),
    "aggregate_metric_double": EsqlType(pa.string(), asked="TO_STRING", is_json=True),
    "_source": EsqlType(pa.string(), is_json=True),
    "null": _NOTHING,
    "unsupported": _NOTHING,
}
"""A column of a type that is not here, of a later server, is NULL, with a warning."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a result."""

    name: str
    word: str
    """The server's word for its type."""
    originals: tuple[str, ...] = ()
    """With an ``unsupported`` one: the types that the mappings declare."""
    is_array: bool = False

    @property
    def type(self) -> EsqlType:
        """What the word means."""
        return TYPES.get(self.word, _NOTHING)

    @property
    def is_lost(self) -> bool:
        """Whether ES|QL, or Arrow, has no way to give its values."""
        return self.word == "unsupported" or self.word not in TYPES

    @property
    def asked(self) -> str | None:
        """What is asked for instead of the column itself.

        >>> Column(name="a`b", word="ip").asked
        'TO_STRING(`a``b`)'
        """
        return None if self.type.asked is None else f"{self.type.asked}({quoted(self.name)})"

    @property
    def field(self) -> pa.Field:
        """As it is read."""
        arrow = pa.list_(self.type.arrow) if self.is_array and not self.is_lost else self.type.arrow
        field = mark(pa.field(self.name, arrow), TYPE, self.word)
        return mark(field, JSON) if self.type.is_json else field


def columns_of(said: Sequence[Mapping[str, Any]], arrays: Sequence[str]) -> list[Column]:
    """The columns of an answer in JSON."""
    return [
        Column(
            name=each["name"],
            word=each["type"],
            originals=tuple(each.get("original_types") or ()),
            is_array=each["name"] in arrays,
        )
        for each in said
    ]


def quoted(name: str) -> str:
    """A name in ES|QL text.

    >>> quoted("o.a b")
    '`o.a b`'
    """
    return "`" + name.replace("`", "``") + "`"


def shaping(columns: Sequence[Column]) -> str:
    """The commands that follow a query so that Arrow carries all of its columns; nothing where it does.

    >>> print(shaping([Column(name="ip", word="ip"), Column(name="n", word="long")]))
    <BLANKLINE>
    | EVAL `ip` = TO_STRING(`ip`)
    | KEEP `ip`, `n`
    """
    asked = [f"{quoted(each.name)} = {each.asked}" for each in columns if each.asked and not each.is_lost]
    lost = [quoted(each.name) for each in columns if each.word not in TYPES]
    if not asked and not lost:
        return ""
    # What Arrow would refuse is a NULL. EVAL moves what it changes to the end, KEEP puts it back.
    asked += [f"{name} = null" for name in lost]
    return f"\n| EVAL {', '.join(asked)}\n| KEEP {', '.join(quoted(each.name) for each in columns)}"


def decoded(body: bytes, columns: Sequence[Column]) -> pa.Table:
    """The table that an answer in Arrow holds, without copies where none is needed. For worker threads.

    ConversionError: a column that is not named in ``arrays`` holds lists.
    """
    schema = pa.schema([each.field for each in columns])
    with pa.ipc.open_stream(pa.py_buffer(body)) as reader:
        came = reader.schema.names
        if came != schema.names:
            raise Unsupported(f"elasticsearch: the columns changed while they were read: {came}")
        # A column comes as lists as soon as one of its rows has several values.
        lists = [each.name for each, came in zip(columns, reader.schema, strict=True) if pa.types.is_list(came.type)]
        batches: list[pa.RecordBatch] = []
        rows = 0
        for batch in reader:
            made = [_made(array, each, rows, lists) for array, each in zip(batch.columns, columns, strict=True)]
            batches.append(pa.RecordBatch.from_arrays(made, schema=schema))
            rows += batch.num_rows
    return pa.Table.from_batches(batches, schema)


def _made(array: pa.Array, column: Column, first: int, lists: Sequence[str]) -> pa.Array:
    """The values as the column's type. ``first``: the number of the first row; ``lists``: the columns with lists."""
    target = column.field.type
    if pa.types.is_null(array.type) or column.is_lost:
        return pa.nulls(len(array), target)
    if not pa.types.is_list(array.type):
        values = _cast(array, column.type.arrow)
        return _each_alone(values, target) if column.is_array else values
    items = _cast(array.flatten(), column.type.arrow)
    if column.is_array:
        offsets = _offsets(array)
        return pa.ListArray.from_arrays(offsets, items, type=target, mask=array.is_null() if array.null_count else None)
    lengths = pc.fill_null(pc.list_value_length(array), 0)
    several = pc.index(pc.greater(lengths, 1), True).as_py()
    if several >= 0:
        raise ConversionError(
            "an array",
            column=column.name,
            position=first + several,
            source=f"array of {column.word}",
            target=str(target),
            hint=f"arrays={list(lists)} reads lists; MV_EXPAND, MV_MIN, MV_CONCAT in a query make single ones",
        )
    where = pc.if_else(pc.equal(lengths, 0), pa.scalar(None, pa.int32()), pc.subtract(pc.cumulative_sum(lengths), 1))
    return items.take(where)


def _offsets(array: pa.Array) -> pa.Array:
    """Where the lists begin in the array's `flatten`, which leaves out what NULL lists might hide."""
    lengths = pc.fill_null(pc.list_value_length(array), 0)
    return pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths).cast(pa.int32())])


def _each_alone(values: pa.Array, target: pa.DataType) -> pa.Array:
    """A list of one for each value, NULL for none."""
    present = pc.cast(values.is_valid(), pa.int32())
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(present)])
    mask = values.is_null() if values.null_count else None
    return pa.ListArray.from_arrays(offsets, values.drop_null(), type=target, mask=mask)


def _cast(array: pa.Array, target: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_timestamp(target) and array.type in (pa.int64(), pa.timestamp(target.unit)):
        return array.view(target)
    return array if array.type == target else array.cast(target)


def original_types(columns: Sequence[Column]) -> str:
    """The columns that ES|QL cannot give, with their types, for a warning.

    >>> original_types([Column(name="bin", word="unsupported", originals=("binary",))])
    "'bin' (binary)"
    """
    return ", ".join(f"{each.name!r} ({' and '.join(each.originals) or each.word})" for each in columns if each.is_lost)
