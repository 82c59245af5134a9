"""Statements as they are rendered, run by real DuckDB."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dk_notebook.backends.sql.dialects import RE2
from dk_notebook.backends.sql.parameters import parse
from dk_notebook.errors import ConfigError
from dk_notebook.records.patterns import compiled, write

pytestmark = pytest.mark.duckdb


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t AS SELECT range AS a, [range, 2] AS l, {'x': range} AS s FROM range(4)")
        yield connection


def run(connection: duckdb.DuckDBPyConnection, text: str, params: Any) -> list[Any]:
    statement = parse(text)
    values = statement.bind(params)
    rendered = statement.render(values, "${}".format)
    return [row[0] for row in connection.execute(rendered.text, [values[key] for key in rendered.keys]).fetchall()]


@pytest.mark.parametrize(
    ("text", "params", "expected"),
    [
        ("select a from t where a in :ids", {"ids": [1, 3]}, [1, 3]),
        ("select a from t where a in (:ids) order by a desc;", {"ids": (1, 3)}, [3, 1]),
        ("select a from t where a not in :ids", {"ids": [1, 3]}, [0, 2]),
        ("select a from t where a = any(:ids)", {"ids": range(2)}, [0, 1]),
        ("select a from t where a in :ids", {"ids": []}, []),
        ("select a from t where a not in :ids", {"ids": []}, [0, 1, 2, 3]),
        ("select a from t where a::varchar in $1 and a < $2", [["1", "3"], 3], [1]),
        ("select [x for x in :ids if x > :low]", {"ids": [1, 2, 3], "low": 1}, [[2, 3]]),
        ("select l[1:a] from t where a = :a", {"a": 2}, [[2, 2]]),
        ("select [:a, :b, :a]", {"a": 1, "b": 2}, [[1, 2, 1]]),
        ("select {'k':a, 'v': :v}.v from t limit :n", {"v": "it's", "n": 1}, ["it's"]),
        (r"select E'\':x' || $$:x$$ || ':x''' || :x /* :x */ -- :x", {"x": "!"}, ["':x:x:x'!"]),
        ("select (:doc::json->>'a')", {"doc": {"a": "b"}}, ["b"]),
        ("select :x::int is null", {"x": float("nan")}, [True]),
        ("select position('b' in :text)", {"text": "abc"}, [2]),
    ],
)
def test_a_rendered_statement_finds_what_its_author_meant(
    connection: duckdb.DuckDBPyConnection, text: str, params: Any, expected: list[Any]
) -> None:
    assert run(connection, text, params) == expected


PIECES = st.sampled_from(
    [
        *"ab.é|()[]^$*+?-_ \n1",
        "(?:",
        r"\d",
        r"\w",
        r"\S",
        r"\s",
        "[^a]",
        "[a-c]",
        "{2}",
        r"\.",
        r"\n",
        "[^\\w]",
        "(?i)",
        r"\Z",
    ]
)
SUBJECTS = st.text(st.sampled_from("abAcé1٣ß_.-|(]\n\t\x85\x1c  "), max_size=5)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=6).map("".join), st.lists(SUBJECTS, min_size=5, max_size=5))
def test_a_pattern_finds_in_duckdb_what_it_finds_in_python(
    connection: duckdb.DuckDBPyConnection, pattern: str, subjects: list[str]
) -> None:
    try:
        expected = [compiled(pattern).search(subject) is not None for subject in subjects]
    except ConfigError:
        return
    written = write(pattern, RE2)
    found = connection.execute(
        "SELECT list_transform($1::VARCHAR[], lambda x: regexp_matches(x, $2))", [subjects, written]
    ).fetchone()
    assert found == (expected,), re.escape(written)
