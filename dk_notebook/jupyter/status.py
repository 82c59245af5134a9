"""The pools and what runs, at one moment, as text and as a page."""

from __future__ import annotations

import html
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Status:
    """The pools and the calls in flight at one moment."""

    pools: pd.DataFrame
    """A row a pool: connection, loop, size, max_size, in_use, idle, waiting, opened, reused, broken."""
    running: pd.DataFrame
    """A row a call: id, label, connection, rows, seconds."""
    nothing: str
    """What to say where there are neither."""

    def __repr__(self) -> str:
        if self.pools.empty and self.running.empty:
            return self.nothing
        return "\n\n".join(f"{name}:{_text(frame)}" for name, frame in self._parts())

    def _repr_html_(self) -> str:
        if self.pools.empty and self.running.empty:
            return f"<div>{html.escape(self.nothing)}</div>"
        return "".join(f"<div><b>{name}</b>: {_page(frame)}</div>" for name, frame in self._parts())

    def _parts(self) -> list[tuple[str, pd.DataFrame]]:
        return [("Pools", self.pools), ("Running", self.running)]


def _text(frame: pd.DataFrame) -> str:
    return " none" if frame.empty else "\n" + frame.to_string(index=False, float_format="{:.1f}".format)


def _page(frame: pd.DataFrame) -> str:
    if frame.empty:
        return "none"
    # Whole labels; and two dollars of a statement are no formula.
    with pd.option_context("display.max_colwidth", None, "display.html.use_mathjax", False):
        return frame.to_html(index=False, border=0, float_format="{:.1f}".format)
