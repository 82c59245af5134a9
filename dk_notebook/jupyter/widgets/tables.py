"""The list of a connection's tables, with a filter: quick with thousands of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import ipywidgets
import pandas as pd

from dk_notebook.jupyter.completion.catalogue import Table
from dk_notebook.jupyter.completion.names import full_name
from dk_notebook.jupyter.display import SEPARATOR
from dk_notebook.jupyter.widgets.guarded import Entries, Line
from dk_notebook.words import counted, shortened

SHOWN = 500
"""Tables in the list; the filter finds the others."""
ROWS = 3, 10
"""The list's height: at least, at most. Beyond that it scrolls."""
LENGTH = 100
"""Letters of a name in the list."""


class TableList(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Tables to choose from; ``chosen`` gets the name of one, as `dk.read_table` takes it, or None."""

    def __init__(self, lock: threading.RLock, chosen: Callable[[str | None], None]) -> None:
        self._chosen = chosen
        self._names: list[str] = []
        self._labels: list[str] = []
        self._filling = False
        self._filter = Line(lock, description="Filter", placeholder="parts of a name")
        self._list = Entries(lock, description="Tables", layout={"width": "auto"})
        self._more = ipywidgets.HTML()
        super().__init__((self._filter, self._list, self._more), layout={"display": "none"})
        self._filter.observe(lambda change: self._fill(), "value")  # noqa: ARG005 (its form)
        self._list.observe(self._picked, "value")

    def show(self, tables: pd.DataFrame | None) -> None:
        """Offer these; None: there is nothing to choose from."""
        self._names, self._labels = [], []
        if tables is not None:
            columns = [tables[name].astype(object).where(tables[name].notna(), None) for name in tables.columns]
            for schema, table, kind, rows, _ in zip(*columns, strict=True):
                name = full_name(Table(schema, table, kind))
                self._names.append(name)
                told = [shortened(name, LENGTH), kind, *([] if rows is None else [counted(int(rows), "row")])]
                self._labels.append(SEPARATOR.join(told))
        self._fill()
        self.layout.display = "none" if tables is None else None

    def _fill(self) -> None:
        words = self._filter.value.lower().split()
        fitting = [at for at, name in enumerate(self._names) if all(word in name.lower() for word in words)]
        shown = fitting[:SHOWN]
        before = self._list.value
        self._filling = True
        try:
            with self._list.hold_sync():
                self._list.rows = min(max(len(shown), ROWS[0]), ROWS[1])
                self._list.options = [(self._labels[at], at) for at in shown]
                self._list.value = before if before in shown else None
        finally:
            self._filling = False
        more = len(fitting) - len(shown)
        self._more.value = f"and {more:,} more; the filter finds them" if more else "" if fitting else "none"
        if self._list.value is None and before is not None:
            self._chosen(None)

    def _picked(self, change: Any) -> None:
        if not self._filling:
            self._chosen(None if change["new"] is None else self._names[change["new"]])
