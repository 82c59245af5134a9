"""The examples of a page of Markdown, run in their order as the cells of one notebook.

A block of ``python`` or ``ipython`` is a cell. A block of ``output`` under it is what the cell shows: what it prints,
its value, or its error, on which the page goes on; blanks do not count, and ``...`` stands for anything. A cell that
fails and shows no error is a failure. A block of ``toml`` with a title is a file of that name. Where the last column of
a table is headed ``dk_notebook``, the code in it is run, too. A comment ``<!-- before: ... -->`` is a cell that readers
do not see.
"""

from __future__ import annotations

import asyncio
import contextlib
import doctest
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from IPython.core.async_helpers import get_asyncio_loop
from IPython.core.displayhook import DisplayHook
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from dk_notebook import Database
from dk_notebook.jupyter import extension

OURS = "dk_notebook"
_FENCE = re.compile(
    r'^(?P<indent> *)```(?P<kind>python|ipython|output|toml title="(?P<title>[^"]+)")\n(?P<text>.*?)^(?P=indent)```$'
    r"|^<!-- before:\n(?P<before>.*?)^-->$",
    re.MULTILINE | re.DOTALL,
)
_TABLE = re.compile(rf"^\|[^\n]*\| {OURS} \|\n\|[-| ]+\|\n(?P<rows>(?:\|[^\n]*\n)+)", re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")
_CHECKER = doctest.OutputChecker()
_LOOSE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Cell:
    """Code, or a file, and where it stands on its page."""

    text: str
    line: int
    output: str | None = None
    """What it must show; None: anything but an error."""
    file: str | None = None
    """The name under which the text is stored."""


def cells(page: str) -> list[Cell]:
    """The cells of a page, from the top down.

    >>> cells("```python\\n1 + 1\\n```\\n\\n```output\\n2\\n```\\n")
    [Cell(text='1 + 1\\n', line=2, output='2\\n', file=None)]
    """
    return [cell for _, cell in sorted([*_fenced(page), *_in_tables(page)], key=lambda found: found[0])]


def _fenced(page: str) -> Iterator[tuple[int, Cell]]:
    waiting: tuple[int, Cell] | None = None
    for found in _FENCE.finditer(page):
        line = page.count("\n", 0, found.start()) + 2
        text = found["before"] or re.sub(f"^{found['indent'] or ''}", "", found["text"] or "", flags=re.MULTILINE)
        if found["kind"] == "output":
            assert waiting is not None, f"line {line}: output of no cell"
            yield waiting[0], Cell(waiting[1].text, waiting[1].line, output=text)
            waiting = None
            continue
        if waiting is not None:
            yield waiting
        waiting = found.start(), Cell(text, line, file=found["title"])
    if waiting is not None:
        yield waiting


def _in_tables(page: str) -> Iterator[tuple[int, Cell]]:
    for found in _TABLE.finditer(page):
        for row in re.finditer(r"^\|.*(?<!\\)\| (.*) \|$", found["rows"], re.MULTILINE):
            start = found.start("rows") + row.start()
            for code in _CODE.findall(row[1]):
                yield start, Cell(code.replace("\\|", "|"), page.count("\n", 0, start) + 1)


# --- running them -----------------------------------------------------------------------------------------------------


class _Plain(DisplayHook):
    """Shows a value without ``Out[1]:``."""

    def write_output_prompt(self) -> None:
        """Nothing."""


class _Shell(InteractiveShell):
    """Shows an error in one piece: its name and its text."""

    displayhook_class = _Plain

    def showtraceback(self, *_: Any, **__: Any) -> None:
        kind, error, _trace = self._get_exc_info()
        print(f"{kind.__name__}: {error}")

    showsyntaxerror = showtraceback

    def show_usage_error(self, exc: BaseException) -> None:
        print(f"UsageError: {exc}")


class Notebook:
    """Runs cells in a shell of this process. Used in a ``with`` block; its files lie in ``folder``.

    ``replaced``: words of the page, and what stands for them here.
    """

    def __init__(self, folder: Path, replaced: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._replaced = replaced or {}

    def __enter__(self) -> Notebook:
        InteractiveShell.clear_instance()
        # No history: it is a database in the home folder, and a thread.
        shell = {"HistoryManager": {"enabled": False}, "InteractiveShell": {"colors": "nocolor"}}
        self._shell = _Shell.instance(config=Config(shell))
        return self

    def __exit__(self, *_: object) -> None:
        """As at the end of a kernel: nothing that the cells have opened stays."""
        extension.unload(self._shell)
        for value in list(self._shell.user_ns.values()):
            if isinstance(value, Database):
                value.close()
        _end(get_asyncio_loop())
        _Shell.clear_instance()

    def run(self, cell: Cell) -> str:
        """What the cell showed. AssertionError: it failed, or shows something else than it should."""
        if cell.file is not None:
            (self._folder / cell.file).write_text(self._real(cell.text))
            return ""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            result = self._shell.run_cell(self._real(cell.text), store_history=True)
        shown = self._told(printed.getvalue())
        error = result.error_before_exec or result.error_in_exec
        if cell.output is None:
            assert error is None, f"line {cell.line}: {shown}"
        else:
            right = _CHECKER.check_output(cell.output, shown, _LOOSE)
            assert right, f"line {cell.line} shows\n{shown}\nand not\n{cell.output}"
        return shown

    def _real(self, text: str) -> str:
        """The text with the addresses of the tests' servers in place of those of the page."""
        for ours, real in self._replaced.items():
            text = text.replace(ours, real)
        return text

    def _told(self, text: str) -> str:
        """The text with the page's addresses again."""
        for ours, real in self._replaced.items():
            text = text.replace(real, ours)
        return text


def _end(loop: asyncio.AbstractEventLoop) -> None:
    """What runs on the notebook's loop ends, and with it the pools that belong to that."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks))


def run(page: str, folder: Path, replaced: Mapping[str, str] | None = None) -> None:
    """Run the cells of a page; the parameters are those of `Notebook`. AssertionError as there."""
    with Notebook(folder, replaced) as notebook:
        for cell in cells(page):
            notebook.run(cell)
