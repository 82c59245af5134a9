"""The fields that a condition names, and the same condition on others."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dk_notebook.records.filters import And, Compare, Condition, Field, Not, Or


def named_in(condition: Condition | None) -> Iterator[Field]:
    """The fields of a condition, one by one as they stand in it.

    >>> [str(field) for field in named_in(And((Compare("a", "=", 1), Not(Compare("b.c", "exists")))))]
    ['a', 'b.c']
    """
    match condition:
        case And(parts) | Or(parts):
            for part in parts:
                yield from named_in(part)
        case Not(part):
            yield from named_in(part)
        case Compare():
            yield condition.field


def with_fields(condition: Condition, other: Callable[[Field], Field]) -> Condition:
    """The condition with ``other(field)`` in place of each field.

    >>> with_fields(Not(Compare("a", ">", 1)), lambda field: Field(f"{field}.b"))
    Not(part=Compare(field=Field(name='a.b', literal=False), op='>', value=1))
    """
    match condition:
        case And(parts):
            return And(tuple(with_fields(part, other) for part in parts))
        case Or(parts):
            return Or(tuple(with_fields(part, other) for part in parts))
        case Not(part):
            return Not(with_fields(part, other))
        case Compare():
            return Compare(other(condition.field), condition.op, condition.value)
    raise TypeError(f"no condition: {type(condition).__name__}")
