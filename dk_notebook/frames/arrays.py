"""pandas columns as Arrow arrays, exactly or not at all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from dk_notebook.errors import ConversionError
from dk_notebook.frames import types
from dk_notebook.frames.objects import from_objects, surrogate_row

Column = tuple[pa.Field, Any]
"""A field with its marks, and an Array or ChunkedArray of its type."""


def from_series(name: str, series: pd.Series[Any]) -> Column:
    """The column and its values; NaN, NaT, NA and None are NULL.

    ConversionError names the column, and the row where one row is to blame.

    >>> field, values = from_series("n", pd.Series([1, None], dtype="Int64"))
    >>> field, values.to_pylist()
    (pyarrow.Field<n: int64>, [1, None])
    """
    dtype: Any = series.dtype
    match dtype:
        case pd.CategoricalDtype():
            return _category(name, series)
        case pd.ArrowDtype():
            return _arrow(name, series)
        case pd.StringDtype():
            return _text(name, series)
        case pd.SparseDtype():
            return from_series(name, pd.Series(np.asarray(series.array), copy=False))
        case pd.DatetimeTZDtype():
            return _aware(name, series)
        case np.dtype():
            return _numpy(name, series, dtype)
        case _ if hasattr(dtype, "numpy_dtype") and hasattr(series.array, "_mask"):
            return _nullable(name, series, dtype)
    raise ConversionError(
        f"no store holds the dtype {dtype}",
        column=name,
        source=str(dtype),
        hint=f"convert it first, as in df[{name!r}].astype(str)",
    )


def _numpy(name: str, series: pd.Series[Any], dtype: np.dtype[Any]) -> Column:
    values = series.to_numpy()
    match dtype.kind:
        case "O":
            return from_objects(name, values)
        case "b" | "i" | "u":
            return _column(name, pa.array(values))
        case "f" if dtype.itemsize <= 8:
            wide = values.astype(np.float32) if dtype.itemsize == 2 else values
            return _column(name, pa.array(wide, from_pandas=True))
        case "M" | "m":
            return _column(name, pa.array(values))
    raise ConversionError(
        f"no store holds the dtype {dtype}",
        column=name,
        source=str(dtype),
        hint="write the real and the imaginary part as two columns" if dtype.kind == "c" else None,
    )


def _nullable(name: str, series: pd.Series[Any], dtype: Any) -> Column:
    mask = series.isna().to_numpy(dtype=bool)
    values = series.to_numpy(dtype=dtype.numpy_dtype, na_value=dtype.numpy_dtype.type(0))
    if dtype.numpy_dtype.kind == "f":
        mask = mask | np.isnan(values)
    return _column(name, pa.array(values, mask=mask if mask.any() else None))


def _text(name: str, series: pd.Series[Any]) -> Column:
    values = series.array
    if hasattr(values, "_pa_array"):
        return _column(name, narrow(pa.chunked_array(values.__arrow_array__())))
    row = surrogate_row(values)
    if row is not None:
        raise ConversionError("the text holds a lone surrogate", column=name, position=row, source="str")
    return _column(name, pa.array(series.to_numpy(dtype=object), pa.string(), from_pandas=True))


def _arrow(name: str, series: pd.Series[Any]) -> Column:
    values: Any = series.array
    data = values.__arrow_array__()
    return _column(name, data if isinstance(data, pa.ChunkedArray) else pa.chunked_array([data]))


def _aware(name: str, series: pd.Series[Any]) -> Column:
    dtype: Any = series.dtype
    try:
        zone = pa.lib.tzinfo_to_string(dtype.tz)
    except ValueError:
        raise ConversionError(
            "the time zone has no name that Arrow knows",
            column=name,
            source=str(dtype),
            hint=f'df[{name!r}].dt.tz_convert("UTC") keeps the moments',
        ) from None
    ticks = series.array.asi8  # the moments in UTC, NaT as the smallest int64
    missing = ticks == np.iinfo(np.int64).min
    naive = pa.array(ticks, mask=missing if missing.any() else None)
    return _column(name, naive.cast(pa.timestamp(dtype.unit, zone)))


def _category(name: str, series: pd.Series[Any]) -> Column:
    values: Any = series.array
    labels = values.categories
    if not len(labels):
        labels = pd.Index([], dtype=object)
    try:
        column, known = from_series(name, pd.Series(labels, copy=False))
    except ConversionError as error:
        error.position = None  # the place of a label, not of a row
        raise
    if pa.types.is_null(known.type):
        known = pa.array([], pa.string())
    if isinstance(known, pa.ChunkedArray):
        known = known.combine_chunks()
        known = known.chunk(0) if isinstance(known, pa.ChunkedArray) else known
    codes = values.codes
    missing = codes < 0
    indices = pa.array(codes, mask=missing if missing.any() else None)
    data = pa.DictionaryArray.from_arrays(indices, known, ordered=bool(values.ordered))
    column = pa.field(name, data.type, metadata=column.metadata)
    if types.kind(known.type) == "text":
        column = types.mark_labels(column, known.to_pylist())
    return column, data


def _column(name: str, values: Any) -> Column:
    return pa.field(name, values.type), values


_LONGEST = 2**31 - 1  # bytes that the 32-bit offsets of a string array reach


def narrow(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Strings with 32-bit offsets, which every store takes, in as many chunks as that needs."""
    if not pa.types.is_large_string(values.type):
        return values if values.type == pa.string() else values.cast(pa.string())
    chunks: list[Any] = []
    waiting = list(reversed(values.chunks))
    while waiting:
        chunk = waiting.pop()
        if chunk.get_total_buffer_size() > _LONGEST and _length(chunk) > _LONGEST and len(chunk) > 1:
            half = len(chunk) // 2
            waiting += [chunk.slice(half), chunk.slice(0, half)]
        else:
            chunks.append(chunk.cast(pa.string()))
    return pa.chunked_array(chunks, pa.string())


def _length(chunk: Any) -> int:
    ends = np.frombuffer(chunk.buffers()[1], np.int64)
    return int(ends[chunk.offset + len(chunk)] - ends[chunk.offset])
