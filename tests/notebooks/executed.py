"""A notebook in a real kernel, and what its cells showed."""

from __future__ import annotations

import re
from pathlib import Path

from nbclient import NotebookClient
from nbformat import NotebookNode


def execute(notebook: NotebookNode, folder: Path) -> None:
    """All cells of it; an error that is not meant is one here."""
    client = NotebookClient(notebook, timeout=200, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    with (folder / "kernel.stderr").open("w") as stderr:
        client.execute(stderr=stderr)


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
