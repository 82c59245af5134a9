"""What a cluster holds: indices, aliases, data streams, and their columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from dk_notebook.backends.elasticsearch import names
from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.backends.elasticsearch.mappings import fields_of
from dk_notebook.backends.sql.described import described
from dk_notebook.errors import DkError, NotFound, did_you_mean

TABLES = pa.schema(
    [
        ("schema", pa.string()),
        ("table", pa.string()),
        ("kind", pa.string()),
        ("rows", pa.int64()),
        ("bytes", pa.int64()),
    ]
)

_MISSING_INDEX = "index_not_found_exception"


async def tables(client: Client) -> pa.Table:
    """The answer of `Browsable.tables`, without the system's own. Rows and bytes: NULL where the user may not ask."""
    found = await _resolved(client)
    sizes = await _sizes(client)
    rows: list[dict[str, Any]] = []
    for index in found.get("indices", []):
        closed = "closed" in index.get("attributes", [])
        rows.append(_row(index["name"], "closed index" if closed else "index", [index["name"]], sizes))
    rows += [_row(alias["name"], "alias", _list(alias["indices"]), sizes) for alias in found.get("aliases", [])]
    rows += [
        _row(stream["name"], "data stream", _list(stream["backing_indices"]), sizes)
        for stream in found.get("data_streams", [])
    ]
    shown = [row for row in rows if not row["table"].startswith(".")]
    return pa.Table.from_pylist(sorted(shown, key=lambda row: (row["table"], row["kind"])), schema=TABLES)


async def describe(client: Client, table: str) -> pa.Table:
    """The answer of `Browsable.columns`. NotFound; of several indices a column each time that one has it, once."""
    fields = await fields_of(client, table)
    return described(
        [field.arrow for field in fields],
        types=[field.type for field in fields],
        nullable=[True] * len(fields),
        keys=[None] * len(fields),
        defaults=[None] * len(fields),
    )


async def suggested(client: Client, error: NotFound) -> NotFound:
    """The error with the nearest name, where it is an index that is missing and the names may be asked."""
    missing = _missing(error)
    if error.hint or missing is None:
        return error
    try:
        found = await _resolved(client)
    except DkError:
        return error
    known = [each["name"] for kind in ("indices", "aliases", "data_streams") for each in found.get(kind, [])]
    error.hint = did_you_mean(missing, [name for name in known if not name.startswith(".")])
    return error


def _missing(error: NotFound) -> str | None:
    """The index that is missing: the server writes ``no such index [name]`` and ``Unknown index [name]``."""
    if error.code != _MISSING_INDEX and "Unknown index [" not in error.message:
        return None
    _, bracket, rest = error.message.partition("index [")
    name, closed, _ = rest.partition("]")
    return name if bracket and closed and names.is_one(name) else None


async def _resolved(client: Client) -> Mapping[str, Any]:
    """Names of all that can be read, as the server tells them."""
    answer: Mapping[str, Any] = await client.json(
        "GET", "/_resolve/index/*", params={"expand_wildcards": "open,closed"}
    )
    return answer


async def _sizes(client: Client) -> dict[str, tuple[int, int]]:
    """Documents and bytes of each index that is open, its copies not counted. Empty: the user may not ask."""
    answer = await client.raw(
        "GET",
        "/_stats/docs,store",
        params={
            "expand_wildcards": "all",
            "forbid_closed_indices": False,
            "filter_path": "indices.*.primaries.docs.count,indices.*.primaries.store.size_in_bytes",
        },
        allowed=(403,),
    )
    indices = (answer.json() or {}).get("indices", {}) if answer.status < 400 else {}
    return {
        name: (said["primaries"]["docs"]["count"], said["primaries"]["store"]["size_in_bytes"])
        for name, said in indices.items()
        if "docs" in said.get("primaries", {})
    }


def _row(name: str, kind: str, indices: Iterable[str], sizes: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
    found = [sizes.get(index) for index in indices]
    known = [size for size in found if size is not None]
    told = len(known) == len(found)
    return {
        "table": name,
        "kind": kind,
        "rows": sum(rows for rows, _ in known) if told else None,
        "bytes": sum(size for _, size in known) if told else None,
    }


def _list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
