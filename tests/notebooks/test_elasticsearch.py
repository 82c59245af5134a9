"""The notebook on Elasticsearch, executed in a real kernel on a real node, and without any."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from dk_notebook.testing.services.ports import free_port
from tests.notebooks.executed import NOTEBOOKS, code_cells, execute, failed, run_whole, shown, warned
from tests.services.elasticsearch_address import ElasticsearchAddress

pytestmark = [pytest.mark.kernel, pytest.mark.elasticsearch, pytest.mark.timeout(300)]

VARIABLE = "ELASTICSEARCH_URL"


@pytest.fixture(scope="module")
def executed(elasticsearch_node: ElasticsearchAddress, tmp_path_factory: pytest.TempPathFactory) -> NotebookNode:
    """The notebook after all its cells ran."""
    with pytest.MonkeyPatch.context() as patch:
        # As other programs spell it, who take nothing but http:// and https://.
        patch.setenv(VARIABLE, f"{elasticsearch_node.scheme}://{elasticsearch_node.url.partition('://')[2]}")
        return run_whole("03-elasticsearch.ipynb", tmp_path_factory.mktemp("elasticsearch"))


def test_no_cell_warns(executed: NotebookNode) -> None:
    assert warned(executed) == []


def test_every_error_is_meant(executed: NotebookNode) -> None:
    assert failed(executed) == ["error"]


@pytest.mark.parametrize(
    ("cell", "promised"),
    [
        ("story", "from John F Kennedy Intl to"),
        ("plan", '"story": {\n "type": "text"\n }'),
        ("write", "336,776 rows written to dk-tour-flights"),
        ("back", "departs datetime64[ms, UTC]"),
        ("where", "14:00:00+00:00 HA 51 HNL 1301"),
        (
            "search",
            "Hawaiian Airlines Inc. from John F Kennedy Intl to Honolulu Intl in snow and mist by Airbus A330-243",
        ),
        ("fuzzy", "to Charlotte Douglas Intl in storm by Bombardier Inc"),
        ("weather", "snow 1752 43.72"),
        ("weeks", "EWR 2012-12-31 05:00:00+00:00 1869"),
        ("esql", "5 rows"),
        ("esql-value", "Endeavor Air Inc. 76 46 39"),
        ("peek", "5 shown; more on the server"),
        ("error", "LINE 2: | STATS delay = AVG(delay) BY carier\n ^\nHint: did you mean 'carrier'?"),
        ("explain", "story:snow story:honolulu"),
        ("records", "'found_at': 'EWR', 'size': {'centimetres': 90}}, id='lost-3'),\n Record({'thing': 'umbrella'"),
        ("version", "the record changed since the version that was read"),
        ("version", "[mouthpiece, letter] Louis"),
        ("end", "[] is what is left"),
    ],
)
def test_a_cell_shows_what_the_text_above_it_says(executed: NotebookNode, cell: str, promised: str) -> None:
    assert promised in shown(executed, cell)


def test_it_draws_its_plots(executed: NotebookNode) -> None:
    outputs = [output for cell in code_cells(executed) for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2


def test_it_leaves_nothing_on_the_node(executed: NotebookNode, elasticsearch_node: ElasticsearchAddress) -> None:
    assert elasticsearch_node.request("GET", "/_cat/indices/dk-tour-*?format=json") == []


def test_without_a_node_the_first_cell_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, f"http://127.0.0.1:{free_port()}")
    notebook = nbformat.read(NOTEBOOKS / "03-elasticsearch.ipynb", as_version=4)
    with pytest.raises(CellExecutionError):
        execute(notebook, tmp_path)
    said = shown(notebook, "connect")
    assert "needs an Elasticsearch, and there is none" in said
    assert "Hint: `docker compose up --wait elasticsearch`" in said
    assert len(said.strip().splitlines()) < 15
