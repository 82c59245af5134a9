"""What both widgets are: something with a static form, that hears its buttons while a cell runs, and closes whole."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import ipywidgets
from IPython import get_ipython


class Static(Protocol):
    """What a widget shows where no kernel runs."""

    def __repr__(self) -> str: ...
    def _repr_html_(self) -> str: ...


class Panel(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """A box of widgets, which a subclass makes first: what is shown to the page last is whole.

    ``lock`` is held by whoever changes what it shows: answers come from threads.
    """

    lock: threading.RLock

    def __init__(self, *children: Any) -> None:
        # 0 and not None: the front end then counts the views that it shows.
        super().__init__(children, _view_count=0)
        for each in (self, *_within(self)):
            hear_in_subshell(each)

    def static(self) -> Static:
        """What it shows now, for pages without a kernel."""
        raise NotImplementedError

    def end(self) -> None:
        """Stop what goes on in the background."""
        raise NotImplementedError

    def close(self) -> None:
        """End it: nothing goes on in the background, and the page shows it no more. Again: nothing."""
        if self.comm is None:  # closed before, or never whole
            return
        self.end()
        parts = list(_within(self))
        super().close()
        for each in parts:
            each.close()

    def __repr__(self) -> str:
        return repr(self.static())

    def _repr_mimebundle_(self, **arguments: Any) -> Mapping[str, Any]:
        static = self.static()
        bundle = super()._repr_mimebundle_(**arguments)
        return {**bundle, "text/plain": repr(static), "text/html": static._repr_html_()}


def _within(widget: Any) -> Iterator[Any]:
    """All that belongs to a widget, itself excepted."""
    for child in getattr(widget, "children", ()):
        yield child
        yield from _within(child)
    for part in ("layout", "style"):
        if isinstance(one := getattr(widget, part, None), ipywidgets.Widget):
            yield one


def page_part() -> Any:
    """A place for tables: as the front end shows them elsewhere, and scrolled where they are too wide."""
    part = ipywidgets.HTML(layout={"width": "fit-content", "max_width": "100%", "overflow": "auto"})
    part.add_class("jp-RenderedHTMLCommon")
    return part


def hear_in_subshell(widget: Any) -> None:
    """Have what the page says to a widget handled where it sends it: in a subshell, beside the cell that runs.

    ipykernel from 7.4 on takes such a message to the shell that spoke to the page last, which is that of cells.
    """
    # No public way says so. Where the method is not there, messages are handled where they are sent.
    if hasattr(widget.comm, "_reply_subshell_for"):
        widget.comm._reply_subshell_for = lambda data, sent: sent  # noqa: ARG005 (its form)


def has_subshells() -> bool:
    """Whether the kernel can hear a page while a cell runs."""
    kernel = getattr(get_ipython(), "kernel", None)
    return kernel is not None and "kernel subshells" in kernel.kernel_info.get("supported_features", ())
