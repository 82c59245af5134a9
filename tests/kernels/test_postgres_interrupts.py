"""The stop button, in every place where a call can be waited for, on PostgreSQL: back at once, and gone there too."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.kernels.driver import Kernel
from tests.kernels.places import postgres
from tests.kernels.places.cells import writing
from tests.kernels.places.postgres import AWAITED, CELLS, LONG
from tests.kernels.stops import ServerStopTests, at_rest, check_fifty_stops, stopped

pytestmark = [pytest.mark.kernel, pytest.mark.postgres]


@pytest.fixture(scope="module")
def busy(postgres_url: str) -> Iterator[Callable[[], int]]:
    """How many of our sessions do something on the server."""
    with postgres.watched(postgres_url) as active:
        yield active


@pytest.fixture
def kernel(kernel: Kernel, postgres_url: str) -> Kernel:
    kernel.ok(postgres.connect(postgres_url))
    kernel.run("raise KeyboardInterrupt")  # the first traceback of a kernel takes long: IPython imports what draws it
    return kernel


class TestStops(ServerStopTests):
    cells = CELLS
    awaited = AWAITED
    minutes = f"dk.aread_query({LONG!r}, 'pg')"
    answer = postgres.ANSWER

    @pytest.fixture
    def busy(self, busy: Callable[[], int]) -> Callable[[], int]:
        return busy


def test_a_stopped_replace_has_left_the_old_contents(kernel: Kernel) -> None:
    kernel.ok("dk.write_table(pd.DataFrame({'n': [1, 2, 3]}), 'written', 'pg', mode='replace')")
    stopped(kernel, CELLS["a write"])
    assert kernel.json("dk.read_table('written', 'pg')['n'].tolist()") == [1, 2, 3]


def test_a_stopped_first_write_leaves_no_table(kernel: Kernel) -> None:
    kernel.ok("dk.execute('drop table if exists written', 'pg')")
    stopped(kernel, writing("written", "pg", mode="fail"))
    assert kernel.run("dk.read_table('written', 'pg')").error == "NotFound"


@pytest.mark.parametrize("place", ["a plain cell", "a big read", "a write"])
def test_fifty_stops_are_back_at_once_and_gone_from_the_server(
    kernel: Kernel, place: str, busy: Callable[[], int]
) -> None:
    check_fifty_stops(kernel, CELLS[place], busy=busy)
    assert kernel.json(postgres.ANSWER) == 42
    assert at_rest(kernel)
