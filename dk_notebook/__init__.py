"""DataFrames in and out of databases and object stores, from a notebook.

>>> import dk_notebook as dk
>>> df = dk.read_query("select 42 as answer")

Importing registers ``df.dk``; it reads no file, opens nothing and starts no thread.
"""

from typing import Any

from dk_notebook.accessor import FrameAccessor as FrameAccessor
from dk_notebook.api.connecting import connections, status, trust
from dk_notebook.api.looking import aexecute, cancel, columns, execute, explain, running, tables
from dk_notebook.api.reading import (
    aiter_query,
    aiter_table,
    aread_query,
    aread_table,
    iter_query,
    iter_table,
    read_query,
    read_table,
)
from dk_notebook.api.versions import show_versions
from dk_notebook.api.writing import awrite_table, plan_write, write_table
from dk_notebook.backends.base import WritePlan, WriteReport
from dk_notebook.connections import Connection, close, connect, use
from dk_notebook.database.aio import AsyncDatabase
from dk_notebook.database.blocking import Database
from dk_notebook.database.streaming import StreamConfig, StreamResult
from dk_notebook.errors import (
    BlockingCallInLoop,
    ConfigError,
    Conflict,
    ConnectionFailed,
    ConversionError,
    DeadlineExceeded,
    DkError,
    MissingDependency,
    MissingParameter,
    NotFound,
    OutcomeUnknown,
    PoolTimeout,
    QueryError,
    Unsupported,
    WriteRejected,
)
from dk_notebook.jupyter.nesting import allow_nested_run
from dk_notebook.jupyter.widgets.api import browser, monitor
from dk_notebook.records.query import Query
from dk_notebook.records.record import Record

__version__ = "0.1.0.dev0"

__all__ = [
    "AsyncDatabase",
    "BlockingCallInLoop",
    "ConfigError",
    "Conflict",
    "Connection",
    "ConnectionFailed",
    "ConversionError",
    "Database",
    "DeadlineExceeded",
    "DkError",
    "MissingDependency",
    "MissingParameter",
    "NotFound",
    "OutcomeUnknown",
    "PoolTimeout",
    "Query",
    "QueryError",
    "Record",
    "StreamConfig",
    "StreamResult",
    "Unsupported",
    "WritePlan",
    "WriteRejected",
    "WriteReport",
    "aexecute",
    "aiter_query",
    "aiter_table",
    "allow_nested_run",
    "aread_query",
    "aread_table",
    "awrite_table",
    "browser",
    "cancel",
    "close",
    "columns",
    "connect",
    "connections",
    "execute",
    "explain",
    "iter_query",
    "iter_table",
    "monitor",
    "plan_write",
    "read_query",
    "read_table",
    "running",
    "show_versions",
    "status",
    "tables",
    "trust",
    "use",
    "write_table",
]


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext dk_notebook``: the magics."""
    from dk_notebook.jupyter.extension import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """``%unload_ext dk_notebook``."""
    from dk_notebook.jupyter.extension import unload

    unload(shell)
