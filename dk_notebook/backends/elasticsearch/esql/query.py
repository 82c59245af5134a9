"""ES|QL as Arrow: two requests, the first for the types and the second for the rows.

The Arrow format lets the values of a result decide about its columns, and refuses some types. So the same query with
``LIMIT 0``, which the server answers without reading a document (a few milliseconds), tells the columns and the types
that it declares for them; an error of the query comes from it too. The second request asks for what Arrow carries
(`esql_columns`), and a worker thread makes the table.
"""

from __future__ import annotations

import re
from typing import Any, Final

import pyarrow as pa

from dk_notebook.backends.base import Native
from dk_notebook.backends.elasticsearch.connections.client import Answer, Client
from dk_notebook.backends.elasticsearch.esql import columns as esql_columns
from dk_notebook.backends.elasticsearch.esql import limits as esql_limits
from dk_notebook.backends.elasticsearch.esql import warnings as esql_warnings
from dk_notebook.backends.elasticsearch.esql.columns import Column
from dk_notebook.backends.elasticsearch.esql.lexer import tokens
from dk_notebook.backends.elasticsearch.esql.parameters import Request, requested
from dk_notebook.backends.elasticsearch.esql.warnings import Said
from dk_notebook.errors import DkError, NotFound, QueryError, Unsupported, did_you_mean
from dk_notebook.frames.names import check_known
from dk_notebook.frames.notices import warn
from dk_notebook.frames.stream import ArrowStream
from dk_notebook.runtime.workers import in_worker

_LARGEST: Final = 2**31 - 1
"""The largest LIMIT that the language knows."""
_PARTIAL: Final = "allow_partial_results"
_HABITS: Final = [
    # What hands that write SQL put at the place of an error, and what is written instead.
    (re.compile(r":\s?([^\W\d]\w*)"), r"a parameter is written ?\1"),
    (re.compile("'"), "text stands in double quotes"),
    (
        re.compile("(?:select|with)\\b", re.I),
        "ES|QL begins with FROM, as in FROM logs | WHERE a > 1 | STATS n = COUNT(*) BY b",
    ),
]
_UNKNOWN: Final = re.compile(r"Unknown column \[([^\]]+)\]")


async def scan_esql(client: Client, query: Native, *, batch_rows: int | None) -> ArrowStream:
    """The result of ES|QL text; see `Session.scan`. ``query.arrays``: the columns whose values come as lists.

    It is in memory as a whole: the server gives 10,000 rows at most, and a warning says where it cut. Whatever fails on
    the server is an error, never a part of the result.
    """
    request = asked(client, query)
    tail = "" if query.limit is None else f"\n| LIMIT {min(query.limit, _LARGEST)}"
    columns = await _columns(client, request, query.arrays)
    limits = await esql_limits.known(client)
    answer = await posted(client, request, tail + esql_columns.shaping(columns), arrow=True)
    table = await in_worker(esql_columns.decoded, answer.body, columns)
    client.operation.count(table.num_rows, table.nbytes)
    said = esql_warnings.of(answer, request)
    _tell(table, columns, said, limits, query.limit)
    return ArrowStream.from_table(table, batch_rows=batch_rows)


def asked(client: Client, query: Native) -> Request:
    """The text and parameters for the server. Unsupported where it has no ES|QL."""
    assert isinstance(query.text, str)  # noqa: S101 (the session asks)
    if not client.server.has_esql:
        version = ".".join(map(str, client.server.version))
        raise _unsupported(f"the server has version {version}, and ES|QL is there from 8.11 on")
    request = requested(query.text, query.params)
    if not request.text.strip():
        raise QueryError("there is no statement in the text", query=query.text)
    return request


def _unsupported(reason: str) -> Unsupported:
    return Unsupported(
        f"elasticsearch: {reason}",
        hint="dk.read_table reads an index, and a Query DSL body (a dict) searches and aggregates",
    )


async def posted(client: Client, request: Request, tail: str = "", *, arrow: bool = False, **more: Any) -> Answer:
    """The answer to the query with commands after it, in JSON or in Arrow. ``more``: other parts of the body.

    An error points into the text that the caller wrote. Unsupported: the server has no ES|QL.
    """
    body = {"query": request.text + tail, **({"params": request.params} if request.params else {}), **more}
    how: dict[str, Any] = {"body": body, "repeatable": True, "query": request.text}
    params: dict[str, Any] = {"format": "arrow" if arrow else "json"}
    # Where a shard fails, an answer in Arrow does not tell that it is not whole.
    strict = {_PARTIAL: False} if not client.server.version or client.server.version >= (8, 19) else {}
    try:
        try:
            return await client.raw("POST", "/_query", params={**params, **strict}, **how)
        except QueryError as error:
            if client.server.version or _PARTIAL not in error.message:
                raise
        # The server did not tell its version, and it is an older one.
        return await client.raw("POST", "/_query", params=params, **how)
    except QueryError as error:
        if "no handler found" in error.message or error.code == "405":
            raise _unsupported("the server has no ES|QL") from error
        error.query = request.source
        if error.position is not None:
            error.position = request.rendered.user_offset(error.position)
            error.hint = error.hint or _habit(request.source, error.position)
        raise


def _habit(text: str, position: int) -> str | None:
    """A hint where something of SQL stands at the place of an error.

    >>> _habit("FROM t | WHERE a > :day", 19)
    'a parameter is written ?day'
    """
    found = ((pattern.match(text, position), hint) for pattern, hint in _HABITS)
    return next((match.expand(hint) for match, hint in found if match), None)


async def _columns(client: Client, request: Request, arrays: tuple[str, ...]) -> list[Column]:
    try:
        answer = await posted(client, request, "\n| LIMIT 0")
    except NotFound as error:
        error.hint = error.hint or await _nearest(client, request, error.message)
        raise
    columns = esql_columns.columns_of(answer.json()["columns"], arrays)
    check_known(arrays, [each.name for each in columns], "arrays")
    return columns


async def _nearest(client: Client, request: Request, message: str) -> str | None:
    """The column of the indices whose name is nearest to the unknown one; the server tells it now and then."""
    unknown = _UNKNOWN.search(message)
    if unknown is None:
        return None
    pipe = next((token.start for token in tokens(request.source) if token.text == "|"), len(request.source))
    try:
        answer = await posted(client, requested(request.source[:pipe], None), "\n| LIMIT 0")
    except DkError:
        return None
    return did_you_mean(unknown[1], [each["name"] for each in answer.json()["columns"]])


def _tell(table: pa.Table, columns: list[Column], said: Said, limits: esql_limits.Limits, limit: int | None) -> None:
    """Warn of what the result does not hold."""
    if said.texts:
        warn("the server warns: " + "\n".join(said.texts))
    if lost := esql_columns.original_types(columns):
        warn(f"ES|QL does not give the values of {lost}: they are NULL; dk.read_table reads them, DROP leaves them out")
    if cut := esql_limits.cut(table.num_rows, limits, added=said.added_limit, limit=limit):
        warn(cut)
