"""Arrow columns as pandas arrays: a builder for each kind of type and each ``dtype_backend``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from dk_notebook.errors import ConversionError
from dk_notebook.frames import decimals, documents, types
from dk_notebook.frames.cast import cast_exact
from dk_notebook.frames.options import FrameOptions

PANDAS_3 = int(pd.__version__.partition(".")[0]) >= 3

Values = Any  # a numpy array, an ExtensionArray or a Series of dtype object: what DataFrame() takes as a column
Builder = Callable[[pa.Field, pa.ChunkedArray], Values]

NULLABLE: dict[pa.DataType, Any] = {
    pa.bool_(): pd.BooleanDtype(),
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.uint8(): pd.UInt8Dtype(),
    pa.uint16(): pd.UInt16Dtype(),
    pa.uint32(): pd.UInt32Dtype(),
    pa.uint64(): pd.UInt64Dtype(),
    pa.float32(): pd.Float32Dtype(),
    pa.float64(): pd.Float64Dtype(),
}


def build(column: pa.Field, values: pa.ChunkedArray, options: FrameOptions) -> Values:
    """The column as pandas holds it. ConversionError where the chosen dtypes cannot hold it exactly."""
    kind = types.kind(column.type)
    if kind is None:
        raise ConversionError(
            "no frame holds this type", column=column.name, source=str(column.type), hint="cast it in the query"
        )
    if kind == "decimal":
        return _decimal(column, values, options)
    backend = options.dtype_backend
    if types.is_document(column) and not (backend == "pyarrow" and kind != "text"):
        if options.json == "parse":
            return objects(documents.parse(column, values))
        column, values, kind = pa.field(column.name, pa.string()), documents.to_text(column, values), "text"
    builder = BUILDERS.get(backend, {}).get(kind) or BUILDERS[None][kind]
    return builder(column, values)


def dtype_of(column: pa.Field, options: FrameOptions | None = None) -> str:
    """The name of the pandas dtype that a column of this type always has.

    >>> dtype_of(pa.field("n", pa.int16())), dtype_of(pa.field("at", pa.timestamp("us", "UTC")))
    ('Int16', 'datetime64[us, UTC]')
    """
    empty = pa.chunked_array([], column.type)
    return str(pd.Series(build(column, empty, options or FrameOptions()), copy=False).dtype)


def objects(values: np.ndarray[Any, Any]) -> Any:
    """A Series of dtype object: pandas 3 would make an array of strings its str dtype otherwise."""
    return pd.Series(values, dtype=object, copy=False)


def arrow(column: pa.Field, values: pa.ChunkedArray) -> Values:  # noqa: ARG001 (the signature of a Builder)
    """The Arrow data itself, without a copy."""
    return pd.arrays.ArrowExtensionArray(values)


def _null(column: pa.Field, values: pa.ChunkedArray) -> Values:  # noqa: ARG001
    return objects(np.full(len(values), None, dtype=object))


def _nullable(column: pa.Field, values: pa.ChunkedArray) -> Values:
    if pa.types.is_float16(column.type):
        column, values = column.with_type(pa.float32()), values.cast(pa.float32())
    return NULLABLE[column.type].__from_arrow__(values)


def _floats(column: pa.Field, values: pa.ChunkedArray) -> Values:  # noqa: ARG001
    return writable(values.to_numpy(zero_copy_only=False))


def writable(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The array, or a copy where it is Arrow's own memory: people assign to cells of their frames."""
    return values if values.flags.writeable else values.copy()


def _text(column: pa.Field, values: pa.ChunkedArray) -> Values:
    if not PANDAS_3:
        return objects(values.to_pandas(types_mapper=None).to_numpy())
    if not pa.types.is_large_string(column.type):
        values = values.cast(pa.large_string())
    dtype: Any = pd.StringDtype(na_value=np.nan)
    return dtype.__from_arrow__(values)


def _string(column: pa.Field, values: pa.ChunkedArray) -> Values:
    if not pa.types.is_large_string(column.type):
        values = values.cast(pa.large_string())
    dtype: Any = pd.StringDtype()
    return dtype.__from_arrow__(values)


def _datetimes(column: pa.Field, values: pa.ChunkedArray) -> Values:
    unit, zone = column.type.unit, getattr(column.type, "tz", None)
    letter = "m8" if pa.types.is_duration(column.type) else "M8"
    # NULL becomes the smallest int64, which is NaT; a stored value of that size is infinity, refused before.
    ticks = values.cast(pa.int64()).fill_null(np.iinfo(np.int64).min) if values.null_count else values.cast(pa.int64())
    result: Any = writable(ticks.to_numpy(zero_copy_only=False)).view(f"{letter}[{unit}]")
    if zone is None:
        return result
    return pd.DatetimeIndex(result, copy=False).tz_localize("UTC").tz_convert(zone).array


