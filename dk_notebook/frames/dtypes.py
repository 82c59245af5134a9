"""``dtypes={"c": "int64"}``: a column as the dtype that the caller asks for, exactly or not at all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from dk_notebook.errors import ConfigError, ConversionError
from dk_notebook.frames import columns
from dk_notebook.frames.cast import cast_exact
from dk_notebook.frames.options import FrameOptions
from dk_notebook.frames.types import is_document, kind


def build_as(column: pa.Field, values: pa.ChunkedArray, wanted: Any) -> Any:
    """The column with the pandas dtype ``wanted``.

    ConversionError names the first row that it cannot hold. ConfigError: pandas has no such dtype.

    >>> build_as(pa.field("n", pa.int64()), pa.chunked_array([[1, None]]), "int64")
    Traceback (most recent call last):
    dk_notebook.errors.ConversionError: column 'n', row 1: int64 to int64: int64 of numpy has no missing value
    Hint: dtypes={'n': 'Int64'} has one
    """
    dtype = pandas_dtype(wanted, column.name)
    target = arrow_type(dtype)
    if dtype == np.dtype(object):
        return _objects(column, values)
    if target is None:
        return _by_pandas(column, values, dtype)
    if isinstance(dtype, pd.StringDtype) and kind(column.type) not in ("text", "dictionary", "null"):
        return _by_pandas(column, values, dtype)
    values = cast_exact(values, target, column=column.name)
    if isinstance(dtype, np.dtype) and dtype.kind in "biu":
        return _dense(column, values, dtype)
    if isinstance(dtype, np.dtype) and dtype.kind == "f":
        return columns.writable(values.to_numpy(zero_copy_only=False))
    if isinstance(dtype, pd.ArrowDtype):
        return columns.arrow(column, values)
    if isinstance(dtype, (np.dtype, pd.DatetimeTZDtype)):
        return columns.build(pa.field(column.name, target), values, FrameOptions())
    return dtype.__from_arrow__(values)


def pandas_dtype(wanted: Any, name: str) -> Any:
    """What pandas means by it, or ConfigError."""
    try:
        return pd.api.types.pandas_dtype(wanted)
    except TypeError as error:
        raise ConfigError(f"dtypes= of column {name!r}: {error}") from None


def arrow_type(dtype: Any) -> pa.DataType | None:
    """The Arrow type with the same values as a pandas dtype, or None where Arrow has none.

    >>> arrow_type(pd.Int8Dtype()), arrow_type(np.dtype("M8[ms]")), arrow_type(pd.CategoricalDtype())
    (DataType(int8), TimestampType(timestamp[ms]), None)
    """
    match dtype:
        case pd.ArrowDtype():
            return dtype.pyarrow_dtype
        case pd.StringDtype():
            return pa.large_string() if columns.PANDAS_3 else pa.string()
        case pd.DatetimeTZDtype():
            return pa.timestamp(dtype.unit, pa.lib.tzinfo_to_string(dtype.tz))
        case np.dtype() if dtype.kind in "biufMm":
            return pa.from_numpy_dtype(dtype)
        case _ if hasattr(dtype, "numpy_dtype"):
            return pa.from_numpy_dtype(dtype.numpy_dtype)
    return None


def _objects(column: pa.Field, values: pa.ChunkedArray) -> Any:
    """Python's own objects, with None for NULL; for what Python lacks (intervals, nanoseconds) pandas' own."""
    if kind(column.type) in ("timestamp", "duration", "interval", "struct", "map") or is_document(column):
        return pd.Series(columns.build(column, values, FrameOptions()), copy=False).astype(object)
    return columns.classic(column, values)


def _dense(column: pa.Field, values: pa.ChunkedArray, dtype: np.dtype[Any]) -> Any:
    if values.null_count:
        row = int(np.flatnonzero(values.is_null().to_numpy())[0])
        nullable = columns.NULLABLE[pa.from_numpy_dtype(dtype)]
        raise ConversionError(
            f"{dtype} of numpy has no missing value",
            column=column.name,
            position=row,
            source=str(column.type),
            target=str(dtype),
            hint=f"dtypes={{{column.name!r}: {str(nullable)!r}}} has one",
        )
    return columns.writable(values.to_numpy(zero_copy_only=False))


def _by_pandas(column: pa.Field, values: pa.ChunkedArray, dtype: Any) -> Any:
    """Pandas' own cast from the faithful dtype; it must keep what is missing and what is not."""
    series = pd.Series(columns.build(column, values, FrameOptions(decimals="exact")))
    try:
        result = series.astype(dtype)
    except (TypeError, ValueError) as error:
        raise ConversionError(
            f"pandas cannot cast it: {type(error).__name__}",
            column=column.name,
            source=str(column.type),
            target=str(dtype),
        ) from None
    lost = np.flatnonzero((result.isna() != series.isna()).to_numpy(dtype=bool))
    if len(lost):
        raise ConversionError(
            "the dtype has no such value",
            column=column.name,
            position=int(lost[0]),
            source=str(column.type),
            target=str(dtype),
        )
    return result
