"""A word about a query that reads far more than it finds."""

from __future__ import annotations

from typing import Final

from dk_notebook.frames.notices import warn

MANY: Final = 50_000
"""Documents that may be looked at here without a word."""
FEW: Final = 0.01
"""Of what was read: so much as a result is worth a word."""


class Costs:
    """Counts the documents that were read and those that were kept, and warns once.

    ``what`` is decided here, not on the server. None: nothing is.
    """

    def __init__(self, what: str | None) -> None:
        self._what = what
        self._read = self._kept = 0

    def add(self, read: int, kept: int) -> None:
        """So many more."""
        self._read += read
        self._kept += kept
        if self._what is None or self._read < MANY:
            return
        if self._kept <= self._read * FEW:
            warn(
                f"{self._what}, not on the server: {self._read:,} documents were read so far, and hardly any was "
                "kept; a field of the type keyword lets the server do it"
            )
        self._what = None
