"""A notebook in a real kernel, and what its cells showed."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def execute(notebook: NotebookNode, folder: Path) -> None:
    """All cells of it; an error that is not meant is one here."""
    client = NotebookClient(notebook, timeout=200, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    with (folder / "kernel.stderr").open("w") as stderr:
        client.execute(stderr=stderr)


def run_whole(name: str, folder: Path) -> NotebookNode:
    """A notebook of the project after all its cells ran."""
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    execute(notebook, folder)
    return notebook


def warned(notebook: NotebookNode) -> list[str]:
    """What its cells said on stderr."""
    return [output.text for cell in code_cells(notebook) for output in cell.outputs if output.get("name") == "stderr"]


def failed(notebook: NotebookNode) -> list[str]:
    """The cells that ended with an error."""
    return [cell.id for cell in code_cells(notebook) if any(o.output_type == "error" for o in cell.outputs)]


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(notebook: NotebookNode, identity: str) -> str:
    """What a cell printed, its errors and its values, as text and as a page."""
    (cell,) = (cell for cell in notebook.cells if cell.id == identity)
    texts = []
    for output in cell.outputs:
        data = output.get("data", {})
        texts += [output.get("text", ""), *output.get("traceback", ()), data.get("text/plain", "")]
        texts += [re.sub(r"<[^>]*>|\s+", " ", data.get("text/html", ""))]
    return re.sub(" +", " ", "\n".join(texts))
