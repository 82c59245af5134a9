"""Where a `:name` is a parameter, what is bound to it, and how it is written for the store."""

from __future__ import annotations

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dk_notebook.backends.sql.lexer import tokens
from dk_notebook.backends.sql.parameters import Rendered, any_element, parse
from dk_notebook.errors import ConfigError, MissingParameter, QueryError

pytestmark = pytest.mark.unit

PIECES = r"""select a :a $1 ' '' " -- /* */ $$ $t$ E' \ ( ) [ ] { } , ; :: := : in not any IN x = - 1 1.5 é :é"""
SQL = st.lists(st.sampled_from([*PIECES.split(), " ", "\n", "\t"])).map("".join)


def dollars(number: int, key: str | int) -> str:
    return f"${number}"


def as_written(number: int, key: str | int) -> str:
    return f":{key}" if isinstance(key, str) else f"${key}"


def rendered(text: str, params: object = None) -> Rendered:
    statement = parse(text)
    return statement.render(statement.bind(params), dollars)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        ":x",
        "select :x",
        "select(:x)",
        "select a,:x",
        "a=:x",
        "a<:x",
        "a||:x",
        "-:x",
        "select [:x]",
        "select [1, :x]",
        "select ARRAY[:x]",
        "a in [:x]",
        "a[ :x]",
        "a[1 + :x]",
        "a[f(b, :x)]",
        "a[lo:hi + :x]",
        "{'a': :x}",
        "{'a':b, 'c': -:x}",
        "f(a := :x)",
        "f(a:=:x)",
        "f(a =>:x)",
        "limit :x",
        "/* c */:x",
        "--c\n:x",
        "select :x::int",
        "select x ?:x",
        "case when a[case when :x then 1 end] then 2 end",
        "[y for y in z if y > :x]",
    ],
)
def test_a_colon_where_an_expression_can_begin_makes_a_parameter(text: str) -> None:
    assert parse(text).names == ("x",)


@pytest.mark.parametrize(
    "text",
    [
        "a::x",
        "a ::x",
        "f(a:=x)",
        "a[lo:x]",
        "a[1:x]",
        "a[:x]",
        "a[f(1):x]",
        "a[b[1]:x]",
        "a [lo :x]",
        "f(a)[1 :x]",
        "(a)[:x]",
        "{'a':x}",
        "{'a' :x}",
        "{a:x}",
        "a:x",
        '"a":x',
        "f():x",
        "a[1]:x",
        "{'a':1}:x",
        "1:x",
        "'1':x",
        "$$a$$:x",
        "':x'",
        "'it''s :x'",
        r"E'it\'s :x'",
        '":x"',
        '"a"" :x"',
        "-- :x",
        "/* :x */",
        "/* /* */ :x */",
        "$$ :x $$",
        "$t$ $$ :x $t$",
        ": x",
        ":1",
        "' :x",
        "/* :x",
        "select a$$, :x$$".replace(", :x", ":x"),
    ],
)
def test_a_colon_of_sql_makes_no_parameter(text: str) -> None:
    assert parse(text).names == ()


def test_a_backslash_does_not_escape_in_an_ordinary_string() -> None:
    assert parse(r"select '\', :x, '").names == ("x",)


def test_without_escapes_the_e_is_a_word_before_a_string() -> None:
    assert parse(r"select e'\', :x, '", escapes=False).names == ("x",)


def test_dollar_digits_are_positions_outside_of_literals_and_names() -> None:
    assert parse("select $2, $1, $1, '$3', a$4, $$ $5 $$").positions == (1, 2)


def test_a_name_may_be_any_identifier_of_python() -> None:
    assert parse("select :größe, :_x1").names == ("größe", "_x1")


def test_names_come_once_each_in_the_order_of_their_appearance() -> None:
    assert parse("select :b, :a, :b").names == ("b", "a")


