"""What conditions mean: one case each, and the laws that hold for any document."""

from __future__ import annotations

import enum
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dk_notebook.errors import ConfigError
from dk_notebook.records.filters import OPERATORS, Compare, Field, Not, Sort, matches, operator_name, sort_key

pytestmark = pytest.mark.unit


def holds(value: Any, op: str, operand: Any = None) -> bool:
    """Whether the condition holds for a document whose field has that value."""
    return matches(Compare("x", op, operand), {"x": value})


OPERANDS: dict[str, Any] = {
    **dict.fromkeys(["=", "!=", ">", ">=", "<", "<="], 1),
    "in": [1],
    "not_in": [1],
    **dict.fromkeys(["between", "not_between"], (1, 2)),
    **dict.fromkeys(["like", "not_like", "starts_with", "regex"], "a"),
    **dict.fromkeys(["exists", "not_exists"]),
}


# --- missing ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", [op for op in OPERATORS if op != "not_exists"])
@pytest.mark.parametrize("document", [{}, {"x": None}, {"x": float("nan")}, {"x": pd.NaT}, {"x": Decimal("NaN")}])
def test_a_comparison_with_a_missing_field_is_false(op: str, document: dict[str, Any]) -> None:
    assert not matches(Compare("x", op, OPERANDS[op]), document)


@pytest.mark.parametrize("op", OPERATORS)
@pytest.mark.parametrize("document", [{}, {"x": 1}, {"x": "a"}, {"x": []}, {"x": [1, "b"]}])
def test_not_matches_exactly_what_its_condition_does_not(op: str, document: dict[str, Any]) -> None:
    condition = Compare("x", op, OPERANDS[op])
    assert matches(Not(condition), document) is not matches(condition, document)


@pytest.mark.parametrize("value", [[], [None], {}, 0, "", False])
def test_what_is_not_null_exists(value: Any) -> None:
    assert holds(value, "exists")


# --- kinds ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "operand"),
    [
        (1, "1"),
        ("1", 1),
        (True, 1),
        (1, True),
        (0, False),
        ("true", True),
        (b"a", "a"),
        ({"a": 1}, 1),
        ("soon", date(2024, 1, 2)),
    ],
)
def test_across_kinds_only_the_negated_operators_are_true(value: Any, operand: Any) -> None:
    true = [op for op in ("=", "!=", ">", ">=", "<", "<=") if holds(value, op, operand)]
    true += [op for op in ("in", "not_in") if holds(value, op, [operand])]
    true += [op for op in ("between", "not_between") if holds(value, op, (operand, operand))]
    assert true == ["!=", "not_in", "not_between"]


@pytest.mark.parametrize("value", [1, True, date(2024, 1, 2), b"a", {}])
def test_patterns_are_for_text(value: Any) -> None:
    assert [op for op in ("like", "not_like", "regex", "starts_with") if holds(value, op, "")] == ["not_like"]


@pytest.mark.parametrize(
    ("value", "op", "operand"),
    [
        (2**53 + 1, ">", float(2**53)),
        (2**53 + 1, "!=", float(2**53)),
        (1, "=", 1.0),
        (1, "=", Decimal("1.00")),
        (0.1, "=", Decimal("0.1")),
        (10**300, "=", 1e300),
        (-0.0, "=", 0),
        (10**400, "<", float("inf")),
        (1, "=", np.float64(1)),
        (0.10000000149011612, "=", np.float32(0.1)),
        (2**64 - 1, "=", np.uint64(2**64 - 1)),
        (False, "<", True),
        (True, "=", np.bool_(True)),
        ("Z", "<", "a"),
        ("\uffff", "<", "\U00010000"),
        (b"\x7f", "<", b"\x80"),
        (time(1), "<", time(2)),
        (time(1), "=", "01:00"),
    ],
)
def test_values_of_a_kind_compare_exactly(value: Any, op: str, operand: Any) -> None:
    assert holds(value, op, operand)


NOON = datetime(2024, 1, 2, 12)


@pytest.mark.parametrize(
    "same",
    [
        NOON,
        NOON.replace(tzinfo=UTC),
        datetime(2024, 1, 2, 14, tzinfo=timezone(timedelta(hours=2))),
        pd.Timestamp("2024-01-02 12:00"),
        pd.Timestamp("2024-01-02 21:00", tz="Asia/Tokyo"),
        np.datetime64("2024-01-02T12"),
        "2024-01-02T12:00:00Z",
        "2024-01-02 12:00",
        "2024-01-02T14:00:00.000+02:00",
    ],
)
def test_a_naive_time_is_utc_whatever_it_is_compared_to(same: Any) -> None:
    assert holds(NOON, "=", same)


