"""A cluster and its connections: the official client, how many may be used at once, and what the server is."""

from __future__ import annotations

import asyncio
import copy
import random
import re
import uuid
import warnings
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import elastic_transport
import orjson
from elastic_transport import AsyncTransport, HttpHeaders, NodeConfig, SerializerCollection
from elasticsearch import AsyncElasticsearch

from dk_notebook.backends.elasticsearch.config import ElasticsearchConfig
from dk_notebook.backends.elasticsearch.connections.node import WIRING, Node, Wiring
from dk_notebook.backends.elasticsearch.errors import is_late, refused, translated, was_not_sent
from dk_notebook.errors import ConnectionFailed, DkError
from dk_notebook.runtime.leases import Leases, PoolStatus
from dk_notebook.runtime.tasks import ended

KEPT_OPEN: Final = 15.0
"""Seconds between two looks at the connections that are kept open (``pool.connections``)."""
PAUSES: Final = (0.2, 1.0)
"""Seconds before a read is asked again that a node had no time for."""
BUSY: Final = frozenset({429, 502, 503, 504})
DEAD: Final = 5.0
"""Seconds at most for which a node that did not answer is asked only when no other does."""

LATE: Final = 10.0
"""Seconds for which a server that is late for a stop is still talked to."""

JSON: Final = "application/vnd.elasticsearch+json; compatible-with=8"
NDJSON: Final = "application/vnd.elasticsearch+x-ndjson; compatible-with=8"
"""The official client's types of bodies: a server of the next major version answers as this one would."""

_WARNING: Final = re.compile(r'\d{3} \S+ "((?:[^"\\]|\\.)*)"')


class Answer(NamedTuple):
    """What a server answered."""

    status: int
    headers: HttpHeaders
    body: bytes

    @property
    def warnings(self) -> list[str]:
        """The texts of the server's ``Warning`` headers."""
        return [re.sub(r"\\(.)", r"\1", text) for text in _WARNING.findall(self.headers.get("warning") or "")]

    def json(self) -> Any:
        """The body. ConnectionFailed: it is none."""
        try:
            return orjson.loads(self.body) if self.body else None
        except orjson.JSONDecodeError as error:
            raise ConnectionFailed(f"the answer is no JSON: {error}") from error


@dataclass(frozen=True)
class Server:
    """What the first node that answered says about itself."""

    version: tuple[int, ...] = ()
    """Empty: the user may not ask."""
    cluster: str = ""
    flavor: str = "default"

    @property
    def has_esql(self) -> bool:
        """Whether ES|QL is there: from 8.11 on. True where the version is not known: the server will tell."""
        return not self.version or self.version >= (8, 11)


class _Bytes(SerializerCollection):
    """Bodies as they are."""

    def dumps(self, data: Any, mimetype: str | None = None) -> bytes:  # noqa: ARG002 (the driver's signature)
        return bytes(data)

    def loads(self, data: bytes, mimetype: str | None = None) -> bytes:  # noqa: ARG002 (the driver's signature)
        return data


