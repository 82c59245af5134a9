"""Restart, shutdown, exit, kill and fork with live pools and running calls, on Elasticsearch; and deaf nodes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.backends.elasticsearch.reading import open_contexts, searches
from tests.kernels.driver import Kernel
from tests.kernels.ends import NOTICED_WITHIN, ServerEndTests, left_half_way
from tests.kernels.places import elasticsearch
from tests.kernels.places.elasticsearch import ANSWER, CELLS, LONG, MANY, WRITTEN
from tests.kernels.stops import gone_within
from tests.services.elasticsearch_address import ElasticsearchAddress
from tests.services.http_proxy import HttpFaultProxy

pytestmark = [pytest.mark.kernel, pytest.mark.elasticsearch]

LOAD = f"dk.read_query({LONG!r}, 'es')"
HALF_WAY = left_half_way(f"dk.iter_table({MANY!r}, 'es', chunk_rows=100)")
FORGOTTEN_WITHIN = 80.0
"""Seconds until a node has closed a point in time that it was told to keep for one: it looks each second or, where it
is not ours, each minute."""


@pytest.fixture(scope="module")
def node(elasticsearch_node: ElasticsearchAddress) -> Iterator[ElasticsearchAddress]:
    with elasticsearch.filled(elasticsearch_node):
        yield elasticsearch_node


@pytest.fixture
def way(node: ElasticsearchAddress) -> Iterator[HttpFaultProxy]:
    with elasticsearch.slow_way(node) as proxy:
        yield proxy


class TestEnds(ServerEndTests):
    running = {
        "a read of all hits": f"print('running'); dk.read_table({MANY!r}, 'es')",
        "an awaited query": f"print('running'); await dk.aread_query({LONG!r}, 'es')",
        "a query": f"print('running'); {LOAD}",
        "an iterator that was left half-way": HALF_WAY,
        "a write": CELLS["a write"],
    }
    load = LOAD
    answer = ANSWER
    # No read of an index: it would leave the node a point in time, which it keeps for minutes.
    silent = [("a query", 1), ("a write", 2)]

    @pytest.fixture
    def connect(self, way: HttpFaultProxy) -> str:
        return elasticsearch.connect(es=way.url)

    @pytest.fixture
    def left(self, node: ElasticsearchAddress, way: HttpFaultProxy) -> Callable[[], int]:
        busy = elasticsearch.watched(node)
        return lambda: busy() + len(way.open_links)


@pytest.fixture
def connected(new_kernel: Kernel, elasticsearch_url: str) -> Kernel:
    new_kernel.ok(elasticsearch.connect(es=elasticsearch_url))
    return new_kernel


def test_the_query_of_a_killed_kernel_ends_on_the_node(connected: Kernel, node: ElasticsearchAddress) -> None:
    connected.start(f"print('running'); {LOAD}").until("running")
    until = time.monotonic() + 20
    while not searches(node):
        assert time.monotonic() < until, "it has not begun"
    connected.kill()
    gone_within(lambda: len(searches(node)), NOTICED_WITHIN)


def test_what_a_killed_kernel_had_open_is_forgotten_by_the_node(connected: Kernel, node: ElasticsearchAddress) -> None:
    connected.ok("from dk_notebook.backends.elasticsearch import point_in_time\npoint_in_time.KEEP_ALIVE = '1s'")
    connected.ok(HALF_WAY)
    assert open_contexts(node) > 0
    connected.kill()
    gone_within(lambda: open_contexts(node), FORGOTTEN_WITHIN)


def test_a_replace_that_is_killed_leaves_the_old_contents_and_the_next_ones_take_away_the_rest(
    connected: Kernel, node: ElasticsearchAddress, elasticsearch_url: str
) -> None:
    table = f"{WRITTEN}-killed"
    replace = f"dk.write_table(pd.DataFrame({{'n': [42]}}), {table!r}, 'es', mode='replace')"
    connected.ok(replace)
    connected.start(CELLS["a write"].replace(WRITTEN, table)).until("running")
    until = time.monotonic() + 20
    while indices(node, table).get(f"{table}-000002", 0) == 0:
        assert time.monotonic() < until, "it has not begun"
    connected.kill()
    connected.restart()
    connected.ok(elasticsearch.connect(es=elasticsearch_url))
    assert connected.json(f"dk.read_table({table!r}, 'es')['n'].tolist()") == [42]
    connected.ok(f"{replace}\n{replace}")
    assert indices(node, table) == {f"{table}-000004": 1}


def indices(node: ElasticsearchAddress, name: str) -> dict[str, int]:
    """The indices that a ``replace`` of that name has made, and their documents."""
    node.request("POST", f"/{name}-*/_refresh")
    listed = node.request("GET", f"/_cat/indices/{name}-*?h=index,docs.count&format=json")
    return {each["index"]: int(each["docs.count"] or 0) for each in listed}
