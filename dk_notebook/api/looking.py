"""What a store holds, how it would run a query, what runs now, and how to stop it."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import pandas as pd

from dk_notebook.api.reading import Target
from dk_notebook.connections import resolve
from dk_notebook.methods import Params, Query
from dk_notebook.runtime import operations


def execute(statement: Query, connection: Target = None, *, params: Params = None, timeout: float | None = None) -> int:
    """Run a statement that has no result; the rows it affected (DDL: 0).

    Several statements, separated by ``;`` and without params, run in one transaction.

    >>> import dk_notebook as dk
    >>> dk.execute("create or replace table t (n int); insert into t values (1), (2)", "duckdb")
    2
    """
    return resolve(connection).execute(statement, params=params, timeout=timeout)


def aexecute(
    statement: Query, connection: Target = None, *, params: Params = None, timeout: float | None = None
) -> Coroutine[Any, Any, int]:
    """`execute`, awaited."""
    return resolve(connection).aexecute(statement, params=params, timeout=timeout)


def tables(connection: Target = None) -> pd.DataFrame:
    """A row a table: schema, table, kind, rows (the store's estimate), bytes.

    The last two are NULL where the store has no figure: of views, and DuckDB counts no bytes a table.
    """
    return resolve(connection).tables()


def columns(table: str, connection: Target = None) -> pd.DataFrame:
    """A row a column: column, type (the store's), dtype (pandas'), nullable, key, default. NotFound."""
    return resolve(connection).columns(table)


def explain(query: Query, connection: Target = None, *, params: Params = None, analyze: bool = False) -> pd.DataFrame:
    """How the store would run a query: a row a node with depth, node, detail, rows_estimated, rows, seconds.

    ``analyze=True`` runs it and fills the last two. The frame shows itself as a tree.
    """
    return resolve(connection).explain(query, params=params, analyze=analyze)


def running() -> pd.DataFrame:
    """What is in flight: id, label, connection, rows, seconds."""
    now = [(call.id, call.label, call.connection, call.rows, call.seconds) for call in operations.running()]
    frame = pd.DataFrame(now, columns=["id", "label", "connection", "rows", "seconds"])
    return frame.astype({"id": "int64", "rows": "int64", "seconds": "float64"})


def cancel(id: int | None = None) -> int:  # noqa: A002 (the name in the public API)
    """Stop the call of that id, or all of them, from another thread or a widget; how many were told.

    The call raises QueryError ("cancelled") where it is waited for.
    """
    return operations.cancel(id)
