"""Progress bars: rows, bytes and the rate of a long call, drawn in the thread that waits for it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, NamedTuple, Protocol

_silenced: ContextVar[bool] = ContextVar("dk_notebook_silenced", default=False)

DELAY = 0.5
"""Seconds before a bar is shown: short calls draw nothing."""


class Watched(Protocol):
    """What a bar needs to know of a call (`runtime.operations.Operation` has it)."""

    label: str
    rows: int
    bytes: int
    total_rows: int | None
    read: int
    total_read: int | None
    done: bool

    @property
    def seconds(self) -> float: ...  # noqa: D102


class Bar:
    """One call's progress bar. Call it now and then with the call; it appears late, and closes when that is done."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._closed = False
        # Drawn by whoever waits; closed by whoever ends first, which may be another thread.
        self._lock = threading.Lock()

    def __call__(self, call: Watched) -> None:
        """Draw the state of ``call``."""
        with self._lock:
            if self._closed or (self._bar is None and (call.done or call.seconds < DELAY)):
                self._closed = self._closed or call.done
                return
            shown = _shown(call)
            if self._bar is None:
                self._bar = _tqdm_class()(
                    total=shown.total, desc=_shortened(call.label), unit=shown.unit, unit_scale=True, leave=False
                )
                self._bar.start_t -= call.seconds  # time and rate are the call's, not those of its bar
            elif self._bar.total != shown.total:
                self._bar.expect(shown.total)
            self._bar.unit = shown.unit
            self._bar.set_postfix_str(shown.beside, refresh=False)
            self._bar.n = shown.done
            # Without tqdm's lock, which it would keep when interrupted here; ours is held.
            self._bar.refresh(nolock=True)
            if call.done:
                self._bar.total = None  # a widget that is short of its total would stay, in red
                self._bar.close()
                self._closed = True


class _Shown(NamedTuple):
    """What a bar says of a call."""

    done: int
    total: int | None
    unit: str
    beside: str


def _shown(call: Watched) -> _Shown:
    """Rows, of a total where one is known; else what is read of files whose sizes are known; else rows alone.

    The statistics of PostgreSQL and DuckDB are no total: a bar that stands still at 100 %, or ends at 60 %, tells less
    than none; to count takes as long as to read; and COPY tells how much went out, not of how much.
    """
    if call.total_rows is None and call.total_read:
        return _Shown(call.read, call.total_read, "B", f"{call.rows:,} rows" if call.rows else "")
    return _Shown(call.rows, call.total_rows, " rows", f"{call.bytes / 1e6:,.1f} MB" if call.bytes else "")


def bar(wanted: bool | None) -> Bar | None:  # noqa: FBT001 (it is the caller's own `progress=`)
    """A bar for a call with ``progress=wanted``: True draws one, False none, None where somebody can see it."""
    if wanted is None:
        wanted = not _silenced.get() and _is_seen()
    return Bar() if wanted else None


@contextmanager
def silenced(silent: bool = True) -> Iterator[None]:  # noqa: FBT001 (it is a flag of the caller's own)
    """Inside the block calls that are not told draw no bar: a part of a call that has one, ``--no-progress``."""
    token = _silenced.set(silent or _silenced.get())
    try:
        yield
    finally:
        _silenced.reset(token)


def _is_seen() -> bool:
    return in_notebook() or (sys.stderr is not None and sys.stderr.isatty())


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this process. Never imports IPython."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


def _tqdm_class() -> Any:
    """A widget where ipywidgets can show one, text elsewhere."""
    if in_notebook():
        from importlib.util import find_spec

        if find_spec("ipywidgets") is not None:
            from tqdm.notebook import tqdm as notebook_tqdm

            return _interruptible(notebook_tqdm)
    from tqdm.std import tqdm as text_tqdm

    return _interruptible(text_tqdm)


@cache
def _interruptible(base: Any) -> Any:
    """A bar that Ctrl-C can stop at any moment, and the bars after it still work."""

    class Interruptible(base):  # type: ignore[misc]  # tqdm has no types
        # tqdm's own is one for the process, of two parts: an interrupt between them would lock out every later bar.
        _lock = threading.RLock()
        monitor_interval = 0  # no thread beside: whoever waits draws
        _made = False

        def __init__(self, *args: Any, **options: Any) -> None:
            try:
                super().__init__(*args, **options)
            except BaseException:
                if (widget := getattr(self, "container", None)) is not None:
                    widget.close()  # half made, but shown
                raise
            self._made = True

        def expect(self, total: int | None) -> None:
            """Show another total: a widget takes it from the bar only once."""
            self.total = total
            if (widget := getattr(self, "container", None)) is not None and total:
                inside = widget.children[1]
                inside.max, inside.bar_style, inside.layout.width = total, "", None

        def __del__(self) -> None:
            if self._made:  # else it was interrupted on the way, and tqdm would complain of what it lacks
                super().__del__()

    return Interruptible


def _shortened(label: str, width: int = 40) -> str:
    return label if len(label) <= width else label[: width - 1] + "…"
