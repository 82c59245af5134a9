"""What tests of reading share: files that other programs have put, and rows read back."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from dk_notebook.backends.base import Native, TableQuery
from dk_notebook.backends.s3.reading.dataset import Dataset
from dk_notebook.backends.s3.reading.scan import scan_table
from dk_notebook.backends.s3.session import S3Session
from dk_notebook.records.query import Query


def parquet(columns: Mapping[str, Any] | pa.Table, **how: Any) -> bytes:
    """The body of a Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(_table(columns), sink, **how)
    return bytes(sink.getvalue())


def csv(columns: Mapping[str, Any] | pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pacsv.write_csv(_table(columns), sink)
    return bytes(sink.getvalue())


def _table(columns: Mapping[str, Any] | pa.Table) -> pa.Table:
    return columns if isinstance(columns, pa.Table) else pa.table(dict(columns))


def jsonl(rows: Iterable[Mapping[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def gzipped(body: bytes) -> bytes:
    return gzip.compress(body)


async def table(session: S3Session, name: str, *, batch_rows: int | None = None, **query: Any) -> pa.Table:
    """The rows of a table; ``query``: as `Query.of` has it."""
    asked = TableQuery(table=name, query=Query.of(**query))
    return await (await session.scan(asked, batch_rows=batch_rows)).read_all()


async def dataset(session: S3Session, name: str, **query: Any) -> Dataset:
    """A table after its rows were read: it tells what that has taken."""
    opened = await session.open_table(name)

    async def again(_: str) -> Dataset:
        return opened

    asked = TableQuery(table=name, query=Query.of(**query))
    await (await scan_table(again, asked, session.operation, None)).read_all()
    return opened


async def sql(session: S3Session, text: str, params: Any = None, **how: Any) -> pa.Table:
    """The result of a statement."""
    return await (await session.scan(Native(text=text, params=params, **how))).read_all()