def test_a_date_is_its_midnight() -> None:
    assert holds(date(2024, 1, 2), "=", datetime(2024, 1, 2))


def test_digits_below_the_microsecond_count() -> None:
    assert holds(pd.Timestamp("2024-01-02 12:00:00.000000001"), ">", NOON)


def test_text_that_spells_a_time_compares_to_times() -> None:
    assert holds("2024-01-02T12:00:00", ">=", date(2024, 1, 2))


def test_text_compares_to_text_as_text_even_when_both_spell_times() -> None:
    assert holds("2024-01-02T12:00:00Z", "!=", "2024-01-02T12:00:00+00:00")


@pytest.mark.parametrize("text", ["2024-02-30", "2024-1-2", "20240102", "2024-01-02T25:00", "٢٠٢٤-01-02"])
def test_text_that_spells_no_time_is_of_another_kind(text: str) -> None:
    assert not holds(text, "<", datetime(9999, 1, 1))


# --- lists ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op", "operand"), [("=", 2), (">", 2), ("in", [9, 2]), ("between", (2, 2)), ("like", "b%"), ("regex", "b")]
)
def test_against_a_list_any_element_will_do(op: str, operand: Any) -> None:
    assert holds([1, 2, 3, "abc", "b"], op, operand)


@pytest.mark.parametrize(
    ("op", "operand"), [("!=", 2), ("not_in", [9, 2]), ("not_between", (2, 2)), ("not_like", "b%")]
)
def test_a_negated_operator_wants_that_no_element_matches(op: str, operand: Any) -> None:
    assert [holds(value, op, operand) for value in ([1, 2, "b"], [1, "a"], [])] == [False, True, True]


def test_between_wants_one_element_within_both_bounds() -> None:
    assert not holds([1, 5], "between", (2, 4))


def test_null_in_a_list_is_no_element() -> None:
    assert [holds([None, 1], "=", 1), holds([None], "!=", 1)] == [True, True]


def test_lists_in_lists_are_looked_through() -> None:
    assert holds([[1], [2, [3]]], "=", 3)


def test_null_in_an_operand_list_equals_nothing() -> None:
    assert [holds(1, "in", [None, 1]), holds(1, "not_in", [None, 2])] == [True, True]


def test_an_empty_list_holds_nothing() -> None:
    assert [holds(1, "in", []), holds(1, "not_in", [])] == [False, True]


# --- fields -----------------------------------------------------------------------------------------------------


def test_a_dot_descends_into_nested_data() -> None:
    assert matches(Compare("a.b", "=", 1), {"a": {"b": 1}, "a.b": 2})


def test_a_literal_dot_does_not() -> None:
    assert matches(Compare(Field("a.b", literal=True), "=", 2), {"a": {"b": 1}, "a.b": 2})


def test_a_dot_descends_through_lists_of_objects() -> None:
    assert matches(Compare("a.b", "=", 2), {"a": [{"b": 1}, {"b": 2}, 3]})


@pytest.mark.parametrize("document", [{"a": 1}, {"a": None}, {"a": {"b": None}}, {"a": []}, {"a": "b"}])
def test_what_a_path_does_not_reach_is_missing(document: dict[str, Any]) -> None:
    assert matches(Compare("a.b", "not_exists"), document)


@pytest.mark.parametrize(("document", "id"), [({"id": "data"}, "data"), ({}, "key"), ({"id": None}, "key")])
def test_id_is_the_field_of_that_name_or_else_the_key(document: dict[str, Any], id: str) -> None:  # noqa: A002
    assert matches(Compare("id", "=", id), document, "key")


# --- text -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("abc", "a%", True),
        ("abc", "A%", False),
        ("abc", "a_c", True),
        ("abc", "_b", False),
        ("a\nc", "a_c", True),
        ("a\nc\n", "a%c_", True),
        ("a%c", r"a\%c", False),
        ("a\\xc", r"a\%c", True),
        ("a.c", "a.c", True),
        ("abc", "a.c", False),
        ("", "%", True),
        ("a" * 40, "%a" * 20 + "b", False),
    ],
)
def test_like_knows_two_wildcards_and_no_escape(text: str, pattern: str, expected: bool) -> None:
    assert holds(text, "like", pattern) is expected


def test_starts_with_is_taken_literally() -> None:
    assert [holds(text, "starts_with", "a%") for text in ("a%b", "ab")] == [True, False]


def test_regex_searches_anywhere() -> None:
    assert holds("xaby", "regex", "a.")


# --- operators and operands -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("==", "="),
        ("<>", "!="),
        ("NOT IN", "not_in"),
        ("not in", "not_in"),
        (" Not   Like ", "not_like"),
        ("LIKE", "like"),
        ("not-between", "not_between"),
        ("startswith", "starts_with"),
        ("NOT EXISTS", "not_exists"),
        ("is null", "not_exists"),
        ("is not null", "exists"),
        ("gte", ">="),
    ],
)
def test_an_operator_has_its_usual_spellings(spelling: str, name: str) -> None:
    assert operator_name(spelling) == name


