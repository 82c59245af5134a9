"""The tour: executed in a real kernel, and stored without its outputs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from dk_notebook.testing.services.ports import free_port
from tests.notebooks.executed import code_cells, failed

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FOLDERS = ("work", "home", "root", "Users")
"""Where people's own files lie, below the root of a machine."""


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.name)
def stored(request: pytest.FixtureRequest) -> NotebookNode:
    return nbformat.read(request.param, as_version=4)


def demo(name: str, folder: Path) -> tuple[int, str, str]:
    """What ``make demo`` gives, of one notebook: exit code, output, errors."""
    run = subprocess.run(
        [sys.executable, ROOT / "notebooks" / "demo.py", name], cwd=folder, capture_output=True, text=True, check=False
    )
    return run.returncode, run.stdout, run.stderr


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page that the demo makes of the tour."""
    code, out, err = demo("01-tour", tmp_path_factory.mktemp("demo"))
    (page,) = re.findall(r"s  (/.*/build/demo/01-tour\.html)\n", out)
    assert (code, err) == (0, "")
    return Path(page)


@pytest.fixture(scope="module")
def executed(page: Path) -> NotebookNode:
    """The tour after all its cells ran."""
    return nbformat.read(page.with_suffix(".ipynb"), as_version=4)


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
    assert not re.search(f"/({'|'.join(FOLDERS)})/", nbformat.writes(stored))


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
def test_the_demo_writes_a_page_with_the_plots_and_what_the_widgets_knew(page: Path) -> None:
    shown = page.read_text(encoding="utf-8")
    assert len(re.findall('<img[^>]* src="data:image/png', shown)) == 3
    assert ("<b>Connections</b>" in shown, "<b>Pools</b>" in shown) == (True, True)


@pytest.mark.kernel
def test_the_demo_says_which_notebook_it_leaves_out_and_what_that_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELASTICSEARCH_URL", f"http://127.0.0.1:{free_port()}")
    code, out, err = demo("06-between-stores", tmp_path)
    assert (code, err) == (0, "")
    assert "Without 06-between-stores, which need an Elasticsearch: `docker compose up" in out
