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

from contender import ROOT, Contender
from postgres_peer import packages
from s3_dataset import FILES, ROWS, saved
from timing import Amount, Pair, side_by_side

sys.path.insert(0, str(ROOT))  # for the store, which comes with the tests
from tests.services.s3_address import S3Address
from tests.services.versitygw import VersityGateway

RUNNING = "DK_BENCH_S3_URL"
WRANGLER = ".venv-awswrangler"
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
