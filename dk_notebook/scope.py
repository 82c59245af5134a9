"""The names of the calling cell, so that SQL can name its frames."""

from __future__ import annotations

import os
import sys
from collections import ChainMap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

_FOLDER = str(Path(__file__).parent) + os.sep

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
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_FOLDER):
        frame = frame.f_back
    return ChainMap(frame.f_locals, frame.f_globals)
