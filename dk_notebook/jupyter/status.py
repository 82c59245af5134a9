"""The pools and what runs, at one moment, as text and as a page."""

from __future__ import annotations

import html
from dataclasses import dataclass

import pandas as pd

from dk_notebook.frames import page


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
        parts = {"Pools": pools_page(self.pools), "Running": _running_page(self.running)}
        return "".join(f"<div><b>{name}</b>{shown or ': none'}</div>" for name, shown in parts.items())

    def _parts(self) -> list[tuple[str, pd.DataFrame]]:
        return [("Pools", self.pools), ("Running", self.running)]


def _text(frame: pd.DataFrame) -> str:
    return " none" if frame.empty else "\n" + frame.to_string(index=False, float_format="{:.1f}".format)


def pools_page(pools: pd.DataFrame) -> str:
    """A line a pool; nothing where there is none. The loop is told only where there are several."""
    if pools.empty:
        return ""
    shown = pools.drop(columns="loop") if pools["loop"].nunique() == 1 else pools
    return page.table([name.replace("_", " ") for name in shown.columns], shown.itertuples(index=False))


def _running_page(calls: pd.DataFrame) -> str:
    if calls.empty:
        return ""
    told = calls.assign(connection=calls["connection"].fillna(""), seconds=calls["seconds"].round(1))
    return page.table(list(told.columns), told.itertuples(index=False))
