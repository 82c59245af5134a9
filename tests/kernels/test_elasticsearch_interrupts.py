"""The stop button, in every place where a call can be waited for, on Elasticsearch: back, and gone there, at once."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator

import pytest

from tests.backends.elasticsearch.conftest import endless
from tests.backends.elasticsearch.reading import fill, open_contexts, searches
from tests.kernels.driver import Kernel
from tests.kernels.stops import ServerStopTests, at_rest, check_stops, stopped
from tests.services.elasticsearch_address import ElasticsearchAddress
from tests.services.http_proxy import HttpFaultProxy

pytestmark = [pytest.mark.kernel, pytest.mark.elasticsearch]

NAME = f"dk-test-kernels-{uuid.uuid4().hex[:8]}"
MANY = f"{NAME}-many"
WRITTEN = f"{NAME}-written"
COUNT = 20_000
LONG = endless()["query"]

WRITING = f"""
def rows():
    for _ in range(1_000_000):
        yield pd.DataFrame({{"n": range(100_000), "t": "some text"}})

print("running"); dk.write_table(rows(), {WRITTEN!r}, "es", mode="replace")
"""

# The way to "slowly" lets pass what makes a read of the index take minutes.
CELLS = {
    "a plain cell": f"print('running'); dk.read_query({LONG!r}, 'es')",
    "a cell with a top-level await before the call": f"""
import asyncio
await asyncio.sleep(0.01)
print("running"); dk.read_query({LONG!r}, "es")
""",
    "a line magic": f"print('running')\n%dkquery -c es {LONG}",
    "a cell magic": f"%%dkquery -c es\n{LONG}",
    "explain analyze": f"print('running'); dk.explain({LONG!r}, 'es', analyze=True)",
    "an explain magic": f"print('running')\n%dkexplain --analyze -c es {LONG}",
    "a read of all hits": f"print('running'); dk.read_table({MANY!r}, 'slowly')",
    "a search": f"print('running'); dk.read_query({{'index': {MANY!r}, 'sort': ['n']}}, 'slowly')",
    "iter_table": f"""
print("running")
for frame in dk.iter_table({MANY!r}, "slowly", chunk_rows=1_000):
    pass
""",
    "a write": WRITING,
}

AWAITED = {
    "an awaited query": f"print('running'); await dk.aread_query({LONG!r}, 'es')",
    "an awaited read": f"print('running'); await dk.aread_table({MANY!r}, 'slowly')",
    "an awaited write": WRITING.replace("dk.write_table", "await dk.awrite_table"),
    "async for": f"""
print("running")
async for frame in dk.aiter_table({MANY!r}, "slowly", chunk_rows=1_000):
    pass
""",
    "a gather": f"""
import asyncio
print("running")
await asyncio.gather(*(dk.aread_query({LONG!r}, "es") for _ in range(3)))
""",
}


@pytest.fixture(scope="module")
def slow_way(elasticsearch_node: ElasticsearchAddress) -> Iterator[str]:
    """The node behind a proxy through which the index takes minutes."""
    fill(elasticsearch_node, MANY, ({"n": n, "t": f"text {n}"} for n in range(COUNT)))
    with HttpFaultProxy(elasticsearch_node) as proxy:
        proxy.slow(20_000)
        yield proxy.url
    elasticsearch_node.delete_indices(NAME)


@pytest.fixture
def kernel(kernel: Kernel, elasticsearch_url: str, slow_way: str) -> Kernel:
    kernel.ok(
        "import dk_notebook as dk, pandas as pd\n%load_ext dk_notebook\n"
        f"_ = dk.connect({elasticsearch_url!r}, name='es', replace=True)\n"
        f"_ = dk.connect({slow_way!r}, name='slowly', replace=True)\n%dkquery -q -c es ROW a = 1"
    )
    kernel.run("raise KeyboardInterrupt")  # the first traceback of a kernel takes long: IPython imports what draws it
    return kernel


@pytest.fixture
def busy(elasticsearch_node: ElasticsearchAddress) -> Callable[[], int]:
    """How many searches and points in time the node has."""
    return lambda: open_contexts(elasticsearch_node) + len(searches(elasticsearch_node))


class TestStops(ServerStopTests):
    cells = CELLS
    awaited = AWAITED
    answer = "int(dk.read_query('ROW a = 42', 'es')['a'][0])"

    @pytest.fixture
    def busy(self, busy: Callable[[], int]) -> Callable[[], int]:
        return busy


def test_a_stopped_replace_has_left_the_old_contents(kernel: Kernel) -> None:
    kernel.ok(f"dk.write_table(pd.DataFrame({{'n': [1, 2, 3]}}), {WRITTEN!r}, 'es', mode='replace')")
    stopped(kernel, CELLS["a write"])
    assert kernel.json(f"dk.read_table({WRITTEN!r}, 'es', order_by='n')['n'].tolist()") == [1, 2, 3]


def test_a_stopped_first_write_leaves_no_index(kernel: Kernel) -> None:
    stopped(kernel, WRITING.replace("replace", "fail").replace(WRITTEN, f"{WRITTEN}-first"))
    assert kernel.run(f"dk.read_table('{WRITTEN}-first', 'es')").error == "NotFound"


def test_a_stopped_append_says_how_many_rows_are_in(kernel: Kernel) -> None:
    index = f"{WRITTEN}-appended"
    kernel.ok(f"dk.write_table(pd.DataFrame({{'n': [1], 't': ['first']}}), {index!r}, 'es')")
    outcome, _ = stopped(kernel, WRITING.replace("replace", "append").replace(WRITTEN, index), after=1.5)
    told = re.search(r"was stopped: ([\d,]+) rows are in(?:, of ([\d,]+) more nobody can tell)?", outcome.stderr)
    assert told is not None, outcome
    surely, maybe = (int((text or "0").replace(",", "")) for text in told.groups())
    assert surely <= kernel.json(f"len(dk.read_table({index!r}, 'es'))") - 1 <= surely + maybe


@pytest.mark.parametrize("place", ["a plain cell", "a read of all hits", "a write"])
def test_twenty_stops_are_back_at_once_and_gone_from_the_server(
    kernel: Kernel, place: str, busy: Callable[[], int]
) -> None:
    check_stops(kernel, CELLS[place], times=20, busy=busy)
    assert kernel.json("int(dk.read_query('ROW a = 42', 'es')['a'][0])") == 42
    assert at_rest(kernel)
