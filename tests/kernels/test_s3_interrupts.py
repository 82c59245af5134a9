"""The stop button, in every place where a call can be waited for, on S3: back at once, and nothing half done."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kernels.driver import Kernel
from tests.kernels.places import s3
from tests.kernels.places.cells import writing
from tests.kernels.places.s3 import AWAITED, BUCKET, CELLS
from tests.kernels.stops import StopTests, at_rest, check_fifty_stops, stopped
from tests.services.s3_address import S3Address
from tests.services.s3_proxy import S3FaultProxy

pytestmark = [pytest.mark.kernel, pytest.mark.s3]


@pytest.fixture(scope="module")
def slow_way(s3_store: S3Address) -> Iterator[S3FaultProxy]:
    with s3.filled(s3_store), s3.slow_way(s3_store) as proxy:
        yield proxy


@pytest.fixture
def kernel(kernel: Kernel, s3_store: S3Address, slow_way: S3FaultProxy) -> Kernel:
    kernel.ok(s3.connect(lake=s3_store.settings, slowly=slow_way.settings))
    kernel.run("raise KeyboardInterrupt")  # the first traceback of a kernel takes long: IPython imports what draws it
    return kernel


class TestStops(StopTests):
    cells = CELLS
    awaited = AWAITED
    minutes = "dk.aread_table('many', 'slowly')"
    answer = s3.ANSWER


def test_a_stopped_replace_has_left_the_old_contents_and_no_file(kernel: Kernel, s3_store: S3Address) -> None:
    kernel.ok("dk.write_table(pd.DataFrame({'n': [1, 2, 3]}), 'written', 'lake', mode='replace')")
    before = s3_store.keys(BUCKET, "written/")
    stopped(kernel, CELLS["a write"], after=1.5)
    assert kernel.json("dk.read_table('written', 'lake')['n'].tolist()") == [1, 2, 3]
    assert (s3_store.keys(BUCKET, "written/"), s3_store.uploads(BUCKET)) == (before, [])


def test_a_stopped_first_write_leaves_no_table(kernel: Kernel, s3_store: S3Address) -> None:
    stopped(kernel, writing("first", "lake", mode="fail"), after=1.5)
    assert kernel.run("dk.read_table('first', 'lake')").error == "NotFound"
    assert [key for key in s3_store.keys(BUCKET, "first/") if "manifest" not in key] == []


@pytest.mark.parametrize("place", ["a read", "a plain cell", "a write"])
def test_fifty_stops_are_back_at_once_and_leave_nothing(kernel: Kernel, place: str, s3_store: S3Address) -> None:
    check_fifty_stops(kernel, CELLS[place])
    assert kernel.json(s3.ANSWER) == 42
    assert (at_rest(kernel), s3_store.uploads(BUCKET)) == (True, [])