class Cluster:
    """The nodes of an `ElasticsearchConfig`, as one event loop uses them."""

    def __init__(self, config: ElasticsearchConfig) -> None:
        self.config = config
        self.server = Server()
        self.id = uuid.uuid4().hex[:12]
        """Begins the ids under which the server shows what runs for this."""
        nodes = config.nodes()
        self.leases = Leases(config.pool.max_size * len(nodes), config.pool.timeout)
        self.closed = False
        self._wiring = Wiring(
            connect_timeout=config.connect_timeout,
            connections=config.pool.max_size,
            tls={(node.name, node.port): config.tls_for(node) for node in nodes},
        )
        authorization = config.authorization()
        self._headers = {"accept": JSON} | ({"authorization": authorization.reveal()} if authorization else {})
        self.elasticsearch = AsyncElasticsearch(
            [
                NodeConfig(
                    scheme=node.scheme,
                    host=node.name,
                    port=node.port,
                    path_prefix=quote(node.prefix),
                    connections_per_node=config.pool.max_size,
                    http_compress=config.compresses(node),
                    request_timeout=None,  # a deadline is the operation's, and cancels
                    _extras={WIRING: self._wiring},
                )
                for node in nodes
            ],
            headers=dict(self._headers),
            node_class=Node,
            max_retries=0,
            dead_node_backoff_factor=1.0,
            max_dead_node_backoff=DEAD,
            randomize_nodes_in_pool=False,
        )
        # The same nodes, without making Python objects of pages that become Arrow.
        self._transport: AsyncTransport = copy.copy(self.elasticsearch.transport)
        self._transport.serializers = _Bytes()
        self._attempts = max(len(nodes), 2)
        self._timer: asyncio.TimerHandle | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    # --- opening ----------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Ask who is there, one attempt a node. ConnectionFailed: nobody answers, or it is no Elasticsearch."""
        self._loop = asyncio.get_running_loop()
        if self.config.is_readable_on_the_way():
            warnings.warn(
                f"{self.config.location}: the password or key travels without encryption; "
                "elasticsearch+https:// encrypts it",
                RuntimeWarning,
                stacklevel=2,
            )
        try:
            answer = await self._first_answer()
        except BaseException:
            await self.elasticsearch.close()
            raise
        if answer.status == 200:
            self.server = _server(answer.json())
        if self.config.pool.min_size:
            self._keep_open()

    async def _first_answer(self) -> Answer:
        """The answer of the first node that gives one; those before it count as dead."""
        refusals: list[ConnectionFailed] = []
        for node in self._nodes():
            try:
                return await self._asked(node)
            except ConnectionFailed as refusal:
                self._transport.node_pool.mark_dead(node)
                refusals.append(refusal)
        if len(refusals) == 1:
            raise refusals[0]
        hint = next((each.hint for each in refusals if each.hint), None)
        raise ConnectionFailed("; ".join(each.message for each in refusals), hint=hint) from refusals[-1]

    async def _asked(self, node: Node) -> Answer:
        where = node.base_url + (f", user {self.config.username!r}" if self.config.username else "")
        limit = self.config.connect_timeout
        try:
            meta, body = await node.perform_request(
                "GET", "/", headers=HttpHeaders(self._headers), request_timeout=limit
            )
        except elastic_transport.TransportError as error:
            failed = translated(error)
            reason = f"no answer within {limit:g} s" if is_late(error) else failed.message
            hint = failed.hint
            if hint is None and node.scheme == "http" and not (is_late(error) or was_not_sent(error)):
                hint = "if it speaks TLS: elasticsearch+https:// or https://"
            raise ConnectionFailed(f"{where}: {reason}", hint=hint) from error
        answer = Answer(meta.status, meta.headers, body)
        if answer.status in (401, 502, 503, 504):
            failed = refused(answer.status, answer.body)
            knows = answer.status == 401 and self.config.has_password()
            raise ConnectionFailed(f"{where}: {failed.message}", hint=None if knows else failed.hint)
        _check_product(answer, where)
        return answer

    # --- asking -----------------------------------------------------------------------------------------------------

    async def perform(
        self, method: str, target: str, body: bytes | None, headers: Mapping[str, str], *, repeatable: bool
    ) -> Answer:
        """The answer of a node, whatever its status; any connection of ours, without a lease.

        ConnectionFailed: none of the nodes could be asked. One that was and did not answer is replaced by another
        only where the request is ``repeatable``.
        """
        if not repeatable:
            # Two turns of the loop: an idle connection that the server has closed is noticed, and not written to.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        attempt = 0
        pauses = iter(PAUSES)
        while True:
            if self.closed:
                raise ConnectionFailed(f"the connection to {self.config.location} was closed")
            attempt += 1
            try:
                answer = await self._attempt(method, target, body, headers)
            except elastic_transport.TransportError as error:
                if attempt < self._attempts and (repeatable or was_not_sent(error)) and not self.closed:
                    continue
                raise translated(error, self.config.location) from error
            if answer.status < 400:
                _check_product(answer, self.config.location)
            elif repeatable and _is_busy(answer) and (pause := next(pauses, None)) is not None:
                # Not all at the same time again.
                await asyncio.sleep(pause * random.uniform(0.75, 1.25))  # noqa: S311 (no secret)
                continue
            return answer

    async def _attempt(
        self,
        method: str,
        target: str,
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> Answer:
        content = {"content-type": JSON} if body is not None else {}
        meta, received = await self._transport.perform_request(
            method,
            target,
            body=body,
            headers={**self._headers, **content, **headers},
            request_timeout=None,
            max_retries=0,
            retry_on_status=(),
        )
        return Answer(meta.status, meta.headers, received or b"")

    def begin(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Something that goes on, without a lease, when nobody waits for it any more; `close` ends it."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    def tell_late(self, tell: Callable[[], Awaitable[None]], *, name: str) -> asyncio.Task[None]:
        """What a server still is to hear that was late for a stop: `begin`, for `LATE` seconds at most.

        What comes of it is nobody's business any more: ``tell`` may raise DkError.
        """

        async def told() -> None:
            with suppress(TimeoutError, DkError):
                async with asyncio.timeout(LATE):
                    await tell()

        return self.begin(told(), name=name)

    # --- connections ------------------------------------------------------------------------------------------------

    @property
    def spare(self) -> int:
        """Leases that nobody holds or waits for."""
        return max(self.leases.max_size - self.leases.in_use - self.leases.waiting, 0)

    @property
    def is_wanted(self) -> bool:
        """Whether those with leases may need the connections on which something goes on for nobody (`begin`)."""
        return self.spare < len(self._background)

    def _keep_open(self) -> None:
        """Look, and look again later: a timer, so that nothing keeps the loop."""
        if self.closed or self._loop is None:
            return
        self._timer = self._loop.call_later(KEPT_OPEN, self._keep_open)
        self.begin(self._use_idle(), name="look at idle connections")

    async def _use_idle(self) -> None:
        """Use ``pool.connections`` of each node at the same time, so that there are as many, and all of them alive."""
        asking = [
            node.perform_request("HEAD", "/", headers=HttpHeaders(self._headers), request_timeout=KEPT_OPEN)
            for node in self._nodes()
            for _ in range(self.config.pool.min_size)
        ]
        # Of a node that does not answer, whoever needs it is told.
        await asyncio.gather(*asking, return_exceptions=True)

    def status(self) -> PoolStatus:
        """The figures. A session holds a lease from its beginning on, and more while it asks several things at once."""
        in_use = self.leases.in_use
        idle = max(self._wiring.open - in_use, 0)
        return PoolStatus(
            size=in_use + idle,
            max_size=self.leases.max_size,
            in_use=in_use,
            idle=idle,
            waiting=self.leases.waiting,
            opened=self._wiring.opened,
            reused=self._wiring.reused,
            broken=self._wiring.broken,
        )

    # --- the end ----------------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Close every connection."""
        self.closed = True
        if self._timer is not None:
            self._timer.cancel()
        await ended(self._background)
        await self.elasticsearch.close()

    def terminate(self) -> None:
        """Cut every connection, from any thread; never waits, never raises."""
        self.closed = True
        self._wiring.cut()
        if self._loop is None:
            return
        try:
            self._loop.call_soon_threadsafe(self._forget)
        except RuntimeError:  # the loop is closed
            self._forget()
            self._wiring.close()

    def _forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for node in self._nodes():
            node.forget()

    def _nodes(self) -> list[Node]:
        return [node for node in self._transport.node_pool.all() if isinstance(node, Node)]


def _is_busy(answer: Answer) -> bool:
    """Whether the same may well be answered a little later."""
    return answer.status in BUSY and b"circuit_breaking_exception" not in answer.body[:4096]


def _check_product(answer: Answer, where: str) -> None:
    """ConnectionFailed, in a sentence, for what is no Elasticsearch."""
    if answer.headers.get("x-elastic-product") == "Elasticsearch":
        return
    try:
        said = answer.json()
    except ConnectionFailed:
        said = None
    version = said.get("version") if isinstance(said, Mapping) else None
    version = version if isinstance(version, Mapping) else {}
    name = str(version.get("distribution") or "")
    if name.lower() == "opensearch":
        raise ConnectionFailed(
            f"{where} is OpenSearch {version.get('number', '')}, which is not Elasticsearch any more",
            hint="its own client is opensearch-py",
        )
    number = str(version.get("number") or "")
    if number and _numbers(number) < (7, 14):
        raise ConnectionFailed(f"{where} is Elasticsearch {number}; 8.0 is the oldest that is supported")
    raise ConnectionFailed(
        f"{where} answers, but not as Elasticsearch does (status {answer.status}, no header X-Elastic-Product)",
        hint="is it the address of Elasticsearch, and does a proxy on the way keep its headers?",
    )


def _server(said: Any) -> Server:
    version = said.get("version") if isinstance(said, Mapping) else None
    if not isinstance(version, Mapping):
        return Server()
    return Server(
        version=_numbers(str(version.get("number") or "")),
        cluster=str(said.get("cluster_name") or ""),
        flavor=str(version.get("build_flavor") or "default"),
    )


def _numbers(version: str) -> tuple[int, ...]:
    """The numbers of a version.

    >>> _numbers("8.19.21-SNAPSHOT")
    (8, 19, 21)
    """
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()
