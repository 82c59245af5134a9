"""Several statements in one text, and what kind each is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dk_notebook.backends.sql.statements import keywords, split

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        (" ; -- nothing\n;", []),
        ("select 1", ["select 1"]),
        ("select 1; select 2;", ["select 1", "select 2"]),
        ("select ';', \";\", $$;$$, E'\\';' -- ;\n/* ; */; select 2", None),
        ("create rule r as on insert to t do (select 1; select 2); select 3", None),
        ("create function f() returns int begin atomic select 1; select case when a then b end; end; select 2", None),
        ("begin; select 1; end; select 2", ["begin", "select 1", "end", "select 2"]),
    ],
)
def test_a_text_falls_into_its_statements(text: str, parts: list[str] | None) -> None:
    # None: two statements, of which the last is the text after the last semicolon.
    found = [part.text for part in split(text)]
    head, _, tail = text.rpartition("; ")
    assert found == ([head, tail] if parts is None else parts)


def test_a_statement_knows_where_it_began() -> None:
    text = "select 1;\n\n  select 2"
    assert [text[part.start :] for part in split(text)] == [text, "select 2"]


@given(st.lists(st.sampled_from(["select ';'", "insert into t values ($$;$$)", "-- ;\nselect 2", "x /* ; */ y"])))
def test_joined_statements_are_told_apart_again(statements: list[str]) -> None:
    assert [part.text for part in split(";\n".join(statements))] == [one.removeprefix("-- ;\n") for one in statements]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("select a from t", ("SELECT",)),
        ("-- c\n (( WITH x as (select 1) select 2))", ("WITH",)),
        ("explain analyze select", ("EXPLAIN", "ANALYZE")),
        ("", ()),
        ("'select'", ()),
    ],
)
def test_the_first_words_tell_the_kind_of_a_statement(text: str, words: tuple[str, ...]) -> None:
    assert keywords(text, max(1, len(words))) == words
