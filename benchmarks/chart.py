"""Bars of seconds for the README, readable on a white page and on a dark one."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from timing import Pair

# Midway between the pages: 4.5 : 1 on white, 4.2 : 1 on GitHub's dark. There is no background.
INK = "#777777"
OURS = "#2f81f7"
PEERS = "#9a9a9a"
NAME = "dk_notebook"


@dataclass(frozen=True)
class Bar:
    """A contender and its median."""

    label: str
    seconds: float


def bars(pairs: Sequence[Pair], what: str) -> list[Bar]:
    """Ours first, from all runs of it, then the peers, the fastest first."""
    chosen = [pair for pair in pairs if pair.what == what]
    ours = statistics.median(second for pair in chosen for second in pair.ours_seconds)
    peers = [Bar(pair.peer, statistics.median(pair.peer_seconds)) for pair in chosen]
    return [Bar(NAME, ours), *sorted(peers, key=lambda bar: bar.seconds)]


def draw(pairs: Sequence[Pair], charted: Sequence[str], path: Path) -> None:
    """A panel for each of ``charted``, to an SVG; the same figures give the same bytes."""
    panels = [bars(pairs, what) for what in charted]
    with mpl.rc_context({"svg.hashsalt": NAME, "font.size": 9, "text.color": INK, "ytick.color": INK}):
        sizes = [len(panel) + 1 for panel in panels]
        figure = Figure(figsize=(8, 0.26 * sum(sizes)), layout="constrained")
        axes = figure.subplots(len(panels), squeeze=False, height_ratios=sizes)[:, 0]
        for place, what, panel in zip(axes, charted, panels, strict=True):
            fill(place, what.removesuffix(" (ms)") + ", seconds", panel)
        figure.savefig(path, transparent=True, metadata={"Date": None})


def fill(place: Axes, title: str, panel: Sequence[Bar]) -> None:
    """One panel: bars from the top down, each with its seconds at its end."""
    drawn = place.barh(
        [bar.label for bar in panel],
        [bar.seconds for bar in panel],
        color=[OURS if bar.label == NAME else PEERS for bar in panel],
        height=0.75,
    )
    place.bar_label(drawn, [f"{bar.seconds:.2f}" for bar in panel], padding=4)
    place.set_title(title, loc="left", fontsize=9, fontweight="bold")
    place.invert_yaxis()
    place.margins(x=0.08)
    place.set_xticks([])
    place.tick_params(length=0)
    place.spines[:].set_visible(False)
