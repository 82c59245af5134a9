"""Where a kernel waits for Elasticsearch, and whether the node still works for it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.backends.elasticsearch.conftest import endless
from tests.backends.elasticsearch.reading import fill, open_contexts, searches
from tests.kernels.places.cells import asking, awaiting, iterating, writing
from tests.services.elasticsearch_address import ElasticsearchAddress
from tests.services.http_proxy import HttpFaultProxy

NAME = f"dk-test-kernels-{uuid.uuid4().hex[:8]}"
MANY = f"{NAME}-many"
WRITTEN = f"{NAME}-written"
COUNT = 20_000
LONG = endless()["query"]

# The way to "slowly" lets pass what makes a read of the index take minutes.
CELLS = asking(LONG, "es") | {
    "a read of all hits": f"print('running'); dk.read_table({MANY!r}, 'slowly')",
    "a search": f"print('running'); dk.read_query({{'index': {MANY!r}, 'sort': ['n']}}, 'slowly')",
    "iter_table": iterating(f"dk.iter_table({MANY!r}, 'slowly', chunk_rows=1_000)"),
    "a write": writing(WRITTEN, "es"),
}
AWAITED = awaiting(LONG, "es") | {
    "an awaited read": f"print('running'); await dk.aread_table({MANY!r}, 'slowly')",
    "async for": iterating(f"dk.aiter_table({MANY!r}, 'slowly', chunk_rows=1_000)", awaited=True),
    "an awaited write": writing(WRITTEN, "es", awaited=True),
}
ANSWER = "int(dk.read_query('ROW a = 42', 'es')['a'][0])"


def connect(**urls: str) -> str:
    """The cell that connects a kernel: name -> URL."""
    connects = "".join(f"_ = dk.connect({url!r}, name={name!r}, replace=True)\n" for name, url in urls.items())
    return f"import dk_notebook as dk, pandas as pd\n%load_ext dk_notebook\n{connects}%dkquery -q -c es ROW a = 1"


@contextmanager
def filled(node: ElasticsearchAddress) -> Iterator[None]:
    """The index to read is there."""
    fill(node, MANY, ({"n": n, "t": f"text {n}"} for n in range(COUNT)))
    yield
    node.delete_indices(NAME)


@contextmanager
def slow_way(node: ElasticsearchAddress) -> Iterator[HttpFaultProxy]:
    """A proxy before the node through which the index takes minutes."""
    with HttpFaultProxy(node) as proxy:
        proxy.slow(20_000)
        yield proxy


def watched(node: ElasticsearchAddress) -> Callable[[], int]:
    """Tells how many searches and points in time the node has."""
    return lambda: open_contexts(node) + len(searches(node))
