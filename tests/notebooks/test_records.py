"""The notebook on records, executed in a real kernel."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from tests.notebooks.executed import warned

pytestmark = pytest.mark.kernel

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "02-records.ipynb"


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> NotebookNode:
    """The notebook after all its cells ran; an error in one of them is one here."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    folder = tmp_path_factory.mktemp("records")
    client = NotebookClient(notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    with (folder / "kernel.stderr").open("w") as stderr:
        client.execute(stderr=stderr)
    return notebook


def shown(notebook: NotebookNode, identity: str) -> str:
    """What a cell printed, and its value."""
    (cell,) = (cell for cell in notebook.cells if cell.id == identity)
    return "".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs)


def test_no_cell_warns(executed: NotebookNode) -> None:
    assert warned(executed) == []


@pytest.mark.parametrize(
    ("cell", "promised"),
    [
        ("conflict", "there already"),
        ("search", "Record({'species': 'Great tit', 'ring': 'K 10474', 'weight': 17.5"),
        ("meaning", "id='tit-1')"),
        ("missing", "{'not 16.2 grams': 4, 'everything but 16.2 grams': 5, 'without a weight': 1}"),
        ("version", "'ring': 'K 10472 (left leg)', 'weight': 16.4"),
        ("transaction", "nothing was changed: ['K 10473', 'K 10474']"),
        ("frames", "1,458 rows written to airports"),
        ("stream", "1,456 of 1,458 records written"),
        ("await", "{0: 1456"),
    ],
)
def test_a_cell_shows_what_the_text_above_it_says(executed: NotebookNode, cell: str, promised: str) -> None:
    assert promised in shown(executed, cell)
