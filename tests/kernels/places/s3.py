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
from tests.services.s3_address import S3Address
from tests.services.s3_proxy import S3FaultProxy

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
ANSWER = "int(dk.read_table('answer', 'lake')['n'][0])"


def connect(**ways: dict[str, Any]) -> str:
    """The cell that connects a kernel: name -> settings but the bucket."""
    connects = "".join(
        f"_ = dk.connect('s3://{BUCKET}', name={name!r}, **{ ({**settings, 'replace': True})!r})\n"
        for name, settings in ways.items()
    )
    return f"import dk_notebook as dk, pandas as pd\n%load_ext dk_notebook\n{connects}%dkquery -q -c lake select 1"


@contextmanager
def filled(store: S3Address) -> Iterator[None]:
    """The tables to read are there."""
    store.make_bucket(BUCKET)
    # Of "many" the first file is soon there.
    for key, numbers in {"many/1": range(1_000), "many/2": range(1_000, 500_000), "answer/1": [42]}.items():
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table({"n": numbers}), sink, compression="none", use_dictionary=False)
        store.put(BUCKET, f"{key}.parquet", bytes(sink.getvalue()))
    yield
    store.remove_bucket(BUCKET)


@contextmanager
def slow_way(store: S3Address) -> Iterator[S3FaultProxy]:
    """A proxy before the store through which the larger table takes minutes."""
    with S3FaultProxy(store) as proxy:
        proxy.slow(100_000)
        yield proxy
