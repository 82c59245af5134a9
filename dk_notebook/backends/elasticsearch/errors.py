"""What the driver and the server say went wrong, as ours: two tables and one seam.

The code of a QueryError is the server's own type of error (``index_not_found_exception``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import elastic_transport
import elasticsearch
import orjson

from dk_notebook.backends.elasticsearch.settings import tls
from dk_notebook.errors import Conflict, ConnectionFailed, DkError, NotFound, QueryError, Unsupported

DRIVER: dict[type[Exception], type[DkError]] = {
    elastic_transport.TransportError: ConnectionFailed,
    elastic_transport.ConnectionError: ConnectionFailed,
    elastic_transport.ConnectionTimeout: ConnectionFailed,
    elastic_transport.TlsError: ConnectionFailed,
    elastic_transport.SniffingError: ConnectionFailed,
    elastic_transport.SerializationError: QueryError,
    elastic_transport.ApiError: QueryError,
    elasticsearch.ApiError: QueryError,
    elasticsearch.UnsupportedProductError: ConnectionFailed,
    elasticsearch.NotFoundError: NotFound,
    elasticsearch.ConflictError: Conflict,
    elasticsearch.BadRequestError: QueryError,
    elasticsearch.AuthenticationException: ConnectionFailed,
    elasticsearch.AuthorizationException: QueryError,
}
"""What an exception of the driver becomes. A test walks its classes."""

_FULL = "the server has too much to do: fewer at once, or again later"

TYPES: dict[str, tuple[type[DkError], str | None]] = {
    # the server's type -> ours, and a hint where the server has none
    "index_not_found_exception": (NotFound, None),
    "aliases_not_found_exception": (NotFound, None),
    "resource_not_found_exception": (NotFound, None),
    "document_missing_exception": (NotFound, None),
    "resource_already_exists_exception": (Conflict, None),
    "invalid_alias_name_exception": (Conflict, None),
    "version_conflict_engine_exception": (Conflict, "read it again, and repeat the change on what is there now"),
    "security_exception": (QueryError, "the user or the key has no right to it"),
    "index_closed_exception": (QueryError, "POST /<index>/_open opens it"),
    "invalid_index_name_exception": (QueryError, "small letters, digits, - and _ will do"),
    "cluster_block_exception": (
        QueryError,
        "the index takes no writes: see its settings index.blocks.*, which a full disk sets too",
    ),
    "circuit_breaking_exception": (QueryError, "it takes more memory than the server gives it: ask for less at once"),
    "es_rejected_execution_exception": (QueryError, _FULL),
    "rejected_execution_exception": (QueryError, _FULL),
    "search_context_missing_exception": (QueryError, "the server forgot the search, as after a restart: run it again"),
    "too_many_buckets_exception": (QueryError, "a composite aggregation comes in pages"),
    "too_many_clauses": (QueryError, "fewer conditions"),
    "task_cancelled_exception": (QueryError, None),
    "master_not_discovered_exception": (ConnectionFailed, "the cluster is electing a master: again later"),
    "process_cluster_event_timeout_exception": (ConnectionFailed, None),
    "node_disconnected_exception": (ConnectionFailed, None),
    "node_closed_exception": (ConnectionFailed, None),
    "node_not_connected_exception": (ConnectionFailed, None),
    "no_shard_available_action_exception": (ConnectionFailed, "no node has the data now: again later"),
    "unavailable_shards_exception": (ConnectionFailed, "no node has the data now: again later"),
    "no_node_available_exception": (ConnectionFailed, None),
}
"""What is in no row is decided by the status."""

STATUSES: dict[int, tuple[type[DkError], str | None]] = {
    401: (ConnectionFailed, "username= and password=, or api_key=, tell who asks"),
    403: (QueryError, "the user or the key has no right to it"),
    404: (NotFound, None),
    409: (Conflict, None),
    413: (QueryError, "the server takes smaller requests: its setting http.max_content_length, or that of a proxy"),
    429: (QueryError, _FULL),
    502: (ConnectionFailed, None),
    503: (ConnectionFailed, None),
    504: (ConnectionFailed, None),
}

_WRAPPERS = frozenset(
    {
        "search_phase_execution_exception",
        "remote_transport_exception",
        "exception",
        "runtime_exception",
        "status_exception",
    }
)
"""They only say that something below went wrong."""

_OTHER_LOGINS = "additional_unsuccessful_credentials"
"""Where the server says what is wrong with a key."""
_ABSENT = re.compile(r"Unknown (?:column|index) \[")
"""ES|QL says so in errors of another type."""
_NO_SUCH_TYPE = re.compile(
    r"The mapper type \[(?:unsigned_long|scaled_float|wildcard|constant_keyword|version|geo_shape|histogram|"
    r"dense_vector|sparse_vector|semantic_text|counted_keyword)\] declared on field \[.*?\] does not exist"
)
"""A type of Elasticsearch that comes with a module or a newer version."""
_MEANT = re.compile(r",? did you mean (?:any of )?\[([^\]]+)\]\??")
_PLACE = re.compile(r"line (\d+):(\d+): ?")

_NOISE = [
    re.compile(r"\s*at \[Source: .*?line: \d+, column: \d+\]", re.S),
    re.compile(r"\s*Was expecting (?:one of)?:.*", re.S),
    re.compile(r"^Found 1 problem\n"),
]
"""What helps nobody; the first of them repeats the document."""

_VALUES = [
    re.compile(r"(?<=Preview of field's value: )'.*'", re.S),
    re.compile(r'(?<=For input string: )".*"', re.S),
    re.compile(r"(?<=failed to parse date field )\[.*\](?= with format \[)", re.S),
    re.compile(r"(?<=Numeric value )\(.*?\)", re.S),
    re.compile(r"(?<=[Vv]alue )\[.*?\](?= (?:is|has|out))", re.S),
    re.compile(r"(?<=document with id )'.*?'(?=[. ])", re.S),
    re.compile(r"^\[.*\](?=: version conflict)", re.S),
]
"""What a message has of documents: their values and ids."""
CHANGED = "…"


@dataclass(frozen=True)
class Fault:
    """What the server says about one error: the innermost that says something, and the whole chain of reasons."""

    type: str
    reason: str
    reasons: tuple[str, ...] = ()
    """Of the causes below, without those that repeat one above."""
    index: str | None = None
    resource: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


def fault_of(error: Any) -> Fault:
    """The ``error`` of an answer, or of an item of a bulk; in whatever form it comes.

    >>> fault_of({"type": "search_phase_execution_exception", "reason": "all shards failed", "root_cause": [
    ...           {"type": "query_shard_exception", "reason": "no mapping for [x]", "index": "t"}]})
    Fault(type='query_shard_exception', reason='no mapping for [x]', reasons=(), index='t', resource=None, more=...)
    """
    if isinstance(error, str):
        return Fault("", error)
    if not isinstance(error, Mapping):
        return Fault("", str(error))
    chain = [each for each in _chain(error) if each.get("reason") or each.get("type")]
    said = [each for each in chain if each.get("type") not in _WRAPPERS] or chain or [error]
    first = said[0]
    reasons: list[str] = []
    for reason in [str(first.get(_OTHER_LOGINS) or ""), *(str(each.get("reason") or "") for each in said[1:])]:
        if reason and not any(reason in other for other in (str(first.get("reason")), *reasons)):
            reasons.append(reason)
    return Fault(
        type=str(first.get("type") or ""),
        reason=str(first.get("reason") or first.get("type") or ""),
        reasons=tuple(reasons),
        index=first.get("index"),
        resource=first.get("resource.id"),
        more=error,
    )


def _chain(error: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The error, its root causes, what failed on the shards, and the causes of each."""
    yield error
    for name in ("root_cause", "failed_shards"):
        for each in list(error.get(name) or [])[:3]:
            inner = each.get("reason") if name == "failed_shards" else each
            if isinstance(inner, Mapping):
                yield from _chain(inner)
    cause = error.get("caused_by")
    if isinstance(cause, Mapping):
        yield from _chain(cause)


