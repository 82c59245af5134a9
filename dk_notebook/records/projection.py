"""The part of a document that a query selects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dk_notebook.records.filters import Field, found_values


def project(columns: Sequence[Field] | None, data: Mapping[str, Any], id: str) -> Mapping[str, Any]:  # noqa: A002
    """The fields of ``columns``, nested as they were; all of them for None. What is not there is left out.

    ``id`` is the field of that name if the document has one, else its key, as in conditions.

    >>> project([Field("place.city"), Field("id")], {"place": {"city": "Oslo", "zip": "0150"}, "n": 1}, "a1")
    {'place': {'city': 'Oslo'}, 'id': 'a1'}
    """
    if columns is None:
        return data
    chosen: dict[str, Any] = {}
    for field in columns:
        if field.name == "id" and found_values(field, data) is None:
            chosen["id"] = id
        else:
            _take(data, field.path, chosen)
    return chosen


def _take(node: Mapping[str, Any], path: Sequence[str], into: dict[str, Any]) -> None:
    name, *rest = path
    if name not in node:
        return
    value = node[name]
    if not rest:
        into[name] = value
    elif isinstance(value, Mapping):
        inner = into.setdefault(name, {})
        if inner is not value and isinstance(inner, dict):  # else all of it was taken already
            _take(value, rest, inner)
    elif isinstance(value, list):
        into[name] = [_inside(one, rest) for one in value] if name not in into else _merged(into[name], value, rest)


def _inside(value: Any, path: Sequence[str]) -> Any:
    """What is left of an element of a list on the way."""
    if isinstance(value, Mapping):
        made: dict[str, Any] = {}
        _take(value, path, made)
        return made
    return [_inside(one, path) for one in value] if isinstance(value, list) else None


def _merged(made: Any, value: list[Any], path: Sequence[str]) -> Any:
    """Another field taken out of the same list."""
    if made is value:
        return made
    for one, source in zip(made, value, strict=True):
        if isinstance(one, list):
            _merged(one, source, path)
        elif isinstance(one, dict):
            _take(source, path, one)
    return made
