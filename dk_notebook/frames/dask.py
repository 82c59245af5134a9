"""dask frames as pandas frames, a partition at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

UNKNOWN = "__UNKNOWN_CATEGORIES__"
"""The one label of a category in dask's meta data whose labels are found only by computing."""


def is_dask(data: Any) -> bool:
    """Whether it is a dask DataFrame; dask is not imported for the answer."""
    return type(data).__module__.partition(".")[0] in ("dask", "dask_expr") and isinstance(
        getattr(data, "_meta", None), pd.DataFrame
    )


def partitions(data: Any) -> Iterator[pd.DataFrame]:
    """The partitions that have rows, each computed when it is asked for; an empty frame when none has any.

    The first one tells the types of all: an empty one would not know those of its object columns. A category has the
    labels that dask knows for all partitions; where it knows none before it computes, it becomes plain values.
    """
    empty, found = data._meta, False
    for partition in data.partitions:
        frame = _of_one_type(partition.compute(), data._meta)
        if len(frame):
            found = True
            yield frame
        else:
            empty = frame
        del frame  # not held beside the next one
    if not found:
        yield empty


def _of_one_type(frame: pd.DataFrame, meta: pd.DataFrame) -> pd.DataFrame:
    """The partition, its categories as the meta data of the whole has them."""
    if not (meta.columns.is_unique and frame.columns.is_unique):
        return frame  # refused later, with the name of the column
    types = {}
    for name, dtype in meta.dtypes.items():
        own = frame.dtypes.get(name)
        if not (isinstance(dtype, pd.CategoricalDtype) and isinstance(own, pd.CategoricalDtype)):
            continue
        if UNKNOWN in dtype.categories:
            types[name] = own.categories.dtype
        elif own.categories.isin(dtype.categories).all():
            types[name] = dtype
    return frame.astype(types)
