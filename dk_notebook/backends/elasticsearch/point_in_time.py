"""One consistent state of indices, from which several searches read."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from dk_notebook.backends.elasticsearch import names
from dk_notebook.backends.elasticsearch.connections.client import FAREWELL, Client

KEEP_ALIVE: Final = "3m"
"""For how long the server remembers it after each search."""
LOOK: Final = 0.1
"""Seconds between two looks whether somebody else needs its connection."""


class PointInTime:
    """The state of an index, an alias or a pattern at the time of `open`."""

    def __init__(self, client: Client, index: str) -> None:
        self._client = client
        self._index = index
        self._id: str | None = None

    async def open(self) -> None:
        """Let the server hold the state. NotFound."""
        asking = asyncio.ensure_future(
            self._client.json(
                "POST", names.path(self._index, "_pit"), params={"keep_alive": KEEP_ALIVE}, repeatable=True
            )
        )
        try:
            answer = await asyncio.shield(asking)
        except asyncio.CancelledError:
            # Where it is being opened it must be closed, also by a server that answers when nobody waits any more.
            closing = self._client.cluster.tell_late(lambda: self._closed_late(asking), name="close a point in time")
            await asyncio.wait([closing], timeout=FAREWELL)
            raise
        self._id = answer["id"]

    async def _closed_late(self, asking: asyncio.Future[Any]) -> None:
        """Let the server forget what it is asked to hold; where somebody else waits for the connection, by itself."""
        cluster = self._client.cluster
        try:
            # The lease of the one who was stopped is not free yet.
            await asyncio.wait([asking], timeout=FAREWELL)
            while not (await asyncio.wait([asking], timeout=LOOK))[0]:
                if cluster.is_wanted:
                    return
            point = asking.result()["id"]
            await self._client.raw("DELETE", "/_pit", body={"id": point}, allowed=range(400, 600))
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    @property
    def part(self) -> Mapping[str, Any]:
        """What the body of a search says of it."""
        return {"pit": {"id": self._id, "keep_alive": KEEP_ALIVE}}

    def heard(self, id: str | None) -> None:  # noqa: A002 (the server's word)
        """Each answer has the id (``pit_id``) for the next search; None: this one has none."""
        self._id = id or self._id

    async def close(self) -> None:
        """Let the server forget it. Twice is no error."""
        point, self._id = self._id, None
        if point is not None:
            operation = self._client.operation
            unheard = operation.unheard
            await self._client.farewell("DELETE", "/_pit", body={"id": point})
            # Where nobody hears, nothing runs on for it: it is forgotten after `KEEP_ALIVE`.
            operation.unheard = unheard
