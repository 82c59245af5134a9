"""The magics and their flags, from the parsers that read them."""

from __future__ import annotations

import argparse
import inspect
import textwrap

from dk_notebook.jupyter.magics import bench, close, connect, explain, query, status, tables
from dk_notebook.jupyter.magics.flags import Flags
from docs.printed.markdown import code, prose, table

MAGICS: dict[str, Flags] = {
    module.FLAGS.prog: module.FLAGS for module in (query, connect, tables, explain, bench, status, close)
}
"""Name -> its parser."""


def index() -> str:
    """A row a magic: what it does."""
    lines = [[f"[`%{name}`](#{name})", flags.examples.partition("\n")[0]] for name, flags in MAGICS.items()]
    return table(["magic", "what it does"], lines)


def section(name: str) -> str:
    """What ``%name?`` shows: examples, text, flags."""
    flags = MAGICS[name]
    first, _, rest = flags.examples.partition("\n\nExamples::\n\n")
    examples, text = _divided(rest)
    # A cell that is a whole cell's magic stands alone.
    cells = [f"```ipython\n{each}\n```" for each in examples.split("\n\n")]
    return "\n\n".join([first, *cells, *_paragraphs(text), _flags(flags)])


def _divided(text: str) -> tuple[str, str]:
    """The examples, which are indented, and what follows."""
    lines = text.split("\n")
    end = next((at for at, line in enumerate(lines) if line and not line.startswith(" ")), len(lines))
    return textwrap.dedent("\n".join(lines[:end])).strip(), "\n".join(lines[end:])


def _paragraphs(text: str) -> list[str]:
    """The paragraphs; a list keeps its lines."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return [each.replace("``", "`") if each.startswith("* ") else prose(each) for each in paragraphs]


def _flags(flags: Flags) -> str:
    lines = [[_written(action), prose(action.help or "")] for action in flags._actions]
    return table(["flag", "meaning"], lines)


def _written(action: argparse.Action) -> str:
    """As it is typed."""
    value = "" if action.nargs == 0 else f" {action.metavar}"
    if not action.option_strings:
        return code(str(action.metavar))
    return ", ".join(code(f"{flag}{value}") for flag in action.option_strings)
