"""Parameters of ES|QL: where they are found, and what the server gets for them."""

from __future__ import annotations

import datetime as dt
import enum
import uuid
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dk_notebook.backends.elasticsearch.esql.lexer import tokens
from dk_notebook.backends.elasticsearch.esql.parameters import parse, requested
from dk_notebook.errors import ConfigError, MissingParameter, QueryError

pytestmark = pytest.mark.unit


def sent(text: str, params: Any = None) -> str:
    """The text for the server."""
    return requested(text, params).text


def value(given: Any) -> tuple[str, Any]:
    """How one value is written, and what travels beside the text."""
    request = requested("ROW x = ?v", {"v": given})
    return request.text.removeprefix("ROW x = "), request.params[0]["v"]


# --- where they are ---------------------------------------------------------------------------------------------------


@given(st.text(alphabet="ab?$`'\"\\/*\n |()[]:=,.1_INOT", max_size=40))
def test_the_tokens_joined_are_the_text(text: str) -> None:
    assert "".join(token.text for token in tokens(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        'ROW a = "?x"',
        r'ROW a = "it\"s ?x"',
        'ROW a = """say "?x" twice"""',
        'ROW a = """ends with a quote ?x""""',
        "ROW a = 1 // ?x",
        "ROW a = 1 /* ?x /* ?y */ ?z */",
        "ROW `?x` = 1",
        "ROW `a``?x` = 1",
    ],
)
def test_what_is_quoted_or_a_comment_holds_no_parameter(text: str) -> None:
    assert parse(text).parameters == ()


def test_a_parameter_after_a_comment_of_a_line_is_one() -> None:
    assert parse("ROW a = 1 // no ?x\n, b = ?y").names == ("y",)


def test_every_way_to_count_is_known() -> None:
    texts = ["ROW a = ?1, b = ?2", "ROW a = $1, b = $2", "ROW a = ?, b = ?"]
    assert [sent(text, [7, 8]) for text in texts] == ["ROW a = ?p1, b = ?p2"] * 3


def test_ways_to_count_are_not_mixed() -> None:
    with pytest.raises(ConfigError, match="mixes"):
        parse("ROW a = ?, b = ?x")


def test_the_name_of_an_index_is_no_parameter() -> None:
    with pytest.raises(QueryError, match="indices cannot be parameters") as raised:
        parse("FROM ?index | LIMIT 1")
    assert raised.value.position == 5


def test_a_dollar_in_the_name_of_an_index_is_left_alone() -> None:
    assert sent("FROM logs-$1 METADATA _id | WHERE a == ?x", {"x": 1}) == "FROM logs-$1 METADATA _id | WHERE a == ?x"


def test_settings_before_the_query_are_a_part_of_the_text() -> None:
    text = 'SET time_zone = "UTC"; FROM logs-$1 | WHERE a == ?x'
    assert sent(text, {"x": 1}) == text


def test_a_semicolon_at_the_end_is_left_out() -> None:
    assert sent("ROW a = 1 ; // done") == "ROW a = 1 "


def test_a_missing_name_is_told_with_its_place_and_the_nearest() -> None:
    with pytest.raises(MissingParameter, match=r"\?dya") as raised:
        requested("ROW a = ?dya", {"day": 1})
    assert (raised.value.position, raised.value.hint) == (8, "did you mean 'day'?")


def test_an_unused_name_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"unused parameter \?b"):
        requested("ROW a = ?a", {"a": 1, "b": 2})


def test_a_name_that_the_server_does_not_take_gets_another_one() -> None:
    request = requested("ROW a = ?größe", {"größe": 1})
    assert (request.text, request.params) == ("ROW a = ?p1", [{"p1": 1}])


def test_names_made_for_lists_are_new() -> None:
    request = requested("FROM t | WHERE a IN (?ids) AND b == ?ids_1", {"ids": [1], "ids_1": 9})
    assert request.text == "FROM t | WHERE a IN (?ids_1_) AND b == ?ids_1"


def test_a_name_of_a_column_stays_one() -> None:
    assert sent("FROM t | KEEP ??c", {"c": "carrier"}) == "FROM t | KEEP ??c"


def test_a_name_of_a_column_is_text() -> None:
    with pytest.raises(ConfigError, match="must be text"):
        requested("FROM t | KEEP ??c", {"c": dt.date(2024, 1, 1)})


# --- lists ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["a IN ?ids", "a IN (?ids)", "a IN ( /* these */ ?ids )", "a in(?ids)"])
def test_a_list_becomes_as_many_parameters(text: str) -> None:
    assert sent(f"FROM t | WHERE {text}", {"ids": [4, 5]}) == "FROM t | WHERE a IN (?ids_1, ?ids_2)"


def test_the_elements_of_a_list_have_their_types() -> None:
    asked = sent("FROM t | WHERE day NOT IN ?days", {"days": pd.Series([dt.date(2024, 1, 1)])})
    assert asked == "FROM t | WHERE day NOT IN (TO_DATETIME(?days_1))"


