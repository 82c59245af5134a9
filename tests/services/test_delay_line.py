"""The long way itself: in order, late, any number of pieces at once, and no sender who waits for nobody."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.services import delay_line
from tests.services.delay_line import DelayLine

pytestmark = pytest.mark.unit


class End:
    """Where things arrive, with when."""

    def __init__(self) -> None:
        self.arrived: list[bytes] = []
        self.at: list[float] = []
        self.lost = 0
        self.is_there = True

    async def arrive(self, data: bytes) -> None:
        if not self.is_there:
            raise ConnectionResetError
        self.arrived.append(data)
        self.at.append(time.monotonic())

    def lose(self) -> None:
        self.lost += 1

    def line(self) -> DelayLine:
        return DelayLine(self.arrive, self.lose)


@pytest.fixture
def end() -> End:
    return End()


async def test_pieces_arrive_late_and_in_order(end: End) -> None:
    line, started = end.line(), time.monotonic()
    for number in range(10):
        await line.send(b"%d" % number, 0.05)
    assert end.arrived == []
    await line.empty()
    await line.close()
    assert (b"".join(end.arrived), end.at[0] - started >= 0.05) == (b"0123456789", True)


async def test_pieces_are_under_way_together(end: End) -> None:
    line, started = end.line(), time.monotonic()
    for _ in range(50):
        await line.send(b"x", 0.1)
    await line.empty()
    await line.close()
    assert time.monotonic() - started < 1  # one after the other: 5


async def test_what_is_sent_later_on_a_shorter_way_arrives_later(end: End) -> None:
    line = end.line()
    await line.send(b"first", 0.05)
    await line.send(b"second", 0)
    await line.empty()
    await line.close()
    assert end.arrived == [b"first", b"second"]


async def test_when_there_is_no_end_any_more_it_is_told_once_and_nobody_waits(
    end: End, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delay_line, "MOST", 2)
    line, end.is_there = end.line(), False
    async with asyncio.timeout(5):
        for _ in range(10):
            await line.send(b"x", 0.01)
        await line.empty()
    await line.close()
    assert (end.arrived, end.lost) == ([], 1)


async def test_who_sends_more_than_can_be_under_way_waits(end: End, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delay_line, "MOST", 2)
    line = end.line()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            while True:
                await line.send(b"x", 20)
    await line.close()
    assert end.arrived == []


async def test_what_goes_wrong_at_the_end_is_raised_on_closing() -> None:
    async def fail(data: bytes) -> None:
        raise ZeroDivisionError

    line = DelayLine(fail, lambda: None)
    await line.send(b"x", 0)
    await asyncio.sleep(0.02)
    with pytest.raises(ZeroDivisionError):
        await line.close()


async def test_a_line_that_nothing_went_through_is_closed_at_once(end: End) -> None:
    line = end.line()
    await line.empty()
    await line.close()
    assert not line.is_used
