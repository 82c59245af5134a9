"""Conditions as values, and what they mean in Python: the reference that every store follows.

A missing field (absent, null, NaN) makes every comparison false, the negated ones included; `Not` matches exactly what
its condition does not. Against a list any element will do, and a negated operator wants that none matches.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from dk_notebook.errors import ConfigError, did_you_mean
from dk_notebook.records import patterns, values
from dk_notebook.records.kinds import comparable, kind, rank


@dataclass(frozen=True)
class Field:
    """A field of a document. A dot descends into nested data unless the name is ``literal``."""

    name: str
    literal: bool = False

    @classmethod
    def of(cls, field: Field | str) -> Field:
        """A field from its name, or itself. ConfigError for anything else."""
        if isinstance(field, Field):
            return field
        if not isinstance(field, str):
            raise ConfigError(f"a field is named by text, not by {type(field).__name__}")
        return cls(field)

    @property
    def path(self) -> tuple[str, ...]:
        """The names from the outside inwards."""
        return (self.name,) if self.literal else tuple(self.name.split("."))

    def __str__(self) -> str:
        return self.name


class Condition:
    """What a document fulfils or not: `Compare`, `And`, `Or`, `Not`."""

    __slots__ = ()


@dataclass(frozen=True)
class And(Condition):
    """All of them; without any: every document."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Or(Condition):
    """Any of them; without any: no document."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Not(Condition):
    """Exactly what ``part`` does not match."""

    part: Condition


@dataclass(frozen=True)
class Compare(Condition):
    """One field against a value. Takes any spelling of an operator, and keeps the one of `OPERATORS`.

    ``value`` is kept as plain Python: a scalar; for ``in`` a tuple of the elements that are not missing; for
    ``between`` a pair; for ``exists`` None. ConfigError: an unknown operator, an operand of the wrong shape, or a
    missing one (nothing compares to null: ask ``exists``).

    >>> Compare("age", "NOT IN", [1, None])
    Compare(field=Field(name='age', literal=False), op='not_in', value=(1,))
    """

    field: Field
    op: str
    value: Any

    def __init__(self, field: Field | str, op: str, value: Any = None) -> None:
        object.__setattr__(self, "field", Field.of(field))
        object.__setattr__(self, "op", operator_name(op))
        object.__setattr__(self, "value", self.operator.operand(self.field.name, self.op, value))

    @property
    def operator(self) -> Operator:
        """The row of `OPERATORS`."""
        return OPERATORS[self.op]


# --- operands ---------------------------------------------------------------------------------------------------


def _scalar(field: str, op: str, value: Any) -> Any:
    if values.members(value) is not None:
        raise ConfigError(f"{field} {op}: one value is wanted, not a list", hint="use 'in' or 'not_in' for lists")
    plain = values.scalar(value)
    if plain is None:
        raise ConfigError(f"{field} {op}: nothing compares to null", hint="use 'exists' or 'not_exists'")
    if kind(plain) in ("object", "other"):
        raise ConfigError(f"{field} {op}: cannot compare to a value of type {type(value).__name__}")
    return bytes(plain) if kind(plain) == "binary" else plain


def _list(field: str, op: str, value: Any) -> tuple[Any, ...]:
    elements = values.members(value)
    if elements is None:
        raise ConfigError(f"{field} {op}: a list is wanted, not {type(value).__name__}")
    return tuple(_scalar(field, op, element) for element in elements if element is not None)


def _pair(field: str, op: str, value: Any) -> tuple[Any, Any]:
    elements = values.members(value)
    if elements is None or len(elements) != 2 or isinstance(value, (set, frozenset)):
        raise ConfigError(f"{field} {op}: two values are wanted, as (low, high)")
    low, high = (_scalar(field, op, element) for element in elements)
    return low, high


def _text(field: str, op: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{field} {op}: text is wanted, not {type(value).__name__}")
    return str(value)


def _pattern(field: str, op: str, value: Any) -> str:
    text = _text(field, op, value.pattern if isinstance(value, re.Pattern) and value.flags == re.UNICODE else value)
    patterns.parse(text)
    return text


def _nothing(field: str, op: str, value: Any) -> None:
    if value is not None:
        raise ConfigError(f"{field} {op} takes no value", hint="'exists' and 'not_exists' are two operators")


# --- operators --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Operator:
    """What an operator takes and means. ``test`` judges one value that is there, never a missing one."""

    operand: Callable[[str, str, Any], Any]
    """Field, operator, operand -> the operand in its plain form, or ConfigError."""
    test: Callable[[Any, Any], bool]
    spellings: tuple[str, ...] = ()
    negates: str | None = None
    """The operator of which this one is the negation, for fields that are there."""


def _ordered(holds: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def test(value: Any, operand: Any) -> bool:
        pair = comparable(value, operand)
        return pair is not None and holds(*pair)

    return test


_equal = _ordered(lambda a, b: bool(a == b))
_at_least = _ordered(lambda a, b: bool(a >= b))
_at_most = _ordered(lambda a, b: bool(a <= b))


def _is_in(value: Any, operand: tuple[Any, ...]) -> bool:
    return any(_equal(value, element) for element in operand)


def _is_between(value: Any, operand: tuple[Any, Any]) -> bool:
    return _at_least(value, operand[0]) and _at_most(value, operand[1])


def _is_like(value: Any, operand: str) -> bool:
    return isinstance(value, str) and _like_pattern(operand).fullmatch(value) is not None


@lru_cache(maxsize=256)
def _like_pattern(operand: str) -> re.Pattern[str]:
    """LIKE's ``%`` and ``_``; no character escapes them."""
    first, *others = ("".join("." if c == "_" else re.escape(c) for c in chunk) for chunk in operand.split("%"))
    if not others:
        return re.compile(first, re.DOTALL)
    # The leftmost place of a chunk is as good as any: atomic, so that a failure does not try all the others.
    middle = "".join(f"(?>.*?{chunk})" for chunk in others[:-1])
    return re.compile(f"{first}{middle}.*{others[-1]}", re.DOTALL)