def test_a_member_of_an_enum_is_an_operator_by_its_value() -> None:
    assert operator_name(enum.Enum("Operator", {"EQ": "="})["EQ"]) == "="  # type: ignore[misc]


@pytest.mark.parametrize("spelling", ["betwen", "", "!", 3, None])
def test_an_unknown_operator_is_an_error(spelling: Any) -> None:
    with pytest.raises(ConfigError, match="operator"):
        Compare("x", spelling, 1)


def test_a_near_miss_is_told() -> None:
    with pytest.raises(ConfigError, match="did you mean 'between'"):
        Compare("x", "betwen", (1, 2))


@pytest.mark.parametrize(
    ("op", "operand"),
    [
        ("=", [1]),
        ("=", {"a": 1}),
        ("=", object()),
        ("=", timedelta(1)),
        ("in", 1),
        ("in", "abc"),
        ("in", {"a": 1}),
        ("in", [[1]]),
        ("between", 1),
        ("between", (1,)),
        ("between", (1, 2, 3)),
        ("between", {1, 2}),
        ("between", (1, None)),
        ("like", 1),
        ("starts_with", None),
        ("regex", "("),
        ("exists", 1),
        ("not_exists", False),
    ],
)
def test_an_operand_of_the_wrong_shape_is_an_error(op: str, operand: Any) -> None:
    with pytest.raises(ConfigError):
        Compare("x", op, operand)


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NaT, pd.NA, np.datetime64("NaT", "ns")])
def test_nothing_compares_to_null_and_the_error_says_what_to_ask(missing: Any) -> None:
    with pytest.raises(ConfigError, match="not_exists"):
        Compare("x", "!=", missing)


def test_an_operand_is_kept_as_plain_python() -> None:
    assert Compare("x", "in", np.array([1, 2])).value == (1, 2)


def test_a_field_is_named_by_text() -> None:
    with pytest.raises(ConfigError, match="named by text"):
        Compare(1, "=", 1)  # type: ignore[arg-type]


# --- order ------------------------------------------------------------------------------------------------------


def ordered(values: list[Any], *, descending: bool = False) -> list[Any]:
    documents = {str(number): {"x": value} for number, value in enumerate(values)}
    keys = sorted(documents, key=lambda key: sort_key((Sort(Field("x"), descending),), documents[key], key))
    return [documents[key]["x"] for key in keys]


def test_numbers_come_before_text_and_missing_last() -> None:
    assert ordered(["b", None, 2, "B", 1.5, "\U00010000", "\uffff"]) == [1.5, 2, "B", "b", "\uffff", "\U00010000", None]


def test_descending_reverses_the_values_and_leaves_missing_last() -> None:
    assert ordered(["b", None, 2, "a", 1], descending=True) == ["b", "a", 2, 1, None]


def test_a_list_stands_by_its_smallest_element_and_descending_by_its_largest() -> None:
    values: list[Any] = [2, [1, 4], 3, []]
    assert (ordered(values), ordered(values, descending=True)) == ([[1, 4], 2, 3, []], [[1, 4], 3, 2, []])


@pytest.mark.parametrize("descending", [False, True])
def test_ties_are_decided_by_id_ascending(descending: bool) -> None:
    documents: dict[str, dict[str, Any]] = {"b": {"x": 1}, "a": {"x": 1}, "c": {}, "B": {}}
    order = (Sort(Field("x"), descending),)
    assert sorted(documents, key=lambda key: sort_key(order, documents[key], key)) == ["a", "b", "B", "c"]


SCALARS = st.one_of(
    st.integers(),
    st.floats(),
    st.text(max_size=3),
    st.booleans(),
    st.datetimes(),
    st.dates(),
    st.none(),
    st.binary(max_size=2),
)


@given(st.lists(st.one_of(SCALARS, st.lists(SCALARS, max_size=3), st.just({"a": 1})), max_size=8), st.booleans())
def test_values_of_all_kinds_can_be_sorted_together(values: list[Any], descending: bool) -> None:
    assert len(ordered(values, descending=descending)) == len(values)


@given(SCALARS, SCALARS)
def test_exactly_one_of_less_equal_and_greater_holds_within_a_kind(value: Any, operand: Any) -> None:
    try:
        held = [holds(value, op, operand) for op in ("<", "=", ">")]
        same_kind = holds(value, "between", (operand, operand)) or held[0] or held[2]
    except ConfigError:  # a missing operand
        return
    assert sum(held) == same_kind
