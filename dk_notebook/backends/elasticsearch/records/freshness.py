"""Writes that a search would not see yet, and how it comes to see them.

A server shows new documents to searches after a refresh, by itself every second. A refresh after each write would cost
several times the write. So writes are noted here, for all of this process, and whoever searches refreshes before.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable

from dk_notebook.backends.elasticsearch import names
from dk_notebook.backends.elasticsearch.connections.client import Client

_lock = threading.Lock()
_written: dict[tuple[Hashable, str], int] = {}
"""Cluster and index -> how many writes there were since a refresh began."""


def written(client: Client, index: str) -> None:
    """Note that a search of this index needs a refresh. To be told after the write, whatever came of it."""
    with _lock:
        place = (_cluster(client), index)
        _written[place] = _written.get(place, 0) + 1


async def refreshed(client: Client) -> None:
    """Let searches see all that this process has written there, if they do not yet."""
    cluster = _cluster(client)
    with _lock:
        seen = {place: count for place, count in _written.items() if place[0] == cluster}
    if not seen:
        return
    indices = sorted(index for _, index in seen)
    # Who may not refresh waits for the server's own.
    params = {"ignore_unavailable": True}
    await client.raw("POST", names.path(",".join(indices), "_refresh"), params=params, repeatable=True, allowed=(403,))
    with _lock:
        for place, count in seen.items():
            if _written.get(place) == count:  # none came meanwhile
                del _written[place]


def _cluster(client: Client) -> Hashable:
    return client.server.cluster, client.config.hosts