def test_one_value_after_in_says_that_a_list_is_wanted() -> None:
    with pytest.raises(QueryError, match=r"IN \?id takes a list") as raised:
        sent("FROM t | WHERE a IN ?id", {"id": 4})
    assert "== ?id" in str(raised.value.hint)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM t | WHERE a IN ?ids", "FROM t | WHERE (a IS NULL AND false)"),
        ("FROM t | WHERE NOT a IN ?ids", "FROM t | WHERE NOT (a IS NULL AND false)"),
        ("FROM t | WHERE b AND a.c NOT IN (?ids) OR d", "FROM t | WHERE b AND (a.c IS NULL OR true) OR d"),
        ("FROM t | EVAL x = f(a, `b` + 1 IN ?ids)", "FROM t | EVAL x = f(a, (`b` + 1 IS NULL AND false))"),
        ("FROM t | EVAL x = f(a)::long IN ?ids", "FROM t | EVAL x = (f(a)::long IS NULL AND false)"),
        ("FROM t | STATS COUNT(*) WHERE a IN ?ids BY b", "FROM t | STATS COUNT(*) WHERE (a IS NULL AND false) BY b"),
        ("ROW ?ids IN ?ids", None),
    ],
)  # fmt: skip
def test_an_empty_list_matches_nothing_and_not_in_everything(text: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(ConfigError, match="only in IN"):
            requested(text, {"ids": []})
    else:
        assert sent(text, {"ids": []}) == expected


def test_a_list_elsewhere_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"parameter \?ids is a list"):
        requested("ROW a = ?ids", {"ids": [1]})


# --- values -----------------------------------------------------------------------------------------------------------


class Size(enum.Enum):
    BIG = "big"


@pytest.mark.parametrize(
    ("given", "travels"),
    [
        (None, None),
        (float("nan"), None),
        (pd.NA, None),
        (True, True),
        (np.bool_(False), False),
        (2**63 - 1, 2**63 - 1),
        (np.int64(-7), -7),
        (5.0, 5.0),
        (np.float32(0.5), 0.5),
        (Decimal("3.00"), 3),
        (Decimal("0.1"), 0.1),
        ("a\nb?'", "a\nb?'"),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (Size.BIG, "big"),
        (dt.time(7, 30), "07:30:00"),
        ({"a": [1, None]}, '{"a": [1, null]}'),
    ],
)
def test_a_value_travels_as_itself(given: Any, travels: Any) -> None:
    assert value(given) == ("?v", travels)


def test_a_double_is_not_sent_as_a_whole_number() -> None:
    assert isinstance(value(5.0)[1], float)


@pytest.mark.parametrize(
    ("given", "written", "travels"),
    [
        (2**64 - 1, "TO_UNSIGNED_LONG(?v)", "18446744073709551615"),
        (dt.date(2024, 2, 29), "TO_DATETIME(?v)", "2024-02-29"),
        (dt.datetime(2024, 1, 1, 10), "TO_DATETIME(?v)", "2024-01-01T10:00:00.000Z"),
        (dt.datetime(1, 1, 1, tzinfo=dt.UTC), "TO_DATETIME(?v)", "0001-01-01T00:00:00.000Z"),
        (pd.Timestamp("2024-07-01 02:00", tz="Europe/Paris"), "TO_DATETIME(?v)", "2024-07-01T00:00:00.000Z"),
        (pd.Timestamp("2024-01-01 00:00:00.000000001"), "TO_DATE_NANOS(?v)", "2024-01-01T00:00:00.000000001Z"),
        (np.datetime64("2024-01-01T00:00:00.123456"), "TO_DATE_NANOS(?v)", "2024-01-01T00:00:00.123456000Z"),
        (dt.timedelta(hours=-1), "TO_TIMEDURATION(?v)", "-3600000 milliseconds"),
    ],
)
def test_what_json_has_no_word_for_travels_as_text_and_is_made_there(given: Any, written: str, travels: Any) -> None:
    assert value(given) == (written, travels)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (2**64, "64 bits"),
        (-(2**63) - 1, "64 bits"),
        (float("inf"), "infinity"),
        (Decimal("0.10000000000000000001"), "no decimals"),
        (Decimal("Infinity"), "no decimals"),
        (b"x", "no value of type bytes"),
        ("\ud800", "half a character"),
        (dt.datetime(1969, 1, 1, 0, 0, 0, 1), "1970 to 2261"),
        (dt.timedelta(microseconds=1), "milliseconds"),
        (1j, "no value of type complex"),
    ],
)
def test_what_would_become_another_value_is_an_error_that_names_the_parameter(given: Any, reason: str) -> None:
    with pytest.raises(ConfigError, match=rf"parameter \?v: .*{reason}"):
        value(given)


# --- places -----------------------------------------------------------------------------------------------------------


def test_a_place_that_the_server_names_is_found_in_the_callers_text() -> None:
    text = "FROM t\n| WHERE a IN ?ids AND day > ?d AND nope"
    request = requested(text, {"ids": [1, 2, 3], "d": dt.date(2024, 1, 1)})
    line = request.text.split("\n")[1]
    assert text[request.user_offset(2, line.index("nope") + 1) :] == "nope"


def test_a_place_within_a_parameter_is_the_parameter() -> None:
    text = "ROW a = ?day"
    assert requested(text, {"day": dt.date(2024, 1, 1)}).user_offset(1, 15) == text.index("?day")
