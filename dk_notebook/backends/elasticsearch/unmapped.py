"""Fields that a request names and no index has: the server finds nothing in them, without a word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from dk_notebook.backends.elasticsearch import names
from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.errors import did_you_mean
from dk_notebook.frames.notices import warn

_OF_A_FIELD: Final = frozenset(
    {
        "term",
        "terms",
        "range",
        "prefix",
        "wildcard",
        "regexp",
        "fuzzy",
        "match",
        "match_phrase",
        "match_phrase_prefix",
        "match_bool_prefix",
    }
)
"""Queries that have the name of a field as a key."""
_BESIDE: Final = frozenset({"boost", "_name"})
"""Keys of theirs that are none."""
_INSIDE: Final[Mapping[str, tuple[str, ...]]] = {
    "bool": ("must", "filter", "should"),
    "boosting": ("positive",),
    "constant_score": ("filter",),
    "dis_max": ("queries",),
    "function_score": ("query",),
    "has_child": ("query",),
    "has_parent": ("query",),
    "nested": ("query",),
    "script_score": ("query",),
}
"""Queries of queries, and where these are. What a document must not match is not why it is not found."""


async def declared(
    client: Client, index: str, fields: Sequence[str], runtime: Any = None
) -> Mapping[str, Mapping[str, Any]]:
    """Of each field, or pattern, the types that the indices declare for it; those of a body (``runtime``) too.

    Inside of nested objects, multi-fields, aliases and the fields that begin with ``_`` are fields as well.
    """
    asked = {"fields": list(fields), **({"runtime_mappings": runtime} if runtime else {})}
    answer = await client.json("POST", names.path(index, "_field_caps"), body=asked, repeatable=True)
    found: Mapping[str, Mapping[str, Any]] = answer["fields"]
    return found


async def warn_of_unmapped(client: Client, index: str, fields: Iterable[str], runtime: Any = None) -> None:
    """Warn of each of these fields that no index has. Nothing is asked where there are none."""
    doubted = list(dict.fromkeys(fields))
    if not doubted:
        return
    known = await declared(client, index, ["*"], runtime)
    for field in doubted:
        if field in known or any("flattened" in known.get(above, ()) for above in _above(field)):
            continue  # what is below a flattened field is in no mapping
        hint = did_you_mean(field, [name for name in known if not name.startswith("_")])
        warn(f"no field {field!r} in {index!r}: nothing is found in it{f'; {hint}' if hint else ''}")


def _above(field: str) -> Iterator[str]:
    """The objects around a field.

    >>> list(_above("a.b.c"))
    ['a.b', 'a']
    """
    while "." in field:
        field = field.rpartition(".")[0]
        yield field


def searched(body: Mapping[str, Any]) -> list[str]:
    """The fields in which a body surely wants something found, each once. Patterns and the server's own are left out.

    >>> searched({"query": {"bool": {"filter": [{"term": {"a": 1}}, {"exists": {"field": "b"}}]}}})
    ['a', 'b']
    >>> searched({"query": {"query_string": {"query": "a:1"}}})
    []
    """
    found = dict.fromkeys(field for part in ("query", "post_filter") for field in _fields(body.get(part)))
    return [field for field in found if "*" not in field and not field.startswith("_")]


def _fields(query: Any) -> Iterator[str]:
    if isinstance(query, list | tuple):
        for each in query:
            yield from _fields(each)
    elif isinstance(query, Mapping):
        for kind, said in query.items():
            if isinstance(said, Mapping):
                yield from _of(kind, said)


def _of(kind: str, said: Mapping[str, Any]) -> Iterator[str]:
    if kind == "exists":
        yield from [said["field"]] if isinstance(said.get("field"), str) else []
    elif kind in _OF_A_FIELD:
        yield from (name for name in said if isinstance(name, str) and name not in _BESIDE)
    elif not said.get("ignore_unmapped"):
        for part in _INSIDE.get(kind, ()):
            yield from _fields(said.get(part))
