"""The pages of composite aggregations: what is asked next, and what of it is new."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Final

from dk_notebook.backends.elasticsearch.aggregations.kinds import KEYED, shape_of
from dk_notebook.backends.elasticsearch.aggregations.tree import Aggregation, Tree, below_of, kind_of

PAGE: Final = 10_000
NESTED_PAGE: Final = 1_000
"""Buckets a page, where the request does not say; where each has buckets below it: a server gives 65,536 in all."""


def first_request(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body as it is sent: without hits, with large pages, and with dates and percentiles as numbers.

    >>> first_request({"aggs": {"p": {"percentiles": {"field": "x"}}}})["aggs"]
    {'p': {'percentiles': {'field': 'x', 'keyed': False}}}
    """
    request = {"track_total_hits": False, **copy.deepcopy(dict(body)), "size": 0}
    _prepare(below_of(request))
    return request


def _prepare(level: Mapping[str, Any]) -> None:
    for definition in level.values():
        found = kind_of(definition)
        if found is None:
            continue
        kind, said = found
        if isinstance(said, dict):
            if kind in KEYED:
                said["keyed"] = False
            elif kind == "composite":
                said.setdefault("size", NESTED_PAGE if _has_buckets(below_of(definition)) else PAGE)
                _without_formats(said.get("sources"))
            elif kind == "multi_terms":
                for term in said.get("terms") or []:
                    term.pop("format", None)
        _prepare(below_of(definition))


def _has_buckets(level: Mapping[str, Any]) -> bool:
    found = [(kind_of(definition), below_of(definition)) for definition in level.values()]
    return any(kind is not None and (shape_of(kind[0]) == "buckets" or _has_buckets(below)) for kind, below in found)


def _without_formats(sources: Any) -> None:
    """Keys in a format of their own are text that no type says how to read."""
    for source in sources or []:
        for inner in source.values() if isinstance(source, Mapping) else []:
            for said in inner.values() if isinstance(inner, Mapping) else []:
                if isinstance(said, dict):
                    said.pop("format", None)


def next_request(request: Mapping[str, Any], tree: Tree, answer: Mapping[str, Any]) -> dict[str, Any] | None:
    """The request for the next page of each composite aggregation that has one; None: there is none."""
    level = _next_level(below_of(request), tree.roots, answer)
    if not level:
        return None
    rest = {name: said for name, said in request.items() if name not in ("aggs", "aggregations")}
    return {**rest, "aggs": level}


def _next_level(
    level: Mapping[str, Any], aggregations: Sequence[Aggregation], answer: Mapping[str, Any]
) -> dict[str, Any]:
    following: dict[str, Any] = {}
    for each in aggregations:
        definition, said = level[each.name], answer.get(each.name) or {}
        if each.kind == "composite" and said.get("after_key") and said.get("buckets"):
            following[each.name] = {**definition, "composite": {**definition["composite"], "after": said["after_key"]}}
        elif each.shape == "bucket":
            inner = _next_level(below_of(definition), each.below, said)
            if inner:
                kept = {name: part for name, part in definition.items() if name not in ("aggs", "aggregations")}
                following[each.name] = {**kept, "aggs": inner}
    return following


def merged(level: Sequence[Aggregation], first: Mapping[str, Any], page: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of a later page with the values that only the first one told; without the first one's buckets."""
    answer: dict[str, Any] = {}
    for each in level:
        told, new = first.get(each.name) or {}, page.get(each.name) or {}
        if not each.is_branch:
            answer[each.name] = told
        elif each.shape == "buckets":
            answer[each.name] = new
        else:
            answer[each.name] = {**told, **merged(each.below, told, new)}
    return answer
