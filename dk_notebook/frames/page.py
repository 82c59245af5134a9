"""Text as a part of a page: escaped, and in the colours of the notebook's theme."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral, Real


def preformatted(text: str, *, wrapped: bool = False) -> str:
    """Lines as they are, in a font whose columns stay columns; ``wrapped``: long ones go on below.

    Notebooks set ``<pre>`` in the font of their text, wrap it, and indent it as a quotation, unless they are told
    otherwise.

    >>> preformatted("a < b")
    '<pre style="font-family: monospace; margin: 0; white-space: pre; overflow-x: auto">a &lt; b</pre>'
    """
    import html  # here: a millisecond that `import dk_notebook` need not take

    space = "pre-wrap" if wrapped else "pre; overflow-x: auto"
    return f'<pre style="font-family: monospace; margin: 0; white-space: {space}">{html.escape(text)}</pre>'


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of texts, and of numbers, which stand to the right.

    >>> table(["name", "rows"], [["a < b", 5_000]]).partition("<tbody>")[2]
    '<tr><td style="text-align: left">a &lt; b</td><td>5,000</td></tr></tbody></table>'
    """
    import html  # here: as above

    def line(cells: Sequence[object], tag: str, of: Sequence[object]) -> str:
        told = (
            f"<{tag}{_aligned(one)}>{html.escape(_told(cell))}</{tag}>" for cell, one in zip(cells, of, strict=True)
        )
        return "<tr>" + "".join(told) + "</tr>"

    lines = list(rows)
    body = "".join(line(row, "td", row) for row in lines)
    head = line(heads, "th", lines[0] if lines else heads)
    # Two dollars of a text are no formula.
    return f'<table class="mathjax_ignore"><thead>{head}</thead><tbody>{body}</tbody></table>'


def _aligned(cell: object) -> str:
    """How a cell is told to stand: notebooks set all to the right."""
    return "" if _is_number(cell) else ' style="text-align: left"'


def _told(cell: object) -> str:
    return f"{cell:,}" if isinstance(cell, Integral) and _is_number(cell) else str(cell)


def _is_number(cell: object) -> bool:
    return isinstance(cell, Real) and not isinstance(cell, bool)
