"""The tour: executed in a real kernel, and stored without its outputs."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from dk_notebook.testing.services.ports import free_port
from tests.notebooks.executed import code_cells, failed

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.name)
def stored(request: pytest.FixtureRequest) -> NotebookNode:
    return nbformat.read(request.param, as_version=4)


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> NotebookNode:
    """The tour after all its cells ran; ``metadata["seconds"]`` tells how long that took."""
    notebook = nbformat.read(ROOT / "notebooks" / "01-tour.ipynb", as_version=4)
    folder = tmp_path_factory.mktemp("tour")
    begun = time.monotonic()
    client = NotebookClient(notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    with (folder / "kernel.stderr").open("w") as stderr:
        client.execute(stderr=stderr)
    notebook.metadata["seconds"] = time.monotonic() - begun
    return notebook


def outputs(notebook: NotebookNode, kind: str) -> list[NotebookNode]:
    return [output for cell in code_cells(notebook) for output in cell.outputs if output.output_type == kind]


def cell(notebook: NotebookNode, identity: str) -> NotebookNode:
    return next(cell for cell in notebook.cells if cell.id == identity)


@pytest.mark.unit
def test_a_notebook_is_stored_without_outputs(stored: NotebookNode) -> None:
    assert all(not cell.outputs and cell.execution_count is None for cell in code_cells(stored))


@pytest.mark.unit
def test_a_notebook_is_valid_and_its_cells_have_names(stored: NotebookNode) -> None:
    nbformat.validate(stored)
    assert all(re.fullmatch("[a-z][a-z-]*", cell.id) for cell in stored.cells)


@pytest.mark.unit
def test_a_notebook_knows_no_machine(stored: NotebookNode) -> None:
    assert not re.search("/work/|/home/|/root/|/Users/", nbformat.writes(stored))


@pytest.mark.kernel
def test_every_error_of_the_tour_is_meant(executed: NotebookNode) -> None:
    assert failed(executed) == ["error"]


@pytest.mark.kernel
def test_the_error_of_the_tour_shows_the_place_in_a_few_lines(executed: NotebookNode) -> None:
    error = cell(executed, "error").outputs[0]
    shown = "\n".join(error.traceback)
    assert "LINE 3: where orign = 'JFK'" in shown
    assert len(shown.splitlines()) < 12


@pytest.mark.kernel
def test_no_cell_of_the_tour_warns(executed: NotebookNode) -> None:
    assert [output.text for output in outputs(executed, "stream") if output.name == "stderr"] == []


@pytest.mark.kernel
def test_the_tour_draws_its_plots(executed: NotebookNode) -> None:
    assert sum("image/png" in output.data for output in outputs(executed, "display_data")) == 3


@pytest.mark.kernel
def test_the_tour_is_short(executed: NotebookNode) -> None:
    assert executed.metadata["seconds"] < 110


def demo(name: str, folder: Path) -> tuple[int, str, str]:
    run = subprocess.run(
        [sys.executable, ROOT / "notebooks" / "demo.py", name], cwd=folder, capture_output=True, text=True, check=False
    )
    return run.returncode, run.stdout, run.stderr


@pytest.mark.kernel
def test_the_demo_writes_a_page_and_says_where(tmp_path: Path) -> None:
    code, out, err = demo("01-tour", tmp_path)
    (page,) = re.findall(r"s  (/.*/build/demo/01-tour\.html)\n", out)
    assert (code, err) == (0, "")
    shown = Path(page).read_text(encoding="utf-8")
    assert len(re.findall('<img[^>]* src="data:image/png', shown)) == 3
    assert ("<b>Connections</b>" in shown, "<b>Pools</b>" in shown) == (True, True)  # what the widgets knew


def test_the_demo_says_which_notebook_it_leaves_out_and_what_that_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELASTICSEARCH_URL", f"http://127.0.0.1:{free_port()}")
    code, out, err = demo("06-between-stores", tmp_path)
    assert (code, err) == (0, "")
    assert "Without 06-between-stores, which need an Elasticsearch: `docker compose up" in out
