"""How many rows the server of ES|QL gives, and what to say of a result that has exactly as many."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakKeyDictionary

from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.errors import DkError

KEPT: Final = 60.0
"""Seconds for which the settings of a cluster are remembered."""
_MAX: Final = "result_truncation_max_size"


@dataclass(frozen=True)
class Limits:
    """The cluster's settings; their defaults where they may not be read."""

    most: int = 10_000
    """Rows of any result."""


_known: WeakKeyDictionary[object, tuple[float, Limits]] = WeakKeyDictionary()


async def known(client: Client) -> Limits:
    """The cluster's limits, asked once a minute."""
    kept = _known.get(client.cluster)
    if kept is None or kept[0] < time.monotonic():
        kept = time.monotonic() + KEPT, await _asked(client)
        _known[client.cluster] = kept
    return kept[1]


async def _asked(client: Client) -> Limits:
    try:
        answer = await client.raw(
            "GET",
            "/_cluster/settings",
            params={"include_defaults": True, "filter_path": f"*.esql.query.{_MAX}"},
            allowed=range(400, 500),
        )
    except DkError:
        return Limits()
    said = answer.json() if answer.status < 400 else {}
    return _limits(said if isinstance(said, Mapping) else {})


def _limits(said: Mapping[str, Any]) -> Limits:
    """What an answer says, the strongest level first.

    >>> _limits({"defaults": {"esql": {"query": {"result_truncation_max_size": "500"}}}})
    Limits(most=500)
    """
    for level in ("transient", "persistent", "defaults"):
        most = said.get(level, {}).get("esql", {}).get("query", {}).get(_MAX)
        if most is not None:
            return Limits(int(most))
    return Limits()


def cut(rows: int, limits: Limits, *, added: int | None, limit: int | None) -> str | None:
    """What to say of a result of so many rows: nothing, or why rows may be missing and what to write instead.

    ``added``: the LIMIT that the server put to a query without one. ``limit``: the one that the caller asked for apart
    from the text.

    >>> cut(999, Limits(), added=1_000, limit=None)
    >>> print(cut(1_000, Limits(), added=1_000, limit=None))
    the query has no LIMIT, so the server stopped at 1,000 rows, and there are probably more: write | LIMIT 10000 ...
    >>> cut(10_000, Limits(), added=None, limit=10_000)
    """
    if added is not None and rows >= added:
        return (
            f"the query has no LIMIT, so the server stopped at {rows:,} rows, and there are probably more: "
            f"write | LIMIT {limits.most} (or the number you want), or limit="
        )
    if rows >= limits.most and (limit is None or limit > limits.most):
        return (
            f"the result has {rows:,} rows, the most that the server gives to ES|QL, and there are probably more: "
            "narrow it (WHERE, STATS), read the index with dk.read_table, which has no such end, or raise the "
            f"cluster's setting esql.query.{_MAX}"
        )
    return None
