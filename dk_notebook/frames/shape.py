"""A result in the shape that the caller asked for: pandas, Arrow or polars."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from dk_notebook.errors import MissingDependency
from dk_notebook.frames import decimals, names
from dk_notebook.frames.cast import cast_exact
from dk_notebook.frames.dtypes import arrow_type, pandas_dtype
from dk_notebook.frames.options import FrameOptions
from dk_notebook.frames.pandas import from_arrow


def to_frame(table: pa.Table, options: FrameOptions | None = None, *, warned: set[str] | None = None) -> Any:
    """The table as a DataFrame, a pyarrow Table or a polars DataFrame, by ``options.as_``.

    ``warned``: the columns that a warning was given about; one set for all chunks of a result gives each once.
    Raises what `from_arrow` raises; MissingDependency where polars is not installed.

    >>> to_frame(pa.table({"a": [1]}), FrameOptions(as_="arrow")).schema
    a: int64
    """
    options = options or FrameOptions()
    if options.as_ == "pandas":
        return from_arrow(table, options, warned=warned)
    table = _arrow(names.with_unique_names(table), options)
    if options.as_ == "arrow":
        return table
    try:
        from dk_notebook.frames.polars import from_arrow as to_polars
    except ImportError:
        raise MissingDependency('as_="polars" needs polars', hint="pip install 'dk-notebook[polars]'") from None
    return to_polars(table)


def _arrow(table: pa.Table, options: FrameOptions) -> pa.Table:
    """Decimals and ``dtypes`` as asked; everything else, JSON text too, as the store gave it."""
    chosen = options.dtypes or {}
    names.check_known(chosen, table.column_names, "dtypes")
    for place, column in enumerate(table.schema):
        values = table.column(place)
        if column.name in chosen:
            target = _target(chosen[column.name], column.name)
            values = cast_exact(values, target, column=column.name)
        elif pa.types.is_decimal(column.type) and options.decimals == "float":
            values = decimals.to_float(values)
        elif pa.types.is_decimal(column.type) and options.decimals == "string":
            values = decimals.to_text(values)
        else:
            continue
        table = table.set_column(place, column.with_type(values.type), values)
    return table


def _target(wanted: Any, name: str) -> pa.DataType:
    if isinstance(wanted, pa.DataType):
        return wanted
    if hasattr(wanted, "is_numeric") and hasattr(wanted, "to_python"):  # a polars type
        from dk_notebook.frames.polars import arrow_type as of_polars

        return of_polars(wanted)
    target = arrow_type(pandas_dtype(wanted, name))
    return pa.string() if target is None else target
