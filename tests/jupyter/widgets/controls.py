"""The controls of a widget, found as a user finds them, and what is seen of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import ipywidgets


def until(ready: Callable[[], Any], seconds: float = 20.0) -> Any:
    """What ``ready()`` gives, once that is true."""
    deadline = time.monotonic() + seconds
    while not (found := ready()):
        assert time.monotonic() < deadline, "it has not come"
        time.sleep(0.01)
    return found


def within(widget: Any) -> Iterator[Any]:
    """All that is seen of it."""
    if widget.layout.display == "none":
        return
    yield widget
    for child in getattr(widget, "children", ()):
        yield from within(child)


def labelled(widget: Any, label: str) -> Any:
    """The control with that label; None: it is not seen."""
    return next((each for each in within(widget) if getattr(each, "description", None) == label), None)


def text(widget: Any) -> str:
    """All that its texts say, as HTML."""
    return "\n".join(each.value for each in within(widget) if isinstance(each, ipywidgets.HTML))


def choose(control: Any, label: str) -> None:
    """Choose the entry whose label begins so, as the page does."""
    index = next(at for at, each in enumerate(control._options_labels) if each.startswith(label))
    control.set_state({"index": index})


def type_into(control: Any, typed: str) -> None:
    """Type, and leave the field, as the page does."""
    control.set_state({"value": typed})
