"""Queries as values: what to match, in which order, how many, which fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dk_notebook.errors import ConfigError
from dk_notebook.records import values
from dk_notebook.records.filters import And, Compare, Condition, Field, Not, Or, Sort, matches


@dataclass(frozen=True)
class Query:
    """A question to any store. Each method returns a new query; what it means is the same on every backend.

    >>> adults = Query().filter("age", ">=", 18).sort("name").limit(10)
    >>> adults.matches({"age": 30}), adults.matches({"age": None})
    (True, False)
    """

    condition: Condition | None = None
    """What to match; None: everything."""
    order: tuple[Sort, ...] = ()
    """Sorted by the first, ties by the next, then by id."""
    max_rows: int | None = None
    """Results at most; None: all."""
    skip: int = 0
    """Results left out at the beginning."""
    columns: tuple[Field, ...] | None = None
    """The fields of the result; None: all."""

    # --- building -----------------------------------------------------------------------------------------------

    @staticmethod
    def field(name: str, *, literal: bool = False) -> Field:
        """A field by name; ``literal``: a dot in it is part of the name.

        >>> Query.field("a.b").path, Query.field("a.b", literal=True).path
        (('a', 'b'), ('a.b',))
        """
        return Field(Field.of(name).name, literal)

    def filter(self, field: Field | str, operator: str, value: Any = None) -> Query:
        """Also ``field operator value``. Operators: = != > >= < <= in not_in like not_like regex exists not_exists
        between not_between starts_with, and their usual spellings. ConfigError: an unknown operator, or an operand
        that does not fit it.

        >>> Query().filter("age", ">=", 25).filter("name", "exists").filters
        (Compare(field=..., op='>=', value=25), Compare(field=..., op='exists', value=None))
        """  # noqa: D205 (the first sentence needs its list)
        return self._also(Compare(field, operator, value))

    def sort(self, field: Field | str, order: str = "asc", *, descending: bool | None = None) -> Query:
        """Sorted by ``field`` within what it is sorted by already; ``order``: "asc" or "desc". Missing comes last."""
        directions = {"asc": False, "ascending": False, "desc": True, "descending": True}
        if not isinstance(order, str) or order.lower() not in directions:
            raise ConfigError(f"unknown order {order!r}", hint="there are 'asc' and 'desc'")
        down = directions[order.lower()] if descending is None else descending
        return replace(self, order=(*self.order, Sort(Field.of(field), down)))

    def limit(self, count: int | None) -> Query:
        """At most ``count`` results; None: all."""
        return replace(self, max_rows=None if count is None else _count("limit", count))

    def offset(self, count: int) -> Query:
        """Without the first ``count`` results."""
        return replace(self, skip=_count("offset", count))

    def select(self, *fields: Field | str | Iterable[Field | str]) -> Query:
        """Only these fields, in this order.

        >>> [field.name for field in Query().select("a", "b").columns]
        ['a', 'b']
        """
        chosen: list[Field] = []
        for field in fields:
            chosen += [Field.of(field)] if isinstance(field, (Field, str)) else [Field.of(one) for one in field]
        return replace(self, columns=tuple(chosen))

    def and_(self, *others: Query | Condition) -> Query:
        """Also what the others want. ConfigError where one of them brings an order, a limit or fields."""
        return self._also(*(_condition_of(other) for other in others))

    def or_(self, *others: Query | Condition) -> Query:
        """All that this query wants, or all that one of the others wants."""
        parts = [self.condition or And(()), *(_condition_of(other) for other in others)]
        return replace(self, condition=Or(tuple(parts)))

    def not_(self, *others: Query | Condition) -> Query:
        """Also, for each of the others, exactly what it does not match."""
        return self._also(*(Not(_condition_of(other)) for other in others))

    def _also(self, *more: Condition) -> Query:
        if not more:
            return self
        parts = (*self.filters, *more)
        return replace(self, condition=parts[0] if len(parts) == 1 else And(parts))

    # --- asking -------------------------------------------------------------------------------------------------

    @property
    def filters(self) -> tuple[Condition, ...]:
        """The conditions all of which are wanted."""
        if self.condition is None:
            return ()
        return self.condition.parts if isinstance(self.condition, And) else (self.condition,)

    def matches(self, document: Mapping[str, Any], id: str | None = None) -> bool:  # noqa: A002 (the word of the API)
        """Whether a document, stored under ``id``, is wanted."""
        return matches(self.condition, document, id)

    @classmethod
    def of(cls, where: Any = None, order_by: Any = None, limit: int | None = None, columns: Any = None) -> Query:
        """The query that ``where=``, ``order_by=``, ``limit=`` and ``columns=`` spell.

        ``where``: a list of ``(field, operator, value)`` and ``(field, "exists")``, a Query, or its filters.
        ``order_by``: ``"a"``, ``"-a"`` or a list of them. A limit beside a Query's own: the smaller one.
        ConfigError where a form is unknown, or a Query has what is given again.

        >>> query = Query.of([("age", ">=", 25), ("name", "exists")], ["-age", "name"], 10)
        >>> [(sort.field.name, sort.descending) for sort in query.order], query.max_rows
        ([('age', True), ('name', False)], 10)
        """
        query = where if isinstance(where, Query) else cls().and_(*_conditions(where))
        if limit is not None:
            query = query.limit(limit if query.max_rows is None else min(query.max_rows, _count("limit", limit)))
        if order_by is not None:
            if query.order:
                raise ConfigError("the query is sorted already: leave out order_by, or the sort")
            for sort in _sorts(order_by):
                query = replace(query, order=(*query.order, sort))
        if columns is not None:
            if query.columns is not None:
                raise ConfigError("the query selects its fields already: leave out columns, or the select")
            # Here a name is that of a column, dots and all.
            query = query.select(Field(columns, literal=True) if isinstance(columns, str) else map(_column, columns))
        return query


def _column(name: Any) -> Field:
    return name if isinstance(name, Field) else Field(Field.of(name).name, literal=True)


def _conditions(where: Any) -> list[Condition]:
    if where is None:
        return []
    if isinstance(where, Condition):
        return [where]
    if isinstance(where, (str, bytes, Mapping)) or not isinstance(where, Iterable):
        raise _unreadable(where)
    where = list(where)
    if len(where) in (2, 3) and all(isinstance(part, (str, Field)) for part in where[:2]):
        return [_condition(where)]  # one triple without its list around it
    return [_condition(part) for part in where]


def _condition(part: Any) -> Condition:
    if isinstance(part, (Condition, Query)):
        return _condition_of(part)
    if isinstance(part, (tuple, list)) and len(part) in (2, 3):
        return Compare(*part)
    raise _unreadable(part)


def _unreadable(where: Any) -> ConfigError:
    return ConfigError(
        f"where does not take a value of type {type(where).__name__}",
        hint='write [("age", ">=", 25), ("name", "exists")], or a Query',
    )


def _sorts(order_by: Any) -> list[Sort]:
    if isinstance(order_by, (str, Field, Sort)):
        order_by = [order_by]
    if isinstance(order_by, (bytes, Mapping)) or not isinstance(order_by, Iterable):
        raise ConfigError('order_by is "a", "-a" or a list of them')
    sorts = []
    for name in order_by:
        if isinstance(name, (Sort, Field)):
            sorts.append(name if isinstance(name, Sort) else Sort(name))
        else:
            text = Field.of(name).name
            sorts.append(Sort(Field(text.removeprefix("-")), text.startswith("-")))
    return sorts


def _condition_of(other: Query | Condition) -> Condition:
    if isinstance(other, Condition):
        return other
    if not isinstance(other, Query):
        raise ConfigError(f"a Query or a condition is wanted, not {type(other).__name__}")
    if replace(other, condition=None) != Query():
        raise ConfigError("a query inside of another has no order, limit, offset or fields: put them on the outer one")
    return other.condition or And(())


def _count(name: str, value: Any) -> int:
    count = values.scalar(value)
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise ConfigError(f"{name} is a number from 0 up, not {value!r}")
    return count