def _has(value: Any, operand: str) -> bool:
    return isinstance(value, str) and patterns.compiled(operand).search(value) is not None


def _starts(value: Any, operand: str) -> bool:
    return isinstance(value, str) and value.startswith(operand)


def _there(value: Any, operand: None) -> bool:  # noqa: ARG001 (tests have one shape)
    return True


OPERATORS: Final[Mapping[str, Operator]] = {
    "=": Operator(_scalar, _equal, ("==", "eq", "equals", "is")),
    "!=": Operator(_scalar, _equal, ("<>", "ne", "not_equals", "is_not"), negates="="),
    ">": Operator(_scalar, _ordered(lambda a, b: bool(a > b)), ("gt",)),
    ">=": Operator(_scalar, _at_least, ("gte", "ge", "=>")),
    "<": Operator(_scalar, _ordered(lambda a, b: bool(a < b)), ("lt",)),
    "<=": Operator(_scalar, _at_most, ("lte", "le", "=<")),
    "in": Operator(_list, _is_in, ("isin", "any_of")),
    "not_in": Operator(_list, _is_in, ("nin", "none_of"), negates="in"),
    "like": Operator(_text, _is_like),
    "not_like": Operator(_text, _is_like, negates="like"),
    "regex": Operator(_pattern, _has, ("~", "=~", "regexp", "matches")),
    "exists": Operator(_nothing, _there, ("is_not_null", "not_null", "notnull", "notna")),
    "not_exists": Operator(_nothing, _there, ("is_null", "isnull", "isna", "missing"), negates="exists"),
    "between": Operator(_pair, _is_between),
    "not_between": Operator(_pair, _is_between, negates="between"),
    "starts_with": Operator(_text, _starts, ("startswith", "prefix")),
}
_NAMES: Final = {spelling: name for name, row in OPERATORS.items() for spelling in (name, *row.spellings)}


