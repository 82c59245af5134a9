"""``dk.monitor()``: the pools, what runs, and a button that stops each call."""

from __future__ import annotations

import html
import threading
from typing import Any

import ipywidgets
from ipywidgets.widgets.widget_string import HTMLStyle

from dk_notebook.api.connecting import status
from dk_notebook.api.looking import cancel, running
from dk_notebook.jupyter.display import SEPARATOR, Note
from dk_notebook.jupyter.status import Status, pools_page
from dk_notebook.jupyter.widgets.panel import Panel, has_subshells, hear_in_subshell, page_part
from dk_notebook.jupyter.widgets.ticker import Ticker
from dk_notebook.runtime import operations
from dk_notebook.runtime.operations import Operation
from dk_notebook.words import counted, shortened

BUSY = 1.0
"""Seconds between two looks while something runs."""
IDLE = 2.0
"""The same while nothing does."""
SHOWN = 20
"""Calls that have a row; of more only the number is told."""
LABEL = 200
"""Characters of a call's label."""

_NOTHING = "nothing is connected, and nothing runs"
_BESIDE_CELLS = (
    "The buttons work while a cell runs too, where the page is JupyterLab from 4.4 or Notebook from 7.4; elsewhere "
    "between cells. The kernel's stop button always works."
)
_BETWEEN_CELLS = (
    "This kernel hears the buttons between cells: they stop what runs in tasks and threads. What a cell waits for is "
    "stopped by the kernel's stop button."
)


class _Row:
    """A call, its button, and how far it is."""

    def __init__(self, call: Operation, looks: _Looks) -> None:
        self._id = call.id
        # Of this call alone: a button that went over to another one could stop what nobody meant.
        self.button = ipywidgets.Button(
            description="Stop", tooltip=f"Stop {call.label}", layout=looks.button, style=looks.button_style
        )
        self._text = ipywidgets.HTML(layout=looks.text, style=looks.text_style)
        self.box = ipywidgets.HBox((self.button, self._text), layout=looks.row)
        for each in (self.button, self._text, self.box):
            hear_in_subshell(each)
        self.button.on_click(self._stop)
        self.show(call)

    def show(self, call: Operation) -> None:
        """How far the call is now."""
        rows = "" if not call.rows else counted(call.rows, "row")
        if rows and call.total_rows is not None:
            rows = f"{call.rows:,} of {counted(call.total_rows, 'row')}"
        parts = [call.connection or "", rows, f"{call.seconds:.0f} s"]
        told = "".join(SEPARATOR + part for part in parts if part)
        self._text.value = f"<code>{html.escape(shortened(call.label, LABEL))}</code>{html.escape(told)}"

    def _stop(self, button: Any) -> None:
        button.disabled = True
        button.description = "Stopping"
        cancel(self._id)

    def close(self) -> None:
        """The call is over."""
        for each in (self.box, self.button, self._text):
            each.close()


class _Looks:
    """The layouts and styles that all rows share: each of them is a model of its own in the page."""

    def __init__(self) -> None:
        self.button = ipywidgets.Layout(width="6em", flex="0 0 auto")
        self.text = ipywidgets.Layout(flex="1 1 auto", min_width="0")
        self.row = ipywidgets.Layout(align_items="center")
        self.button_style = ipywidgets.ButtonStyle()
        self.text_style = HTMLStyle()

    def close(self) -> None:
        """No row has them any more."""
        for each in (self.button, self.text, self.row, self.button_style, self.text_style):
            each.close()


class Monitor(Panel):
    """The pools and the calls that run. See `dk_notebook.monitor`."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._closed = False
        self._looks = _Looks()
        self._rows: dict[int, _Row] = {}
        self._pools = page_part()
        self._calls = ipywidgets.VBox()
        self._rest = ipywidgets.HTML()
        self._all = ipywidgets.Button(description="Stop all", tooltip="Stop every call")
        self._all.on_click(lambda button: cancel())  # noqa: ARG005 (its form)
        where = Note((_BESIDE_CELLS if has_subshells() else _BETWEEN_CELLS,))._repr_html_()
        self._ticker = Ticker(self.look, name="dk_notebook monitor")
        self.look()
        said = ipywidgets.HTML(f'<div style="line-height: 1.5">{where}</div>')
        super().__init__(self._pools, self._calls, self._rest, self._all, said)
        self.observe(self._seen, "_view_count")
        self._ticker.start()

    def look(self) -> float:
        """Show what is now; the seconds until that should be done again."""
        calls = operations.running()
        pools = pools_page(status()) or "Nothing is connected."
        with self.lock:
            if self._closed:  # meanwhile
                return IDLE
            self._pools.value = pools
            self._show_calls(calls[:SHOWN])
            more = len(calls) - SHOWN
            self._rest.value = f"and {more:,} more" if more > 0 else "" if calls else "Nothing runs."
            self._all.disabled = not calls
        return BUSY if calls else IDLE

    def _show_calls(self, calls: list[Operation]) -> None:
        running = {call.id for call in calls}
        gone = [self._rows.pop(known) for known in list(self._rows) if known not in running]
        for call in calls:
            if call.id in self._rows:
                self._rows[call.id].show(call)
            else:
                self._rows[call.id] = _Row(call, self._looks)
        boxes = tuple(self._rows[call.id].box for call in calls)
        if boxes != self._calls.children:
            self._calls.children = boxes
        for row in gone:  # after the page has let go of them
            row.close()

    def _seen(self, change: Any) -> None:
        """As many views of it are shown now: without any, nobody needs to look."""
        if change["new"]:
            self._ticker.start()
        else:
            self._ticker.stop()

    def static(self) -> Status:
        """The pools and the calls at this moment."""
        return Status(status(), running(), _NOTHING)

    def end(self) -> None:
        """Look no more."""
        self._ticker.stop()
        with self.lock:
            self._closed = True
            self._looks.close()
