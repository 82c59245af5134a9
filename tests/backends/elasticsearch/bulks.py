"""What tests of the bulk loop share: rows as pieces, and a loop on a scripted node."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.backends.elasticsearch.connections.cluster import Cluster
from dk_notebook.backends.elasticsearch.writing.bulk import Bulk
from dk_notebook.backends.elasticsearch.writing.ingest import _actions
from dk_notebook.backends.elasticsearch.writing.pieces import Piece
from dk_notebook.frames import ndjson
from dk_notebook.runtime.operations import Operation
from tests.backends.elasticsearch.conftest import settings
from tests.services.scripted_elasticsearch import Answer, Request, ScriptedElasticsearch

INDEX = "things"
BULK = f"POST /{INDEX}/_bulk"


def piece(
    ids: Sequence[str], documents: Sequence[Mapping[str, Any]], *, first: int = 0, action: str = "create"
) -> Piece:
    """The rows of one request."""
    keys = pa.array(ids, pa.string())
    sources = pa.array([json.dumps(document) for document in documents], pa.string())
    return Piece.of(ndjson.lines(*_actions(action, keys, sources)), keys, np.arange(first, first + len(ids)))


def numbered(count: int, *, first: int = 0, action: str = "create") -> Piece:
    """Rows ``{"a": 0}`` and so on, with their numbers as ids."""
    rows = range(first, first + count)
    return piece([str(row) for row in rows], [{"a": row} for row in rows], first=first, action=action)


@contextlib.asynccontextmanager
async def client_of(node: Any) -> AsyncIterator[Client]:
    """What a session asks a node with."""
    cluster = Cluster(settings(node.url))
    await cluster.open()
    try:
        with Operation("a test") as operation:
            async with cluster.leases.lease(operation):
                yield Client(cluster, operation)
    finally:
        await cluster.close()


async def sent(node: Any, pieces: Iterable[Piece], **how: Any) -> Bulk:
    """The loop, after it has settled all that it took."""
    async with client_of(node) as client:
        bulk = Bulk(
            client, INDEX, **{"action": "create", "drawn": True, "stop_at_refusal": False, "columns": ["a"], **how}
        )
        for each in pieces:
            await bulk.put(each)
        await bulk.settled()
        return bulk


def with_mget(node: ScriptedElasticsearch) -> ScriptedElasticsearch:
    """The node, able to tell several documents at once."""

    def answer(request: Request) -> Answer:
        held = node.documents.get(INDEX, {})
        docs = [{"_id": each, "found": each in held, "_source": held.get(each)} for each in request.json["ids"]]
        return Answer(body={"docs": docs})

    node.always(f"POST /{INDEX}/_mget", answer)
    return node
