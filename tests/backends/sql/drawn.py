"""Tables, conditions and orders as they are drawn for every SQL store: each takes the columns that it can have."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pandas as pd
from hypothesis import strategies as st

from dk_notebook.backends.sql.columns import Column
from dk_notebook.records.filters import And, Compare, Condition, Field, Not, Or, Sort
from dk_notebook.records.kinds import exact

Rows = list[dict[str, Any]]

TEXT = st.text(st.sampled_from("aAbé_%\\\n9 ßσ\U0001f600\ufffd'"), max_size=4)
SMALL = st.sampled_from([0, 1, -1, 2, 127, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 2**64 - 1, 2**100, 2**127 - 1])
NUMBERS = st.one_of(
    SMALL,
    st.sampled_from([0.1, 0.5, -0.5, 1.5, -0.0, 1e300, float(2**53), 2.0**63, float("inf"), 0.10000000149011612]),
    st.decimals(-3, 3, places=2),
    st.sampled_from([Decimal("0.1"), Decimal("1.239"), Decimal("1E+40"), Decimal("9999.995"), Decimal("-1E-12")]),
)
MOMENTS = st.sampled_from(
    [
        datetime(2024, 1, 2),
        datetime(2024, 1, 2, 3, 4, 5),
        datetime(2024, 1, 2, 3, 4, 5, 6),
        datetime(1969, 12, 31, 23, 59, 59, 999_999),
        datetime(1, 1, 1),
        datetime(9999, 12, 31, 23, 59, 59, 999_999),
    ]
)
DAYS = st.sampled_from([date(2024, 1, 2), date(2024, 1, 3), date(1, 1, 1), date(9999, 12, 31)])
FINE = st.sampled_from([pd.Timestamp("2024-01-02 03:04:05.000006007"), pd.Timestamp(1), pd.Timestamp("2024-01-02")])
CLOCKS = st.sampled_from([time(0), time(3, 4, 5), time(3, 4, 5, 6), time(23, 59, 59, 999_999)])
UUIDS = st.sampled_from(["00000000-0000-0000-0000-00000000000a", "ffffffff-0000-0000-0000-000000000000"])


def _range(low: int, high: int) -> st.SearchStrategy[int]:
    return st.one_of(st.integers(-2, 2), SMALL).filter(lambda n: low <= n <= high)


ADDRESSES = st.sampled_from(["10.0.0.1", "10.0.0.0/8", "2001:db8::1", "9.9.9.9"])
SPECIAL = st.sampled_from([Decimal("NaN"), Decimal("Infinity"), Decimal("-Infinity"), Decimal("1E+40"), Decimal("0.1")])

CELLS: dict[str, st.SearchStrategy[Any]] = {
    "tiny": _range(-128, 127),
    "big": _range(-(2**63), 2**63 - 1),
    "unsigned": _range(0, 2**64 - 1),
    "huge": _range(-(2**127), 2**127 - 1),
    "real": st.sampled_from([0.10000000149011612, 0.5, 1.5, float("nan"), float("inf"), 16777216.0]),
    "double": st.sampled_from([0.1, 0.5, -0.5, 1e300, float(2**53), float("nan"), float("inf"), -float("inf"), -0.0]),
    "money": st.decimals(-3, 3, places=2) | st.sampled_from([Decimal("9999.99"), Decimal("-9999.99")]),
    "price": st.decimals(-3, 3, places=2) | st.sampled_from([Decimal("9999.99"), Decimal("NaN")]),
    "exact": st.decimals(-3, 3, places=2) | SPECIAL,
    "wide": st.decimals(-3, 3, places=2) | st.just(Decimal("0.0000000001")),
    "name": TEXT | st.sampled_from(["2024-01-02", "1"]),
    "flag": st.booleans(),
    "day": DAYS,
    "moment": MOMENTS,
    "second": MOMENTS.map(lambda moment: moment.replace(microsecond=0)),
    "fine": FINE,
    "zoned": MOMENTS.map(lambda moment: moment.replace(tzinfo=UTC)),
    "zoned_fine": FINE.map(lambda moment: moment.tz_localize("UTC")),
    "clock": CLOCKS,
    "fine_clock": CLOCKS,
    "label": st.sampled_from(["b", "a", "B"]),
    "raw": st.binary(max_size=2),
    "uid": UUIDS,
    "code": st.sampled_from(["   ", "a  ", "B  ", "ab ", "abc", "ß  "]),
    "address": ADDRESSES,
    "numbers": st.lists(st.none() | st.sampled_from([0.1, 1.0, 2.0, float("nan")]), max_size=3),
    "words": st.lists(st.none() | TEXT, max_size=3),
    "prices": st.lists(st.none() | st.sampled_from([Decimal("0.10"), Decimal("2.50"), Decimal("NaN")]), max_size=3),
    "flags": st.lists(st.none() | st.booleans(), max_size=3),
    "days": st.lists(st.none() | DAYS, max_size=3),
    "raws": st.lists(st.none() | st.binary(max_size=2), max_size=3),
    "addresses": st.lists(st.none() | ADDRESSES, max_size=3),
    "deep": st.lists(st.none() | st.lists(st.none() | st.integers(0, 3), max_size=2), max_size=2),
    "pair": st.lists(st.integers(0, 3), min_size=2, max_size=2),
    "place": st.fixed_dictionaries(
        {"city": st.none() | TEXT, "spot": st.none() | st.fixed_dictionaries({"x": st.sampled_from([0.1, 1.0, None])})}
    ),
}
ISO = st.sampled_from(["2024-01-02", "2024-01-02T03:04:05Z", "2024-01-02 05:04:05.000006007+02:00", "03:04:05", "soon"])
TIMES = st.one_of(MOMENTS, MOMENTS.map(lambda moment: moment.replace(tzinfo=UTC)), DAYS, FINE, CLOCKS)
OPERANDS = st.one_of(NUMBERS, TEXT, ISO, UUIDS, st.booleans(), st.binary(max_size=2))
# Times are compared to text column by column in Python alone; SQL refuses it (a test of its own).
TEXTUAL = ("name", "uid", "code", "address", "addresses", "label", "words", "place", "place.city")
NUMERIC = ("tiny", "big", "unsigned", "huge", "real", "double", "money", "price", "exact", "wide")
TEMPORAL = ("day", "moment", "second", "fine", "zoned", "zoned_fine")
PATTERNS = st.sampled_from(
    ["a", "^a", "a$", r"\d", r"\W", "[^a]", "a.b", "(a|é)+$", "(?i)SS", r"[\s_]", "", "é?9", "A{2,3}"]
)

# Operands that a cell may equal or almost equal, so that comparisons are not all of different kinds.
NEAR = st.one_of(st.sampled_from([0.5, 1.5, -0.5, 1.0, Decimal("1.239"), 2**53 + 1]), NUMBERS)
MOMENTS_NEAR = st.one_of(FINE, MOMENTS, DAYS, ISO)
LIKE_CELLS: dict[str, st.SearchStrategy[Any]] = {
    **{name: cell.filter(lambda value: value == value) for name, cell in CELLS.items()},
    **{name: CELLS[name].filter(lambda value: value == value) | NEAR for name in NUMERIC},
    **{name: CELLS[name] | MOMENTS_NEAR for name in TEMPORAL},
    **dict.fromkeys(["words", "place", "place.city"], TEXT),
    **dict.fromkeys(["numbers", "prices", "deep", "pair", "place.spot.x"], NEAR),
    "code": CELLS["code"] | st.sampled_from(["a", "ab", ""]),
    "flags": st.booleans(),
    "days": DAYS | MOMENTS_NEAR,
    "raws": st.binary(max_size=2),
    "addresses": ADDRESSES,
}


@st.composite
def comparisons(draw: st.DrawFn, columns: list[str]) -> Condition:
    column = draw(st.sampled_from(columns))
    strangers = OPERANDS if column in TEXTUAL else OPERANDS | TIMES
    operands = st.one_of(LIKE_CELLS[column], LIKE_CELLS[column], strangers)
    shape = draw(st.sampled_from(["one", "one", "one", "list", "pair", "text", "regex", "none"]))
    if shape == "one":
        return Compare(column, draw(st.sampled_from(["=", "!=", "<", "<=", ">", ">="])), draw(operands))
    if shape == "list":
        return Compare(column, draw(st.sampled_from(["in", "not_in"])), draw(st.lists(operands, max_size=3)))
    if shape == "pair":
        return Compare(column, draw(st.sampled_from(["between", "not_between"])), (draw(operands), draw(operands)))
    if shape == "text":
        return Compare(column, draw(st.sampled_from(["like", "not_like", "starts_with"])), draw(TEXT))
    if shape == "regex":
        return Compare(column, "regex", draw(PATTERNS))
    return Compare(column, draw(st.sampled_from(["exists", "not_exists"])))


def conditions(columns: list[str]) -> st.SearchStrategy[Condition]:
    return st.recursive(
        comparisons(columns),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(lambda parts: And(tuple(parts))),
            st.lists(inner, max_size=3).map(lambda parts: Or(tuple(parts))),
            inner.map(Not),
        ),
        max_leaves=4,
    )


def choices(names: Sequence[str]) -> st.SearchStrategy[list[str]]:
    """Few columns at a time, so that conditions, operands and cells meet."""
    return st.lists(st.sampled_from(list(names)), min_size=1, max_size=2, unique=True)


def rows_of(columns: list[str]) -> st.SearchStrategy[Rows]:
    row = st.fixed_dictionaries({name: st.one_of(CELLS[name], CELLS[name], st.none()) for name in columns})
    return st.lists(row, min_size=2, max_size=8)


def paths_of(columns: list[str]) -> list[str]:
    return [*columns, *(["place.city", "place.spot.x"] if "place" in columns else [])]


@st.composite
def tables_and_conditions(draw: st.DrawFn, names: Sequence[str]) -> tuple[Rows, list[Condition]]:
    """Rows of some of the columns ``names``, and conditions on them."""
    columns = draw(choices(names))
    return draw(rows_of(columns)), draw(st.lists(conditions(paths_of(columns)), min_size=4, max_size=8))


@st.composite
def tables_and_orders(draw: st.DrawFn, names: Sequence[str]) -> tuple[Rows, list[tuple[Sort, ...]]]:
    """Rows of some of the columns ``names``, and what to sort them by."""
    columns = draw(choices(names))
    sort = st.builds(Sort, st.sampled_from(paths_of(columns)).map(Field), st.booleans())
    return draw(rows_of(columns)), draw(
        st.lists(st.lists(sort, min_size=1, max_size=2).map(tuple), min_size=2, max_size=4)
    )


AROUND: dict[str, tuple[list[Any], list[Any]]] = {
    # column kind -> (cells, of which each column takes those that it can hold; operands at and between them)
    **dict.fromkeys(
        NUMERIC,
        (
            [-2, -1, 0, 1, 2, 127, 2**53, 2**53 + 1, 2**63 - 1, 2**64 - 1, 2**127 - 1],
            [
                -3,
                -1.5,
                -1,
                -0.5,
                0,
                0.5,
                1,
                Decimal("1.001"),
                127,
                128,
                2.0**53,
                2**53 + 1,
                2.0**63,
                2**64,
                2**127,
                1e300,
            ],
        ),
    ),
    **dict.fromkeys(
        TEMPORAL,
        (
            [datetime(1969, 12, 31), datetime(1970, 1, 1), datetime(2024, 1, 2), datetime(2024, 1, 3)],
            [
                date(1970, 1, 1),
                datetime(1969, 12, 31, 23, 59, 59, 999_999),
                pd.Timestamp("1969-12-31 00:00:00.000000001"),
                pd.Timestamp("2024-01-02 23:59:59.999999999"),
                datetime(1, 1, 1),
                "9999-12-31T23:59:59.999999999",
                "2024-01-03T09:00:00+09:00",
            ],
        ),
    ),
}


def fits(column: Column, cell: Any) -> bool:
    """Whether a column holds the cell exactly."""
    return column.grid is not None and column.grid.place(exact(cell)).side == 0


def numbered(rows: Rows) -> dict[str, dict[str, Any]]:
    """The documents that rows are, each under its key, which sorts as the rows do."""
    return {f"{number:02}": row for number, row in enumerate(rows)}
