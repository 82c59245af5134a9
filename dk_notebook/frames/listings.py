"""Frames that list what there is: where a cell has nothing, nothing is shown."""

from __future__ import annotations

from typing import Any

import pandas as pd


class Listing(pd.DataFrame):
    """A frame that shows blanks for missing values, in pandas' own form; whatever is made of it is a plain frame.

    >>> columns = Listing({"column": ["id", "name"], "default": [None, "'Ann'"], "type": ["BIGINT", "VARCHAR"]})
    >>> columns
      column default     type
    0     id           BIGINT
    1   name   'Ann'  VARCHAR
    >>> columns["default"].isna().tolist(), type(columns.head(1)) is pd.DataFrame
    ([True, False], True)
    """

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    def _blank(self) -> Any:
        """What is shown of it: a plain frame."""
        return self.astype(object).where(self.notna(), "")

    def __repr__(self) -> str:
        return repr(self._blank())

    __str__ = __repr__

    def _repr_html_(self) -> str | None:
        page: str | None = self._blank()._repr_html_()
        return page
