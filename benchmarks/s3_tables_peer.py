"""Tables in S3: ours beside awswrangler, plain aioboto3 and pyarrow on the local disk, on the same store."""

from __future__ import annotations

import json
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from contender import Contender
from postgres_peer import packages
from s3_records_peer import PLAIN, RUNNING, S3Address, VersityGateway, settings
from timing import Amount, Pair, side_by_side

from tests.services.s3_proxy import S3FaultProxy

THEIRS = ".venv-awswrangler"
ROWS = 1_000_000
FILES = 8
LARGE = 2_000
"""Megabytes of the frame whose writing is measured in memory."""
LATENCY = 0.02
"""Seconds that answers of a store far away are late."""
PUTS = 200


def about() -> str:
    """The versions."""
    ours = packages(None, "obstore", "aioboto3", "pyarrow")
    return f"versitygw over loopback; {ours}; {packages(THEIRS, 'awswrangler', 'pyarrow')}"


def rows() -> Iterator[Pair | Amount]:
    """What is measured; the environment can name a running store."""
    with ExitStack() as stack:
        url = os.environ.get(RUNNING)
        store = S3Address(url) if url else stack.enter_context(VersityGateway(options=("--quiet",)))
        bucket = f"dk-bench-{uuid.uuid4().hex[:12]}"
        store.make_bucket(bucket)
        stack.callback(store.remove_bucket, bucket)
        yield from frames(store, bucket)
        yield from far_away(store, bucket)
        yield from memory(store, bucket)


def opened(script: str, store: S3Address, bucket: str, prefix: str, environment: str | None = None) -> Contender:
    """One that keeps its tables there."""
    return Contender(
        script, json.dumps({**store.settings, "bucket": bucket, "prefix": prefix}), environment=environment
    )


def frames(store: S3Address, bucket: str) -> Iterator[Pair]:
    """A table of 1,000,000 x 10, whole and in parts."""
    with ExitStack() as stack:
        ours = stack.enter_context(opened("tables_ours.py", store, bucket, "ours"))
        theirs = stack.enter_context(opened("tables_with_awswrangler.py", store, bucket, "theirs", THEIRS))
        over_ours = stack.enter_context(opened("tables_with_awswrangler.py", store, bucket, "ours", THEIRS))
        yield side_by_side(
            f"write {ROWS:,} x 10 from pandas to Parquet (ms)",
            ours.task("write", rows=ROWS, table="written"),
            theirs.task("write", rows=ROWS, table="written", files=FILES),
            named=f"awswrangler, {FILES} files",
            bound=1.0,
            runs=7,
        )
        ours.do("write_files", rows=ROWS, table="read", files=FILES)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for number, key in enumerate(store.keys(bucket, "ours/read/")):
            if key.endswith(".parquet"):
                (folder / f"{number}.parquet").write_bytes(store.get(bucket, key))
        disk = stack.enter_context(Contender("tables_with_pyarrow.py", str(folder)))
        read = ours.task("read", table="read")
        what = f"read {ROWS:,} x 10 from {FILES} files to Arrow (ms)"
        theirs_read = over_ours.task("read", table="read")
        yield side_by_side(what, read, theirs_read, named="awswrangler, to pandas", bound=0.6, runs=15)
        nearest = over_ours.task("read", table="read", backed="pyarrow")
        yield side_by_side(what, read, nearest, named="awswrangler, Arrow-backed pandas", bound=None, runs=15)
        yield side_by_side(what, read, disk.task("read"), named="pyarrow, local disk", bound=1.3, runs=15)
        yield side_by_side(
            f"two columns of it where `a < {ROWS // 1000:,}` (ms)",
            ours.task("find", table="read", below=ROWS // 1000),
            over_ours.task("find", table="read", below=ROWS // 1000),
            named="awswrangler",
            bound=0.3,
            runs=15,
        )


def far_away(store: S3Address, bucket: str) -> Iterator[Pair]:
    """As many small objects as a table of many folders has, to a store whose answers are late."""
    with ExitStack() as stack:
        proxy = stack.enter_context(S3FaultProxy(store))
        proxy.delay(LATENCY)
        said = json.dumps({**settings(proxy.address, bucket), "prefix": "far"})
        ours = stack.enter_context(Contender("records_ours.py", "s3", said))
        plain = stack.enter_context(Contender("records_with_aioboto3.py", said))

        def before() -> None:
            for one in (ours, plain):
                one.do("prepare", count=PUTS)

        yield side_by_side(
            f"{PUTS} puts through {LATENCY * 1000:.0f} ms (ms)",
            ours.task("create_batch"),
            plain.task("create_batch"),
            named=PLAIN,
            bound=1.0,
            runs=7,
            before=before,
        )


def memory(store: S3Address, bucket: str) -> Iterator[Amount]:
    """What a process grows by, beyond the frame, while it writes it, and while it reads that in chunks."""
    for named, more in (("", {}), (", in folders", {"partition_by": ["p"]})):
        with opened("tables_ours.py", store, bucket, "large") as ours:
            ours.do("make", megabytes=LARGE)
            written = ours.do("write_large", megabytes=LARGE, table="large", **more)
            yield Amount(f"memory of writing a frame of {LARGE:,} MB{named} (MB)", written.peak_bytes / 1e6, 400)
        with opened("tables_ours.py", store, bucket, "large") as ours:
            chunks = ours.do("chunks", table="large", rows=100_000)
            yield Amount(f"memory of {chunks.value:,} rows{named} in chunks (MB)", chunks.peak_bytes / 1e6, 400)
        store.empty(bucket)
