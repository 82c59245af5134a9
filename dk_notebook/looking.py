"""What a store holds and how it would run a query, as frames."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import pandas as pd
import pyarrow as pa

from dk_notebook.backends.base import Browsable, Explainable, Native, Session
from dk_notebook.errors import Unsupported
from dk_notebook.frames.listings import Listing
from dk_notebook.frames.options import FrameOptions
from dk_notebook.frames.plans import Plan
from dk_notebook.frames.shape import to_frame
from dk_notebook.progress import Bar, bar
from dk_notebook.reading import Source, label, seconds
from dk_notebook.runtime.operations import Operation

S = TypeVar("S")


async def tables(source: Source) -> pd.DataFrame:
    """A row a table: schema, table, kind, rows (the store's estimate), bytes."""

    async def ask(session: Session) -> pa.Table:
        if not isinstance(session, Browsable):
            raise Unsupported(f"{source.store.backend.name} cannot list its tables")
        return await session.tables()

    return Listing(await _asked(source, "tables", ask))


async def columns(source: Source, table: str) -> pd.DataFrame:
    """A row a column: column, type, dtype, nullable, key, default."""

    async def ask(session: Session) -> pa.Table:
        if not isinstance(session, Browsable):
            raise Unsupported(f"{source.store.backend.name} cannot describe its tables")
        return await session.columns(table)

    return Listing(await _asked(source, f"columns {table}", ask))


async def explain(source: Source, query: Native, *, analyze: bool) -> pd.DataFrame:
    """A row a node of the plan: depth, node, detail, rows_estimated, rows, seconds. Shows itself as a tree."""

    async def ask(session: Session) -> pa.Table:
        if not isinstance(session, Explainable):
            raise Unsupported(f"{source.store.backend.name} cannot explain a query")
        return await session.explain(query, analyze=analyze)

    return Plan(await _asked(source, f"explain {label(query)}", ask, draw=bar(None) if analyze else None))


async def execute(source: Source, statement: Native, *, timeout: float | None) -> int:
    """Rows affected (DDL: 0)."""
    operation = Operation(label(statement), connection=source.name, timeout=seconds(timeout), draw=bar(None))
    with operation:
        async with operation.step(), source.store.session(operation) as session:
            return await session.execute(statement)


async def _asked(
    source: Source, what: str, ask: Callable[[Session], Awaitable[pa.Table]], *, draw: Bar | None = None
) -> pd.DataFrame:
    operation = Operation(what, connection=source.name, draw=draw)
    with operation:
        async with operation.step(), source.store.session(operation) as session:
            table = await ask(session)
    frame: pd.DataFrame = to_frame(table, FrameOptions())
    return frame
