"""A statement on its way to the store, so that a place in what was sent is found again in what the caller wrote."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A statement on its way: what was sent, and what the caller wrote."""

    text: str
    """As the caller wrote it."""
    sent: str
    """With the placeholders, or literals, of the store."""
    to_source: Callable[[int], int] = lambda offset: offset
    """An offset in `sent` -> the offset in `text`."""

    def within(self, whole: str) -> Sent:
        """The same statement, sent as a part of a longer one; what lies outside of it has no place in the text."""
        start = whole.find(self.sent)
        if start < 0:
            return Sent(text=self.text, sent="")
        return Sent(text=self.text, sent=whole, to_source=lambda offset: self.to_source(max(0, offset - start)))
