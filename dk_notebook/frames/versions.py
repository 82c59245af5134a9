"""Components and their versions as a frame that shows itself whole."""

from __future__ import annotations

from dk_notebook.frames.shown import Shown


class Versions(Shown):
    """A frame of components, shown a line each and never cut; whatever is made of it is a plain frame.

    >>> Versions({"component": ["python", "pandas"], "version": ["3.11.7 (CPython)", "3.1.0"]})
    python  3.11.7 (CPython)
    pandas  3.1.0
    """

    _own = ["component", "version"]

    def _lines(self) -> str:
        width = max(map(len, self["component"]), default=0)
        pairs = zip(self["component"], self["version"], strict=True)
        return "\n".join(f"{component:{width}}  {version}" for component, version in pairs)
