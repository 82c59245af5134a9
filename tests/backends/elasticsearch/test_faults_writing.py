"""Writes whose node is killed, stands still, or comes back: what is in is what the report or the error says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pytest

import dk_notebook as dk
from dk_notebook.backends.elasticsearch.writing import patience
from tests.services.elasticsearch_node import ElasticsearchNode
from tests.under_way import wait_for_rows

pytestmark = [pytest.mark.elasticsearch, pytest.mark.timeout(400)]

INDEX = "things"
CHUNK = 500


@pytest.fixture
def node(own_elasticsearch_node: ElasticsearchNode) -> ElasticsearchNode:
    own_elasticsearch_node.request("PUT", f"/{INDEX}", {"mappings": {"properties": {"n": {"type": "long"}}}})
    return own_elasticsearch_node


@pytest.fixture
def connection(node: ElasticsearchNode) -> Iterator[dk.Connection]:
    with dk.connect(node.url, name="own", replace=True) as connected:
        yield connected


def frames(chunks: int | None, *, pause: float = 0.01) -> Iterator[pd.DataFrame]:
    """Numbers from 0 on."""
    first = 0
    while chunks is None or first < chunks * CHUNK:
        yield pd.DataFrame({"n": range(first, first + CHUNK)})
        first += CHUNK
        time.sleep(pause)


def meanwhile(do: Callable[[], Any], *, rows: int = 5 * CHUNK) -> threading.Thread:
    """Does it when so many rows are in."""

    def wait_and_do() -> None:
        wait_for_rows(rows)
        do()

    thread = threading.Thread(target=wait_and_do)
    thread.start()
    return thread


def numbers(node: ElasticsearchNode) -> tuple[int, int]:
    """How many documents there are, and how many different ones."""
    node.request("POST", f"/{INDEX}/_refresh")
    different = {"cardinality": {"field": "n", "precision_threshold": 40_000}}
    found = node.request("POST", f"/{INDEX}/_search?size=0&track_total_hits=true", {"aggs": {"n": different}})
    return found["hits"]["total"]["value"], found["aggregations"]["n"]["value"]


def test_rows_are_in_once_each_though_the_node_was_killed_and_came_back(
    node: ElasticsearchNode, connection: dk.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "GIVE_UP", 240)

    def kill_and_start() -> None:
        node.kill()
        node.start()

    restarting = meanwhile(kill_and_start)
    report = connection.write_table(frames(60), INDEX, mode="append")
    restarting.join()
    count, different = numbers(node)
    assert (report.rows, report.outcome, count) == (60 * CHUNK, "ok", 60 * CHUNK)
    assert abs(different - count) < count / 100  # the aggregation counts about


def test_a_node_that_does_not_come_back_is_told_with_what_is_in(
    node: ElasticsearchNode, connection: dk.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "GIVE_UP", 1)
    killing = meanwhile(node.kill)
    with pytest.raises(ConnectionError, match=r"rows are in") as raised:
        connection.write_table(frames(None), INDEX, mode="append")
    killing.join()
    node.start()
    said = int(str(raised.value).partition(" rows are in")[0].rpartition(" ")[2].replace(",", ""))
    assert said <= numbers(node)[0] <= said + 4 * CHUNK


def test_a_node_that_stands_still_does_not_keep_a_write_from_being_stopped(
    node: ElasticsearchNode, connection: dk.Connection
) -> None:
    stopped = 0.0

    def suspend_and_cancel() -> None:
        nonlocal stopped
        node.suspend()
        time.sleep(0.5)
        stopped = time.monotonic()
        dk.cancel()

    stopping = meanwhile(suspend_and_cancel)
    try:
        with (
            pytest.warns(UserWarning, match="was stopped: [0-9,]+ rows are in"),
            pytest.warns(RuntimeWarning, match="may still run"),
            pytest.raises(dk.QueryError, match="cancelled"),
        ):
            connection.write_table(frames(None), INDEX, mode="append")
        assert time.monotonic() - stopped < 2
    finally:
        stopping.join()
        node.resume()


def test_an_index_is_made_where_none_comes_into_being_by_itself(
    node: ElasticsearchNode, connection: dk.Connection
) -> None:
    node.request("PUT", "/_cluster/settings", {"persistent": {"action.auto_create_index": "false"}})
    assert connection.write_table(pd.DataFrame({"n": [1]}), "others").rows == 1
