"""Numbers and instants in conditions: an operand has its place among the values of a type, and is asked for by it.

What is not a value of the type, as 2.5 of a long, stands between two; nothing is rounded by the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import numpy as np

from dk_notebook.backends.elasticsearch.conditions.clauses import NONE, Clause, between, either, exists, terms
from dk_notebook.backends.sql.grids import ALWAYS, SIGNS, Doubles, Grid, Instants, Integers, Number, Place
from dk_notebook.records import kinds

MOST_RANGES: Final = 500
"""Instants of an ``in``, each of which is a clause."""

WORDS: Final = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}
"""Sign -> the word of a range."""


@dataclass(frozen=True)
class Floats:
    """32-bit floats, each standing for its shortest decimal form."""

    def place(self, value: Number) -> Place:
        """The float next to ``value``.

        >>> Floats().place(Decimal("0.1")), Floats().place(Decimal("0.100000001"))
        (Place(member='0.1', side=0), Place(member='0.1', side=1))
        """
        with np.errstate(over="ignore"):
            nearest = np.float32(float(Doubles().place(value).member or "nan"))
        shortest = Decimal(str(nearest))
        side = 0 if value == shortest else 1 if value > shortest else -1
        return Place(str(nearest).replace("inf", "Infinity"), side)


@dataclass(frozen=True)
class Nanoseconds:
    """Instants of ``date_nanos``, which begin in 1970."""

    def place(self, value: Number) -> Place:
        """The instant itself."""
        return Place(None, -1) if value < 0 else Instants(1).place(value)


GRIDS: Final[dict[str, Grid]] = {
    "byte": Integers.of_bits(8),
    "short": Integers.of_bits(16),
    "integer": Integers.of_bits(32),
    "long": Integers.of_bits(64),
    "unsigned_long": Integers.of_bits(64, signed=False),
    "float": Floats(),
    "double": Doubles(),
    "date": Instants(10**6),
    "date_nanos": Nanoseconds(),
}
"""The values of the types whose index holds what a document says. Others, as half_float, hold something near it."""
FORMATS: Final = {"date": "strict_date_optional_time", "date_nanos": "strict_date_optional_time_nanos"}
"""In which instants are sent."""


def placed(name: str, word: str, op: str, operand: Any) -> tuple[Clause, bool]:
    """What fulfils an operator, in a field of one of the `GRIDS`; and whether it is that alone.

    >>> placed("n", "long", ">", 2.5), placed("n", "long", "=", 2.5)
    (({'range': {'n': {'gt': '2'}}}, True), ({'match_none': {}}, True))
    """
    if op == "between":
        parts = [_limits(_place(word, end), sign, word) for sign, end in zip((">=", "<="), operand, strict=True)]
        if None in parts:
            return NONE, True
        return _range(name, word, {name: bound for part in parts if part for name, bound in part.items()}), True
    if op in ("=", "in"):
        places = [_place(word, each) for each in (operand if op == "in" else [operand])]
        members = sorted({_spelled(p, word) for p in places if p is not None and not p.side and p.member is not None})
        if word not in FORMATS:
            return terms(name, members), True
        if len(members) > MOST_RANGES:
            return _range(name, word, {"gte": members[0], "lte": members[-1]}), False
        return either(*(_range(name, word, {"gte": each, "lte": each}) for each in members)), True
    if op not in SIGNS:
        return NONE, True  # text alone is like something
    limits = _limits(_place(word, operand), op, word)
    return (NONE if limits is None else _range(name, word, limits)), True


def _range(name: str, word: str, limits: Mapping[str, str]) -> Clause:
    """The values within limits, all of them where there are none."""
    return between(name, **limits, format=FORMATS.get(word)) if limits else exists(name)


def _place(word: str, operand: Any) -> Place | None:
    """Where the operand lies; None: it is of another kind."""
    kind, grid = kinds.kind(operand), GRIDS[word]
    if word in FORMATS:
        if kind == "text":
            spelled = kinds.parse_instant(operand)
            return None if spelled is None else grid.place(spelled)
        return grid.place(kinds.exact(operand)) if kind == "temporal" else None
    if kind != "number":
        return None
    exact = kinds.exact(operand)
    place = grid.place(exact)
    if str(place.member).endswith("Infinity"):  # beyond all that the index holds
        return Place(None, 1 if exact > 0 else -1)
    return place


def _limits(place: Place | None, op: str, word: str) -> dict[str, str] | None:
    """The bounds of a range: none at all where every value will do; None where no value does."""
    if place is None:
        return None
    sign = SIGNS[op][place.side]
    if place.member is None:
        return {} if sign in ALWAYS[place.side] else None
    return {WORDS[str(sign)]: _spelled(place, word)}


def _spelled(place: Place, word: str) -> str:
    member = str(place.member)
    return f"{member.replace(' ', 'T')}Z" if word in FORMATS else member
