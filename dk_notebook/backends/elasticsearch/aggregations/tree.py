"""The tree of aggregations that a Query DSL body asks for, and the columns of the table that it becomes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from dk_notebook.backends.elasticsearch.aggregations.kinds import (
    NAMED_SOURCES,
    FormOf,
    Part,
    Shape,
    key_parts,
    metric_parts,
    shape_of,
)
from dk_notebook.errors import ConfigError
from dk_notebook.frames.names import unique

_OTHERS: Final = frozenset({"aggs", "aggregations", "meta"})
"""What stands beside the kind of an aggregation."""
_TAKEN: Final = frozenset({"doc_count", "key"})
COUNT: Final = Part("doc_count", "integer", lambda answer: answer.get("doc_count"))
WHICH: Final = Part("aggregation", "text", lambda answer: None)  # noqa: ARG005 (set for a row, not found in an answer)


@dataclass(frozen=True)
class Column:
    """A column, and where it belongs in the tree."""

    part: Part
    path: tuple[str, ...]
    """The names of the aggregations above, and of its own."""

    def name(self, above: int = 0) -> str:
        """Its aggregation's name and the part's, after the names of so many aggregations above.

        >>> [Column(COUNT, ("carrier", "late")).name(above) for above in range(3)]
        ['doc_count', 'late.doc_count', 'carrier.late.doc_count']
        """
        if self.part is COUNT:
            return ".".join([*self.path[len(self.path) - above :], COUNT.suffix])
        own = self.path[-1] if self.path else ""
        return ".".join([*self.path[len(self.path) - 1 - above : -1], own + self.part.suffix])

    @property
    def height(self) -> int:
        """How many aggregations there are above."""
        return len(self.path) if self.part is COUNT else max(len(self.path) - 1, 0)


@dataclass(frozen=True, eq=False)
class Aggregation:
    """An aggregation of the tree."""

    name: str
    kind: str
    body: Mapping[str, Any]
    shape: Shape
    path: tuple[str, ...]
    below: tuple[Aggregation, ...] = ()
    columns: tuple[Column, ...] = ()
    """Its own: of its keys, or of its values."""

    @property
    def is_branch(self) -> bool:
        """Whether it gives rows: it has buckets, or one of those below it has."""
        return self.shape == "buckets" or (self.shape == "bucket" and any(each.is_branch for each in self.below))


@dataclass(frozen=True)
class Tree:
    """All aggregations of a body."""

    roots: tuple[Aggregation, ...]
    columns: tuple[Column, ...] = field(default=())
    """In the order of the table: keys, the count of the row, values."""
    names: tuple[str, ...] = field(default=())
    """Of the columns."""


def tree_of(body: Mapping[str, Any], form_of: FormOf) -> Tree:
    """The tree of a body. What is no aggregation the server will refuse; here it has no columns.

    ConfigError: a name that an answer has for something else.

    >>> body = {"aggs": {"carrier": {"terms": {"field": "c"}, "aggs": {"delay": {"avg": {"field": "d"}}}}}}
    >>> tree_of(body, lambda field: "text").names
    ('carrier', 'doc_count', 'delay')
    """
    roots = tuple(_parsed(below_of(body), (), form_of))
    keys = [column for each in walked(roots) if each.shape == "buckets" for column in each.columns]
    values = [column for each in walked(roots) if each.shape != "buckets" for column in each.columns]
    rows = [ROW_COUNT] if keys or any(each.shape == "buckets" for each in walked(roots)) else []
    which = [ROW_WHICH] if _has_sides(roots) else []
    columns = (*which, *keys, *rows, *values)
    return Tree(roots, columns, _names(columns))


ROW_COUNT: Final = Column(COUNT, ())
"""Documents of the row: of its innermost bucket."""
ROW_WHICH: Final = Column(WHICH, ())
"""The aggregations whose bucket the row is, where there are several side by side."""


def below_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The aggregations of a body, or below an aggregation."""
    found = body.get("aggs") or body.get("aggregations") or {}
    return found if isinstance(found, Mapping) else {}


def kind_of(definition: Any) -> tuple[str, Mapping[str, Any]] | None:
    """The kind of an aggregation and what it says; None: it is no aggregation."""
    if not isinstance(definition, Mapping):
        return None
    kinds = [each for each in definition if each not in _OTHERS]
    said = definition[kinds[0]] if len(kinds) == 1 else None
    return (kinds[0], said) if isinstance(said, Mapping) else None


def walked(aggregations: Sequence[Aggregation]) -> Iterator[Aggregation]:
    """All of them and all below, each before what is below it."""
    for each in aggregations:
        yield each
        yield from walked(each.below)


def _parsed(level: Mapping[str, Any], path: tuple[str, ...], form_of: FormOf) -> Iterator[Aggregation]:
    for name, definition in level.items():
        found = kind_of(definition)
        if found is None:
            continue
        kind, body = found
        if path and name in _TAKEN:
            raise ConfigError(
                f"an aggregation below another one cannot be called {name!r}: answers have that word for the bucket"
            )
        own = (*path, str(name))
        shape = shape_of(kind)
        below = tuple(_parsed(below_of(definition), own, form_of)) if shape in ("bucket", "buckets") else ()
        made = Aggregation(str(name), kind, body, shape, own, below)
        yield Aggregation(str(name), kind, body, shape, own, below, tuple(_columns(made, form_of)))


def _columns(aggregation: Aggregation, form_of: FormOf) -> Iterator[Column]:
    if aggregation.shape == "buckets":
        parts = key_parts(aggregation.kind, aggregation.body, form_of)
        for part in parts:
            if aggregation.kind == NAMED_SOURCES:
                yield Column(Part("", part.form, part.find), (*aggregation.path, part.suffix))
            else:
                yield Column(part, aggregation.path)
    elif aggregation.shape == "metric":
        for part in metric_parts(aggregation.kind, aggregation.body, form_of):
            yield Column(part, aggregation.path)
    elif aggregation.shape == "bucket" and not aggregation.is_branch:
        yield Column(COUNT, aggregation.path)


def _has_sides(level: Sequence[Aggregation]) -> bool:
    """Whether there are branches side by side somewhere."""
    return sum(each.is_branch for each in level) > 1 or any(_has_sides(each.below) for each in level)


def _names(columns: Sequence[Column]) -> tuple[str, ...]:
    """As short as they can be: those that would be there twice have what is above them in front, level by level."""
    above = [0] * len(columns)
    while True:
        names = [column.name(levels) for column, levels in zip(columns, above, strict=True)]
        times = Counter(names)
        raised = [place for place, name in enumerate(names) if times[name] > 1 and above[place] < columns[place].height]
        if not raised:
            return tuple(unique(names))
        for place in raised:
            above[place] += 1
