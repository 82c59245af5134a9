"""``replace``: new contents in an index of their own, to which an alias moves in one step.

The first ``replace`` of ``flights`` makes the index ``flights-000001`` and the alias ``flights``, the next one
``flights-000002``, and so on. What the alias stood for before is deleted where a ``replace`` had made it, as soon as
nobody reads it any more, and left alone where somebody else had. Where ``flights`` is an index itself, the alias takes
its place, in one step too.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dk_notebook.backends.elasticsearch import names
from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.backends.elasticsearch.writing import destination
from dk_notebook.backends.elasticsearch.writing.destination import Destination
from dk_notebook.errors import ConfigError, ConnectionFailed, QueryError, Unsupported
from dk_notebook.runtime.tasks import heard_out

Outcome = Literal["not begun", "refused", "moved", "unknown"]

READERS = 2.0
"""Seconds that searches of the old contents get to end."""


@dataclass(frozen=True)
class Swap:
    """How an alias comes to stand for a new index."""

    alias: str
    index: str
    actions: tuple[Mapping[str, Any], ...]
    """Of one request, which does all of them or none."""
    replaced: tuple[str, ...]
    """The index whose name the alias takes: gone by the same request."""
    deleted: tuple[str, ...]
    """Those that are deleted after it."""
    left: tuple[str, ...]

    @property
    def note(self) -> str:
        """What the report says of it."""
        parts = [f"{self.alias!r} is an alias now, for {self.index}; it moved in one step"]
        gone = (*self.replaced, *self.deleted)
        parts += [f"deleted: {', '.join(gone)}"] if gone else []
        parts += [f"left as it was, since no replace had made it: {', '.join(self.left)}"] if self.left else []
        return "; ".join([*parts, "what others wrote to the old contents meanwhile is not in the new ones"])


async def planned(client: Client, name: str, there: Destination | None) -> Swap:
    """How ``name`` will come to stand for a new index. Changes nothing.

    Unsupported: it is a data stream. ConfigError: it is an alias of a part of an index.
    """
    if there is not None and there.kind == "data stream":
        raise Unsupported(
            f"elasticsearch: {name!r} is a data stream, whose contents cannot be replaced",
            hint='mode="append" adds to it',
        )
    taken = await _numbers(client, name)
    index = names.checked(f"{name}-{max(taken.values(), default=0) + 1:06d}")
    actions: list[Mapping[str, Any]] = [{"add": {"index": index, "alias": name}}]
    replaced: list[str] = []
    deleted: list[str] = []
    left: list[str] = []
    for old in there.indices if there is not None else ():
        if "filter" in old.aliases.get(name, {}):
            raise ConfigError(f"{name!r} is an alias with a filter, for a part of {old.name}", hint="replace the index")
        if old.name == name or old.of == name:
            actions += [_moved(index, alias, said) for alias, said in old.aliases.items() if alias != name]
        if old.name == name:
            actions.append({"remove_index": {"index": old.name}})
            replaced.append(old.name)
            continue
        others = list(old.aliases) if old.of == name else [name]
        actions += [{"remove": {"index": old.name, "alias": alias}} for alias in others]
        (deleted if old.of == name else left).append(old.name)
    if there is not None and there.kind == "alias":
        numbers = [taken[old.name] for old in there.indices if old.name in taken]
        deleted += await _stale(client, name, [each for each, at in taken.items() if at < min(numbers, default=0)])
    return Swap(name, index, tuple(actions), tuple(replaced), tuple(deleted), tuple(left))


def _moved(index: str, alias: str, said: Mapping[str, Any]) -> Mapping[str, Any]:
    """Another alias of an index that goes: it follows, with its filter and its routing."""
    return {"add": {"index": index, "alias": alias, **said}}


async def _numbers(client: Client, name: str) -> dict[str, int]:
    """The names that a ``replace`` may have given, and their numbers."""
    pattern = re.compile(re.escape(name) + r"-(\d{6,})")
    answer = await client.raw(
        "GET", names.path("_resolve", "index", f"{name}-*"), params={"expand_wildcards": "all"}, allowed=(403, 404)
    )
    said = answer.json() if answer.status < 400 else {}
    every = [each["name"] for kind in ("indices", "aliases", "data_streams") for each in said.get(kind, [])]
    return {each: int(match[1]) for each in every if (match := pattern.fullmatch(each))}


async def _stale(client: Client, name: str, older: Sequence[str]) -> list[str]:
    """Those of the older indices that are ours, and that nobody got round to delete."""
    found = [each for index in older if (each := await destination.found(client, index)) is not None]
    return [index.name for each in found for index in each.indices if index.of == name and not index.aliases]


async def delete_old(client: Client, swap: Swap) -> None:
    """Delete what the alias stood for, once the searches that began there have ended: they would fail.

    Some seconds at most are waited for them. What cannot be deleted stays, for the next ``replace`` to delete.
    """
    until = time.monotonic() + READERS
    for index in swap.deleted:
        while await _is_read(client, index) and time.monotonic() < until:  # noqa: ASYNC110 (the server tells no end)
            await asyncio.sleep(0.1)
        await client.raw("DELETE", names.path(index), allowed=range(400, 600))


async def _is_read(client: Client, index: str) -> bool:
    """Whether a search runs there, or has something open."""
    answer = await client.raw(
        "GET",
        names.path(index, "_stats", "search"),
        params={"filter_path": "_all.total.search"},
        allowed=range(400, 600),
    )
    if answer.status >= 400:
        return False
    search = answer.json().get("_all", {}).get("total", {}).get("search", {})
    return any(search.get(what, 0) for what in ("open_contexts", "query_current", "fetch_current", "scroll_current"))


class Move:
    """An alias on its way. ``outcome`` tells, whatever was raised, whether the new index may be deleted."""

    def __init__(self, client: Client, swap: Swap) -> None:
        self._client = client
        self._swap = swap
        self.outcome: Outcome = "not begun"

    async def run(self) -> None:
        """Move it. Whoever stops it meanwhile waits half a second at most for the server's answer.

        QueryError: the server refused, and nothing was changed.
        """
        self.outcome = "unknown"
        asked = asyncio.ensure_future(self._asked())
        try:
            await heard_out(asked)
        finally:
            asked.cancel()

    async def _asked(self) -> None:
        try:
            answer = await self._client.json("POST", "/_aliases", body={"actions": list(self._swap.actions)})
        except QueryError:
            self.outcome = "refused"
            raise
        except ConnectionFailed:
            if not await self._has_moved():
                self.outcome = "refused"
                raise
        else:
            if not answer.get("acknowledged") and not await self._has_moved():
                raise QueryError(f"the server does not say that {self._swap.alias!r} is an alias of {self._swap.index}")
        self.outcome = "moved"

    async def _has_moved(self) -> bool:
        """Asked where the answer was lost. ConnectionFailed: nobody answers."""
        there = await destination.found(self._client, self._swap.alias)
        return there is not None and [index.name for index in there.indices] == [self._swap.index]