def operator_name(spelling: Any) -> str:
    """The operator in the spelling of `OPERATORS`. ConfigError for an unknown one.

    >>> operator_name("NOT  LIKE"), operator_name("==")
    ('not_like', '=')
    """
    if isinstance(spelling, enum.Enum):
        spelling = spelling.value
    if not isinstance(spelling, str):
        raise ConfigError(f"an operator is text, not {type(spelling).__name__}")
    name = re.sub(r"[\s_-]+", "_", spelling.strip().lower())
    if name not in _NAMES:
        raise ConfigError(
            f"unknown operator {spelling!r}",
            hint=did_you_mean(name, OPERATORS) or f"there are {', '.join(OPERATORS)}",
        )
    return _NAMES[name]


# --- meaning ----------------------------------------------------------------------------------------------------


def matches(condition: Condition | None, document: Mapping[str, Any], id: str | None = None) -> bool:  # noqa: A002
    """Whether a document fulfils a condition; None: every document does. ``id`` is the document's key.

    >>> matches(Compare("tags", "=", "a"), {"tags": ["a", "b"]})
    True
    >>> matches(Compare("age", "!=", 3), {}), matches(Not(Compare("age", "=", 3)), {})
    (False, True)
    """
    match condition:
        case None:
            return True
        case And(parts):
            return all(matches(part, document, id) for part in parts)
        case Or(parts):
            return any(matches(part, document, id) for part in parts)
        case Not(part):
            return not matches(part, document, id)
        case Compare():
            return _compares(condition, document, id)
    raise TypeError(f"no condition: {type(condition).__name__}")


def _compares(condition: Compare, document: Mapping[str, Any], id: str | None) -> bool:  # noqa: A002
    found = found_values(condition.field, document, id)
    if condition.op == "not_exists":
        return found is None
    if found is None:
        return False
    if condition.op == "exists":
        return True
    operator = condition.operator
    hit = any(operator.test(value, condition.value) for value in found)
    return hit is (operator.negates is None)


def found_values(field: Field, document: Mapping[str, Any], id: str | None = None) -> list[Any] | None:  # noqa: A002
    """The values that a field has in a document, the elements of lists one by one; None when it is missing.

    >>> found_values(Field("a.b"), {"a": [{"b": 1}, {"b": [2, None]}]}), found_values(Field("a.b"), {"a": []})
    ([1, 2], None)
    """
    found = list(_reached(document, field.path))
    if not found and field.name == "id":
        return None if id is None else [id]
    return [element for value in found for element in _elements(value)] if found else None


def _reached(node: Any, path: tuple[str, ...]) -> Iterator[Any]:
    """What lies at the end of a path and is not missing; lists on the way are walked through."""
    if not path:
        if values.scalar(node) is not None:
            yield node
    elif isinstance(node, Mapping):
        if path[0] in node:
            yield from _reached(node[path[0]], path[1:])
    elif isinstance(node, (list, tuple)):
        for element in node:
            yield from _reached(element, path)


def _elements(value: Any) -> Iterator[Any]:
    inner = values.members(value)
    if inner is None:
        yield values.scalar(value)
    else:
        for element in inner:
            if element is not None:
                yield from _elements(element)


# --- order ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sort:
    """One field to sort by. Missing is last in both directions."""

    field: Field
    descending: bool = False


class _Descending:
    """A key that sorts the other way round."""

    __slots__ = ("key",)

    def __init__(self, key: Any) -> None:
        self.key = key

    def __lt__(self, other: _Descending) -> bool:
        return bool(other.key < self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and bool(self.key == other.key)

    __hash__ = None  # type: ignore[assignment]


def sort_key(order: tuple[Sort, ...], document: Mapping[str, Any], id: str | None = None) -> tuple[Any, ...]:  # noqa: A002
    """What a document sorts by among others: each field, missing last, then its key.

    A list sorts by its smallest element, descending by its largest.

    >>> people = {"1": {"age": 30}, "2": {}, "3": {"age": 31}}
    >>> sorted(people, key=lambda id: sort_key((Sort(Field("age"), descending=True),), people[id], id))
    ['3', '1', '2']
    """
    keys: list[Any] = []
    for sort in order:
        ranks = [rank(value) for value in found_values(sort.field, document, id) or ()]
        if not ranks:
            keys.append((1, 0))
        elif sort.descending:
            keys.append((0, _Descending(max(ranks))))
        else:
            keys.append((0, min(ranks)))
    return (*keys, id or "")
