"""The notebooks without a browser: runs every cell in a real kernel and writes the pages that come out.

``make demo`` runs this: the tour first, a line a cell, then the others whose stores are here, a line a notebook. At the
end it prints where the pages lie; beside each lies the notebook with its outputs. Names on the command line run those
alone: ``python notebooks/demo.py 04-s3``.
"""

from __future__ import annotations

import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter
from nbformat import NotebookNode

import dk_notebook as dk

HERE = Path(__file__).resolve().parent
PAGES = HERE.parent / "build" / "demo"
TOUR = "01-tour"
# These bring no server of their own: an Elasticsearch is too heavy to come along.
NEED_ELASTICSEARCH = {"03-elasticsearch", "06-between-stores"}


class CellLines:
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
        text = text.strip()
        if text and "\n" not in text and not text.startswith("<pandas."):
            return text
    return "a table" if cell.outputs else ""


def render(name: str, lines: Callable[[NotebookNode], CellLines] | None = None) -> Path:
    """The page of a notebook after all its cells ran.

    Raises
    ------
    CellExecutionError
        A cell failed that should not; the page shows how far it came.
    """
    notebook = nbformat.read(HERE / f"{name}.ipynb", as_version=4)
    printer = lines(notebook) if lines else None
    client = NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(HERE)}},
        on_cell_start=printer and printer.start,
        on_cell_executed=printer and printer.end,
    )
    page = PAGES / f"{name}.html"
    try:
        # The kernel's own stderr, which is none of the notebook's.
        with (PAGES / f"{name}.log").open("w") as stderr:
            client.execute(stderr=stderr)
    finally:
        nbformat.write(notebook, PAGES / f"{name}.ipynb")
        show_pages(notebook)
        html, _ = HTMLExporter(embed_images=True).from_notebook_node(notebook)
        page.write_text(html, encoding="utf-8")
    return page


def show_pages(notebook: NotebookNode) -> None:
    """Let widgets that have a page beside themselves be shown as that: on a file nothing answers their buttons.

    What shows nothing any more, a progress bar that has ended, is left out.
    """
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if "text/html" in output.get("data", {}):
                output.data.pop("application/vnd.jupyter.widget-view+json", None)
        if "outputs" in cell:
            cell.outputs = [output for output in cell.outputs if output.get("data") != {}]


def elasticsearch_is_there() -> bool:
    """Whether the connection can be had that the notebooks will ask for."""
    try:
        dk.connect(backend="elasticsearch", name="es")
    except dk.ConnectionFailed:
        return False
    dk.close("es")
    return True


def main(names: list[str]) -> int:
    """The exit code: 0 when every cell did what it should."""
    started = time.monotonic()
    PAGES.mkdir(parents=True, exist_ok=True)
    names = names or sorted(path.stem for path in HERE.glob("*.ipynb"))
    left_out = sorted(NEED_ELASTICSEARCH & set(names))
    if left_out and elasticsearch_is_there():
        left_out = []
    for name in [name for name in names if name not in left_out]:
        begun = time.monotonic()
        try:
            page = render(name, CellLines if name == TOUR else None)
        except CellExecutionError as error:
            print(f"\n{name}: {error}\nThe page so far: {PAGES / name}.html", file=sys.stderr)
            return 1
        print(f"{time.monotonic() - begun:5.1f} s  {page}", flush=True)
        if name == TOUR:
            print(
                "336,776 flights: written from a DataFrame to DuckDB and PostgreSQL, queried, read back equal, plotted."
            )
    print(f"{time.monotonic() - started:5.1f} s  in all")
    if left_out:
        start = "`docker compose up --wait elasticsearch` starts one, or let ELASTICSEARCH_URL name yours"
        print(f"Without {' and '.join(left_out)}, which need an Elasticsearch: {start}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
