"""How a query was run, by the server's profile; and how a Query DSL body is understood, without running it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson
import pyarrow as pa

from dk_notebook.backends.base import Native
from dk_notebook.backends.elasticsearch import names
from dk_notebook.backends.elasticsearch.aggregations.tree import below_of, kind_of
from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.backends.elasticsearch.esql.lexer import commands
from dk_notebook.backends.elasticsearch.esql.parameters import Request
from dk_notebook.backends.elasticsearch.esql.query import asked, posted
from dk_notebook.backends.elasticsearch.request_body import split
from dk_notebook.backends.sql.plans import SCHEMA
from dk_notebook.errors import QueryError

Row = dict[str, Any]

_CLASS: Final = re.compile(r"(?:\[[^\]]*\] )?(?:[a-z]\w*\.)+[A-Z]\w*: ")
"""Java's name of an error, before what it says."""


async def explained(client: Client, query: Native, *, analyze: bool) -> pa.Table:
    """A row a node; see `Explainable.explain`.

    Without ``analyze`` nothing runs. Of a Query DSL body: the Lucene query that each index makes of it, and its
    aggregations. Of ES|QL, of which the server tells no plan before it has run: its commands, the last one first, under
    the columns and types of the result, for which the server checks the query. With ``analyze`` the query runs, and
    there is a tree of the shards with what each did, or of the drivers with their operators.
    """
    if isinstance(query.text, str):
        request = asked(client, query)
        if analyze:
            rows = _drivers((await posted(client, request, profile=True)).json())
        else:
            rows = _commands(request, (await posted(client, request, "\n| LIMIT 0")).json()["columns"])
    elif analyze:
        index, body = split(query)
        path = names.path(index, "_search") if index else "/_search"
        answer = await client.json("POST", path, body={**body, "profile": True}, repeatable=True)
        rows = _searches(answer)
    else:
        rows = await _understood(client, query)
    return pa.Table.from_pylist(list(rows), SCHEMA)


# --- what is told without running ----------------------------------------------------------------------------------


async def _understood(client: Client, query: Native) -> Iterator[Row]:
    index, body = split(query)
    searched = body.get("query") or {"match_all": {}}
    answer = await client.json(
        "POST",
        names.path(index or "_all", "_validate", "query"),
        params={"explain": True, "rewrite": True},
        body={"query": searched},
        repeatable=True,
    )
    told = answer.get("explanations") or []
    errors = [str(each["error"]) for each in (*told, answer) if "error" in each]
    if errors or not answer.get("valid"):
        reason = errors[0] if errors else "the query is not valid"
        said: list[str] = []
        for part in (_CLASS.sub("", each) for each in reason.split("; ")):
            if not any(part in each for each in said):
                said.append(part)
        raise QueryError(": ".join(said))
    return _rows_of(told, body)


def _rows_of(told: Sequence[Mapping[str, Any]], body: Mapping[str, Any]) -> Iterator[Row]:
    for each in told:
        yield _row(0, "query", f"{each.get('index')}: {each.get('explanation')}")
    yield from _asked_for(below_of(body), 0)


def _asked_for(level: Mapping[str, Any], depth: int) -> Iterator[Row]:
    for name, definition in level.items():
        found = kind_of(definition)
        if found is not None:
            yield _row(depth, found[0], f"{name}: {orjson.dumps(found[1], default=str).decode()}")
            yield from _asked_for(below_of(definition), depth + 1)


def _commands(request: Request, columns: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
    yield _row(0, "result", ", ".join(f"{each['name']} {each['type']}" for each in columns))
    for depth, command in enumerate(reversed(commands(request.source)), 1):
        word, _, rest = command.partition(" ")
        yield _row(depth, word.upper(), rest)


# --- the profile of a search ---------------------------------------------------------------------------------------


def _searches(answer: Mapping[str, Any]) -> Iterator[Row]:
    total = (answer.get("hits") or {}).get("total") or {}
    exact = total.get("value") if total.get("relation") == "eq" else None
    yield _row(0, "search", "", rows=exact, seconds=answer["took"] / 1000)
    for shard in (answer.get("profile") or {}).get("shards") or []:
        yield _row(1, "shard", str(shard.get("id")))
        for search in shard.get("searches") or []:
            for node in (*(search.get("query") or []), *(search.get("collector") or [])):
                yield from _timed(node, 2)
        for node in shard.get("aggregations") or []:
            yield from _timed(node, 2)
        if fetch := shard.get("fetch"):
            yield from _timed(fetch, 2)


def _timed(node: Mapping[str, Any], depth: int) -> Iterator[Row]:
    said = [node.get("description") or node.get("reason"), *_details(node.get("debug") or {})]
    yield _row(
        depth,
        str(node.get("type") or node.get("name")),
        "; ".join(str(each) for each in said if each),
        rows=(node.get("breakdown") or {}).get("collect_count"),
        seconds=_seconds(node.get("time_in_nanos")),
    )
    for child in node.get("children") or []:
        yield from _timed(child, depth + 1)


# --- the profile of ES|QL ------------------------------------------------------------------------------------------


def _drivers(answer: Mapping[str, Any]) -> Iterator[Row]:
    profile = answer.get("profile") or {}
    took = (profile.get("query") or {}).get("took_nanos")
    seconds = _seconds(took) if took is not None else answer.get("took", 0) / 1000
    yield _row(0, "query", "", rows=len(answer.get("values") or []), seconds=seconds)
    if planning := profile.get("planning"):
        yield _row(1, "planning", "", seconds=_seconds(planning.get("took_nanos")))
    for driver in profile.get("drivers") or []:
        where = driver.get("node_name")
        name = driver.get("description") or driver.get("task_description") or "driver"
        yield _row(1, str(name), f"on {where}" if where else "", seconds=_seconds(driver.get("took_nanos")))
        for operator in driver.get("operators") or []:
            yield _operator(operator)


def _operator(operator: Mapping[str, Any]) -> Row:
    name, _, inner = str(operator.get("operator")).partition("[")
    status = operator.get("status") or {}
    spent = [value for word, value in status.items() if word.endswith("_nanos") and isinstance(value, int)]
    told = {word: value for word, value in status.items() if word in ("processed_shards", "processed_queries")}
    return _row(
        2,
        name,
        "; ".join(each for each in (inner.removesuffix("]"), *_details(told)) if each),
        rows=status.get("rows_emitted", status.get("rows_received")),
        seconds=_seconds(sum(spent)) if spent else None,
    )


def _details(said: Mapping[str, Any]) -> list[str]:
    return [
        f"{name}: {', '.join(map(str, value)) if isinstance(value, list) else value}" for name, value in said.items()
    ]


def _seconds(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / 1e9


def _row(depth: int, node: str, detail: str, *, rows: int | None = None, seconds: float | None = None) -> Row:
    return {"depth": depth, "node": node, "detail": detail, "rows_estimated": None, "rows": rows, "seconds": seconds}
