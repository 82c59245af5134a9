"""What is asked of a field of numbers: intervals of what the index makes of them.

Each type keeps the next value that it has: a long cuts the fraction off, a double rounds to 53 bits. That keeps the
order, so that ``x > c`` never finds fewer among the kept values with ``>=`` and the kept ``c``.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from dk_notebook.backends.elasticsearch.conditions.clauses import NONE, Clause, between, either, terms
from dk_notebook.backends.elasticsearch.records.fields import NUMBERS, Reading
from dk_notebook.records import kinds

WHOLE: Final = 2**53
"""From here up a double may stand for several whole numbers."""

MISPLACED: Final = (
    # What has not its place among the doubles of a field: those, and -0.0, which is equal to 0 and lies before it.
    lambda name: between(name, gte=float(WHOLE)),
    lambda name: between(name, lte=-float(WHOLE)),
    lambda name: between(name, gte=-0.0, lte=-0.0),
)

_SLACK: Final = {"float": (1e-6, 1e-44), "half_float": (1e-2, 1e-6)}
"""More than such a type is off: in proportion, and at least."""


def compared(read: Reading, low: Any, high: Any, *, is_open: bool) -> tuple[Clause, Clause]:
    """What may have a value in an interval, and what surely has."""
    maybe: dict[str, Any] = {}
    sure: dict[str, Any] = {}
    for end, word, sign in ((low, "gt", -1), (high, "lt", 1)):
        if end is None:
            continue
        kept = _kept(read.type, end, sign)
        # Of what is kept exactly nothing else is at the end itself.
        is_clean = read.exact and _is_kept_exactly(end)
        maybe |= _bound(word, kept, is_open=is_open and is_clean)
        sure |= _bound(word, kept, is_open=is_open or not is_clean)
    return between(read.name, **maybe), between(read.name, **sure) if read.exact else NONE


def among(read: Reading, wanted: Sequence[Any]) -> tuple[Clause, Clause]:
    """What may have one of these values, and what surely has."""
    if read.type in _SLACK:
        return either(*(compared(read, one, one, is_open=False)[0] for one in wanted)), NONE
    maybe = [each for one in wanted for each in _spelled(_kept(read.type, one, 0))]
    sure = [each for one in wanted if _is_kept_exactly(one) for each in _spelled(_kept(read.type, one, 0))]
    return terms(read.name, maybe), terms(read.name, sure) if read.exact else NONE


def _bound(word: str, kept: float, *, is_open: bool) -> dict[str, float]:
    if isinstance(kept, float) and kept == 0:
        # The index has -0.0 before 0.0; to us they are equal.
        kept = -0.0 if (word == "lt") is is_open else 0.0
    return {word if is_open else f"{word}e": kept}


def _spelled(kept: float) -> tuple[float, ...]:
    return (-0.0, 0.0) if isinstance(kept, float) and kept == 0 else (kept,)


def _kept(type_: str, value: Any, sign: int) -> float:
    """What a type keeps of a number; where that is not known exactly, a bit to the side of ``sign``."""
    exact = kinds.exact(value)
    most = NUMBERS[type_]
    if isinstance(most, int):
        return int(min(max(exact, -most), most - 1))
    try:
        kept = float(exact)
    except OverflowError:
        kept = float("inf") if exact > 0 else -float("inf")
    kept = min(max(kept, -most), most)
    share, least = _SLACK.get(type_, (0, 0))
    return min(max(kept + sign * (abs(kept) * share + least), -most), most)


def _is_kept_exactly(value: Any) -> bool:
    """Whether a double stands for this number and no other that a document can have.

    >>> [_is_kept_exactly(number) for number in (0.1, 2**53, Decimal("0.10000000000000001"))]
    [True, False, False]
    """
    exact = kinds.exact(value)
    return bool(abs(exact) < WHOLE and Decimal(repr(float(exact))) == exact)
