"""Progress bars: rows, bytes and the rate of a long call, drawn in the thread that waits for it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, NamedTuple, Protocol

from dk_notebook.words import shortened

_silenced: ContextVar[bool] = ContextVar("dk_notebook_silenced", default=False)

DELAY = 0.5
"""Seconds before a bar is shown: short calls draw nothing."""


LABEL = 40
"""Characters of a call's label before a bar."""
LINE = "{{desc}}: {{percentage:3.0f}}%|{{bar}}| {}"
"""A line of text with a bar, as tqdm writes it, but for the figures."""
BARELY = "{{desc}}: {}"
"""The same without a total, which a bar would need."""


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
            done, total, told = _shown(call)
            line = (LINE if total else BARELY).format(told)
            if self._bar is None:
                self._bar = _tqdm_class()(
                    desc=shortened(call.label, LABEL), leave=False, bar_format=line, total=total, postfix=told
                )
            self._bar.bar_format, self._bar.total, self._bar.postfix = line, total, told
            self._bar.n = done
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
    told: str
    """The figures, for people."""


def _shown(call: Watched) -> _Shown:
    """Rows, of a total where one is known; else what is read of files whose sizes are known; else rows alone.

    The statistics of PostgreSQL and DuckDB are no total: a bar that stands still at 100 %, or ends at 60 %, tells less
    than none; to count takes as long as to read; and COPY tells how much went out, not of how much.

    >>> from dk_notebook.runtime.operations import Operation
    >>> call = Operation("select")
    >>> call.started -= 40
    >>> _shown(call).told
    '40 s'
    >>> call.count(1_000, 5_000_000)
    >>> _shown(call).told
    '1,000 rows · 5.0 MB · 25 rows/s · 40 s'
    >>> call.total_rows = 6_000
    >>> _shown(call).told
    '1,000 of 6,000 rows · 5.0 MB · 25 rows/s · 40 s, 200 s to go'
    """
    of_files = call.total_rows is None and bool(call.total_read)
    done, total = (call.read, call.total_read) if of_files else (call.rows, call.total_rows)
    seconds = max(call.seconds, 1e-3)
    parts = []
    if call.rows:
        parts.append(f"{call.rows:,} rows" if call.total_rows is None else f"{call.rows:,} of {call.total_rows:,} rows")
    if of_files:
        parts.append(f"{done / 1e6:,.1f} of {(total or 0) / 1e6:,.1f} MB")
    elif call.bytes >= 50_000:  # less would be 0.0
        parts.append(f"{call.bytes / 1e6:,.1f} MB")
    if call.rows:
        parts.append(f"{call.rows / seconds:,.0f} rows/s")
    left = seconds / done * (total - done) if done and total else 0
    parts.append(f"{seconds:,.0f} s, {left:,.0f} s to go" if left > 0 else f"{seconds:,.0f} s")
    return _Shown(done, total, " · ".join(parts))


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

            return _interruptible(_quiet(notebook_tqdm))
    from tqdm.std import tqdm as text_tqdm

    return _interruptible(text_tqdm)


@cache
def _quiet(base: Any) -> Any:
    """The widget of tqdm, whose total may come later: without one it has no bar, and when it closes nothing stays."""

    class Quiet(base):  # type: ignore[misc]  # tqdm has no types
        def __init__(self, *args: Any, **options: Any) -> None:
            from tqdm.notebook import display  # IPython's

            super().__init__(*args, display=False, **options)
            self._shown = display(self.container, display_id=True)

        def display(self, *_: Any, close: bool = False, **__: Any) -> None:
            import html

            if close:
                self.container.close()
                self._shown.update({}, raw=True)  # else an empty line, and a widget that nobody has in the file
                return
            label, bar, told = self.container.children
            bar.layout.width, bar.bar_style = None, ""
            bar.layout.display = None if self.total else "none"
            bar.max, bar.value = self.total or 1, self.n if self.total else 0
            label.value, told.value = html.escape(f"{self.desc}:"), html.escape(self.postfix)

    return Quiet


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

        def __del__(self) -> None:
            if self._made:  # else it was interrupted on the way, and tqdm would complain of what it lacks
                super().__del__()

    return Interruptible
