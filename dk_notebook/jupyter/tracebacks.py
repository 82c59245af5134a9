"""Short tracebacks: the cell's line and the store's words, not forty lines of drivers and threads.

``%xmode Verbose`` brings the long ones back; ``%tb`` then shows that of the last error. They have every step, but not
the values of its variables: among those of connections, ours and the drivers', are passwords.
"""

from __future__ import annotations

import asyncio
import copy
import linecache
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import IPython

from dk_notebook import errors
from dk_notebook.errors import DkError

_OURS = str(Path(errors.__file__).parent)
_IPYTHON = str(Path(IPython.__file__).parent)
_STOPS = (KeyboardInterrupt, asyncio.CancelledError)


def shorten(shell: Any) -> None:
    """Have ``shell`` show our errors, and the stop of a call of ours, in few lines."""
    # The hook of IPython for errors that draw themselves; on the class, so that read_query in a plain cell has it too.
    DkError._render_traceback_ = lambda error: _rendered(shell, error)  # type: ignore[attr-defined]
    # There is one such hook: a user's own stays.
    if not shell.custom_exceptions:
        shell.set_custom_exc(_STOPS, _show_stop)


def restore(shell: Any, *, last: bool) -> None:
    """Leave the errors to ``shell`` again; ``last``: no other shell shows them shortly."""
    if shell.custom_exceptions == _STOPS:
        shell.set_custom_exc((), None)
    if last and hasattr(DkError, "_render_traceback_"):
        del DkError._render_traceback_


def _rendered(shell: Any, error: BaseException) -> list[str]:
    """The lines that show an error: without ours, or all of them by ``%xmode Verbose``."""
    tables = shell.InteractiveTB
    if tables.mode == "Verbose":
        with _without_values(tables):
            full: list[str] = tables.structured_traceback(type(error), error, error.__traceback__, tb_offset=1)
        return full
    own = own_lines(error.__traceback__)
    told = _told(error)
    short: list[str] = (
        tables.get_exception_only(type(error), told)
        if own is None
        else tables.structured_traceback(type(error), told, own, tb_offset=0)
    )
    return short


def _told(error: BaseException) -> BaseException:
    """What is shown of an error: without its cause, the driver's, which ours repeats in the user's words."""
    if isinstance(error, _STOPS) and not str(error):
        return type(error)("stopped")
    return copy.copy(error)


@contextmanager
def _without_values(tables: Any) -> Iterator[None]:
    """Inside of the block the steps of a traceback do not tell their variables' values."""
    before = tables.include_vars
    tables.include_vars = False
    try:
        yield
    finally:
        tables.include_vars = before


def _show_stop(
    shell: Any, kind: type[BaseException], error: BaseException, traceback: TracebackType, tb_offset: int | None = None
) -> None:
    """Show the stop button's exception; without our own lines, where it went through any."""
    if any(step.tb_frame.f_code.co_filename.startswith(_OURS) for step in _steps(traceback)):
        # On the exception too: IPython draws it a second time, for its history, and our lines would take half a second.
        error._render_traceback_ = lambda: _rendered(shell, error)  # type: ignore[attr-defined]
    shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)


def own_lines(traceback: TracebackType | None) -> TracebackType | None:
    """The part of the traceback that the user wrote: from the cell to the call into this package.

    None for a magic that is all of its cell: the message shows the statement, with its caret.
    """
    kept: list[TracebackType] = []
    for step in _steps(traceback):
        code = step.tb_frame.f_code
        if code.co_filename.startswith(_OURS):
            break
        if code.co_filename.startswith(_IPYTHON):
            if code.co_name == "run_cell_magic" or (code.co_name == "run_line_magic" and _is_one_line(kept)):
                return None
            continue
        kept.append(step)
    short: TracebackType | None = None
    for step in reversed(kept):
        short = TracebackType(short, step.tb_frame, step.tb_lasti, step.tb_lineno)
    return short


def _is_one_line(steps: list[TracebackType]) -> bool:
    """Whether the cell that the steps begin in is a single line."""
    return len(steps) == 1 and len(linecache.getlines(steps[0].tb_frame.f_code.co_filename)) == 1


def _steps(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next
