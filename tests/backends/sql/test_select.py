"""The SELECT of a query: which columns, in which order, and what is refused."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest

from dk_notebook.backends.sql.columns import Column, columns_of
from dk_notebook.backends.sql.dialects import DUCKDB
from dk_notebook.backends.sql.select import Selected, select, where
from dk_notebook.errors import ConfigError, NotFound, Unsupported
from dk_notebook.records.filters import And, Compare, Condition, Not, Or
from dk_notebook.records.query import Query

pytestmark = pytest.mark.unit

COLUMNS = columns_of(
    pa.schema(
        {
            "age": pa.int32(),
            "name": pa.string(),
            "a.b": pa.float64(),
            "doc": pa.string(),
            "place": pa.struct({"x": pa.int64()}),
            "tags": pa.list_(pa.string()),
            'of "course"': pa.bool_(),
        }
    ),
    ["INTEGER", "VARCHAR", "DOUBLE", "JSON", "STRUCT(x BIGINT)", "VARCHAR[]", "BOOLEAN"],
)


def sql(query: Query, **options: Any) -> Selected:
    return select('"t"', COLUMNS, query, DUCKDB, **options)


def condition(condition: Condition) -> Selected:
    return where(COLUMNS, condition, DUCKDB)


def test_without_a_choice_all_columns_are_selected_by_name() -> None:
    assert sql(Query()).text == ('SELECT "age", "name", "a.b", "doc", "place", "tags", "of ""course""" FROM "t"')


def test_chosen_columns_come_in_their_order() -> None:
    assert sql(Query.of(columns=["name", "a.b"])).text == 'SELECT "name", "a.b" FROM "t"'


def test_a_field_inside_of_a_struct_is_selected_under_its_path() -> None:
    assert sql(Query().select("place.x")).text == 'SELECT ("place")."x" AS "place.x" FROM "t"'


def test_no_columns_at_all_are_refused() -> None:
    with pytest.raises(ConfigError, match="no columns"):
        sql(Query.of(columns=[]))


def test_a_projection_keeps_the_name() -> None:
    def as_text(column: Column, expression: str) -> str:
        return f"{expression}::TEXT" if column.kind == "number" else expression

    assert sql(Query().select("age", "name"), project=as_text).text == 'SELECT "age"::TEXT AS "age", "name" FROM "t"'


def test_limit_and_offset_run_in_the_store() -> None:
    assert sql(Query().select("age").limit(0).offset(3)).text == 'SELECT "age" FROM "t" LIMIT 0 OFFSET 3'


def test_the_key_decides_ties_of_a_sorted_query() -> None:
    text = sql(Query().select("age").sort("age", "desc"), key=["name"]).text
    assert text.endswith('ORDER BY "age" DESC NULLS LAST, "name" COLLATE "C" ASC NULLS LAST')


def test_values_are_bound_and_never_written() -> None:
    selected = condition(Compare("name", "=", "'; drop table t; --"))
    assert selected == Selected('("name" COLLATE "C" = CAST($1 AS TEXT))', ("'; drop table t; --",))


def test_a_column_stands_bare_beside_a_number_so_that_indexes_serve() -> None:
    assert condition(Compare("age", ">", 2.5)) == Selected('("age" > CAST($1 AS BIGINT))', ("2",))


@pytest.mark.parametrize(
    "unheard",
    [
        Compare("age", "=", "x"),
        Compare("age", "=", 1.5),
        Compare("age", ">", 2**40),
        Compare("age", "in", []),
        Compare("age", "in", ["x", 0.5]),
        Compare("age", "between", (1, "x")),
        Compare("age", "like", "1%"),
        Compare("place", "=", 1),
        Compare("tags", "between", ("a", 1)),
        Or(()),
    ],
)
def test_what_no_row_can_match_binds_no_value(unheard: Condition) -> None:
    assert condition(unheard) == Selected("FALSE", ())


def test_an_empty_conjunction_matches_every_row() -> None:
    assert condition(And(())).text == "TRUE"


def test_the_negation_is_true_where_the_condition_is_unknown() -> None:
    assert condition(Not(Compare("age", ">", 1))).text == '(("age" > CAST($1 AS BIGINT)) IS NOT TRUE)'


def test_a_list_is_bound_as_one_value() -> None:
    assert condition(Compare("age", "in", range(3))).values == (["0", "1", "2"],)


@pytest.mark.parametrize("query", [Query().filter("nmae", "exists"), Query().sort("nmae"), Query().select("nmae")])
def test_an_unknown_column_says_which_one_was_meant(query: Query) -> None:
    with pytest.raises(NotFound, match="did you mean 'name'"):
        sql(query)


def test_an_unknown_field_of_a_struct_is_not_found() -> None:
    with pytest.raises(NotFound, match=r"place\.y"):
        sql(Query().filter("place.y", "=", 1))


@pytest.mark.parametrize("query", [Query().filter("doc", "=", 1), Query().sort("doc"), Query().filter("doc.a", "=", 1)])
def test_json_is_not_compared_where_stores_would_differ(query: Query) -> None:
    with pytest.raises(Unsupported, match=r"JSON|json"):
        sql(query)


def test_whether_json_is_there_can_be_asked() -> None:
    assert condition(Compare("doc", "exists")).text == '("doc" IS NOT NULL)'


@pytest.mark.parametrize("column", ["name", "tags"])
def test_a_time_is_not_looked_for_in_text(column: str) -> None:
    with pytest.raises(Unsupported, match="holds text"):
        condition(Compare(column, ">", datetime(2024, 1, 2)))