def test_both_styles_in_one_statement_are_an_error() -> None:
    with pytest.raises(ConfigError, match=r"mixes :name and \$1"):
        parse("select :a, $1")


def test_there_is_no_position_zero() -> None:
    with pytest.raises(ConfigError, match="count from 1"):
        parse("select $0")


# --- binding ----------------------------------------------------------------------------------------------------


def test_a_missing_name_says_which_one_was_meant_and_where_it_stands() -> None:
    with pytest.raises(MissingParameter) as caught:
        parse("select\n :customer").bind({"custmer": 1})
    assert str(caught.value).splitlines() == [
        "no value for the parameter :customer",
        "LINE 2:  :customer",
        "         ^",
        "Hint: did you mean 'custmer'?",
    ]


def test_a_statement_with_parameters_needs_params() -> None:
    with pytest.raises(MissingParameter, match=":a"):
        parse("select :a").bind(None)


def test_a_sequence_that_is_too_short_names_the_first_position_without_a_value() -> None:
    with pytest.raises(MissingParameter, match=r"\$2"):
        parse("select $1, $2").bind([1])


@pytest.mark.parametrize(
    ("text", "params"), [("select :a", {"a": 1, "b": 2}), ("select $1", [1, 2]), ("select 1", [1])]
)
def test_a_value_that_is_not_used_is_an_error(text: str, params: object) -> None:
    with pytest.raises(ConfigError, match="unused parameter"):
        parse(text).bind(params)  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "params"), [("select :a", [1]), ("select $1", {"a": 1}), ("select $1", "a")])
def test_params_of_the_other_style_are_an_error(text: str, params: object) -> None:
    with pytest.raises(ConfigError, match="params is a"):
        parse(text).bind(params)  # type: ignore[arg-type]


@pytest.mark.parametrize("params", [None, {}, [], ()])
def test_a_statement_without_parameters_takes_none(params: object) -> None:
    assert parse("select ':a'").bind(params) == {}  # type: ignore[arg-type]


# --- rendering --------------------------------------------------------------------------------------------------


def test_names_become_numbers_of_distinct_parameters() -> None:
    assert rendered("select :b, :a, :b", {"a": 1, "b": 2}).text == "select $1, $2, $1"


def test_positions_keep_their_order_when_the_text_does_not() -> None:
    result = rendered("select $2, $1", [10, 20])
    assert (result.text, result.keys) == ("select $2, $1", (1, 2))


@pytest.mark.parametrize(
    "text", ["select 1;", "select 1 ; ", "select 1;;\n", "select 1; -- done;", "select 1;/* ; */ ;"]
)
def test_a_final_semicolon_is_left_out_with_what_follows(text: str) -> None:
    assert rendered(text).text.rstrip() == "select 1"


def test_a_semicolon_between_statements_stays() -> None:
    assert rendered("select 1; select 2;").text == "select 1; select 2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a IN :ids", "a IN (SELECT unnest($1))"),
        ("a in ( :ids )", "a IN (SELECT unnest($1))"),
        ("a NOT IN :ids or b", "a NOT IN (SELECT unnest($1)) or b"),
        ("a not /* c */ in (:ids) or b", "a NOT IN (SELECT unnest($1)) or b"),
        ("a = ANY(:ids)", "a = ANY($1)"),
        ("a in (:ids, 3)", "a in ($1, 3)"),
        ("a in ((:ids))", "a in (($1))"),
        ("[x for x in :ids]", "[x for x in $1]"),
        ('a "in" (:ids)', 'a "in" ($1)'),
    ],
)
def test_a_list_after_in_is_written_as_its_elements(text: str, expected: str) -> None:
    assert rendered(text, {"ids": [1, 2]}).text == expected


def test_positions_take_lists_too() -> None:
    assert rendered("a in ($1)", [(1, 2)]).text == "a IN (SELECT unnest($1))"


def test_a_single_value_after_in_is_left_where_it_stands() -> None:
    assert rendered("position('a' in :text)", {"text": "abc"}).text == "position('a' in $1)"


