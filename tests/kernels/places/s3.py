"""Where a kernel waits for S3, and for SQL over what lies there."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.kernels.places.cells import asking, awaiting, iterating, writing
from tests.kernels.places.duckdb import LONG
from tests.services.http_proxy import HttpFaultProxy
from tests.services.s3_address import S3Address

BUCKET = f"dk-test-kernels-{uuid.uuid4().hex[:8]}"

# The way to "slowly" lets pass what makes a read of the table take minutes.
CELLS = asking(LONG, "lake") | {
    "a read": "print('running'); dk.read_table('many', 'slowly')",
    "SQL that waits for the store": "print('running'); dk.read_query('select sum(n) from many', 'slowly')",
    "iter_table": iterating("dk.iter_table('many', 'slowly', chunk_rows=1_000)"),
    "a write": writing("written", "lake"),
    "a write that waits for the store": writing("written", "slowly"),
}
AWAITED = awaiting(LONG, "lake") | {
    "an awaited read": "print('running'); await dk.aread_table('many', 'slowly')",
    "async for": iterating("dk.aiter_table('many', 'slowly', chunk_rows=1_000)", awaited=True),
    "an awaited write": writing("written", "lake", awaited=True),
}
ANSWER = "int(dk.read_query('select 42 as a', 'lake')['a'][0])"


def connect(store: S3Address, slow_endpoint: str) -> str:
    """The cell that connects a kernel."""
    said: dict[str, Any] = {**store.settings, "replace": True}
    slowly = {**said, "endpoint_url": slow_endpoint}
    return (
        "import dk_notebook as dk, pandas as pd\n%load_ext dk_notebook\n"
        f"_ = dk.connect('s3://{BUCKET}', name='lake', **{said!r})\n"
        f"_ = dk.connect('s3://{BUCKET}', name='slowly', **{slowly!r})\n%dkquery -q -c lake select 1"
    )


@contextmanager
def slow_way(store: S3Address) -> Iterator[str]:
    """The endpoint of the store behind a proxy through which the table takes minutes."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"n": range(500_000)}), sink, compression="none", use_dictionary=False)
    store.make_bucket(BUCKET)
    store.put(BUCKET, "many/1.parquet", bytes(sink.getvalue()))
    with HttpFaultProxy(store) as proxy:
        proxy.slow(100_000)
        yield f"http://{proxy.host}:{proxy.port}"
    store.remove_bucket(BUCKET)
