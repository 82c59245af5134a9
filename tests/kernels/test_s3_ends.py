"""Restart, shutdown, exit, kill and fork with live pools and running calls, on S3; and deaf stores."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator

import pyarrow.parquet as pq
import pytest

from tests.kernels.driver import Kernel
from tests.kernels.ends import ServerEndTests, in_a_thread, left_half_way
from tests.kernels.places import s3
from tests.kernels.places.s3 import ANSWER, BUCKET, CELLS
from tests.services.s3_address import S3Address
from tests.services.s3_proxy import S3FaultProxy

pytestmark = [pytest.mark.kernel, pytest.mark.s3]

LOAD = "dk.read_table('many', 'lake')"


@pytest.fixture(scope="module")
def store(s3_store: S3Address) -> Iterator[S3Address]:
    with s3.filled(s3_store):
        yield s3_store


@pytest.fixture
def way(store: S3Address) -> Iterator[S3FaultProxy]:
    with s3.slow_way(store) as proxy:
        yield proxy


class TestEnds(ServerEndTests):
    running = {
        "a read": f"print('running'); {LOAD}",
        "an awaited read": "print('running'); await dk.aread_table('many', 'lake')",
        "SQL in a thread": in_a_thread("dk.read_query('select sum(n) from many', 'lake')"),
        "an iterator that was left half-way": left_half_way("dk.iter_table('many', 'lake', chunk_rows=100)"),
        "a write": CELLS["a write"],
    }
    load = LOAD
    answer = ANSWER
    beyond = 50  # a request that waits for a connection to be made takes one that is free sooner; both are kept
    silent = [("a read", 1), ("a write", 2)]
    harmless = frozenset({"a read"})

    @pytest.fixture
    def connect(self, way: S3FaultProxy) -> str:
        return s3.connect(lake=way.settings)

    @pytest.fixture
    def left(self, store: S3Address, way: S3FaultProxy) -> Callable[[], int]:
        """Connections, uploads in parts that are not complete, and new files of the table that is written."""
        before = set(files(store, "written"))
        return lambda: (
            len(way.open_links) + len(store.uploads(BUCKET)) + len(set(files(store, "written")).difference(before))
        )


@pytest.fixture
def connected(new_kernel: Kernel, store: S3Address) -> Kernel:
    new_kernel.ok(s3.connect(lake=store.settings))
    return new_kernel


def test_a_write_that_is_killed_leaves_the_old_contents_no_half_object_and_no_part(
    connected: Kernel, store: S3Address
) -> None:
    connected.ok("dk.write_table(pd.DataFrame({'n': [42]}), 'killed', 'lake')")
    (old,) = files(store, "killed")
    connected.start(CELLS["a write"].replace("'written'", "'killed'")).until("running")
    until = time.monotonic() + 30
    while files(store, "killed") == [old]:
        assert time.monotonic() < until, "it has not begun"
    connected.kill()
    connected.restart()
    connected.ok(s3.connect(lake=store.settings))
    assert connected.json("dk.read_table('killed', 'lake')['n'].tolist()") == [42]
    for key in files(store, "killed"):
        pq.read_table(io.BytesIO(store.get(BUCKET, key)))
    assert store.uploads(BUCKET) == []


def files(store: S3Address, table: str) -> list[str]:
    """The keys of its files."""
    return [key for key in store.keys(BUCKET, f"{table}/") if key.endswith(".parquet")]
