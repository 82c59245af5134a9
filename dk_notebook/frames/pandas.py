"""DataFrames and Arrow tables, both ways, exactly: the caller's side of the type table."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa

from dk_notebook.errors import ConversionError
from dk_notebook.frames import decimals, names
from dk_notebook.frames.arrays import from_series
from dk_notebook.frames.columns import build
from dk_notebook.frames.dtypes import build_as
from dk_notebook.frames.options import FrameOptions
from dk_notebook.frames.text import check_text


def from_arrow(table: pa.Table, options: FrameOptions | None = None, *, warned: set[str] | None = None) -> pd.DataFrame:
    """The table as a DataFrame; the dtypes follow from the schema alone, never from the values.

    ConfigError: ``index`` or ``dtypes`` names no column. ConversionError: ``dtypes`` cannot hold a value exactly,
    a document is no JSON. One UserWarning a column that is not in ``warned`` (which then holds it) where
    ``decimals="auto"`` rounds whole numbers.

    >>> from_arrow(pa.table({"id": [1, None], "at": pa.array([0, 1], pa.timestamp("us", "UTC"))})).dtypes
    id                  Int64
    at    datetime64[us, UTC]
    dtype: object
    >>> from_arrow(pa.table({"id": [7], "n": [1]}), FrameOptions(index="id", dtypes={"n": "int8"}))
        n
    id
    7   1
    """
    options = options or FrameOptions()
    warned = set() if warned is None else warned
    table = names.with_unique_names(table)
    chosen = options.dtypes or {}
    names.check_known(options.levels, table.column_names, "index")
    names.check_known(chosen, table.column_names, "dtypes")
    columns: dict[str, Any] = {}
    for place, column in enumerate(table.schema):
        values = table.column(place)
        if column.name in chosen:
            columns[column.name] = build_as(column, values, chosen[column.name])
            continue
        columns[column.name] = build(column, values, options)
        if column.name not in warned and _may_round(column, options) and decimals.warn_of_rounding(column, values):
            warned.add(column.name)
    frame = pd.DataFrame(columns, index=pd.RangeIndex(table.num_rows), copy=False)
    if not columns:
        frame.columns = pd.Index([], dtype=object)
    return frame.set_index(options.levels) if options.levels else frame


def _may_round(column: pa.Field, options: FrameOptions) -> bool:
    return pa.types.is_decimal(column.type) and options.decimals == "auto" and decimals.form(column, "auto") == "float"


def to_arrow(frame: pd.DataFrame, *, index: bool = False) -> pa.Table:
    """The frame as an Arrow table, exactly; the frame itself is left as it was. NaN, NaT, NA and None are NULL.

    ``index=True`` puts the named index levels in front. ConversionError names the column, and the types met with
    the first row of each, or the row: mixed objects, complex, period and interval columns, names that are
    missing, repeated or no strings, text with NUL or a lone surrogate.

    >>> to_arrow(pd.DataFrame({"a": [1.5, float("nan")]})).to_pydict()
    {'a': [1.5, None]}
    >>> to_arrow(pd.DataFrame({"a": [1, "x"]}, dtype=object))
    Traceback (most recent call last):
    dk_notebook.errors.ConversionError: column 'a': values of several types: int (first in row 0), str (first in row 1)
    Hint: give it one type, as in df['a'].astype(str)
    """
    parts: list[tuple[Any, pd.Series[Any]]] = []
    if index:
        parts += _levels(frame.index)
    parts += [(name, frame.iloc[:, place]) for place, name in enumerate(frame.columns)]
    names.check_usable([name for name, _ in parts])
    fields, arrays = [], []
    for name, series in parts:
        try:
            column, values = from_series(name, series)
            check_text(values, column=name)
        except ConversionError as error:
            if error.position is not None and error.label is None:
                error.label = label(frame.index, error.position)
            raise
        fields.append(column)
        arrays.append(values)
    if not fields:
        return pa.table({})
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def label(index: pd.Index[Any], position: int) -> object:
    """The index label of a row, as a Python value."""
    value = index[position]
    return value.item() if hasattr(value, "item") else value


def _levels(index: pd.Index[Any]) -> list[tuple[Any, pd.Series[Any]]]:
    for place, name in enumerate(index.names):
        if name is None:
            raise ConversionError(
                f"index=True writes named levels, and level {place} counted from 0 has no name",
                column=f"index level {place}",
                hint='name it, as in df.rename_axis("id"), or leave index=True out',
            )
    return [(name, pd.Series(index.get_level_values(place), copy=False)) for place, name in enumerate(index.names)]
