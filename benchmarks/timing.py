"""Two ways of doing the same thing, measured in turn, so that a machine whose speed drifts is fair to both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Pair:
    """Seconds of ours and of the peer, run by run."""

    what: str
    peer: str
    bound: float
    """The ratio that must not be exceeded."""
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
        ours, peer = (statistics.median(seconds) for seconds in (self.ours_seconds, self.peer_seconds))
        ratios = sorted(a / b for a, b in zip(self.ours_seconds, self.peer_seconds, strict=True))
        low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
        verdict = "ok" if self.ratio <= self.bound else "TOO SLOW"
        return (
            f"| {self.what} | {ours * 1000:,.2f} | {self.peer}: {peer * 1000:,.2f} | "
            f"{self.ratio:.2f} ({low:.2f}-{high:.2f}) | {self.bound:.2f} | {verdict} |"
        )


def side_by_side(
    what: str, ours: Callable[[], object], peer: Callable[[], object], *, named: str, bound: float, runs: int
) -> Pair:
    """Both, in turn, ``runs`` times after one run each that does not count."""
    ours(), peer()
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        for function, times in zip((ours, peer), seconds, strict=True):
            start = time.perf_counter()
            function()
            times.append(time.perf_counter() - start)
    return Pair(what, named, bound, *seconds)