def message_of(fault: Fault) -> str:
    """The server's words, without values of documents.

    >>> message_of(Fault("document_parsing_exception", "failed to parse field [age] of type [long] in document with id "
    ...                  "'7'. Preview of field's value: 'ann'", ('For input string: "ann"',)))
    "failed to parse field [age] of type [long] in document with id …. Preview of field's value: …: For input string: …"
    """
    text = ": ".join([fault.reason, *fault.reasons])
    for pattern in _NOISE:
        text = pattern.sub("", text)
    for pattern in _VALUES:
        text = pattern.sub(CHANGED, text)
    return text.removeprefix(f"{CHANGED}: ") or fault.type or "the server says no reason"


def refused(status: int, body: bytes, *, query: str | None = None) -> DkError:
    """The error that an answer with a status of 400 and more is.

    ``query``: the text that the caller wrote, in which the message may name a place.
    """
    try:
        answer = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError:
        answer = {}
    error = answer.get("error") if isinstance(answer, Mapping) else None
    if error is None:
        error = f"the server answered with the status {status}"
    return of_fault(fault_of(error), status, query=query)


def of_fault(fault: Fault, status: int, *, query: str | None = None) -> DkError:
    """The error that the server describes."""
    ours, hint = TYPES.get(fault.type) or STATUSES.get(status) or (QueryError, None)
    if status == 401:
        ours, hint = STATUSES[401]
    if _ABSENT.search(fault.reason):
        ours = NotFound
    elif _NO_SUCH_TYPE.search(fault.reason):
        ours, hint = Unsupported, "types= chooses another one"
    message, position = _placed(message_of(fault), query)
    meant = _MEANT.findall(message)
    if len(meant) == 1:
        near = [repr(each) for each in meant[0].split(", ")]
        message = _MEANT.sub("", message)
        hint = f"did you mean {near[0] if len(near) == 1 else 'one of ' + ', '.join(near)}?"
    if not issubclass(ours, QueryError):
        return ours(message, hint=hint)
    code = "cancelled" if fault.type == "task_cancelled_exception" else fault.type or str(status)
    return ours(message, hint=hint, code=code, query=query, position=position)


