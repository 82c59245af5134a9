"""Frames in: writing them, and asking what a write would do."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Literal, Unpack

from dk_notebook.api.reading import Target
from dk_notebook.api.twin import twin_of
from dk_notebook.backends.base import Layout, Mode, WritePlan, WriteReport
from dk_notebook.connections import resolve
from dk_notebook.writing import WriteArguments


def write_table(
    data: Any,
    table: str,
    connection: Target = None,
    *,
    mode: Mode = "fail",
    if_exists: Mode | None = None,
    key: str | Sequence[str] | None = None,
    index: bool = False,
    layout: Layout | None = None,
    types: Mapping[str, str] | None = None,
    errors: Literal["raise", "collect"] = "raise",
    partition_by: Sequence[str] | None = None,
    format: str = "parquet",  # noqa: A002 (the name in the public API)
    compression: str | None = None,
    timeout: float | None = None,
    progress: bool | None = None,
) -> WriteReport:
    """Write rows to a table, all or none of them.

    Into an existing table columns are matched by name and every value is cast to the declared type, exactly, or the
    write fails before anything is changed. Missing values (NaN, NaT, NA, None) are NULL. ``data`` is never changed.

    Parameters
    ----------
    data
        A pandas or polars frame, a pyarrow Table or reader, anything with ``__arrow_c_stream__``, an iterator of
        frames of one schema, or a dask frame. Of that one each partition is computed by itself, when it is its turn:
        after a shuffle (set_index, merge), ``persist()`` it first, or every partition repeats what they share.
    table
        As for `read_table`.
    connection
        A name, a URL or a Connection; None: the default connection.
    mode
        "fail": the table must be absent. "append": insert. "replace": new contents in a new table, in one step.
        "truncate": empty and fill in one transaction; keeps indexes, grants and views. "upsert": insert or update by
        ``key``. "ignore": insert the rows whose ``key`` is new. An absent table is made, except by "truncate".
    if_exists
        Another spelling of ``mode``.
    key
        The columns that tell rows apart, for "upsert" and "ignore".
    index
        Write the named levels of the frame's index as columns.
    layout
        "documents": a document a row, which `AsyncDatabase` reads as a record. ``key``, or else a column ``id``, then
        holds the ids, in every mode; without either an id is drawn for each row.
    types
        Column -> type in the store's language, for a table that is made. On PostgreSQL "text" and "bigint" keep the
        nanoseconds of times, which its own types of time do not have: as ISO 8601, or counted.
    errors
        "raise", or "collect": the good rows go in, the bad ones come back in ``report.rejected``: label, position,
        column and reason, no values. What a trigger of the table says is its author's text, and may quote the row.
    partition_by, format, compression
        For datasets on S3.
    timeout
        Seconds for the whole call.
    progress
        A progress bar: True, False, or None for notebooks and terminals.

    Raises
    ------
    Conflict
        The table is there and the mode is "fail"; a key is there already.
    ConversionError
        A value that the column cannot hold exactly: names column, row and both types.
    ConfigError, NotFound, Unsupported, DeadlineExceeded, ConnectionFailed

    Examples
    --------
    >>> import pandas as pd, dk_notebook as dk
    >>> report = dk.write_table(pd.DataFrame({"city": ["Oslo", "Rome"]}), "cities", "duckdb", mode="replace")
    >>> report.rows, report.outcome
    (2, 'ok')
    """
    return resolve(connection).write_table(
        data,
        table,
        mode=mode,
        if_exists=if_exists,
        key=key,
        index=index,
        layout=layout,
        types=types,
        errors=errors,
        partition_by=partition_by,
        format=format,
        compression=compression,
        timeout=timeout,
        progress=progress,
    )


@twin_of(write_table)
def awrite_table(
    data: Any, table: str, connection: Target = None, **arguments: Unpack[WriteArguments]
) -> Coroutine[Any, Any, WriteReport]:
    """`write_table`, awaited."""
    return resolve(connection).awrite_table(data, table, **arguments)


def plan_write(data: Any, table: str, connection: Target = None, **arguments: Unpack[WriteArguments]) -> WritePlan:
    """What `write_table` with the same arguments would do: the statements, and the type of each column.

    Changes nothing. Of an iterator it takes the first frame.

    >>> import pandas as pd, dk_notebook as dk
    >>> print(dk.plan_write(pd.DataFrame({"n": [1], "city": ["Oslo"]}), "places", "duckdb"))
    write to places
      n     int64 -> BIGINT
      city  string -> VARCHAR
    CREATE TABLE "places" ("n" BIGINT, "city" VARCHAR)
    INSERT INTO "places" ("n", "city") ...
    """
    return resolve(connection).plan_write(data, table, **arguments)
