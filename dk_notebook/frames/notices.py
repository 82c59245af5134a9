"""Warnings that point at the caller's line, not at ours: those of other threads are told where the caller waits."""

from __future__ import annotations

import sys
import warnings
from contextvars import Context, ContextVar

_PACKAGE = __name__.partition(".")[0]

_held: ContextVar[list[str] | None] = ContextVar("held", default=None)


def warn(message: str) -> None:
    """A UserWarning whose place is the first frame of the stack outside this package.

    Where nobody's line is on the stack (`held_in`), it is kept for `tell`: Python shows a warning once a place, so
    that a second cell would say nothing if all of them had the same.
    """
    held = _held.get()
    if held is not None:
        held.append(message)
        return
    depth, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        depth, frame = depth + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=depth)


def warn_beside(error: BaseException, message: str) -> None:
    """`warn`, while an error is on its way that must not get lost: where warnings are errors, it gets a note."""
    try:
        warn(message)
    except Warning:
        error.add_note(message)


def held_in(context: Context) -> list[str]:
    """The list in which what is warned of in that context is kept from now on."""
    messages: list[str] = []
    context.run(_held.set, messages)
    return messages


def tell(messages: list[str]) -> None:
    """Warn of what was kept, once."""
    while messages:
        warn(messages.pop(0))


def tell_beside(error: BaseException, messages: list[str]) -> None:
    """`tell`, as `warn_beside`."""
    while messages:
        warn_beside(error, messages.pop(0))