def _placed(message: str, query: str | None) -> tuple[str, int | None]:
    """The message without ``line 1:5: ``, and that place as an offset in the query."""
    place = _PLACE.search(message)
    if place is None or query is None:
        return message, None
    lines = query.split("\n")
    line, column = int(place[1]), int(place[2])
    if not 1 <= line <= len(lines):
        return message, None
    before = sum(len(each) + 1 for each in lines[: line - 1])
    # The server counts characters from 1, those beyond the basic plane as one.
    return _PLACE.sub("", message), min(before + column - 1, len(query))


def translated(error: BaseException, where: str | None = None) -> DkError:
    """An exception of the driver as one of ours. ``where``: the nodes that were asked."""
    if isinstance(error, elastic_transport.ApiError):
        body = error.body
        inner = body.get("error", body) if isinstance(body, Mapping) else body or error.message
        if not isinstance(error, elasticsearch.UnsupportedProductError):
            return of_fault(fault_of(inner), error.meta.status)
    kind = next((DRIVER[each] for each in type(error).__mro__ if each in DRIVER), ConnectionFailed)
    message = ": ".join(each for each in (where, reason_of(error)) if each)
    return kind(message, hint=_hint(error))


def was_not_sent(error: BaseException) -> bool:
    """Whether the server surely got nothing of a request."""
    return isinstance(error.__cause__, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)


def is_late(error: BaseException) -> bool:
    """Whether there was no answer in time, to a request or to the attempt to connect."""
    return isinstance(error, elastic_transport.ConnectionTimeout) or isinstance(error.__cause__, TimeoutError)


def reason_of(error: BaseException) -> str:
    """Why a request got no answer, in a few words."""
    cause = error.__cause__ or error
    inner = getattr(cause, "os_error", None) or cause
    if isinstance(inner, ConnectionRefusedError):
        return "connection refused"
    if is_late(error) or isinstance(inner, TimeoutError):
        return "no answer in time"
    if isinstance(error, elastic_transport.TlsError):
        said = getattr(cause, "certificate_error", None) or inner
        return f"TLS: {getattr(said, 'verify_message', None) or getattr(said, 'reason', None) or said}"
    return getattr(inner, "strerror", None) or str(inner) or type(inner).__name__


def _hint(error: BaseException) -> str | None:
    cause = error.__cause__ or error
    for each in (getattr(cause, "certificate_error", None), getattr(cause, "os_error", None), cause):
        if isinstance(each, BaseException) and (found := tls.hint(each)):
            return found
    return None
