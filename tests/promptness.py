"""How long a stop may take, as a test can judge it on a machine that does other things too."""

from __future__ import annotations

from collections.abc import Sequence

PROMISED = 1.0
"""Seconds from the stop to the end of the call."""
LATEST = 4.0
"""Seconds at which it counts as late however busy the machine is: what is stopped would take minutes."""


def prompt(seconds: Sequence[float]) -> bool:
    """Whether nine of ten stops were as promised, and none was late.

    >>> prompt([0.1] * 9 + [1.5]), prompt([0.1] * 9 + [5.0]), prompt([0.1, 1.5])
    (True, False, False)
    """
    return sum(each >= PROMISED for each in seconds) * 10 <= len(seconds) and max(seconds) < LATEST
