"""Text as a part of a page: escaped, and in the colours of the notebook's theme."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def preformatted(text: str, *, wrapped: bool = False) -> str:
    """Lines as they are, in a font whose columns stay columns; ``wrapped``: long ones go on below.

    Notebooks set ``<pre>`` in the font of their text, and wrap it, unless they are told otherwise.

    >>> preformatted("a < b")
    '<pre style="font-family: monospace; white-space: pre; overflow-x: auto">a &lt; b</pre>'
    """
    import html  # here: a millisecond that `import dk_notebook` need not take

    space = "pre-wrap" if wrapped else "pre; overflow-x: auto"
    return f'<pre style="font-family: monospace; white-space: {space}">{html.escape(text)}</pre>'


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of texts.

    >>> table(["name"], [["a < b"]]).partition("<tbody>")[2]
    '<tr><td>a &lt; b</td></tr></tbody></table>'
    """
    import html  # here: as above

    def line(cells: Sequence[object], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"

    body = "".join(line(row, "td") for row in rows)
    # Two dollars of a text are no formula.
    return f'<table class="mathjax_ignore"><thead>{line(heads, "th")}</thead><tbody>{body}</tbody></table>'