@pytest.mark.parametrize("value", [5, "abc", None, {"a": 1}, float("nan")])
@pytest.mark.parametrize("text", ["a in :id", "a NOT  IN :id and b"])
def test_one_value_after_in_without_parentheses_is_an_error(text: str, value: object) -> None:
    with pytest.raises(QueryError, match=r"IN :id takes a list, and the parameter :id is one value"):
        parse(text).bind({"id": value})


def test_the_error_about_one_value_after_in_shows_the_place_and_the_list_to_write() -> None:
    with pytest.raises(QueryError) as caught:
        parse("select 1\nwhere a in :id").bind({"id": 5})
    shown = ["LINE 2: where a in :id", "                   ^"]
    hint = "Hint: params={'id': [...]} gives a list; = :id compares to one value"
    assert str(caught.value).splitlines()[1:] == [*shown, hint]


def test_one_value_for_a_counted_parameter_after_in_names_its_number() -> None:
    with pytest.raises(QueryError, match=r"NOT IN \$1 takes a list.*\n.*\n.*\nHint: params=\[\[...\]\]"):
        parse("a not in $1").bind([5])


@pytest.mark.parametrize(
    "text", ["a in (:id)", "position(:id in :id)", "select (position('a' in :id))", "a in (:id) and b = :id"]
)
def test_one_value_stays_where_sql_takes_one(text: str) -> None:
    assert parse(text).bind({"id": "x"}) == {"id": "x"}


@pytest.mark.parametrize("frame", [pd.DataFrame({"a": [1]}), pl.DataFrame({"a": [1]}), pa.table({"a": [1]})])
def test_a_frame_is_no_list_of_its_column_names(frame: object) -> None:
    with pytest.raises(ConfigError, match="parameter :ids: a frame is no list of values"):
        parse("a in :ids").bind({"ids": frame})


def test_postgres_spells_lists_its_own_way() -> None:
    statement = parse("a in :ids and b not in (:ids)")
    text = statement.render({"ids": []}, dollars, membership=any_element).text
    assert text == "a = ANY($1) and b <> ALL($1)"


def test_an_offset_after_a_parameter_is_found_in_the_users_text() -> None:
    result = rendered("select :long, wehre in (:ids) oops", {"long": 1, "ids": [1]})
    assert [result.user_offset(result.text.index(word)) for word in ("select", "wehre", "oops")] == [0, 14, 30]


def test_an_offset_inside_of_what_was_written_is_that_of_the_parameter() -> None:
    result = rendered("a not in (:ids)", {"ids": [1]})
    assert result.user_offset(result.text.index("unnest")) == "a not in (:ids)".index(":ids")


# --- any text at all --------------------------------------------------------------------------------------------


@given(SQL)
def test_the_tokens_of_any_text_are_the_text(text: str) -> None:
    assert "".join(token.text for token in tokens(text)) == text


@given(SQL)
def test_writing_the_parameters_as_they_were_gives_the_text_back(text: str) -> None:
    try:
        statement = parse(text)
    except ConfigError:
        return
    result = statement.render({}, as_written)
    assert result.text == text[: statement.end]


@given(SQL)
def test_each_offset_of_the_users_own_text_maps_back_exactly(text: str) -> None:
    try:
        statement = parse(text)
    except ConfigError:
        return
    result = statement.render({}, "\0{0}\0".format)
    unwritten = result.text
    numbers = [statement.keys.index(parameter.key) for parameter in statement.parameters]
    for parameter, number in zip(statement.parameters, numbers, strict=True):
        before, mark, unwritten = unwritten.partition(f"\0{number + 1}\0")
        start = len(result.text) - len(unwritten) - len(mark)
        sources = [result.user_offset(offset) for offset in range(start - len(before), start + 1)]
        assert sources == list(range(parameter.start - len(before), parameter.start + 1))
