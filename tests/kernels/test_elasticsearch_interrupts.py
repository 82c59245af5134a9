"""The stop button, in every place where a call can be waited for, on Elasticsearch: back, and gone there, at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from tests.kernels.driver import Kernel
from tests.kernels.places import elasticsearch
from tests.kernels.places.cells import writing
from tests.kernels.places.elasticsearch import AWAITED, CELLS, MANY, WRITTEN
from tests.kernels.stops import ServerStopTests, at_rest, check_fifty_stops, stopped
from tests.services.elasticsearch_address import ElasticsearchAddress

pytestmark = [pytest.mark.kernel, pytest.mark.elasticsearch]


@pytest.fixture(scope="module")
def slow_way(elasticsearch_node: ElasticsearchAddress) -> Iterator[str]:
    with elasticsearch.filled(elasticsearch_node), elasticsearch.slow_way(elasticsearch_node) as proxy:
        yield proxy.url


@pytest.fixture
def kernel(kernel: Kernel, elasticsearch_url: str, slow_way: str) -> Kernel:
    kernel.ok(elasticsearch.connect(es=elasticsearch_url, slowly=slow_way))
    kernel.run("raise KeyboardInterrupt")  # the first traceback of a kernel takes long: IPython imports what draws it
    return kernel


@pytest.fixture
def busy(elasticsearch_node: ElasticsearchAddress) -> Callable[[], int]:
    return elasticsearch.watched(elasticsearch_node)


class TestStops(ServerStopTests):
    cells = CELLS
    awaited = AWAITED
    minutes = f"dk.aread_table({MANY!r}, 'slowly')"
    answer = elasticsearch.ANSWER

    @pytest.fixture
    def busy(self, busy: Callable[[], int]) -> Callable[[], int]:
        return busy


def test_a_stopped_replace_has_left_the_old_contents(kernel: Kernel) -> None:
    kernel.ok(f"dk.write_table(pd.DataFrame({{'n': [1, 2, 3]}}), {WRITTEN!r}, 'es', mode='replace')")
    stopped(kernel, CELLS["a write"])
    assert kernel.json(f"dk.read_table({WRITTEN!r}, 'es', order_by='n')['n'].tolist()") == [1, 2, 3]


def test_a_stopped_first_write_leaves_no_index(kernel: Kernel) -> None:
    stopped(kernel, writing(f"{WRITTEN}-first", "es", mode="fail"))
    assert kernel.run(f"dk.read_table('{WRITTEN}-first', 'es')").error == "NotFound"


def test_a_stopped_append_says_how_many_rows_are_in(kernel: Kernel) -> None:
    index = f"{WRITTEN}-appended"
    kernel.ok(f"dk.write_table(pd.DataFrame({{'n': [1], 't': ['first']}}), {index!r}, 'es')")
    outcome, _ = stopped(kernel, writing(index, "es", mode="append"), after=1.5)
    told = re.search(r"was stopped: ([\d,]+) rows are in(?:, of ([\d,]+) more nobody can tell)?", outcome.stderr)
    assert told is not None, outcome
    surely, maybe = (int((text or "0").replace(",", "")) for text in told.groups())
    assert surely <= kernel.json(f"len(dk.read_table({index!r}, 'es'))") - 1 <= surely + maybe


@pytest.mark.parametrize("place", ["a plain cell", "a read of all hits", "a write"])
def test_fifty_stops_are_back_at_once_and_gone_from_the_server(
    kernel: Kernel, place: str, busy: Callable[[], int]
) -> None:
    check_fifty_stops(kernel, CELLS[place], busy=busy)
    assert kernel.json(elasticsearch.ANSWER) == 42
    assert at_rest(kernel)
