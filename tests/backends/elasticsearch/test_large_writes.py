"""Two hundred megabytes into a node that takes a hundred at once, and has five hundred for all that it does."""

from __future__ import annotations

import pandas as pd
import pytest

import dk_notebook as dk
from tests.services.elasticsearch_address import ElasticsearchAddress

pytestmark = pytest.mark.elasticsearch


def test_what_fits_goes_in_and_the_row_that_is_larger_than_a_request_is_told(
    elasticsearch_node: ElasticsearchAddress, elasticsearch_index: str
) -> None:
    texts = pd.DataFrame({"n": range(101), "t": ["x" * 1_000_000] * 50 + ["y" * 105_000_000] + ["x" * 1_000_000] * 50})
    unindexed = {"t": {"type": "keyword", "index": False, "doc_values": False}}  # what is asked is the way to the node
    with dk.connect(elasticsearch_node.url, name="es", replace=True) as es:
        report = es.write_table(texts, elasticsearch_index, types=unindexed, errors="collect")
    (refused,) = report.rejected
    assert (report.rows, report.outcome, refused.position) == (100, "ok", 50)
    assert "more than the server takes" in refused.reason
    assert elasticsearch_node.request("GET", f"/{elasticsearch_index}/_count")["count"] == 100
