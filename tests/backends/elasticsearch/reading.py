"""What tests of reading share: an index of documents, and its rows."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from dk_notebook.backends.base import Native, TableQuery
from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.backends.elasticsearch.reading.scan import scan_body, scan_table
from dk_notebook.records.query import Query
from tests.services.elasticsearch_address import ElasticsearchAddress


def fill(
    node: ElasticsearchAddress,
    index: str,
    documents: Iterable[Mapping[str, Any]] = (),
    properties: Mapping[str, Any] | None = None,
    **mapping: Any,
) -> None:
    """Make an index with these documents, whose ids are "0", "1", ...; ``mapping``: what it says beside the fields.

    ``settings`` are those of the index.
    """
    settings = {"number_of_replicas": 0, **mapping.pop("settings", {})}
    node.request(
        "PUT", f"/{index}", {"settings": settings, "mappings": {**mapping, "properties": dict(properties or {})}}
    )
    add(node, index, documents)


def add(node: ElasticsearchAddress, index: str, documents: Iterable[Mapping[str, Any]], *, first: int = 0) -> None:
    """Put documents into an index, and see that they are found."""
    lines = []
    for number, document in enumerate(documents, first):
        lines += [json.dumps({"create": {"_id": str(number)}}), json.dumps(document)]
    if lines:
        answer = node.request("POST", f"/{index}/_bulk?refresh=true", ("\n".join(lines) + "\n").encode())
        refused = [item["create"]["error"] for item in answer["items"] if "error" in item["create"]]
        assert not refused, refused


async def table(client: Client, index: str, *, arrays: tuple[str, ...] = (), **query: Any) -> pa.Table:
    """What `scan_table` gives; ``query``: as `Query.of` has it."""
    asked = TableQuery(table=index, query=Query.of(**query), arrays=arrays)
    return await (await scan_table(client, asked, batch_rows=None)).read_all()


async def hits(client: Client, body: Mapping[str, Any], *, arrays: tuple[str, ...] = (), **more: Any) -> pa.Table:
    """What `scan_body` gives."""
    return await (await scan_body(client, Native(text=body, arrays=arrays, **more), batch_rows=None)).read_all()


def open_contexts(node: ElasticsearchAddress) -> int:
    """How many points in time the node keeps."""
    nodes = node.request("GET", "/_nodes/stats/indices/search")["nodes"]
    return sum(each["indices"]["search"]["open_contexts"] for each in nodes.values())


def is_free(node: ElasticsearchAddress, before: int, seconds: float = 3) -> bool:
    """Whether the node keeps no more points in time than before, as soon as what was stopped has ended there."""
    end = time.monotonic() + seconds
    while open_contexts(node) > before:
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def searches(node: ElasticsearchAddress) -> list[str]:
    """The searches that run there."""
    nodes = node.request("GET", "/_tasks?actions=indices:data/read/*")["nodes"]
    return [task["action"] for each in nodes.values() for task in each["tasks"].values()]
