"""Controls that the page and an answer of a store change, one after the other.

What the page says is set by the thread that hears it, an answer by another. Traits of a widget that is in the middle of
the one would tell of the other late, and to the wrong thread.
"""

from __future__ import annotations

import threading
from typing import Any

import ipywidgets


class _Guarded:
    """Holds the widget's lock while it takes over what the page says, and tells who observes it."""

    def __init__(self, guard: threading.RLock, **settings: Any) -> None:
        self._guard = guard
        super().__init__(**settings)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """What the page says."""
        with self._guard:
            super().set_state(sync_data)  # type: ignore[misc]  # a widget's, which stands behind this class


class Choice(_Guarded, ipywidgets.Dropdown):  # type: ignore[misc]  # ipywidgets has no types
    """One of a few."""


class Entries(_Guarded, ipywidgets.Select):  # type: ignore[misc]
    """One of many, in a list."""


class Line(_Guarded, ipywidgets.Text):  # type: ignore[misc]
    """A text."""
