"""The stop button while a query runs: the cell ends, and so does the query on the server."""

from __future__ import annotations

import uuid

import pytest

from dk_notebook.testing.services.postgres import PostgresAddress
from tests.browser.lab import Notebook
from tests.browser.running import until_running

pytestmark = [pytest.mark.browser, pytest.mark.postgres]

CELLS = {
    "a cell magic": ("%%dkquery\nselect pg_sleep(300) as {name}", "KeyboardInterrupt"),
    "a plain cell": ("dk.read_query('select pg_sleep(300) as {name}')", "KeyboardInterrupt"),
    "an awaited call": ("await dk.aread_query('select pg_sleep(300) as {name}')", "CancelledError"),
}


@pytest.fixture(scope="module")
def notebook(notebook: Notebook, postgres_database: str) -> Notebook:
    notebook.run(f"_ = dk.connect({postgres_database!r}, name='pg')")
    return notebook


@pytest.mark.parametrize(("code", "error"), CELLS.values(), ids=CELLS)
def test_the_stop_button_ends_the_cell_and_the_query(
    notebook: Notebook, postgres_server: PostgresAddress, code: str, error: str
) -> None:
    name = f"n{uuid.uuid4().hex}"
    cell = notebook.start(code.format(name=name))
    until_running(postgres_server, name, 1)
    notebook.stop()
    assert error in cell.ended().said
    until_running(postgres_server, name, 0)
    assert "42" in notebook.run("%dkquery select 42 as answer").said
