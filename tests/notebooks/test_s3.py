"""The notebook on S3, executed in a real kernel on the store that it starts itself."""

from __future__ import annotations

import os

import pytest
from nbformat import NotebookNode

from tests.notebooks.executed import code_cells, failed, run_whole, shown, warned

pytestmark = [pytest.mark.kernel, pytest.mark.s3, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> NotebookNode:
    """The notebook after all its cells ran."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("AWS_"):
                patch.delenv(name)
        return run_whole("04-s3.ipynb", tmp_path_factory.mktemp("s3"))


def test_no_cell_warns(executed: NotebookNode) -> None:
    assert warned(executed) == []


def test_every_error_is_meant(executed: NotebookNode) -> None:
    assert failed(executed) == ["append"]


@pytest.mark.parametrize(
    ("cell", "promised"),
    [
        ("connect", "s3://dk-tour/lake at http://127.0.0.1"),
        ("plan", "month=<month>/dk-<id>-<number>.parquet"),
        ("write", "336,776 rows written to flights"),
        ("keys", "13 objects:"),
        ("july", "28485.0"),
        ("sql", "36 rows"),
        ("explain", "columns: month, carrier, air_time; conditions: month = 7 and carrier = 'HA'; files: 1 of 12"),
        ("append", 'not in the data: "origin", "dest", "dep_delay", "air_time", "distance"'),
        ("join", "United Air Lines Inc. 15165 24004769"),
        ("records", "2013/lost-1 umbrella JFK"),
        ("version", "the record changed since the version that was read"),
    ],
)
def test_a_cell_shows_what_the_text_above_it_says(executed: NotebookNode, cell: str, promised: str) -> None:
    assert promised in " ".join(shown(executed, cell).split())


def test_it_draws_its_plot(executed: NotebookNode) -> None:
    outputs = [output for cell in code_cells(executed) for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 1
