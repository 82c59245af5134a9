"""The columns of a table, told as a table: the answer of `Browsable.columns`."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from dk_notebook.frames.options import FrameOptions
from dk_notebook.frames.pandas import from_arrow

_TEXT = pa.string()
SCHEMA = pa.schema(
    [("column", _TEXT), ("type", _TEXT), ("dtype", _TEXT), ("nullable", pa.bool_()), ("key", _TEXT), ("default", _TEXT)]
)


def described(
    fields: Sequence[pa.Field],
    *,
    types: Sequence[str],
    nullable: Sequence[bool],
    keys: Sequence[str | None],
    defaults: Sequence[str | None],
) -> pa.Table:
    """A row a column. ``fields``: as the columns are read, which tells the dtype in pandas.

    >>> described([pa.field("n", pa.int32())], types=["integer"], nullable=[False], keys=["primary key"],
    ...           defaults=[None]).to_pylist()
    [{'column': 'n', 'type': 'integer', 'dtype': 'Int32', 'nullable': False, 'key': 'primary key', 'default': None}]
    """
    dtypes = from_arrow(pa.schema(fields).empty_table(), FrameOptions()).dtypes
    names = [field.name for field in fields]
    columns = [names, types, [str(dtypes[name]) for name in names], nullable, keys, defaults]
    return pa.Table.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
    )
