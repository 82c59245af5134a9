"""The tables that a statement names, and what it needs of them."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from dk_notebook.backends.s3.sql.names import named
from dk_notebook.backends.s3.sql.needs import needs
from dk_notebook.errors import QueryError

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def cursor() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


@pytest.mark.parametrize(
    ("text", "tables"),
    [
        ("select * from a join b using (x), c", ["a", "b", "c"]),
        ('select * from "a/b.csv", "s3://x/y", "q""uote", \'s3://z/t\'', ["a/b.csv", "s3://x/y", 'q"uote', "s3://z/t"]),
        ("with f as (select 1), G as (select * from F) select * from f, g", []),
        ("with f as (select * from f) select * from f", ["f"]),
        ("with recursive f as (select 1 as n union all select n + 1 from f) select * from f", []),
        ("select * from (with f as (select 1) select * from f) q, f", ["f"]),
        ("with a as (select * from t), b as (with a as (select 1) select * from a) select * from a, b", ["t"]),
        ("select (select max(n) from b) from a where exists (from c) and n in (select n from d)", ["b", "a", "c", "d"]),
        ("select a from t alias where alias.b = (from u)", ["t", "u"]),
        ("select * from range(3), main.t, information_schema.tables", []),
        ("describe t", ["t"]),
        ("pivot t on x", ["t"]),
        ('pivot (select * from a as one, "b c" two, d) on x using count(*)', ["a", "b c", "d"]),
        ("explain select * from t", ["t"]),
        ("select n" + " + 1" * 300 + " from t", ["t"]),
        ("select n" + " + 1" * 900 + " from t", ["t"]),
        ("select * from", []),
    ],
)
def test_tables_are_those_that_no_with_clause_defines(
    cursor: duckdb.DuckDBPyConnection, text: str, tables: list[str]
) -> None:
    assert list(named(cursor, text).tables) == tables


def test_a_table_is_known_by_where_it_stands_first(cursor: duckdb.DuckDBPyConnection) -> None:
    text = "select '\u00fc' from t, t u"
    assert named(cursor, text).tables == {"t": text.index("t,")}


def test_names_that_differ_in_capitals_are_refused_and_not_taken_for_one(cursor: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(QueryError, match="'Flights' and 'flights' are one name"):
        named(cursor, 'select * from "Flights" union select * from flights')


T = pa.schema({"n": pa.int64(), "x": pa.float64(), "s": pa.string(), "o": pa.struct({"a": pa.int64()})})
U = pa.schema({"n": pa.int64(), "y": pa.int64()})


@pytest.mark.parametrize(
    ("text", "columns", "told"),
    [
        ("select n from t", "n", ""),
        ("select count(*) from t", "n", ""),
        ("select o.a from t where N = 1 and t.s >= 'a'", "n s o", "n = 1 and s >= 'a'"),
        (
            "select n from t where 1 < n and n in (1, 2) and x between 1 and 2.5",
            "n x",
            "n > 1 and n in (1, 2) and x <= 2.5",
        ),
        ("select n from t where n = 1 or x = 2", "n x", ""),
        ("select n from t where not n = 1", "n", ""),
        ("select n + 1 as n from t where n = 1", "n", "n = 1"),
        ("select #2 from t", "n x s o", ""),
        ("select t from t", "n x s o", ""),
        ("select * exclude (n) from t", "n x s o", ""),
        ("select t.s from t natural join u", "n x s o", ""),
        ("select x from t join u using (n) where y = 1", "n x", ""),
        ("select x from t left join u on t.n = u.n where t.n = 1 and u.n = 2", "n x", "n = 1"),
        ("select x from t asof join u on t.n >= u.n where t.n = 1", "n x", ""),
        ("select x from t positional join u where t.n = 1", "n x s o", ""),
        ("select x from t tablesample 10% where n = 1", "n x", ""),
        ("select x from t where n = 1 using sample 10 rows", "n x", ""),
        ("select x from t where n = 1 union all select x from t", "n x", ""),
        ("select x from (select * from t limit 5) where n = 1", "n x s o", ""),
        ("select x from (select n, x from t where n = 2) where n = 1", "n x", "n = 2"),
        ("select x from t where n = $1 and s = $2", "n x s", "n = 7 and s = 'seven'"),
    ],
)
def test_a_statement_needs_what_it_names_and_the_rows_that_it_keeps(
    cursor: duckdb.DuckDBPyConnection, text: str, columns: str, told: str
) -> None:
    need = needs(named(cursor, text).tree, [7, "seven"], {"t": T, "u": U})["t"]
    assert (" ".join(need.columns), need.told) == (columns, told)
