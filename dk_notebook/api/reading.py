"""Queries and tables in, frames out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from dk_notebook.api.twin import twin_of
from dk_notebook.backends.base import Layout
from dk_notebook.connections import Connection, resolve
from dk_notebook.methods import CHUNK_ROWS, Params, Query, TableReadArguments
from dk_notebook.reading import FrameArguments, ReadArguments, TableArguments

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

Target = str | Connection | None
DtypeBackend = Literal["numpy_nullable", "pyarrow", "numpy"] | None
Decimals = Literal["auto", "exact", "float", "string"]
Form = Literal["pandas", "arrow", "polars"]


class QueryArguments(FrameArguments, total=False):
    """The arguments of `read_query` but the form of the frame."""

    params: Params
    limit: int | None


class TablePartArguments(FrameArguments, TableArguments, total=False):
    """The arguments of `read_table` but the form of the frame."""


@overload
def read_query(
    query: Query, connection: Target = None, *, as_: Literal["pandas"] = "pandas", **arguments: Unpack[QueryArguments]
) -> pd.DataFrame: ...
@overload
def read_query(
    query: Query, connection: Target = None, *, as_: Literal["arrow"], **arguments: Unpack[QueryArguments]
) -> pa.Table: ...
@overload
def read_query(
    query: Query, connection: Target = None, *, as_: Literal["polars"], **arguments: Unpack[QueryArguments]
) -> pl.DataFrame: ...
def read_query(
    query: Query,
    connection: Target = None,
    *,
    params: Params = None,
    limit: int | None = None,
    index: str | Sequence[str] | None = None,
    dtypes: Mapping[str, Any] | None = None,
    dtype_backend: DtypeBackend = None,
    decimals: Decimals = "auto",
    json: Literal["parse", "text"] = "parse",
    arrays: Sequence[str] | None = None,
    as_: Form = "pandas",
    timeout: float | None = None,
    progress: bool | None = None,
) -> Any:
    """The result of a query as a frame, its column types as the store declares them.

    An empty result has the same columns and dtypes as a full one. On DuckDB the frames of the calling cell (pandas,
    polars, pyarrow) can be named in the SQL; a real table of that name wins. ``frame.attrs["dk"]`` tells the query,
    the connection, the rows and the seconds. Ctrl-C and ``timeout`` cancel the statement on the server.

    Parameters
    ----------
    query
        SQL. Parameters are written ``:name`` (or ``$1``); their values never become text of the statement. For
        Elasticsearch ES|QL, with parameters ``?name`` (or ``?1``), or a Query DSL body as a dict with its index:
        ``{"index": "flights", "query": ...}`` gives the hits, all of them, and with ``"aggs"`` a row a bucket.
    connection
        A name, a URL or a Connection; None: the default connection.
    params
        A mapping for ``:name``, a sequence for ``$1``. ``IN :ids`` takes a list. A Query DSL body has none.
    limit
        Rows at most; runs in the store.
    index
        The columns that become the index.
    dtypes
        Column -> dtype: casts after reading, exactly or with ConversionError.
    dtype_backend
        None: nullable integers and booleans, floats with NaN, Arrow-backed dates (the type table of the
        documentation); "numpy_nullable", "pyarrow", "numpy": as in pandas.
    decimals
        "auto": by declaration (stored decimals of at most 15 digits and computed ones become float64, wider ones
        stay exact); "exact", "float", "string".
    json
        "parse": JSON becomes Python objects; "text": stays text.
    arrays
        Elasticsearch only: the fields that hold arrays.
    as_
        "pandas", "arrow" (a pyarrow.Table) or "polars".
    timeout
        Seconds for the whole call.
    progress
        A progress bar: True, False, or None for notebooks and terminals.

    Raises
    ------
    QueryError
        The store refused the query: the message shows where. NotFound and MissingParameter are QueryErrors.
    ConversionError
        A value that its frame cannot carry exactly; the hint is the cast to write.
    DeadlineExceeded, ConnectionFailed, ConfigError

    Examples
    --------
    >>> import pandas as pd, dk_notebook as dk
    >>> dk.read_query("select 6 * 7 as answer")
       answer
    0      42
    >>> flights = pd.DataFrame({"carrier": ["AA", "UA", "AA"], "delay": [3, 8, 5]})
    >>> dk.read_query("select carrier, avg(delay) from flights where delay > :least group by all", params={"least": 4})["carrier"].to_list()
    ['UA', 'AA']
    """  # noqa: E501 (an example is one line)
    return resolve(connection).read_query(
        query,
        params=params,
        limit=limit,
        index=index,
        dtypes=dtypes,
        dtype_backend=dtype_backend,
        decimals=decimals,
        json=json,
        arrays=arrays,
        as_=as_,
        timeout=timeout,
        progress=progress,
    )


@overload
def read_table(
    table: str, connection: Target = None, *, as_: Literal["pandas"] = "pandas", **arguments: Unpack[TablePartArguments]
) -> pd.DataFrame: ...
@overload
def read_table(
    table: str, connection: Target = None, *, as_: Literal["arrow"], **arguments: Unpack[TablePartArguments]
) -> pa.Table: ...
@overload
def read_table(
    table: str, connection: Target = None, *, as_: Literal["polars"], **arguments: Unpack[TablePartArguments]
) -> pl.DataFrame: ...
def read_table(
    table: str,
    connection: Target = None,
    *,
    columns: Sequence[str] | None = None,
    where: Any = None,
    order_by: str | Sequence[str] | None = None,
    limit: int | None = None,
    partitions: int = 1,
    layout: Layout | None = None,
    index: str | Sequence[str] | None = None,
    dtypes: Mapping[str, Any] | None = None,
    dtype_backend: DtypeBackend = None,
    decimals: Decimals = "auto",
    json: Literal["parse", "text"] = "parse",
    arrays: Sequence[str] | None = None,
    as_: Form = "pandas",
    timeout: float | None = None,
    progress: bool | None = None,
) -> Any:
    """A table, or a part of it, as a frame; the part is chosen in the store.

    The parameters that are not told here, and the errors, are those of `read_query`; NotFound names the table or column
    nearest to one that is not there.

    Parameters
    ----------
    table
        ``t`` or ``schema.t`` (DuckDB also ``db.schema.t``), exact case, quoted for you; a part that holds a dot in
        double quotes.
    columns
        The columns, in this order; None: all.
    where
        ``[("age", ">=", 25), ...]`` (all must hold), a Query, or its condition.
    order_by
        ``"a"``, ``"-a"`` (descending) or a list of them; NULL comes last.
    partitions
        Parts read at the same time, of one consistent state. DuckDB reads a table in all its threads as it is: any
        number does the same there.
    layout
        "documents": what `AsyncDatabase` keeps in the table, a column a field, ``id`` first. JSON declares no types:
        a field of integers, floats, booleans or text alone has that type, any other one holds objects.

    Examples
    --------
    >>> import pandas as pd, dk_notebook as dk
    >>> report = dk.write_table(pd.DataFrame({"n": [1, 2, 3]}), "numbers", "duckdb", mode="replace")
    >>> dk.read_table("numbers", "duckdb", where=[("n", ">=", 2)], order_by="-n")["n"].to_list()
    [3, 2]
    """
    return resolve(connection).read_table(
        table,
        columns=columns,
        where=where,
        order_by=order_by,
        limit=limit,
        partitions=partitions,
        layout=layout,
        index=index,
        dtypes=dtypes,
        dtype_backend=dtype_backend,
        decimals=decimals,
        json=json,
        arrays=arrays,
        as_=as_,
        timeout=timeout,
        progress=progress,
    )


def iter_query(
    query: Query,
    connection: Target = None,
    *,
    params: Params = None,
    limit: int | None = None,
    chunk_rows: int = CHUNK_ROWS,
    **arguments: Unpack[ReadArguments],
) -> Iterator[Any]:
    """The result of a query as frames of ``chunk_rows`` rows, in bounded memory and with the same dtypes in each.

    Takes the parameters of `read_query`. The last frame may be shorter; an empty result is one empty frame. A slow
    consumer slows the store; leaving the loop early frees the connection. ``timeout`` spans all of it.

    >>> import pandas as pd, dk_notebook as dk
    >>> [len(chunk) for chunk in dk.iter_query("from range(250)", chunk_rows=100)]
    [100, 100, 50]
    """
    return resolve(connection).iter_query(query, params=params, limit=limit, chunk_rows=chunk_rows, **arguments)


def iter_table(
    table: str, connection: Target = None, *, chunk_rows: int = CHUNK_ROWS, **arguments: Unpack[TableReadArguments]
) -> Iterator[Any]:
    """A table as frames of ``chunk_rows`` rows: `read_table`'s parameters, `iter_query`'s behaviour."""
    return resolve(connection).iter_table(table, chunk_rows=chunk_rows, **arguments)


@twin_of(read_query)
def aread_query(
    query: Query,
    connection: Target = None,
    *,
    params: Params = None,
    limit: int | None = None,
    **arguments: Unpack[ReadArguments],
) -> Coroutine[Any, Any, Any]:
    """`read_query`, awaited."""
    return resolve(connection).aread_query(query, params=params, limit=limit, **arguments)


@twin_of(read_table)
def aread_table(
    table: str, connection: Target = None, **arguments: Unpack[TableReadArguments]
) -> Coroutine[Any, Any, Any]:
    """`read_table`, awaited."""
    return resolve(connection).aread_table(table, **arguments)


def aiter_query(
    query: Query,
    connection: Target = None,
    *,
    params: Params = None,
    limit: int | None = None,
    chunk_rows: int = CHUNK_ROWS,
    **arguments: Unpack[ReadArguments],
) -> AsyncIterator[Any]:
    """`iter_query`, for ``async for``."""
    return resolve(connection).aiter_query(query, params=params, limit=limit, chunk_rows=chunk_rows, **arguments)


def aiter_table(
    table: str, connection: Target = None, *, chunk_rows: int = CHUNK_ROWS, **arguments: Unpack[TableReadArguments]
) -> AsyncIterator[Any]:
    """`iter_table`, for ``async for``."""
    return resolve(connection).aiter_table(table, chunk_rows=chunk_rows, **arguments)
