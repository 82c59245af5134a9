"""Components and their versions as a frame that shows itself whole."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dk_notebook.frames.page import preformatted

_COLUMNS = ["component", "version"]


class Versions(pd.DataFrame):
    """A frame of components, shown a line each and never cut; whatever is made of it is a plain frame.

    >>> Versions({"component": ["python", "pandas"], "version": ["3.11.7 (CPython)", "3.1.0"]})
    python  3.11.7 (CPython)
    pandas  3.1.0
    """

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    def __repr__(self) -> str:
        if not self._is_whole():
            return super().__repr__()
        width = max(map(len, self["component"]), default=0)
        pairs = zip(self["component"], self["version"], strict=True)
        return "\n".join(f"{component:{width}}  {version}" for component, version in pairs)

    __str__ = __repr__

    def _repr_html_(self) -> str | None:
        if not self._is_whole():
            frame: Any = pd.DataFrame(self)  # the stubs do not know how it shows itself
            page: str | None = frame._repr_html_()
            return page
        return preformatted(repr(self))

    def _is_whole(self) -> bool:
        """Whether it has these columns still: a frame can be changed in place."""
        return list(self.columns) == _COLUMNS
