"""Elasticsearch: ours beside elasticsearch-py's helpers, eland and dataknobs-data, on the same node."""

from __future__ import annotations

import itertools
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from contender import ROOT, Contender
from elasticsearch_index import MANY, ROWS, Administration, saved
from postgres_peer import packages
from timing import Amount, Pair, side_by_side

sys.path.insert(0, str(ROOT))  # for the node, which comes with the tests
from tests.services.elasticsearch_address import ElasticsearchAddress
from tests.services.elasticsearch_node import NORMAL_JVM, ElasticsearchNode

WRITE = f"write {ROWS:,} x 7 from pandas to a new index (ms)"
READ = f"read {ROWS:,} x 7 to pandas (ms)"
BATCH = "`create_batch` of 1,000 that a search then finds (ms)"
CHARTED = (WRITE, READ, BATCH)
RUNNING = "DK_BENCH_ELASTICSEARCH_URL"
ELAND, DATAKNOBS, HELPERS = ".venv-eland", ".venv-dataknobs", ".venv-peers"
AFTER = 0.5
"""Seconds after which a read or a write of a million is stopped, in the middle of it."""


def about() -> str:
    """The versions, and how the node runs."""
    theirs = packages(HELPERS, "elasticsearch"), packages(ELAND, "eland", "elasticsearch")
    return (
        f"Elasticsearch 8.19 with {' '.join(NORMAL_JVM)}, one node, one shard an index, over loopback; "
        f"{packages(None, 'elasticsearch', 'aiohttp')}; {'; '.join(theirs)}; {packages(DATAKNOBS, 'dataknobs-data')}"
    )


def rows() -> Iterator[Pair | Amount]:
    """What is measured; the environment can name a running node."""
    with ExitStack() as stack:
        if url := os.environ.get(RUNNING):
            node = ElasticsearchAddress(url)
        else:
            node = stack.enter_context(ElasticsearchNode(jvm=NORMAL_JVM))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = Administration(node.http)
        stack.callback(server.drop("bench*"))
        yield from frames(node, server, saved(folder, ROWS))
        yield records(node)
        many = saved(folder, MANY)
        with Contender("elasticsearch_ours.py", node.url) as ours:
            ours.do("write", path=many, index="bench-many")
        server.merge("bench-many")
        yield memory(node)
        yield from stops(node, server, many)


def frames(node: ElasticsearchAddress, server: Administration, path: str) -> Iterator[Pair]:
    """A frame into an index, and the index as a frame."""
    with (
        Contender("elasticsearch_ours.py", node.url) as ours,
        Contender("with_elasticsearch.py", node.http, environment=HELPERS) as helpers,
        Contender("with_eland.py", node.http, environment=ELAND) as eland,
    ):
        peers = (
            (helpers, "parallel_bulk, 4 threads x 2,000", 0.5, "scan + DataFrame", 0.75, 7),
            (eland, "eland", 1 / 6, "eland", 1 / 40, 3),
        )
        for peer, named, bound, _, _, runs in peers:
            write = {"path": path, "index": "bench-written"}
            yield side_by_side(
                WRITE,
                ours.task("write", **write),
                peer.task("write", **write),
                named=named,
                bound=bound,
                runs=runs,
                before=server.drop("bench-written"),
            )
        server.drop("bench-written")()
        ours.do("write", path=path, index="bench")
        server.merge("bench")
        for peer, _, _, named, bound, runs in peers:
            read = ours.task("read", index="bench")
            yield side_by_side(READ, read, peer.task("read", index="bench"), named=named, bound=bound, runs=runs)


def records(node: ElasticsearchAddress) -> Pair:
    """A thousand records, each time others, in indices that are there."""
    with (
        Contender("records_ours.py", "elasticsearch", settings(node, "bench-ours")) as ours,
        Contender("records_with_dataknobs.py", "elasticsearch", settings(node, "bench-theirs"), environment=DATAKNOBS)
        as dataknobs,
    ):  # fmt: skip
        firsts = itertools.count(0, 1_000)

        def before() -> None:
            first = next(firsts)
            for one in (ours, dataknobs):
                one.do("prepare", count=1_000, first=first)

        return side_by_side(
            BATCH,
            ours.task("create_batch_and_find"),
            dataknobs.task("create_batch_and_find"),
            named="dataknobs-data",
            bound=1.0,
            runs=61,  # the two are so close that fewer tell by chance which is the faster one
            before=before,
        )


def memory(node: ElasticsearchAddress) -> Amount:
    """What the process grows by while a million documents pass, with a warm connection."""
    with Contender("elasticsearch_ours.py", node.url) as ours:
        ours.do("read", index="bench-many", limit=1_000)
        chunks = ours.do("chunks", index="bench-many", rows=100_000)
    return Amount(f"memory of {chunks.value:,} documents by `iter_table` (MB)", chunks.peak_bytes / 1e6, 250)


def stops(node: ElasticsearchAddress, server: Administration, path: str) -> Iterator[Amount]:
    """How long a stop takes, and what is then left on the node."""
    before = server.contexts()
    with Contender("elasticsearch_ours.py", node.url) as ours:
        for what, task, options in (
            ("read", "stop_read", {"index": "bench-many"}),
            ("write", "stop_write", {"index": "bench-stopped", "path": path}),
        ):
            seconds = float(str(ours.do(task, after=AFTER, **options).value))
            yield Amount(f"stop of a {what} of {MANY:,} (ms)", seconds * 1000, 1000)
            yield Amount("points in time and tasks that it left on the node", server.left(before), 0)


def settings(node: ElasticsearchAddress, index: str) -> str:
    """Of a contender, as JSON."""
    return json.dumps({"hosts": [node.http], "index": index})
