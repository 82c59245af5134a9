"""What Elasticsearch's figures are measured on: rows x 7 mixed columns, and the node as its administrator sees it."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 100_000
MANY = 1_000_000
PATIENCE = 2.0
"""Seconds in which the node may forget what was stopped: it tells of that a moment later."""
TEXTS = {"name", "city"}
CITIES = ["Oslo", "Rome", "Lima", "Kyiv", "Pune", "Cairo", "Quito", "Perth"]


def saved(folder: Path, rows: int) -> str:
    """A Parquet file of them: whole numbers, floats, two texts and a time. Nothing is missing, which JSON lacks."""
    numbers = np.arange(rows)
    draw = np.random.default_rng(1)
    table = pa.table(
        {
            "id": numbers,
            "n": draw.integers(0, 1_000_000, rows),
            "x": draw.normal(size=rows),
            "y": draw.random(rows),
            "name": [f"customer number {number % 5000}" for number in range(rows)],
            "city": pa.array(CITIES).take(pa.array(draw.integers(0, len(CITIES), rows))),
            "at": pa.array(numbers * 1000 + 1_577_836_800_000, pa.timestamp("ms")),
        }
    )
    path = str(folder / f"{rows}.parquet")
    pq.write_table(table, path)
    return path


class Administration:
    """The way to a node, for what is not measured."""

    def __init__(self, http: str) -> None:
        self.http = http

    def request(self, method: str, path: str) -> Any:
        """The answer. HTTPError."""
        asked = urllib.request.Request(self.http + path, method=method)
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return json.load(answer)

    def drop(self, *indices: str) -> Callable[[], None]:
        """A function that deletes those that are there."""

        def before() -> None:
            there = self.request("GET", f"/{','.join(indices)}?ignore_unavailable=true")
            for index in there:  # an alias gives the index behind it
                self.request("DELETE", f"/{index}")

        return before

    def merge(self, index: str) -> None:
        """Leave the node nothing more to do for an index, so that no run pays for what was before."""
        self.request("POST", f"/{index}/_forcemerge?max_num_segments=4&flush=true")

    def left(self, before: int = 0) -> int:
        """The points in time above ``before``, the searches and the writes that the node has after a moment."""
        until = time.monotonic() + PATIENCE
        while (found := self.contexts() - before + self._tasks()) > 0 and time.monotonic() < until:
            time.sleep(0.05)
        return found

    def contexts(self) -> int:
        """The points in time that are open."""
        nodes = self.request("GET", "/_nodes/stats/indices/search")["nodes"].values()
        return sum(node["indices"]["search"]["open_contexts"] for node in nodes)

    def _tasks(self) -> int:
        nodes = self.request("GET", "/_tasks?actions=indices:data/*")["nodes"].values()
        return sum(len(node["tasks"]) for node in nodes)
