"""A Query DSL body that asks for hits, taken apart: which, in which order, how many, which of their fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Final

import pyarrow as pa

from dk_notebook.backends.base import Native
from dk_notebook.backends.elasticsearch.fields import Field, Fields, Via, checked, is_named, runtime_field
from dk_notebook.backends.elasticsearch.request_body import split
from dk_notebook.backends.elasticsearch.types import METADATA, arrow_field
from dk_notebook.errors import ConfigError, QueryError

MOST_AT_ONCE: Final = 10_000
"""``from`` and ``size`` together, in one answer (``index.max_result_window``)."""

_OURS: Final = frozenset(
    {"size", "from", "sort", "_source", "fields", "docvalue_fields", "stored_fields", "track_total_hits"}
)
"""What is said anew in the requests that are sent."""
_ONE_ANSWER: Final = frozenset({"knn", "retriever", "rank", "rescore", "collapse", "search_after", "slice"})
"""What the server does not page through."""
_REFUSED: Final = {
    "pit": "a point in time is opened and closed here",
    "scroll": "all hits are read without it",
    "timeout": "the timeout= of the call is for all of it, and gives no part of the hits",
    "profile": "dk.explain shows how a query runs",
    "suggest": "it gives no hits",
}
_UNSCORED: Final = frozenset({"match_all", "match_none", "constant_score", "exists", "ids", "range"})
"""Queries that give each hit the same score."""
_ASKED: Final[tuple[tuple[str, Via], ...]] = (
    ("fields", "fields"),
    ("docvalue_fields", "docvalues"),
    ("stored_fields", "stored"),
)
"""Where a body names fields, and where their values then come from."""


@dataclass(frozen=True, kw_only=True)
class SearchBody:
    """What a body says."""

    index: str
    query: Mapping[str, Any]
    """What is sent as it is."""
    sort: tuple[Any, ...]
    """The body's order; without one by score, where hits differ in it."""
    first: int
    """Hits left out at the beginning."""
    size: int | None
    """Hits wanted; None: all."""
    once: bool
    """Whether it is one answer that cannot be paged through."""
    asked: Mapping[str, Any]
    """``_source``, ``fields`` and the like."""

    @classmethod
    def of(cls, query: Native) -> SearchBody:
        """The parts of a body. ConfigError: what cannot be, or what is said elsewhere.

        >>> body = SearchBody.of(Native(text={"index": "t", "query": {"match": {"a": "b"}}, "size": 5}))
        >>> body.index, body.size, body.sort, body.once
        ('t', 5, ('_score',), False)
        """
        index, said = split(query)
        for name, why in _REFUSED.items():
            if name in said:
                raise ConfigError(f"{name!r} in the body: {why}")
        size = _count(said, "size")
        if query.limit is not None:
            size = query.limit if size is None else min(size, query.limit)
        once = any(said.get(name) for name in _ONE_ANSWER)
        return cls(
            index=str(index),
            query={name: value for name, value in said.items() if name not in _OURS},
            sort=_sort(said, scored=not once),
            first=_count(said, "from") or 0,
            size=size,
            once=once,
            asked={name: value for name, value in said.items() if name in _OURS},
        )

    def of_one_answer(self) -> dict[str, Any]:
        """The body of the one request."""
        sort = {"sort": list(self.sort)} if self.sort else {}
        return {**self.query, **sort, **({"from": self.first} if self.first else {})}

    @property
    def size_of_one_answer(self) -> int:
        """Hits of the one answer."""
        if self.size is not None:
            return self.size
        windows = [each for each in (self.query.get("retriever") or {}).values() if isinstance(each, Mapping)]
        sizes = [each["rank_window_size"] for each in windows if "rank_window_size" in each]
        return int(sizes[0]) if sizes else MOST_AT_ONCE - self.first

    @property
    def sort_type(self) -> pa.DataType | None:
        """The type of the sort values of pages, where it is known."""
        return pa.float64() if self.sort == ("_score",) else None if self.sort else pa.int64()

    def check_complete(self, rows: int) -> None:
        """QueryError, where one answer may not hold all hits and nobody said how many are wanted."""
        if self.size is None and rows >= MOST_AT_ONCE - self.first:
            raise QueryError(
                f"there may be more than {rows:,} hits, and the server does not page through such a query",
                code="result_window",
                hint='"size" in the body says how many are wanted',
            )


