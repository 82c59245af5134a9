"""What a session asks a cluster with: requests that carry the operation's name, and that end when it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlencode

from elasticsearch import SerializationError
from elasticsearch.serializer import JsonSerializer

from dk_notebook.backends.elasticsearch.config import ElasticsearchConfig
from dk_notebook.backends.elasticsearch.connections.cluster import JSON, NDJSON, Answer, Cluster, Server
from dk_notebook.backends.elasticsearch.errors import refused
from dk_notebook.errors import ConfigError, ConnectionFailed, DkError
from dk_notebook.runtime.operations import Operation

__all__ = ["JSON", "NDJSON", "Answer", "Client"]

FAREWELL: Final = 0.5
"""Seconds that the server gets to hear that something is not needed any more."""
BRIEF: Final = 0.1
"""Seconds that it gets once it has not heard."""

_THIS_QUESTION: Final = "cluster:monitor/task"
"""How the actions begin by which the server tells of its tasks."""
_READS: Final = frozenset({"GET", "HEAD"})
_DUMP: Final = JsonSerializer().dumps


class CutOff(ConnectionFailed):
    """The user did not want to wait any longer."""


class Client:
    """The cluster as one session sees it.

    Any number of requests may be begun at once. They share the session's lease, and those leases of the pool that
    nobody else wants (`width`). Every request ends when its task is cancelled: its connection is closed, at which the
    server stops a search.
    """

    def __init__(self, cluster: Cluster, operation: Operation) -> None:
        self._cluster = cluster
        self.operation = operation
        self.opaque_id = f"dk_notebook/{cluster.id}/{operation.id}"
        """How the server's tasks and logs call what runs for this."""
        self._own = asyncio.Lock()
        self._stopped = False
        self._asking: dict[asyncio.Timeout, asyncio.AbstractEventLoop] = {}

    @property
    def server(self) -> Server:
        """What the server is: its version, its cluster."""
        return self._cluster.server

    @property
    def cluster(self) -> Cluster:
        """The cluster, for what is remembered of it."""
        return self._cluster

    @property
    def config(self) -> ElasticsearchConfig:
        """The settings."""
        return self._cluster.config

    @property
    def width(self) -> int:
        """How many requests could run at the same time now."""
        return 1 + self._cluster.spare

    async def raw(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: bytes | Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        allowed: Collection[int] = (),
        query: str | None = None,
    ) -> Answer:
        """The status, headers and bytes that a node answers.

        ``path`` is quoted (`names.path`); of ``params`` those that are None are left out. A mapping as ``body`` is
        sent as JSON; NDJSON is bytes with the header ``content-type: NDJSON``. ``repeatable``: running it twice does
        what running it once does, so that another node may be asked when one is lost (None: as for GET and HEAD).
        ``allowed``: statuses of 400 and more that are answers, not errors. ``query``: the text of the caller's in
        which an error may name a place.

        ConnectionFailed: no node answers. Else what `errors.refused` makes of the server's words.
        """
        target = path + _query_string(params)
        sent = _encoded(body) if isinstance(body, Mapping) else body
        names = {"x-opaque-id": self.opaque_id, **(headers or {})}
        again = method in _READS if repeatable is None else repeatable
        async with self._place(), self._until_cut():
            answer = await self._cluster.perform(method, target, sent, names, repeatable=again)
        if answer.status >= 400 and answer.status not in allowed:
            raise self._refusal(answer, query)
        return answer

    def _refusal(self, answer: Answer, query: str | None) -> DkError:
        """The server's words; where the node cannot be used, with its place."""
        error = refused(answer.status, answer.body, query=query)
        if not isinstance(error, ConnectionFailed):
            return error
        hint = None if answer.status == 401 and self.config.has_password() else error.hint
        return ConnectionFailed(f"{self.config.location}: {error.message}", hint=hint)

    async def json(self, method: str, path: str, **how: Any) -> Any:
        """What `raw` answers, as Python objects; None where there is no body."""
        return (await self.raw(method, path, **how)).json()

    async def exists(self, path: str) -> bool:
        """Whether there is something at a path. ConnectionFailed, and QueryError where that may not be asked."""
        return (await self.raw("HEAD", path, allowed=(404,))).status != 404

    async def farewell(self, method: str, path: str, *, seconds: float = FAREWELL, **how: Any) -> bool:
        """Tell the server that something is not needed any more; whether it heard. Never raises but CancelledError.

        For ``finally``: it waits half a second at most, or ``seconds``. Where the server did not hear, the operation
        says so; the next farewell is sent all the same, and hardly waited for.
        """
        try:
            async with asyncio.timeout(BRIEF if self.operation.unheard else seconds):
                await self.raw(method, path, allowed=range(400, 600), **how)
        except (TimeoutError, CutOff):
            self.operation.unheard = True
            return False
        except DkError:  # the node is gone, and with it what it did
            return False
        return True

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """The session's own lease, or one that nobody else wants."""
        if self._own.locked() and self._cluster.spare:
            async with self._cluster.leases.lease(self.operation):
                yield
        else:
            async with self._own:
                yield

    @asynccontextmanager
    async def _until_cut(self) -> AsyncIterator[None]:
        """A block that `cut` ends, with ConnectionFailed."""
        scope = asyncio.timeout(None)
        try:
            async with scope:
                self._asking[scope] = asyncio.get_running_loop()
                yield
        except TimeoutError as error:
            if scope.expired():
                raise CutOff(f"{self.config.location}: the request was cut off") from error
            raise
        except asyncio.CancelledError:
            self._stopped = True
            raise
        finally:
            self._asking.pop(scope, None)

    # --- ends -------------------------------------------------------------------------------------------------------

    async def finish(self) -> None:
        """After a stop: see that nothing of this runs on at the server."""
        if self._stopped and not self.operation.unheard:
            self._stopped = False
            await self.stop_tasks()

    async def stop_tasks(self) -> bool:
        """Cancel what the server still does for this; whether it heard."""
        try:
            async with asyncio.timeout(FAREWELL):
                for task in await self.tasks():
                    await self.raw("POST", f"/_tasks/{task}/_cancel", allowed=range(400, 600))
        except (TimeoutError, CutOff):
            self.operation.unheard = True
            return False
        except DkError:  # the node is gone, and with it what it did
            return False
        return True

    async def tasks(self) -> list[str]:
        """The ids of the tasks that the server runs for this, those of others left out."""
        nodes = (await self.json("GET", "/_tasks", allowed=(403,)) or {}).get("nodes", {})
        return [
            id
            for node in nodes.values()
            for id, task in node.get("tasks", {}).items()  # noqa: A001 (the server's word)
            if task.get("headers", {}).get("X-Opaque-Id") == self.opaque_id
            and not task.get("action", "").startswith(_THIS_QUESTION)
            and task.get("cancellable")
            and not task.get("cancelled")
        ]

    def cut(self) -> None:
        """End what waits for an answer, from any thread; never waits, never raises."""
        for scope, loop in list(self._asking.items()):
            try:
                loop.call_soon_threadsafe(self._expire, scope)
            except RuntimeError:  # the loop is closed
                continue

    def _expire(self, scope: asyncio.Timeout) -> None:
        if scope in self._asking:
            scope.reschedule(asyncio.get_running_loop().time())


def _query_string(params: Mapping[str, Any] | None) -> str:
    """The parameters as they stand after a path.

    >>> _query_string({"size": 5, "refresh": True, "routing": None, "filter_path": ["a", "b"]})
    '?size=5&refresh=true&filter_path=a%2Cb'
    """
    said = {name: _word(value) for name, value in (params or {}).items() if value is not None}
    return f"?{urlencode(said)}" if said else ""


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(_word, value)) if isinstance(value, list | tuple) else str(value)


def _encoded(body: Mapping[str, Any]) -> bytes:
    """A body as JSON: dates, decimals, numpy's and pandas' values as the official client has them."""
    try:
        return _DUMP(body)
    except SerializationError as error:
        cause = error.errors[0] if error.errors else error
        raise ConfigError(f"the body of the query holds what JSON does not have: {cause}") from None
