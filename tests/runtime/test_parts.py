"""Where the time of a read goes, on a clock that the tests wind."""

from __future__ import annotations

import asyncio
import time

import pytest

import dk_notebook as dk
from dk_notebook import reading
from dk_notebook.connections import resolve
from dk_notebook.runtime import thread
from dk_notebook.runtime.leases import Leases
from dk_notebook.runtime.operations import Operation, running
from dk_notebook.runtime.parts import Parts


class Clock:
    """Says the time that it is set to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def parts(clock: Clock) -> Parts:
    return Parts(clock)


def spent(parts: Parts) -> dict[str, float]:
    """The parts that took any time."""
    return {part: seconds for part, seconds in parts.seconds.items() if seconds}


@pytest.mark.unit
def test_each_second_goes_to_the_part_of_its_moment(parts: Parts, clock: Clock) -> None:
    clock.now += 1  # before anything began
    parts.turn("pool")
    clock.now += 2
    parts.turn("server")
    clock.now += 4
    parts.rows_came()
    clock.now += 8
    parts.turn(None)
    clock.now += 16
    parts.turn(None)
    assert spent(parts) == {"pool": 2, "server": 4, "transfer": 8}


@pytest.mark.unit
def test_only_the_first_rows_end_the_servers_part(parts: Parts, clock: Clock) -> None:
    parts.turn("conversion")
    parts.rows_came()  # of a later batch, read ahead
    clock.now += 1
    parts.turn(None)
    assert spent(parts) == {"conversion": 1}


@pytest.mark.unit
def test_after_a_block_the_time_goes_where_it_went_before(parts: Parts, clock: Clock) -> None:
    parts.turn("transfer")
    clock.now += 1
    with parts.during("conversion"):
        clock.now += 2
    clock.now += 4
    with parts.during(None):
        clock.now += 8
    parts.turn(None)
    assert spent(parts) == {"transfer": 5, "conversion": 2}


@pytest.mark.unit
def test_a_request_that_waits_for_its_place_waits_for_the_pool(parts: Parts, clock: Clock) -> None:
    parts.turn("server")
    with parts.waiting():
        clock.now += 1
    parts.placed()
    clock.now += 2
    parts.left()
    parts.turn(None)
    assert spent(parts) == {"pool": 1, "server": 2}


@pytest.mark.unit
def test_waits_beside_a_request_that_has_its_place_are_no_wait_for_the_pool(parts: Parts, clock: Clock) -> None:
    parts.turn("server")
    parts.placed()
    with parts.waiting():
        clock.now += 1
        parts.left()
        clock.now += 2  # the one that waits is the only one left
    parts.turn(None)
    assert spent(parts) == {"server": 1, "pool": 2}


@pytest.mark.unit
def test_requests_ahead_of_the_conversion_do_not_count(parts: Parts, clock: Clock) -> None:
    parts.turn("conversion")
    with parts.waiting():
        clock.now += 1
    parts.turn(None)
    assert spent(parts) == {"conversion": 1}


@pytest.mark.unit
async def test_a_lease_that_has_to_be_waited_for_is_booked(clock: Clock) -> None:
    leases, operation = Leases(1, timeout=5), Operation("waits")
    operation.parts = Parts(clock)
    operation.parts.turn("server")

    async def ask() -> None:
        async with leases.lease(operation):
            clock.now += 2

    async with leases.lease(Operation("holds")):
        asking = asyncio.create_task(ask())
        await asyncio.sleep(0)  # now it waits
        clock.now += 1
    await asking
    operation.parts.turn(None)
    assert spent(operation.parts) == {"pool": 1, "server": 2}


@pytest.mark.duckdb
def test_a_read_spends_time_in_each_part() -> None:
    query = reading.native("from range(600_000)", {})  # three batches
    done = thread.run(reading.performed(resolve("duckdb"), query))
    assert (done.table.num_rows, done.table.nbytes >= 8 * 600_000) == (600_000, True)
    assert all(seconds > 0 for seconds in done.seconds.values())


@pytest.mark.duckdb
def test_a_read_that_fails_stops_the_clock() -> None:
    operations: list[Operation] = []

    async def read() -> None:
        task = asyncio.create_task(reading.read(resolve("duckdb"), reading.native("select nothing", {})))
        while not operations:
            await asyncio.sleep(0)
            operations.extend(running())
        await task

    with pytest.raises(dk.QueryError):
        thread.run(read())
    [operation] = operations
    before = dict(operation.parts.seconds)
    operation.parts.turn(None)
    assert operation.parts.seconds == before


@pytest.mark.duckdb
async def test_what_the_consumer_of_chunks_does_is_in_no_part() -> None:
    idle, begun = 0.0, time.perf_counter()
    async for _ in dk.aiter_query("from range(300)", "duckdb", chunk_rows=100):
        [operation] = running()
        left = time.perf_counter()
        await asyncio.sleep(0.05)
        idle += time.perf_counter() - left
    total = time.perf_counter() - begun
    assert 0 < sum(operation.parts.seconds.values()) <= total - idle
