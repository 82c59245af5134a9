"""Which magic the cursor of a cell stands in: on its line, or in the body below it."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass

_CELL_MAGIC = re.compile(r"[ \t]*%%(\w+)")
# As IPython finds them: at the start of a line, or after the = of an assignment.
_LINE_MAGIC = re.compile(r"[ \t]*(?:[^\W\d][\w.,*\[\]() \t]*=[ \t]*)?%(\w+)")
# Without its sign, as IPython takes it: the only line of the cell, and no assignment.
_BARE_MAGIC = re.compile(r"\s*(\w+)(?=[ \t]+(?![ \t=,]))")


@dataclass(frozen=True)
class Where:
    """A magic, and the cursor in its text."""

    magic: str
    line: str
    """What stands after the magic's name on its line (with the lines that continue it)."""
    body: str | None
    """The lines below the one of a cell magic; None: a line magic."""
    cursor: int
    """The offset in ``body`` if ``in_body``, else in ``line``."""
    in_body: bool = False


def where(cell: str, cursor: int, bare: Container[str] = ()) -> Where | None:
    r"""The magic that the cursor stands in, behind its name; None: it stands in none.

    ``bare``: the magics that are understood without their sign.

    >>> where("%%dkquery -c pg\nselect 1", 18)
    Where(magic='dkquery', line=' -c pg', body='select 1', cursor=2, in_body=True)
    >>> where("df = %dkquery select 1", 15)
    Where(magic='dkquery', line=' select 1', body=None, cursor=2, in_body=False)
    >>> where("dkquery select 1", 10, {"dkquery"})
    Where(magic='dkquery', line=' select 1', body=None, cursor=3, in_body=False)
    >>> where("select 1", 2)
    """
    return _in_cell(cell, cursor) or _in_line(cell, cursor) or _in_bare(cell, cursor, bare)


def _in_cell(cell: str, cursor: int) -> Where | None:
    """The last of the cell magics at the top: ``%%time`` and others may stand above ours."""
    found: Where | None = None
    start = len(cell) - len(cell.lstrip())
    start = cell.rfind("\n", 0, start) + 1
    while (head := _CELL_MAGIC.match(cell, start)) is not None:
        end = cell.find("\n", head.end())
        end = len(cell) if end < 0 else end
        below = min(end + 1, len(cell))
        if head.end() <= cursor <= end:
            return Where(head[1], cell[head.end() : end], cell[below:], cursor - head.end())
        found = Where(head[1], cell[head.end() : end], cell[below:], cursor - below, in_body=True)
        start = below
        if below == len(cell):
            break
    return found if found is not None and found.cursor >= 0 else None


def _in_line(cell: str, cursor: int) -> Where | None:
    # A backslash continues the line; the magic sees a blank instead of it. Two, so that offsets stay.
    joined = cell.replace("\\\n", "  ")
    start = joined.rfind("\n", 0, cursor) + 1
    end = joined.find("\n", cursor)
    head = _LINE_MAGIC.match(joined, start)
    if head is None or head.end() > cursor:
        return None
    return Where(head[1], joined[head.end() : len(joined) if end < 0 else end], None, cursor - head.end())


def _in_bare(cell: str, cursor: int, bare: Container[str]) -> Where | None:
    head = _BARE_MAGIC.match(cell)
    if head is None or head[1] not in bare or "\n" in cell.strip():
        return None
    line = cell[head.end() :].rstrip("\n")
    return Where(head[1], line, None, cursor - head.end()) if 0 <= cursor - head.end() <= len(line) else None
