"""The async twin of a function shows the signature that the blocking one spells out."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def twin_of(blocking: Callable[..., Any]) -> Callable[[F], F]:
    """A decorator: the function shows ``blocking``'s parameters (for ``?`` and Shift-Tab)."""

    def decorate(function: F) -> F:
        own = inspect.signature(function)
        shown = inspect.signature(blocking).replace(return_annotation=own.return_annotation)
        function.__signature__ = shown  # type: ignore[attr-defined]  # functions have it; typeshed does not say so
        return function

    return decorate
