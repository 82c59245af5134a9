"""The names of the calling cell, so that SQL can name its frames."""

from __future__ import annotations

import sys
from collections import ChainMap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_PACKAGE = __name__.partition(".")[0]

_given: ContextVar[Mapping[str, Any] | None] = ContextVar("dk_notebook_scope", default=None)


@contextmanager
def names(namespace: Mapping[str, Any]) -> Iterator[None]:
    """Inside the block, calls see these names instead of those of their caller (for magics)."""
    token = _given.set(namespace)
    try:
        yield
    finally:
        _given.reset(token)


def calling_names() -> Mapping[str, Any]:
    """The locals, then the globals, of the nearest caller outside this package."""
    given = _given.get()
    if given is not None:
        return given
    frame = sys._getframe(1)
    while frame.f_back is not None and _inside(frame.f_globals.get("__name__", "")):
        frame = frame.f_back
    return ChainMap(frame.f_locals, frame.f_globals)


def _inside(module: str) -> bool:
    return module == _PACKAGE or module.startswith(f"{_PACKAGE}.")
