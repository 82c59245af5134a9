"""What a browser knows at one moment: the connections, and of one of them the tables, and of one of these the rest."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from dk_notebook.frames import page
from dk_notebook.words import counted

LISTED = 50
"""Tables that a page without a kernel lists."""


@dataclass(frozen=True)
class Contents:
    """What is known; None: it was not asked for, or has not come yet."""

    connections: pd.DataFrame
    connection: str | None = None
    tables: pd.DataFrame | None = None
    table: str | None = None
    columns: pd.DataFrame | None = None
    rows: pd.DataFrame | None = None
    """The first of them."""
    error: Exception | None = None
    """Why the last question has no answer."""

    def __repr__(self) -> str:
        return "\n\n".join(f"{title}:\n{text}" for title, text in self._texts())

    def _texts(self) -> Iterator[tuple[str, str]]:
        yield "Connections", self.connections.to_string(index=False, na_rep="")
        for title, frame, more in self._frames():
            yield title, frame.to_string(index=False, na_rep="") + (f"\n{more}" if more else "")
        if self.error is not None:
            yield "Error", message(self.error)

    def _repr_html_(self) -> str:
        parts = [f"<div><b>Connections</b>{table_page(self.connections)}</div>"]
        for title, frame, more in self._frames():
            shown = rows_page(frame) if frame is self.rows else table_page(frame)
            parts.append(f"<div><b>{html.escape(title)}</b>{shown}{html.escape(more)}</div>")
        if self.error is not None:
            parts.append(error_page(self.error))
        return "".join(parts)

    def _frames(self) -> Iterator[tuple[str, pd.DataFrame, str]]:
        """Title, frame, and how many of it are not in it."""
        if self.tables is not None:
            more = len(self.tables) - LISTED
            told = f"and {counted(more, 'table')} more" if more > 0 else ""
            yield f"{counted(len(self.tables), 'table')} of {self.connection}", self.tables.head(LISTED), told
        if self.columns is not None:
            yield f"Columns of {self.table}", self.columns, ""
        if self.rows is not None:
            yield f"First rows of {self.table}", self.rows, ""


def table_page(frame: pd.DataFrame) -> str:
    """A frame of names and figures, whole."""
    return page.table(
        list(frame.columns),
        (["" if pd.isna(value) else value for value in row] for row in frame.itertuples(index=False)),
    )


def rows_page(frame: pd.DataFrame) -> str:
    """Rows of a table, as a notebook shows a frame."""
    # Two dollars of the data are no formula.
    with pd.option_context("display.html.use_mathjax", False):
        shown: str = frame.to_html(max_cols=pd.get_option("display.max_columns"), border=0)
    return shown


def message(error: Exception) -> str:
    """An error in a few lines, as a cell's last ones."""
    return f"{type(error).__name__}: {error}"


def error_page(error: Exception) -> str:
    """The same as a page."""
    return page.preformatted(message(error), wrapped=True)