def _category(column: pa.Field, values: pa.ChunkedArray) -> Values:
    labels = types.labels_of(column)
    if labels is not None:
        known: Any = pa.array(labels, column.type.value_type)
        found = [_codes(chunk, known, column) for chunk in values.chunks]
    else:
        values = values.unify_dictionaries()
        if not values.num_chunks:
            known, found = pa.array([], column.type.value_type), []
        else:
            known = values.chunk(0).dictionary
            if known.null_count or len(known.unique()) != len(known):
                values = values.cast(column.type.value_type).dictionary_encode()
                known = values.chunk(0).dictionary
            found = [chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False) for chunk in values.chunks]
    codes = np.concatenate(found) if found else np.empty(0, np.int8)
    categories = pd.Index(build(pa.field(column.name, known.type), pa.chunked_array([known]), FrameOptions()))
    return pd.Categorical.from_codes(codes, categories=categories, ordered=column.type.ordered)


def _codes(chunk: Any, known: Any, column: pa.Field) -> np.ndarray[Any, Any]:
    """The places of a chunk's labels among all labels, -1 for NULL."""
    places = pc.index_in(chunk.dictionary, value_set=known)
    missing = pc.and_(places.is_null(), chunk.dictionary.is_valid())
    if pc.any(missing).as_py():
        used = pc.is_in(chunk.indices, value_set=pc.indices_nonzero(missing).cast(chunk.indices.type))
        if pc.any(used).as_py():
            raise ConversionError("a label that the type does not declare", column=column.name, source=str(column.type))
    codes: np.ndarray[Any, Any] = places.take(chunk.indices).fill_null(-1).to_numpy(zero_copy_only=False)
    return codes


def _binary(column: pa.Field, values: pa.ChunkedArray) -> Values:
    return arrow(column, values if column.type == pa.binary() else values.cast(pa.binary()))


def _interval(column: pa.Field, values: pa.ChunkedArray) -> Values:  # noqa: ARG001
    result = np.empty(len(values), dtype=object)
    for row, value in enumerate(values.to_pylist()):
        if value is not None:
            result[row] = pd.DateOffset(months=value.months, days=value.days, nanoseconds=value.nanoseconds)
    return objects(result)


def _classic_integers(column: pa.Field, values: pa.ChunkedArray) -> Values:
    if values.null_count:
        values = cast_exact(values, pa.float64(), column=column.name)
    return writable(values.to_numpy(zero_copy_only=False))


def _classic_booleans(column: pa.Field, values: pa.ChunkedArray) -> Values:
    if values.null_count:
        return classic(column, values)
    return writable(values.to_numpy(zero_copy_only=False))


def classic(column: pa.Field, values: pa.ChunkedArray) -> Values:  # noqa: ARG001
    """Python objects, with None for NULL."""
    result = np.empty(len(values), dtype=object)
    for row, value in enumerate(values.to_pylist()):
        result[row] = value
    return objects(result)


def _decimal(column: pa.Field, values: pa.ChunkedArray, options: FrameOptions) -> Values:
    backend = options.dtype_backend
    match decimals.form(column, options.decimals):
        case "float":
            builder = BUILDERS.get(backend, {}).get("float") or _floats
            return builder(column.with_type(pa.float64()), decimals.to_float(values))
        case "text":
            builder = BUILDERS.get(backend, {}).get("text") or _text
            return builder(column.with_type(pa.string()), decimals.to_text(values))
        case "plain" if backend != "pyarrow":
            return objects(decimals.plain(values))
        case _:
            return classic(column, values) if backend == "numpy" else arrow(column, values)


BUILDERS: dict[str | None, dict[str, Builder]] = {
    None: {
        "null": _null,
        "boolean": _nullable,
        "integer": _nullable,
        "float": _floats,
        "text": _text,
        "binary": _binary,
        "date": arrow,
        "time": arrow,
        "timestamp": _datetimes,
        "duration": _datetimes,
        "interval": _interval,
        "dictionary": _category,
        "list": arrow,
        "struct": arrow,
        "map": arrow,
    },
    "numpy_nullable": {"float": _nullable, "text": _string},
    "pyarrow": dict.fromkeys(get_args(types.Kind), arrow),
    "numpy": {
        "boolean": _classic_booleans,
        "integer": _classic_integers,
        "binary": classic,
        "date": classic,
        "time": classic,
        "list": classic,
    },
}
"""``dtype_backend`` -> kind -> builder; what a backend does not list is built as by None."""
