"""What ``%dkbench`` shows: a table with a column a contender, remarks, and a plot."""

from __future__ import annotations

import html
import io
from importlib.util import find_spec
from typing import Any

import pandas as pd
from IPython.display import Image

from dk_notebook.benchmark import SECONDS, remarks, summary
from dk_notebook.jupyter.display import Note

COLOURS = {"pool": "#e69f00", "server": "#0072b2", "transfer": "#56b4e9", "conversion": "#009e73", "rest": "#bbbbbb"}
"""Colours that people tell apart who see few (Okabe and Ito)."""


class BenchmarkReport:
    """The table and the remarks below it, as text and as HTML."""

    def __init__(self, runs: pd.DataFrame) -> None:
        found = summary(runs)
        self._table = pd.DataFrame({str(name): _told(one) for name, one in found.iterrows()})
        self._remarks = remarks(runs)

    def __repr__(self) -> str:
        return "\n".join([self._table.to_string(), *self._remarks])

    def _repr_html_(self) -> str:
        said = "<br>".join(html.escape(remark) for remark in self._remarks)
        return f'{self._table.to_html()}<small class="dk-note" style="opacity: 0.75">{said}</small>'


def _told(one: pd.Series[float]) -> dict[str, str]:
    return {
        "runs": f"{one['runs']:.0f}",
        "p50": duration(one["p50"]),
        "p95": duration(one["p95"]),
        "interquartile range": duration(one["iqr"]),
        **{part: duration(one[part]) for part in SECONDS},
        "rows": f"{one['rows']:,.0f}",
        "rows/s": f"{one['rows_per_second']:,.0f}",
        "MB/s": _three_digits(one["bytes_per_second"] / 1e6),
    }


def duration(seconds: float) -> str:
    """Three digits of a duration.

    >>> duration(0.0000123), duration(0.9999), duration(12.34), duration(1234.0), duration(0.0)
    ('12.3 µs', '1 s', '12.3 s', '1,234 s', '0 µs')
    """
    sizes = {"s": 1.0, "ms": 1e-3, "µs": 1e-6}
    unit = next((unit for unit, size in sizes.items() if seconds >= 0.9995 * size), "µs")
    return f"{_three_digits(seconds / sizes[unit])} {unit}"


def _three_digits(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def plot(runs: pd.DataFrame) -> Image | Note:
    """A bar a contender, of p50 of its parts, and a dot a run; without matplotlib, a line that says so."""
    if find_spec("matplotlib") is None:
        return Note(("no plot: matplotlib is not installed",))
    from matplotlib.figure import Figure  # not pyplot, which would choose a backend for the whole kernel

    found = summary(runs).iloc[::-1]  # the first one on top
    unit, size = ("s", 1.0) if runs["total"].max() >= 1 else ("ms", 1e-3)
    figure = Figure(figsize=(7.5, 1.4 + 0.5 * len(found)), layout="constrained")
    axes = figure.subplots()
    _draw(axes, found, runs, size)
    axes.set_xlim(left=0)
    axes.set_xlabel(f"{unit}; a dot a run")
    figure.legend(loc="outside upper center", ncols=len(SECONDS), frameon=False)
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=110)
    said = ", ".join(f"{name} {duration(p50)}" for name, p50 in summary(runs)["p50"].items())
    alt = f"p50 of the runs: {said}"
    return Image(data=image.getvalue(), format="png", alt=alt)  # type: ignore[no-untyped-call]  # as display


def _draw(axes: Any, found: pd.DataFrame, runs: pd.DataFrame, size: float) -> None:
    places = {name: place for place, name in enumerate(found.index)}
    left = pd.Series(0.0, index=found.index)
    for part in SECONDS:
        width = found[part] / size
        axes.barh(list(places.values()), width, left=left, height=0.6, color=COLOURS[part], label=part)
        left += width
    heights = runs["contender"].map(places) + 0.3 * (runs["run"] / runs["run"].max() - 0.5)  # later runs lie higher
    axes.plot(runs["total"] / size, heights, "o", color="black", markersize=3, alpha=0.6)
    axes.set_yticks(list(places.values()), list(places))
