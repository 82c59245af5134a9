"""The notebook on the way between stores, executed in a real kernel, on a node and on servers that it starts itself."""

from __future__ import annotations

import os

import pytest
from nbformat import NotebookNode

from tests.notebooks.executed import failed, run_whole, shown, warned
from tests.services.elasticsearch_address import ElasticsearchAddress

pytestmark = [
    *(pytest.mark.kernel, pytest.mark.postgres, pytest.mark.s3, pytest.mark.elasticsearch),
    pytest.mark.timeout(300),
]


@pytest.fixture(scope="module")
def executed(elasticsearch_node: ElasticsearchAddress, tmp_path_factory: pytest.TempPathFactory) -> NotebookNode:
    """The notebook after all its cells ran."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("AWS_"):
                patch.delenv(name)
        patch.setenv("ELASTICSEARCH_URL", f"{elasticsearch_node.scheme}://{elasticsearch_node.url.partition('://')[2]}")
        return run_whole("06-between-stores.ipynb", tmp_path_factory.mktemp("between"))


def test_no_cell_warns_or_fails(executed: NotebookNode) -> None:
    assert (warned(executed), failed(executed)) == ([], [])


@pytest.mark.parametrize(
    ("cell", "promised"),
    [
        ("connect", "s3://dk-tour/between at http://127.0.0.1"),
        ("start", "6,099 rows written to flights"),
        ("declared", "departs timestamp with time zone datetime64[us, UTC]"),
        ("lake", "6,099 rows written to flights"),
        ("plan", "day date32[day] date"),
        ("search", "6,099 rows written to dk-tour-between"),
        ("back", "datetime64[ms, UTC] datetime64[ms, UTC]"),
        ("again", "6,099 rows written to flights_again"),
        ("equal", "6,099 rows and 8 columns are equal, 99 missing values among them"),
        ("differ", "only_in_one 0 0"),
    ],
)
def test_a_cell_shows_what_the_text_above_it_says(executed: NotebookNode, cell: str, promised: str) -> None:
    assert promised in " ".join(shown(executed, cell).split())


def test_it_leaves_nothing_on_the_node(executed: NotebookNode, elasticsearch_node: ElasticsearchAddress) -> None:
    assert elasticsearch_node.request("GET", "/_cat/indices/dk-tour-between*?format=json") == []
