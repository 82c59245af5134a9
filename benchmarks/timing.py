"""Two ways of doing the same thing, measured in turn, so that a machine whose speed drifts is fair to both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

HEADER = "| what | ours | peer | ratio (quartiles) | at most | |\n|---|---|---|---|---|---|"


@dataclass(frozen=True)
class Measured:
    """What a function says of its own call, where it was made elsewhere: in another process, without the way there."""

    seconds: float
    peak_bytes: int
    """Memory at the height of it, above what was there before."""
    value: object = None
    """The rows of a frame or table, or the value itself."""
    value_bytes: int = 0


@dataclass(frozen=True)
class Pair:
    """Seconds of ours and of the peer, run by run."""

    what: str
    peer: str
    bound: float | None
    """The ratio that must not be exceeded; None: shown for orientation."""
    ours_seconds: list[float]
    peer_seconds: list[float]

    def at_most_later(self, seconds: float) -> Pair:
        """The same runs with an absolute bound, so many seconds above the peer's own time, stated as a ratio."""
        return replace(self, bound=1 + seconds / statistics.median(self.peer_seconds))

    @property
    def ratio(self) -> float:
        """Median of the ratios of runs that stood side by side."""
        return statistics.median(a / b for a, b in zip(self.ours_seconds, self.peer_seconds, strict=True))

    def row(self) -> str:
        """A line of the table: milliseconds, and whether the bound is held."""
        ours, peer = (statistics.median(seconds) for seconds in (self.ours_seconds, self.peer_seconds))
        ratios = sorted(a / b for a, b in zip(self.ours_seconds, self.peer_seconds, strict=True))
        low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
        bound = "" if self.bound is None else f"{self.bound:.2f}"
        return (
            f"| {self.what} | {ours * 1000:,.2f} | {self.peer}: {peer * 1000:,.2f} | "
            f"{self.ratio:.2f} ({low:.2f}-{high:.2f}) | {bound} | {verdict(self.ratio, self.bound, 'TOO SLOW')} |"
        )


@dataclass(frozen=True)
class Amount:
    """Something that is not compared in time: megabytes, say."""

    what: str
    ours: float
    bound: float
    peer: str = ""
    other: float | None = None
    """What it is a ratio to; None: the bound is absolute."""

    def row(self) -> str:
        """A line of the table."""
        if self.other is None:
            return f"| {self.what} | {self.ours:,.0f} | | | {self.bound:g} | {verdict(self.ours, self.bound)} |"
        ratio = self.ours / self.other
        return (
            f"| {self.what} | {self.ours:,.0f} | {self.peer}: {self.other:,.0f} | "
            f"{ratio:.2f} | {self.bound:.2f} | {verdict(ratio, self.bound)} |"
        )


def verdict(found: float, bound: float | None, missed: str = "TOO MUCH") -> str:
    """Whether a bound is held; nothing where there is none."""
    if bound is None:
        return ""
    return "ok" if found <= bound else missed


def side_by_side(
    what: str,
    ours: Callable[[], object],
    peer: Callable[[], object],
    *,
    named: str,
    bound: float | None,
    runs: int,
    before: Callable[[], object] = lambda: None,
) -> Pair:
    """Both, in turn, ``runs`` times after one run each that does not count; ``before`` each of them, unmeasured.

    Each goes first in every other pair: whatever the first one leaves behind, the other pays for it as often.
    """
    seconds: tuple[list[float], list[float]] = ([], [])
    pair = [(ours, seconds[0]), (peer, seconds[1])]
    for run in range(runs + 1):
        for function, times in pair[::-1] if run % 2 else pair:
            before()
            start = time.perf_counter()
            value = function()
            elapsed = time.perf_counter() - start
            times.append(value.seconds if isinstance(value, Measured) else elapsed)
            del value
    return Pair(what, named, bound, seconds[0][1:], seconds[1][1:])
