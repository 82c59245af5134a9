"""Frames that have a form of their own where they are shown."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import pandas as pd

from dk_notebook.frames.page import preformatted


class Shown(pd.DataFrame):
    """A frame that shows itself as lines of text; whatever is made of it is a plain frame, and shows as one."""

    _own: ClassVar[list[str]]
    """Its columns."""

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    @abstractmethod
    def _lines(self) -> str:
        """What is shown of a frame that has its columns."""

    def __repr__(self) -> str:
        return self._lines() if self._is_whole() else super().__repr__()

    __str__ = __repr__

    def _repr_html_(self) -> str | None:
        if not self._is_whole():
            frame: Any = pd.DataFrame(self)  # the stubs do not know how it shows itself
            page: str | None = frame._repr_html_()
            return page
        return preformatted(repr(self))

    def _is_whole(self) -> bool:
        """Whether it has its columns still: a frame can be changed in place."""
        return list(self.columns) == self._own
