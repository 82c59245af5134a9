"""The indices of a scripted node: documents by id, and what bulk requests and a few others do to them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

INDEX = re.compile(r"/([^/_][^/]*)(?:/(_\w+)(?:/([^/]+))?)?")
SHARDS = {"total": 1, "successful": 1, "failed": 0}

REFUSALS: dict[int, tuple[str, str]] = {
    400: ("document_parsing_exception", "[1:6] failed to parse field [a] of type [long] in document with id '{id}'"),
    403: ("cluster_block_exception", "index [{index}] blocked by: [FORBIDDEN/8/index write (api)];"),
    404: ("index_not_found_exception", "no such index [{index}]"),
    409: ("version_conflict_engine_exception", "[{id}]: version conflict, document already exists"),
    429: ("es_rejected_execution_exception", "rejected execution of coordinating operation"),
    500: ("exception", "something went wrong"),
    503: ("unavailable_shards_exception", "[{index}][0] primary shard is not active"),
}
"""What is said with a status, in the words of a node."""


@dataclass(frozen=True)
class Item:
    """One of a bulk. ``attempt``: 1 where this document comes for the first time."""

    action: str
    index: str
    id: str
    source: Any
    attempt: int


class ScriptedIndices:
    def __init__(self) -> None:
        self.documents: dict[str, dict[str, Any]] = {}
        self.bodies: dict[str, Any] = {}
        """With what each index was made."""
        self.judge: Callable[[Item], int | None] = lambda _: None
        self.items: list[Item] = []
        """All that came in bulks, in order."""
        self._attempts: Counter[tuple[str, str]] = Counter()
        self._names = 0

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object] | None:
        """Status and body; None: it does not know that."""
        if path.endswith("/_bulk"):
            return self._bulk(unquote(path.removesuffix("/_bulk").removeprefix("/")), body)
        matched = INDEX.fullmatch(path)
        if matched is None:
            return None
        index, what, id_ = (part and unquote(part) for part in matched.groups())
        if method == "PUT" and what is None:
            return self._create(index, body)
        if index not in self.documents:
            return _missing(index)
        return self._ask(method, index, what, id_)

    def _create(self, index: str, body: bytes) -> tuple[int, object]:
        if index in self.documents:
            return _failed(400, "resource_already_exists_exception", f"index [{index}] already exists", index)
        self.documents[index], self.bodies[index] = {}, json.loads(body or b"{}")
        return 200, {"acknowledged": True, "shards_acknowledged": True, "index": index}

    def _ask(self, method: str, index: str, what: str | None, id_: str | None) -> tuple[int, object] | None:
        held = self.documents[index]
        match method, what, id_:
            case "HEAD", None, None:
                return 200, {}
            case "DELETE", None, None:
                del self.documents[index], self.bodies[index]
                return 200, {"acknowledged": True}
            case "GET", "_mapping", None:
                return 200, {index: {"mappings": self.bodies[index].get("mappings", {})}}
            case "GET", "_doc", str():
                found = {"found": True, "_source": held[id_]} if id_ in held else {"found": False}
                return 200 if id_ in held else 404, {"_index": index, "_id": id_, **found}
            case "GET" | "POST", "_count", None:
                return 200, {"count": len(held), "_shards": SHARDS}
            case "GET" | "POST", "_refresh", None:
                return 200, {"_shards": SHARDS}
        return None

    def _bulk(self, index: str, body: bytes) -> tuple[int, object]:
        answers = [{item.action: self._item(item)} for item in self._items(index, body)]
        errors = any("error" in answer for each in answers for answer in each.values())
        return 200, {"took": 1, "errors": errors, "items": answers}

    def _items(self, index: str, body: bytes) -> Iterator[Item]:
        lines = (json.loads(line) for line in body.split(b"\n") if line)
        for line in lines:
            ((action, meta),) = line.items()
            source = None if action == "delete" else next(lines)
            name = meta.get("_index", index)
            if (id_ := meta.get("_id")) is None:
                self._names += 1
                id_ = f"made-up-{self._names}"
            self._attempts[name, id_] += 1
            item = Item(action, name, id_, source, self._attempts[name, id_])
            self.items.append(item)
            yield item

    def _item(self, item: Item) -> dict[str, Any]:
        status = self.judge(item)
        done = self._do(item) if status is None or status < 300 else (status, "")
        where = {"_index": item.index, "_id": item.id}
        if done[0] >= 300 and not done[1]:
            return {**where, "status": done[0], **_refused(done[0], item)}
        return {**where, "_version": 1, "_seq_no": 0, "_primary_term": 1, "result": done[1], "status": done[0]}

    def _do(self, item: Item) -> tuple[int, str]:
        held = self.documents.setdefault(item.index, {})
        self.bodies.setdefault(item.index, {})
        there = item.id in held
        if item.action == "delete":
            held.pop(item.id, None)
            return (200, "deleted") if there else (404, "not_found")
        if item.action == "create" and there:
            return 409, ""
        if item.action not in ("index", "create"):
            raise NotImplementedError(f"a bulk of {item.action}")
        held[item.id] = item.source
        return (200, "updated") if there else (201, "created")


def _missing(index: str) -> tuple[int, object]:
    kind, reason = REFUSALS[404]
    return _failed(404, kind, reason.format(index=index), index)


def _failed(status: int, kind: str, reason: str, index: str) -> tuple[int, object]:
    """Of a whole request."""
    cause = {"type": kind, "reason": reason, "index": index}
    return status, {"error": {"root_cause": [cause], **cause}, "status": status}


def _refused(status: int, item: Item) -> dict[str, Any]:
    kind, reason = REFUSALS[status]
    return {"error": {"type": kind, "reason": reason.format(id=item.id, index=item.index), "index": item.index}}
