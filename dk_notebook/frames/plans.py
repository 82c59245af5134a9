"""The plan of a query as a frame that shows itself as a tree."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dk_notebook.frames.shown import Shown


class Plan(Shown):
    """A frame of nodes, deeper ones indented where it is shown; whatever is made of it is a plain frame.

    >>> nodes = {"node": ["JOIN", "SCAN"], "detail": ["", "orders"], "rows_estimated": [5, 9]}
    >>> Plan({"depth": [0, 1], **nodes, "rows": None, "seconds": None})
    node    rows estimated  detail
    JOIN                 5
      SCAN               9  orders
    """

    _own = ["depth", "node", "detail", "rows_estimated", "rows", "seconds"]

    def _lines(self) -> str:
        """A line a node. Figures that no node has are left out."""
        nodes = ["  " * int(depth) + _line(node) for depth, node in zip(self["depth"], self["node"], strict=True)]
        columns = [_column("node", nodes, str.ljust)]
        for name, shape in (("rows_estimated", "{:,.0f}"), ("rows", "{:,.0f}"), ("seconds", "{:.6f}")):
            if self[name].notna().any():
                figures = ["" if pd.isna(figure) else shape.format(figure) for figure in self[name]]
                columns.append(_column(name.replace("_", " "), figures, str.rjust))
        columns.append(["detail", *("" if pd.isna(detail) else _line(detail) for detail in self["detail"])])
        return "\n".join("  ".join(cells).rstrip() for cells in zip(*columns, strict=True))


def _column(head: str, cells: list[str], justified: Any) -> list[str]:
    width = max(map(len, [head, *cells]))
    return [justified(cell, width) for cell in [head, *cells]]


def _line(text: object) -> str:
    return " ".join(str(text).split())
