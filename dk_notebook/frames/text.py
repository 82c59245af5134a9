"""Text that stores refuse: NUL, which Arrow and pandas hold and PostgreSQL does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dk_notebook.errors import ConversionError
from dk_notebook.frames import types


def check_text(values: Any, *, column: str, position: int = 0) -> None:
    """Nothing, if no text in an Arrow array, however nested, holds NUL; else ConversionError with the row."""
    if not _has_text(values.type):
        return
    for chunk in values.chunks if isinstance(values, pa.ChunkedArray) else [values]:
        row = _first_nul(chunk)
        if row is not None:
            raise ConversionError(
                "the text holds NUL, which stores refuse",
                column=column,
                position=position + row,
                source="text",
                hint=f"df[{column!r}].str.replace(chr(0), '') removes it",
            )
        position += len(chunk)


def _has_text(arrow: pa.DataType) -> bool:
    kind = types.kind(arrow)
    if kind == "dictionary":
        return _has_text(arrow.value_type)
    return kind == "text" or any(_has_text(arrow.field(place).type) for place in range(arrow.num_fields))


def _first_nul(array: Any) -> int | None:
    """The first row with a NUL somewhere in it. The usual answer, None, costs one pass over the bytes."""
    kind = types.kind(array.type)
    if kind == "text":
        return _in_strings(array)
    if kind == "dictionary":
        bad = pc.match_substring(array.dictionary, "\0") if _first_nul(array.dictionary) is not None else None
        return None if bad is None else _first_true(bad.take(array.indices))
    if kind in ("list", "map"):
        # Only what the rows refer to: flatten() leaves out what lies under NULL and outside a slice.
        child = _first_nul(
            array.flatten()
            if kind == "list"
            else pa.StructArray.from_arrays([array.keys, array.items], names=["key", "value"])
        )
        if child is None:
            return None
        return next(row for row in range(len(array)) if _first_nul_in_row(array, row))
    if kind == "struct":
        rows = [_first_nul(child) for child in array.flatten() if _has_text(child.type)]
        return min((row for row in rows if row is not None), default=None)
    return None


def _first_nul_in_row(array: Any, row: int) -> bool:
    one = array.slice(row, 1)
    if one.null_count:
        return False
    if types.kind(array.type) == "list":
        return _first_nul(one.flatten()) is not None
    items = one.to_pylist()[0]
    return any("\0" in str(part) for pair in items for part in pair)


def _in_strings(array: Any) -> int | None:
    if pa.types.is_string_view(array.type):
        array = array.cast(pa.large_string())
    _, offsets, data = array.buffers()
    if data is None or data.size == 0 or len(array) == 0:
        return None
    width = np.int64 if pa.types.is_large_string(array.type) else np.int32
    ends = np.frombuffer(offsets, width)
    letters = np.frombuffer(data, np.uint8)[ends[array.offset] : ends[array.offset + len(array)]]
    # The minimum of bytes is vectorised: some 10 GB a second, where a search by string is slower by far.
    if len(letters) == 0 or letters.min() != 0:
        return None
    return _first_true(pc.match_substring(array, "\0"))


def _first_true(flags: Any) -> int | None:
    row = pc.index(flags, True).as_py()
    return None if row < 0 else row
