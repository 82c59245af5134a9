"""The notebook on benchmarks, executed in a real kernel on the server that it starts itself."""

from __future__ import annotations

import pytest
from nbformat import NotebookNode

from tests.notebooks.executed import code_cells, failed, run_whole, shown, warned

pytestmark = [pytest.mark.kernel, pytest.mark.postgres, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> NotebookNode:
    """The notebook after all its cells ran."""
    return run_whole("05-benchmarking.ipynb", tmp_path_factory.mktemp("benchmarking"))


def test_no_cell_warns_or_fails(executed: NotebookNode) -> None:
    assert (warned(executed), failed(executed)) == ([], [])


@pytest.mark.parametrize(
    ("cell", "promised"),
    [
        ("connect", "336,776 rows written to flights"),
        ("first", "p95 of 7 runs lies between the two slowest"),
        ("cold", "pg pg (cold) runs 20 20"),
        ("runs", "pg (cold)"),
        ("status", "pg 1 1 30"),
        ("beside", "pg duck runs 10 10"),
        ("noise", "pg pg_again runs 15 15"),
        ("ours", "rows 336,776"),
        ("pandas", "rows to pandas 3.0"),
    ],
)
def test_a_cell_shows_what_the_text_above_it_says(executed: NotebookNode, cell: str, promised: str) -> None:
    assert promised in " ".join(shown(executed, cell).split())


def test_each_benchmark_draws_its_plot(executed: NotebookNode) -> None:
    outputs = [output for cell in code_cells(executed) for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 5
