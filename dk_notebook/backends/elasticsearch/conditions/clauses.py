"""Query DSL put together: clauses as values, of which the trivial ones vanish."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

Clause = dict[str, Any]

ALL: Final[Clause] = {"match_all": {}}
NONE: Final[Clause] = {"match_none": {}}

MOST_TERMS: Final = 60_000
"""Values of one ``terms``: the server takes 65,536."""
DEEPEST: Final = 25
"""Clauses inside of clauses: the server takes 30."""


def both(*clauses: Clause) -> Clause:
    """What fulfils each of them.

    >>> both(ALL, exists("a"))
    {'exists': {'field': 'a'}}
    """
    parts = _without(ALL, clauses)
    if NONE in parts:
        return NONE
    return {"bool": {"filter": parts}} if len(parts) > 1 else parts[0] if parts else ALL


def either(*clauses: Clause) -> Clause:
    """What fulfils one of them.

    >>> either(NONE, exists("a"), exists("a"))
    {'exists': {'field': 'a'}}
    """
    parts = _without(NONE, clauses)
    if ALL in parts:
        return ALL
    return {"bool": {"should": parts, "minimum_should_match": 1}} if len(parts) > 1 else parts[0] if parts else NONE


def neither(*clauses: Clause) -> Clause:
    """What fulfils none of them."""
    parts = _without(NONE, clauses)
    if ALL in parts:
        return NONE
    return {"bool": {"must_not": parts}} if parts else ALL


def exists(field: str) -> Clause:
    """What has a value in the index."""
    return {"exists": {"field": field}}


def terms(field: str, values: Iterable[Any]) -> Clause:
    """What has one of these values."""
    return either(*({"terms": {field: part}} for part in _parts(list(values))))


def ids(keys: Sequence[str]) -> Clause:
    """What is stored under one of these keys."""
    return either(*({"ids": {"values": part}} for part in _parts(keys)))


def between(field: str, **bounds: Any) -> Clause:
    """What has a value between ``gte`` or ``gt``, and ``lte`` or ``lt``; None is no bound."""
    return {"range": {field: {name: bound for name, bound in bounds.items() if bound is not None}}}


def is_too_deep(clause: Any, left: int = DEEPEST) -> bool:
    """Whether the server would refuse it for the clauses inside of clauses."""
    inside = clause.get("bool") if isinstance(clause, dict) else None
    if inside is None:
        return False
    if not left:
        return True
    parts = [part for word in ("filter", "should", "must_not") for part in inside.get(word, ())]
    return any(is_too_deep(part, left - 1) for part in parts)


def _parts(values: Sequence[Any]) -> Iterator[list[Any]]:
    return (list(values[start : start + MOST_TERMS]) for start in range(0, len(values), MOST_TERMS))


def _without(trivial: Clause, clauses: Iterable[Clause]) -> list[Clause]:
    parts: list[Clause] = []
    for clause in clauses:
        if clause != trivial and clause not in parts:
            parts.append(clause)
    return parts
