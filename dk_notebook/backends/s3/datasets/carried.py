"""How values of every type stand in text: what a file of csv or jsonl holds for them, and the way back.

Both readers of Arrow give the types of `carried`, straight from the text; `restored` makes of them what was written.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dk_notebook.errors import ConversionError
from dk_notebook.frames.cast import cast_exact
from dk_notebook.frames.types import kind

TextFormat = Literal["csv", "jsonl"]


def carried(arrow: pa.DataType, form: TextFormat) -> pa.DataType | None:
    """The type that a reader of such a file gives for a column of type ``arrow``; None: the format cannot hold it.

    >>> carried(pa.dictionary(pa.int8(), pa.string()), "csv"), carried(pa.binary(), "csv")
    (DataType(string), DataType(string))
    >>> carried(pa.list_(pa.date32()), "jsonl"), carried(pa.list_(pa.date32()), "csv")
    (ListType(list<item: string>), None)
    """
    match kind(arrow):
        case "boolean" | "timestamp":
            return arrow
        case "integer" | "duration":
            return arrow if pa.types.is_integer(arrow) else pa.int64()
        case "float":
            return pa.float32() if pa.types.is_float16(arrow) else arrow
        case "decimal":
            return _decimal(arrow, form)
        case "text":
            return pa.large_string() if pa.types.is_large_string(arrow) else pa.string()
        case "null" | "binary":
            return pa.string()
        case "date":
            return pa.date32() if form == "csv" else pa.string()
        case "time":
            return arrow if form == "csv" else pa.string()
        case "dictionary":
            return carried(arrow.value_type, form)
        case "list" | "struct" | "map" if form == "jsonl":
            return _nested(arrow)
    return None


def _decimal(arrow: Any, form: TextFormat) -> pa.DataType | None:
    """Text, where Arrow's reader of csv knows no such decimal; none where the digits end before the point."""
    if arrow.scale < 0:
        return None
    if form == "csv" and arrow.precision > 38:
        return pa.string()
    return pa.decimal128(arrow.precision, arrow.scale) if arrow.precision <= 38 else arrow


def _nested(arrow: Any) -> pa.DataType | None:
    """Lists of whatever size are lists, maps lists of key and value, in their order."""
    fields = [arrow.field(place) for place in range(arrow.num_fields)]
    if kind(arrow) == "map":
        fields = [pa.field("key", arrow.key_type), pa.field("value", arrow.item_type)]
    types = [carried(field.type, "jsonl") for field in fields]
    names = [field.name for field in fields]
    if None in types or len(set(names)) < len(names) or not names:
        return None
    if kind(arrow) == "list":
        return pa.list_(types[0])
    struct = pa.struct(list(zip(names, types, strict=True)))
    return struct if kind(arrow) == "struct" else pa.list_(struct)


def restored(values: Any, column: pa.Field, *, position: int = 0) -> Any:
    """What was written, of an Array or ChunkedArray of the type that `carried` tells for the column.

    ConversionError: somebody changed the file so that it holds something else; ``position`` is its first row.

    >>> restored(pa.array(["YQ==", None]), pa.field("b", pa.binary())).to_pylist()
    [b'a', None]
    """
    if isinstance(values, pa.ChunkedArray):
        chunks, first = [], position
        for chunk in values.chunks:
            chunks.append(_restored(chunk, column.type, column.name, first))
            first += len(chunk)
        return pa.chunked_array(chunks, column.type)
    return _restored(values, column.type, column.name, position)


def _restored(array: Any, target: Any, name: str, first: int) -> Any:
    if array.type == target:
        return array
    match kind(target):
        case "binary":
            return _bytes(array, target, name, first)
        case "duration":
            return array.cast(target)
        case "list":
            items = _restored(array.flatten(), target.value_type, name, first)
            missing = array.is_null() if array.null_count else None
            lists = pa.ListArray.from_arrays(_offsets(array), items, mask=missing)
            return cast_exact(lists, target, column=name, position=first)
        case "struct":
            fields = [target.field(place) for place in range(target.num_fields)]
            parts = [
                _restored(part, field.type, name, first) for part, field in zip(array.flatten(), fields, strict=True)
            ]
            return pa.StructArray.from_arrays(parts, fields=fields, mask=array.is_null())
        case "map":
            keys, items = array.flatten().flatten()
            keys, items = _restored(keys, target.key_type, name, first), _restored(items, target.item_type, name, first)
            found = pa.MapArray.from_arrays(_offsets(array), keys, items, type=target)
            return pc.if_else(array.is_valid(), found, pa.scalar(None, target)) if array.null_count else found
        case "dictionary" if kind(target.value_type) == "binary":
            array = _bytes(array, target.value_type, name, first)
    return cast_exact(array, target, column=name, position=first)


def _offsets(array: Any) -> pa.Array:
    """Where each row's items begin and end among those of `flatten`, which leaves out what lies under NULL."""
    lengths = array.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    return pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))


def _bytes(array: Any, target: pa.DataType, name: str, first: int) -> Any:
    found = []
    for row, text in enumerate(array.to_pylist()):
        try:
            found.append(None if text is None else base64.b64decode(text, validate=True))
        except binascii.Error:
            raise ConversionError(
                "the text is no base64", column=name, position=first + row, source="text", target=str(target)
            ) from None
    return cast_exact(pa.array(found, pa.binary()), target, column=name, position=first)
