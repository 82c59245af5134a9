"""The records API on S3: ours beside dataknobs-data and plain aioboto3, on the same store."""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from contender import ROOT, Contender
from postgres_peer import packages
from timing import Pair, side_by_side

sys.path.insert(0, str(ROOT))  # for the store, which comes with the tests
from tests.services.s3_address import S3Address
from tests.services.versitygw import VersityGateway

RUNNING = "DK_BENCH_S3_URL"
THEIRS = ".venv-dataknobs"
AT_ONCE = 50
PLAIN = f"aioboto3, {AT_ONCE} at once"


def about() -> str:
    """The versions."""
    ours = packages(None, "obstore", "aioboto3")
    return f"versitygw over loopback; {ours}; {packages(THEIRS, 'dataknobs-data', 'aioboto3')}; pools of {AT_ONCE}"


def rows() -> Iterator[Pair]:
    """What is measured; the environment can name a running store."""
    with ExitStack() as stack:
        url = os.environ.get(RUNNING)
        store = S3Address(url) if url else stack.enter_context(VersityGateway(options=("--quiet",)))
        bucket = f"dk-bench-{uuid.uuid4().hex[:12]}"
        store.make_bucket(bucket)
        stack.callback(store.remove_bucket, bucket)

        def opened(script: str, *arguments: str, environment: str | None = None, prefix: str) -> Contender:
            said = json.dumps({**settings(store, bucket), "prefix": prefix})
            return stack.enter_context(Contender(script, *arguments, said, environment=environment))

        ours = opened("records_ours.py", "s3", prefix="ours")
        plain = opened("records_with_aioboto3.py", prefix="plain")
        dataknobs = opened("records_with_dataknobs.py", "s3", environment=THEIRS, prefix="dataknobs")

        def anew(count: int, *contenders: Contender) -> Callable[[], None]:
            def before() -> None:
                for one in contenders:
                    one.do("prepare", count=count)

            return before

        def beside(what: str, task: str, peer: Contender, bound: float | None, count: int, runs: int = 7) -> Pair:
            named = PLAIN if peer is plain else "dataknobs-data"
            before = anew(count, ours, peer)
            if task in ("search", "read"):  # of what is there once and for all
                store.empty(bucket)
                before()
                for one in (ours, peer):
                    one.do("create_batch")
                before = lambda: None  # noqa: E731
            return side_by_side(
                what, ours.task(task), peer.task(task), named=named, bound=bound, runs=runs, before=before
            )

        yield beside("`create_batch` of 1,000 (ms)", "create_batch", plain, 0.6, 1_000)
        yield beside("`search` that returns 1,000, beside gets of known keys (ms)", "search", plain, 0.5, 1_000)
        yield beside("100 `create` one after the other (ms)", "create", plain, None, 100)
        yield beside("100 `read` one after the other (ms)", "read", plain, None, 100)
        yield beside("`create_batch` of 100 (ms)", "create_batch", dataknobs, 0.1, 100, runs=3)
        yield beside("`search` that returns 100 (ms)", "search", dataknobs, None, 100, runs=3)


def settings(store: S3Address, bucket: str) -> dict[str, object]:
    """Of each contender; theirs calls the region by its other name."""
    said = dict(store.settings)
    return {"region_name": said.pop("region"), **said, "bucket": bucket, "pool": {"max_size": AT_ONCE}}
