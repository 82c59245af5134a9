"""What the magics show: the line under a frame, the table of connections."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from IPython.display import display

from dk_notebook.words import counted

SEPARATOR = " · "


@dataclass(frozen=True)
class Note:
    """A line of small print, as text and as HTML.

    >>> Note(("3 rows", "0.01 s", "<pg>"))
    3 rows · 0.01 s · <pg>
    >>> print(Note(("3 rows", "<pg>"))._repr_html_())
    <small class="dk-note" style="opacity: 0.75">3 rows · &lt;pg&gt;</small>
    """

    parts: tuple[str, ...]

    def __repr__(self) -> str:
        return SEPARATOR.join(self.parts)

    def _repr_html_(self) -> str:
        return f'<small class="dk-note" style="opacity: 0.75">{html.escape(repr(self))}</small>'


class UnderTheCell:
    """Shows things when the cell is over, which is below its value: the value itself is shown by the notebook.

    `show` is to be called at the end of every cell (IPython's event ``post_execute``).
    """

    def __init__(self) -> None:
        self._waiting: list[Any] = []

    def add(self, thing: Any) -> None:
        """Show this under the cell that runs now."""
        self._waiting.append(thing)

    def show(self) -> None:
        """Show what was added, in that order, once."""
        waiting, self._waiting = self._waiting, []
        for thing in waiting:
            display(thing)  # type: ignore[no-untyped-call]  # IPython has no type for it


@dataclass(frozen=True)
class Shown:
    """How many rows a frame shows, and whether the store has more.

    >>> str(Shown(1)), str(Shown(336_776)), str(Shown(1_000, more=True))
    ('1 row', '336,776 rows', '1,000 shown; more on the server')
    """

    rows: int
    more: bool = False

    def __str__(self) -> str:
        if self.more:
            return f"{self.rows:,} shown; more on the server"
        return counted(self.rows, "row")


def seconds(value: float) -> str:
    """A duration for people.

    >>> seconds(0.0004), seconds(0.21), seconds(83.4)
    ('0.4 ms', '0.21 s', '83.4 s')
    """
    if value < 0.01:
        return f"{value * 1000:.1f} ms"
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def first_rows(frame: Any, limit: int | None) -> tuple[Any, Shown]:
    """The first ``limit`` rows of a frame that was asked for one row more, and what to say about it.

    Works on pandas, pyarrow and polars alike; a frame that is not longer comes back as it is.

    >>> import pandas as pd
    >>> frame, shown = first_rows(pd.DataFrame({"n": range(3)}), 2)
    >>> len(frame), str(shown)
    (2, '2 shown; more on the server')
    """
    rows = len(frame)
    if limit is None or rows <= limit:
        return frame, Shown(rows)
    cut: Callable[[int], Any] | None = getattr(frame, "head", None)
    # A copy: pandas 2 warns when a slice is changed, and the extra row should not stay in memory under it.
    shorter = frame.slice(0, limit) if cut is None else cut(limit)
    if hasattr(shorter, "attrs"):
        shorter = shorter.copy()
        shorter.attrs["dk"] = {**shorter.attrs.get("dk", {}), "rows": limit}
    return shorter, Shown(limit, more=True)
