"""Markdown from values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    r"""A table; a bar in a cell is part of it.

    >>> print(table(["a"], [["x | y"]]))
    | a |
    |---|
    | x \| y |
    """
    lines = [heads, *([cell.replace("|", r"\|") for cell in row] for row in rows)]
    drawn = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([drawn[0], "|" + "---|" * len(heads), *drawn[1:]])


def code(text: str) -> str:
    """The text as code.

    >>> code("int64")
    '`int64`'
    """
    return f"`{text}`"


def prose(docstring: str) -> str:
    r"""A docstring's paragraph as Markdown: what is code there, in one or two backticks, is code here; on one line.

    >>> prose("Seconds; ``None``: as\n`tls.mode` says.")
    'Seconds; `None`: as `tls.mode` says.'
    """
    return re.sub(r"\s+", " ", docstring.replace("``", "`")).strip()