def _count(said: Mapping[str, Any], name: str) -> int | None:
    value = said.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not hasattr(value, "__index__") or int(value) < 0:
        raise ConfigError(f"{name!r} of the body is a whole number of at least 0, not {value!r}")
    return int(value)


def _sort(said: Mapping[str, Any], *, scored: bool) -> tuple[Any, ...]:
    """The order of the body; without one the best hits come first, where they have scores."""
    sort = said.get("sort")
    if sort is not None:
        return tuple(sort) if isinstance(sort, list | tuple) else (sort,)
    wants_score = "_score" in _names(said.get("fields"))
    return ("_score",) if scored and (wants_score or is_scored(said.get("query"))) else ()


def is_scored(query: Any) -> bool:
    """Whether hits of a query may differ in their scores.

    >>> is_scored({"match": {"title": "sun"}}), is_scored({"bool": {"filter": [{"term": {"a": 1}}]}})
    (True, False)
    """
    if not isinstance(query, Mapping) or not query:
        return False
    if _UNSCORED.issuperset(query):
        return False
    inner = query.get("bool")
    if len(query) == 1 and isinstance(inner, Mapping):
        return any(inner.get(part) for part in ("must", "should"))
    return True


# --- which columns --------------------------------------------------------------------------------------------------


def columns_of(body: SearchBody, fields: Fields, named: Sequence[str]) -> tuple[list[Field], bool]:
    """The columns of the hits, and whether they are all of the documents.

    First those of ``_source``, then those of ``fields``, ``docvalue_fields``, ``stored_fields``, scripts and
    highlights, then the ``named`` ones that only hits have. NotFound: a field that is not there.
    """
    asked = body.asked
    # Without a word about it, stored fields come instead of the document.
    source = asked.get("_source", not asked.get("stored_fields"))
    chosen = {each.name: each for each in _of_source(fields, source)}
    runtime = {name: runtime_field(name, spec) for name, spec in (body.query.get("runtime_mappings") or {}).items()}
    for part, via in _ASKED:
        for name in _names(asked.get(part)):
            for each in _matching(fields, runtime, name):
                # Where there is no document, nothing can be read out of it.
                kept = each.via == "hit" or (via == "fields" and each.via in ("docvalues", "stored"))
                chosen[each.name] = each if kept else replace(each, via=via)
    for name in body.query.get("script_fields") or {}:
        chosen[name] = Field(name=name, type="script", arrow=arrow_field(name, "script"), via="script")
    if body.query.get("highlight"):
        shown = arrow_field("highlight", "highlight")
        chosen["highlight"] = Field(name="highlight", type="highlight", arrow=shown, via="hit")
    chosen |= {name: fields.find(name) for name in named if name in METADATA and name not in chosen}
    if not chosen and source is not True:
        chosen["_id"] = fields.find("_id")
    return checked(list(chosen.values()), fields.table), source is True and bool(chosen)


def _of_source(fields: Fields, source: Any) -> Iterable[Field]:
    """The columns that ``_source`` leaves."""
    if isinstance(source, bool) or source is None:
        return [] if source is False else fields.shown()
    if isinstance(source, Mapping):
        includes = _texts(source.get("includes", source.get("include")))
        excludes = _texts(source.get("excludes", source.get("exclude")))
    else:
        includes, excludes = _texts(source), []
    for name in includes:
        if "*" not in name and not fields.matching([name]):
            fields.find(name)  # NotFound, with what it may have been
    return [each for each in fields.matching(includes or ["*"]) if not is_named(each.name, excludes)]


def _matching(fields: Fields, runtime: Mapping[str, Field], name: str) -> list[Field]:
    """The fields of a name, or of a pattern."""
    if "*" not in name:
        return [runtime[name] if name in runtime else fields.find(name)]
    return [each for each in {**fields.all, **runtime}.values() if fnmatchcase(each.name, name)]


def _names(said: Any) -> list[str]:
    """The names in a list of fields, which may be objects with a format."""
    found = []
    for each in _texts(said):
        name = each.get("field") if isinstance(each, Mapping) else each
        if not isinstance(name, str):
            raise ConfigError(f"a field of the body is named by text, not by {type(name).__name__}")
        found.append(name)
    return found


def _texts(said: Any) -> list[Any]:
    if said is None:
        return []
    return list(said) if isinstance(said, list | tuple) else [said]
