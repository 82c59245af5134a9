"""S3: tables beside awswrangler on the same store, and beside pyarrow on files of the disk."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from contender import ROOT, Contender
from postgres_peer import packages
from s3_dataset import FILES, ROWS, saved
from s3_dataset import rows as rows_of
from timing import Amount, Measured, Pair, side_by_side

sys.path.insert(0, str(ROOT))  # for the store, which comes with the tests
from tests.services.s3_address import S3Address
from tests.services.versitygw import VersityGateway

RUNNING = "DK_BENCH_S3_URL"
WRANGLER = ".venv-awswrangler"
MANY = 6_000_000
"""Rows of one file, 360 MB."""
WRITTEN = 15_000_000
"""Rows of the frame that is written, 1.3 GB."""
READ = f"`read_table` of {ROWS:,} x 10 in {FILES} Parquet files to Arrow (ms)"


def about() -> str:
    """The versions."""
    ours, theirs = packages(None, "obstore", "pyarrow"), packages(WRANGLER, "awswrangler", "pyarrow")
    return f"versitygw over loopback, on the same cores; {ours}; {theirs}"


def rows() -> Iterator[Pair | Amount]:
    """What is measured; the environment can name a running store."""
    with ExitStack() as stack:
        url = os.environ.get(RUNNING)
        store = S3Address(url) if url else stack.enter_context(VersityGateway(options=("--quiet",)))
        bucket = f"dk-bench-{uuid.uuid4().hex[:12]}"
        store.make_bucket(bucket)
        stack.callback(store.remove_bucket, bucket)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for path in saved(folder):
            store.put(bucket, f"plain/{path.name}", path.read_bytes())
        said = json.dumps({**store.settings, "bucket": bucket})
        ours = stack.enter_context(Contender("s3_ours.py", said))
        wrangler = stack.enter_context(Contender("s3_with_awswrangler.py", said, environment=WRANGLER))
        disk = stack.enter_context(Contender("s3_on_disk.py"))
        read = ours.task("read", table="plain")
        peer = wrangler.task("read", table="plain")
        yield side_by_side(READ, read, peer, named="awswrangler", bound=0.6, runs=7)
        local = disk.task("read", folder=str(folder))
        yield side_by_side(READ, read, local, named="pyarrow, local disk", bound=1.3, runs=7)
        store.put(bucket, "one/1.parquet", one_file(MANY))
        ours.do("chunks", table="plain", rows=100_000)
        chunks = ours.do("chunks", table="one", rows=100_000)
        yield Amount(f"memory of {MANY:,} rows of one file by `iter_table` (MB)", number(chunks), 400)
        for folders in (0, 24):
            with Contender(
                "s3_ours.py", json.dumps({**store.settings, "bucket": bucket, "prefix": str(folders)})
            ) as one:
                grown = number(one.do("write", rows=WRITTEN, folders=folders))
            into = f"into {folders} folders " if folders else ""
            yield Amount(f"memory of a frame of {WRITTEN:,} x 8 written {into}beyond the frame (MB)", grown, 400)


def number(done: Measured) -> float:
    """What a task has counted."""
    assert isinstance(done.value, float)
    return done.value


def one_file(count: int) -> bytes:
    """Rows in a single file, of many row groups."""
    table, sink = rows_of(ROWS), pa.BufferOutputStream()
    with pq.ParquetWriter(sink, table.schema) as writer:
        for _ in range(count // ROWS):
            writer.write_table(table, row_group_size=131_072)
    return bytes(sink.getvalue())
