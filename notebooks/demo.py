"""The tour without a browser: runs every cell of 01-tour.ipynb in a real kernel and writes the page that comes out.

``make demo`` runs this. It prints a line a cell, and at the end where the page lies.
"""

from __future__ import annotations

import sys
import textwrap
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter
from nbformat import NotebookNode

HERE = Path(__file__).resolve().parent
NOTEBOOK = HERE / "01-tour.ipynb"
PAGE = HERE.parent / "build" / "demo" / "01-tour.html"


def outcome(cell: NotebookNode) -> str:
    """What a cell came to, in a few words: its last text, if that is one line, or the kind of thing it showed."""
    for output in reversed(cell.outputs):
        if output.output_type == "stream":
            text = output.text
        elif output.output_type == "error":
            text = f"{output.ename}, as it should: {output.evalue.splitlines()[0]}"
        elif "image/png" in output.data:
            text = "a plot"
        else:
            text = output.data.get("text/plain", "")
        if text and "\n" not in text.strip():
            return text.strip()
    return "a table" if cell.outputs else ""


class Progress:
    """Prints a line a cell, as the cells end."""

    def __init__(self, notebook: NotebookNode) -> None:
        self._total = sum(cell.cell_type == "code" for cell in notebook.cells)
        self._done = 0
        self._started = 0.0

    def start(self, cell: NotebookNode, cell_index: int) -> None:  # noqa: ARG002 (nbclient's names)
        """A cell begins."""
        self._started = time.monotonic()

    def end(self, cell: NotebookNode, cell_index: int, execute_reply: object) -> None:  # noqa: ARG002
        """A cell has ended."""
        self._done += 1
        seconds = time.monotonic() - self._started
        said = textwrap.shorten(outcome(cell), 80, placeholder=" ...")
        print(f"[{self._done:2}/{self._total}] {seconds:5.2f} s  {cell.id:15}  {said}".rstrip(), flush=True)


def run(notebook: NotebookNode, log: Path) -> None:
    """Execute all cells in place; ``log`` gets what the kernel's process writes to its own stderr."""
    progress = Progress(notebook)
    client = NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(HERE)}},
        on_cell_start=progress.start,
        on_cell_executed=progress.end,
    )
    with log.open("w") as stderr:
        client.execute(stderr=stderr)


def main() -> int:
    """The exit code: 0 when every cell did what it should."""
    started = time.monotonic()
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    failure = None
    try:
        run(notebook, PAGE.with_name("kernel.log"))
    except CellExecutionError as error:
        failure = error
    # Also after a failure: the page shows how far it came.
    page, _ = HTMLExporter(embed_images=True).from_notebook_node(notebook)
    PAGE.write_text(page, encoding="utf-8")
    if failure is not None:
        print(f"\n{failure}\nThe page so far: {PAGE}", file=sys.stderr)
        return 1
    print(
        f"\n336,776 flights: written from a DataFrame to DuckDB and PostgreSQL, queried, read back equal, plotted in "
        f"{time.monotonic() - started:.1f} s\nThe page: {PAGE}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
