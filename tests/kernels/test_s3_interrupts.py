"""The stop button, in every place where a call can be waited for, on S3: back at once, and nothing half done."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.kernels.driver import Kernel
from tests.kernels.stops import StopTests, at_rest, check_stops, stopped
from tests.services.http_proxy import HttpFaultProxy
from tests.services.s3_address import S3Address

pytestmark = [pytest.mark.kernel, pytest.mark.s3]

BUCKET = f"dk-test-kernels-{uuid.uuid4().hex[:8]}"
LONG = "select count(*) from range(100000000000) a where hash(range) = 1"
"""Minutes of work."""

WRITING = """
def rows():
    for _ in range(1_000_000):
        yield pd.DataFrame({"n": range(100_000), "t": "some text"})

print("running"); dk.write_table(rows(), "written", "lake", mode="replace")
"""

# The way to "slowly" lets pass what makes a read of the table take minutes.
CELLS = {
    "a plain cell": "print('running'); dk.read_table('many', 'slowly')",
    "a cell with a top-level await before the call": """
import asyncio
await asyncio.sleep(0.01)
print("running"); dk.read_table("many", "slowly")
""",
    "SQL that waits for the store": "print('running'); dk.read_query('select sum(n) from many', 'slowly')",
    "SQL that computes": f"print('running'); dk.read_query({LONG!r}, 'lake')",
    "a line magic": f"print('running')\n%dkquery -c lake {LONG}",
    "a cell magic": f"%%dkquery -c lake\n{LONG}",
    "explain analyze": f"print('running'); dk.explain({LONG!r}, 'lake', analyze=True)",
    "an explain magic": f"print('running')\n%dkexplain --analyze -c lake {LONG}",
    "iter_table": """
print("running")
for frame in dk.iter_table("many", "slowly", chunk_rows=1_000):
    pass
""",
    "a write": WRITING,
    "a write that waits for the store": WRITING.replace('"lake"', '"slowly"'),
}

AWAITED = {
    "an awaited read": "print('running'); await dk.aread_table('many', 'slowly')",
    "an awaited query": f"print('running'); await dk.aread_query({LONG!r}, 'lake')",
    "an awaited write": WRITING.replace("dk.write_table", "await dk.awrite_table"),
    "async for": """
print("running")
async for frame in dk.aiter_table("many", "slowly", chunk_rows=1_000):
    pass
""",
    "a gather": """
import asyncio
print("running")
await asyncio.gather(*(dk.aread_table("many", "slowly") for _ in range(3)))
""",
}


@pytest.fixture(scope="module")
def slow_way(s3_store: S3Address) -> Iterator[str]:
    """The store behind a proxy through which the table takes minutes."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"n": range(500_000)}), sink, compression="none", use_dictionary=False)
    s3_store.make_bucket(BUCKET)
    s3_store.put(BUCKET, "many/1.parquet", bytes(sink.getvalue()))
    with HttpFaultProxy(s3_store) as proxy:
        proxy.slow(100_000)
        yield f"http://{proxy.host}:{proxy.port}"
    s3_store.remove_bucket(BUCKET)


@pytest.fixture
def kernel(kernel: Kernel, s3_store: S3Address, slow_way: str) -> Kernel:
    said: dict[str, Any] = {**s3_store.settings, "replace": True}
    slowly = {**said, "endpoint_url": slow_way}
    kernel.ok(
        "import dk_notebook as dk, pandas as pd\n%load_ext dk_notebook\n"
        f"_ = dk.connect('s3://{BUCKET}', name='lake', **{said!r})\n"
        f"_ = dk.connect('s3://{BUCKET}', name='slowly', **{slowly!r})\n%dkquery -q -c lake select 1"
    )
    kernel.run("raise KeyboardInterrupt")  # the first traceback of a kernel takes long: IPython imports what draws it
    return kernel


class TestStops(StopTests):
    cells = CELLS
    awaited = AWAITED
    answer = "int(dk.read_query('select 42 as a', 'lake')['a'][0])"


def test_a_stopped_replace_has_left_the_old_contents_and_no_file(kernel: Kernel, s3_store: S3Address) -> None:
    kernel.ok("dk.write_table(pd.DataFrame({'n': [1, 2, 3]}), 'written', 'lake', mode='replace')")
    before = s3_store.keys(BUCKET, "written/")
    stopped(kernel, CELLS["a write"], after=1.5)
    assert kernel.json("dk.read_table('written', 'lake')['n'].tolist()") == [1, 2, 3]
    assert (s3_store.keys(BUCKET, "written/"), s3_store.uploads(BUCKET)) == (before, [])


def test_a_stopped_first_write_leaves_no_table(kernel: Kernel, s3_store: S3Address) -> None:
    stopped(kernel, WRITING.replace("replace", "fail").replace("written", "first"), after=1.5)
    assert kernel.run("dk.read_table('first', 'lake')").error == "NotFound"
    assert [key for key in s3_store.keys(BUCKET, "first/") if "manifest" not in key] == []


@pytest.mark.parametrize("place", ["a plain cell", "SQL that computes", "a write"])
def test_twenty_stops_are_back_at_once_and_leave_nothing(kernel: Kernel, place: str, s3_store: S3Address) -> None:
    check_stops(kernel, CELLS[place], times=20)
    assert kernel.json("int(dk.read_query('select 42 as a', 'lake')['a'][0])") == 42
    assert (at_rest(kernel), s3_store.uploads(BUCKET)) == (True, [])
