"""Documents and queries drawn at random, such that they meet: few names, few values, of every kind."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final

from hypothesis import strategies as st

from dk_notebook.records.filters import And, Compare, Condition, Field, Not, Or, Sort

NAMES: Final = ("a", "b", "id", "a.b", "x y", "quo\"te'", "é", "0", "~/*$[]")
"""Names of fields; a dot, quotes and what paths are written with inside of them."""
PATHS: Final = (*NAMES, "a.a", "b.a", "a.b.a", "b.0", "absent", "id.a")

EVERY_NUMBER: Final = (
    *(-3, -1, 0, 1, 2, 0.1, 0.5, -0.5, -0.0, 1.0, 1.5, 1e300, -1e300, 5e-324),
    *(2**53 - 1, 2**53, 2**53 + 1, float(2**53), 2**62 + 1, 2**63 - 1, 2**63, 2**63 + 1, float(2**63)),
    *(-(2**63), -(2**63) - 1, 2**64 - 1, 2**64, 10**25, 10**25 + 1, 1e25, 10**40, 10**300),
)
EVERY_TIME: Final = (
    *("2024-01-02", "2024-01-02T03:04:05Z", "2024-01-02 05:04:05.000006007+02:00", "2024-02-30", "0001-01-01"),
    *("2024-01-01T23:59:59", "2024-01-03T00:30:00+14:00", "2024-01-01T12:00:00-23:00", "2024-01-02T25:00:00"),
    *("9999-12-31T23:59:59.999999", "2024-01-02 and more", "03:04:05", "03:04", "25:00", "03:04:05.000001"),
)
EVERY_TEXT: Final = (
    *(
        "",
        "a",
        "b",
        "A",
        "ab",
        "a%",
        "a_",
        "aXb",
        "ab\ncd",
        "1",
        "true",
        "null",
        "é",
        "\uffff",
        "\U00010000",
        '"',
        "\\",
    ),
    *("ss", "ß", "a" * 300, "a" * 299 + "b", " a", "a "),
)
EVERY_MOMENT: Final = (
    *(date(2024, 1, 2), date(1, 1, 1), date(9999, 12, 31), datetime(2024, 1, 2, 3, 4, 5)),
    *(datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=UTC), datetime(2024, 1, 2, 10, 30), datetime(2024, 1, 2, 11)),
    *(time(3, 4, 5), time(3, 4), time(3, 4, 5, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999)),
)
EVERY_OPERAND: Final[tuple[Any, ...]] = (
    *(*EVERY_NUMBER, *EVERY_TIME, *EVERY_TEXT, *EVERY_MOMENT, True, False, b"a"),
    *(float("inf"), -float("inf"), Decimal("0.25"), Decimal("9007199254740992.5"), Decimal("0.10000000000000001")),
)
EVERY_VALUE: Final[tuple[Any, ...]] = (
    *(*EVERY_NUMBER, *EVERY_TIME, *EVERY_TEXT, True, False, None, {}, {"a": 1}, [], [None], [1, "a"], [[1], ["a"]]),
    *([{"a": 1}], [2**53 + 1, 2], ["2024-01-02", 0.1], [[]], [True, None]),
)
"""One of each, for tests that go through all pairs."""
EVERY_FIRST: Final[tuple[Any, ...]] = (1, 0.5, "a", True, {"a": 1}, "2024-01-02")
"""A value of each type that a store may take for the one of a field."""

NUMBERS: Final = st.sampled_from(EVERY_NUMBER) | st.integers(-3, 3)
TEXTS: Final = st.one_of(st.text("ab%_A", max_size=3), st.sampled_from(EVERY_TEXT), st.sampled_from(EVERY_TIME))
SCALARS: Final = st.one_of(st.none(), st.booleans(), NUMBERS, NUMBERS, TEXTS)
VALUES: Final[st.SearchStrategy[Any]] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["a", "b", "0"]), inner, max_size=2)
    ),
    max_leaves=4,
)
DATA: Final = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4)
"""The data of a document."""

FIELDS: Final = st.one_of(
    st.sampled_from(PATHS).map(Field), st.sampled_from(PATHS).map(lambda name: Field(name, literal=True))
)
OPERANDS: Final = st.one_of(NUMBERS, NUMBERS, TEXTS, TEXTS, st.sampled_from(EVERY_OPERAND))
PATTERNS: Final = st.sampled_from(["a", "^a", "b$", "a.b", r"\d", "[^a]", "(?i)A", "(a|é)+$", "", r"\s"])


@st.composite
def comparisons(draw: st.DrawFn, fields: st.SearchStrategy[Field | str]) -> Compare:
    """One condition of any operator, on one of the fields."""
    field = draw(fields)
    match draw(st.sampled_from(["one", "one", "one", "list", "pair", "text", "regex", "none"])):
        case "one":
            return Compare(field, draw(st.sampled_from(["=", "!=", "<", "<=", ">", ">="])), draw(OPERANDS))
        case "list":
            return Compare(field, draw(st.sampled_from(["in", "not_in"])), draw(st.lists(OPERANDS, max_size=3)))
        case "pair":
            ends = draw(OPERANDS), draw(OPERANDS)
            return Compare(field, draw(st.sampled_from(["between", "not_between"])), ends)
        case "text":
            return Compare(field, draw(st.sampled_from(["like", "not_like", "starts_with"])), draw(TEXTS))
        case "regex":
            return Compare(field, "regex", draw(PATTERNS))
    return Compare(field, draw(st.sampled_from(["exists", "not_exists"])))


def conditions(fields: st.SearchStrategy[Field | str]) -> st.SearchStrategy[Condition]:
    """Trees of conditions on these fields."""
    return st.recursive(
        comparisons(fields),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(lambda parts: And(tuple(parts))),
            st.lists(inner, max_size=3).map(lambda parts: Or(tuple(parts))),
            inner.map(Not),
        ),
        max_leaves=4,
    )


CONDITIONS: Final = conditions(FIELDS)
ORDERS: Final = st.lists(st.builds(Sort, FIELDS, st.booleans()), min_size=1, max_size=2).map(tuple)
