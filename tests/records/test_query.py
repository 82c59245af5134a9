"""Queries are values: each method gives a new one, and every spelling of the same query makes the same one."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from dk_notebook.errors import ConfigError
from dk_notebook.records.filters import And, Compare, Field, Not, Or, Sort
from dk_notebook.records.query import Query

pytestmark = pytest.mark.unit

ADULT = Compare("age", ">=", 18)
NAMED = Compare("name", "exists")


def test_a_method_leaves_the_query_as_it_was() -> None:
    query = Query()
    query.filter("a", "=", 1).sort("a").limit(1).offset(1).select("a")
    assert query == Query()


def test_equal_queries_are_one_key_of_a_dict() -> None:
    assert len({Query().filter("a", "in", [1]): 1, Query().filter("a", "IN", (1,)): 2}) == 1


def test_a_query_survives_pickling() -> None:
    query = Query().filter("a", "in", [1]).sort("a", "desc")
    assert pickle.loads(pickle.dumps(query)) == query


def test_filters_are_wanted_together() -> None:
    assert Query().filter("age", ">=", 18).filter("name", "exists").condition == And((ADULT, NAMED))


def test_or_is_all_of_one_or_all_of_the_other() -> None:
    left = Query().filter("a", "=", 1).filter("b", "=", 2)
    query = left.or_(Query().filter("c", "=", 3))
    found = [query.matches(document) for document in ({"a": 1, "b": 2}, {"a": 1}, {"c": 3}, {"b": 2, "c": 3})]
    assert found == [True, False, True, True]


def test_or_with_a_query_without_conditions_matches_everything() -> None:
    assert Query().filter("a", "=", 1).or_(Query()).matches({})


def test_and_adds_the_conditions_of_the_other() -> None:
    assert Query(ADULT).and_(Query(NAMED)).condition == And((ADULT, NAMED))


def test_not_matches_exactly_what_its_query_does_not() -> None:
    query = Query().not_(Query().filter("a", "=", 1))
    assert [query.matches(document) for document in ({"a": 1}, {"a": 2}, {})] == [False, True, True]


def test_not_of_a_query_without_conditions_matches_nothing() -> None:
    assert not Query().not_(Query()).matches({})


def test_not_keeps_what_was_wanted_before() -> None:
    assert Query(ADULT).not_(Query(NAMED)).condition == And((ADULT, Not(NAMED)))


@pytest.mark.parametrize("inner", [Query().limit(1), Query().sort("a"), Query().offset(1), Query().select("a")])
def test_a_query_inside_of_another_has_conditions_only(inner: Query) -> None:
    for combine in (Query().and_, Query().or_, Query().not_):
        with pytest.raises(ConfigError, match="outer"):
            combine(inner)


@pytest.mark.parametrize(
    ("name", "literal", "path"), [("a.b", False, ("a", "b")), ("a.b", True, ("a.b",)), ("a", False, ("a",))]
)
def test_a_dot_descends_unless_the_field_is_literal(name: str, literal: bool, path: tuple[str, ...]) -> None:
    assert Query.field(name, literal=literal).path == path


@pytest.mark.parametrize(
    "query",
    [
        Query().sort("a", "desc"),
        Query().sort("a", "DESC"),
        Query().sort("a", descending=True),
        Query.of(order_by="-a"),
        Query.of(order_by=["-a"]),
        Query.of(order_by=Sort(Field("a"), descending=True)),
    ],
)
def test_descending_has_many_spellings(query: Query) -> None:
    assert query.order == (Sort(Field("a"), descending=True),)


def test_sorting_again_breaks_ties() -> None:
    assert Query().sort("a").sort("b", "desc").order == Query.of(order_by=["a", "-b"]).order


def test_an_unknown_direction_is_an_error() -> None:
    with pytest.raises(ConfigError, match="'asc' and 'desc'"):
        Query().sort("a", "down")


@pytest.mark.parametrize("count", [-1, 1.5, "3", True])
def test_a_limit_is_a_count(count: Any) -> None:
    with pytest.raises(ConfigError, match="limit"):
        Query().limit(count)


def test_no_limit_takes_a_limit_away() -> None:
    assert Query().limit(3).limit(None) == Query()


@pytest.mark.parametrize("query", [Query().select("a", "b"), Query().select(["a", "b"])])
def test_fields_are_selected_one_by_one_or_as_a_list(query: Query) -> None:
    assert query.columns == (Field("a"), Field("b"))


@pytest.mark.parametrize(
    "where",
    [
        [("age", ">=", 18), ("name", "exists")],
        [["age", ">=", 18], ("name", "exists", None)],
        [ADULT, NAMED],
        And((ADULT, NAMED)),
        Query(And((ADULT, NAMED))),
        Query(And((ADULT, NAMED))).filters,
        [Query(ADULT), NAMED],
        (part for part in [ADULT, NAMED]),
    ],
)
def test_where_has_many_spellings(where: Any) -> None:
    assert Query.of(where).condition == And((ADULT, NAMED))


def test_one_triple_needs_no_list_around_it() -> None:
    assert Query.of(("age", ">=", 18)).condition == ADULT


@pytest.mark.parametrize("where", [None, [], (), Query()])
def test_no_conditions_match_everything(where: Any) -> None:
    assert Query.of(where).condition is None


@pytest.mark.parametrize("where", ["age >= 18", {"age": 18}, 18, [("age",)], [("age", ">", 1, 2)], [18]])
def test_what_is_no_condition_is_an_error_that_shows_one(where: Any) -> None:
    with pytest.raises(ConfigError, match="where does not take"):
        Query.of(where)


@pytest.mark.parametrize("order_by", [1, b"a", {"a": 1}, [1]])
def test_what_is_no_order_is_an_error(order_by: Any) -> None:
    with pytest.raises(ConfigError):
        Query.of(order_by=order_by)


def test_the_smaller_of_two_limits_counts() -> None:
    assert [Query.of(Query().limit(own), limit=3).max_rows for own in (2, 5)] == [2, 3]


@pytest.mark.parametrize("again", [{"order_by": "b"}, {"columns": ["b"]}])
def test_what_the_query_has_already_is_not_given_again(again: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="already"):
        Query.of(Query().sort("a").select("a"), **again)


def test_the_columns_of_a_table_are_named_dots_and_all() -> None:
    assert Query.of(columns=["a.b"]).columns == (Field("a.b", literal=True),)


def test_or_of_conditions_alone_works_too() -> None:
    assert Query(ADULT).or_(NAMED).condition == Or((ADULT, NAMED))
