"""What the server says beside results: its warnings are the user's, its notices are logged; neither without bound."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from dk_notebook.frames import notices

LOG = logging.getLogger("dk_notebook.postgres")
LINES = 100
"""Notices that are logged of one lease; the others are counted."""
WARNINGS = 20
"""Different warnings that are told at once; the others are counted."""
LONGEST = 2_000
"""Characters that are kept of each."""

_SEVERITY, _CODE, _MESSAGE, _HINT = "V", "C", "M", "H"
"""Fields of a notice, by their letters in the protocol; the severity as it is in every language."""
_GOING = "57P"
"""Codes of a server that ends, or ends the connection: what that means for a call is an error, or unseen."""


class ServerNotices:
    r"""What came with the statements of one lease.

    `hear` is called in the midst of what the server sends, where no user's line is near: `tell` says it later.

    >>> import warnings
    >>> said = ServerNotices()
    >>> for _ in range(1_000):
    ...     said.hear({"V": "WARNING", "M": "nearly full", "H": "vacuum"}, lambda log, *line: None)
    >>> with warnings.catch_warnings(record=True, action="always") as caught:
    ...     said.tell()
    >>> [str(warning.message) for warning in caught]
    ['nearly full (1,000 times)\nHint: vacuum']
    """

    def __init__(self) -> None:
        self._warnings: dict[tuple[str, str], int] = {}
        """Text and hint -> how often."""
        self._others = 0
        """Warnings that are not among them."""
        self._logged = 0

    def hear(self, fields: Mapping[str, str], soon: Callable[..., object]) -> None:
        """Take one message. ``soon``: how to run something when the loop has time, away from the protocol."""
        severity, text = fields.get(_SEVERITY, ""), fields.get(_MESSAGE, "")[:LONGEST]
        if severity == "WARNING" and not fields.get(_CODE, "").startswith(_GOING):
            key = text, fields.get(_HINT, "")[:LONGEST]
            if key in self._warnings or len(self._warnings) < WARNINGS:
                self._warnings[key] = self._warnings.get(key, 0) + 1
            else:
                self._others += 1
            return
        if LOG.isEnabledFor(logging.INFO):
            self._logged += 1
            if self._logged <= LINES:
                soon(LOG.info, "%s: %s", severity, text)

    def tell(self) -> None:
        """Warn of what the server warned of since the last time, once each."""
        if not self._warnings and not self._others:  # mostly, and asked after every call
            return
        warnings, others = self._warnings, self._others
        self._warnings, self._others = {}, 0
        for (text, hint), count in warnings.items():
            times = f" ({count:,} times)" if count > 1 else ""
            notices.warn(f"{text}{times}\nHint: {hint}" if hint else f"{text}{times}")
        if others:
            notices.warn(f"the server gave {others:,} more warnings")

    def end(self) -> None:
        """Log how many notices were not: nothing else comes."""
        if self._logged > LINES:
            LOG.info("%s more notices", f"{self._logged - LINES:,}")
        self._logged = 0
