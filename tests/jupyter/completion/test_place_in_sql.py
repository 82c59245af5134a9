"""What the cursor asks for in SQL, whatever the store."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dk_notebook.jupyter.completion.sql import Place, place
from tests.jupyter.completion.tabs import marked

pytestmark = pytest.mark.unit


def at(text: str) -> Place | None:
    return place(*marked(text))


@pytest.mark.parametrize(
    "text",
    [
        "select * from |",
        "select * from ord|",
        "select * from ord|ers where a",
        "select * from a, |",
        "select * from a join |",
        "select * from a x left join b|",
        "insert into |",
        "update |",
        "delete from |",
        "delete from a using |",
        "truncate table |",
        "drop table if exists |",
        "describe |",
        "select 1; select * from |",
        "with x as (select 1) select * from |",
        "select * from (select * from |)",
        "select * from only |",
        'select * from "ord|',
        'select * from "ord|"',
        "select * from sales.|",
        "from |",
        "select a from t where x in (select y from |",
        "select '; from x' from |",
        "create table x as select * from |",
    ],
)
def test_here_a_table_is_wanted(text: str) -> None:
    found = at(text)
    assert found is not None
    assert found.wanted == "table"


@pytest.mark.parametrize(
    "text",
    [
        "select | from a",
        "select x, | from a",
        "select count(|) from a",
        "select * from a where |",
        "select * from a where x = y and z|",
        "select * from a order by |",
        "select * from a group by x, |",
        "select * from a join b on a.x = |",
        "select * from a join b using (|)",
        "insert into a (|",
        "insert into a (x, |) values (1)",
        "update a set |",
        "select a.| from a",
        "select extract(year from |) from a",
        "select * from a where x is distinct from |",
        "select * from a where (x + |",
        "select 'x' ^ | from a",
        "from a select |",
    ],
)
def test_here_a_column_is_wanted(text: str) -> None:
    found = at(text)
    assert found is not None
    assert found.wanted == "column"


@pytest.mark.parametrize(
    "text",
    [
        "|",
        "sel|",
        "select 'in a lit|eral' from a",
        "select 'open |",
        "select 1 -- a comm|ent\nfrom a",
        "select /* a | comment */ 1 from a",
        "select /* open |",
        "select $$ a | body $$ from a",
        "select * from a |",
        "select * from a al|",
        "select x as | from a",
        "select x as nam| from a",
        "select 12| from a",
        "select x::| from a",
        "select x::int| from a",
        'select "x"| from a',
        "create table |",
        "create table if not exists |",
        "select a[1:n|] from t",
        "select x::|text from a",
    ],
)
def test_here_nothing_is(text: str) -> None:
    assert at(text) is None


@pytest.mark.parametrize("text", ["select :|", "select :da|", "select a = :d|", "select f(:|)", "select [:|]"])
def test_here_a_parameter_is(text: str) -> None:
    found = at(text)
    assert found is not None
    assert found.wanted == "parameter"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("select | from a", ["a"]),
        ("select | from s.a x, b y", ["x", "y"]),
        ("select | from a left join b on a.x = b.y", ["a", "b"]),
        ("select | from a as x where x.y", ["x"]),
        ("select | from (select 1 as n) as q", ["q"]),
        ("select | from a union select x from b", ["a"]),
        ("select x from a union select | from b", ["b"]),
        ("select x from a where y in (select | from b)", ["b", "a"]),
        ("select | from generate_series(1, 2) g", ["g"]),
        ("select | from a; select 1 from b", ["a"]),
        ("select 1 from a; select | from b", ["b"]),
        ('select | from "My T" where 1', ["My T"]),
        ('select "x| from a', ["a"]),
        ("select |x from a", ["a"]),
        ("select |\nfrom a\nwhere x", ["a"]),
        ("update a set | = 1", ["a"]),
        ("select | from unnest(:ids) with ordinality u", []),
        ("delete from a where |", ["a"]),
    ],
)
def test_what_is_named_before_or_after_the_cursor_has_columns(text: str, named: list[str]) -> None:
    found = at(text)
    assert found is not None
    assert [source.called for source in found.sources.visible(found.scope) if source.called] == named


def test_a_with_clause_is_a_name() -> None:
    found = at("with x as (select 1), y (b) as not materialized (select 2) select * from |")
    assert found is not None
    assert (found.sources.names(), found.sources.clauses["y"].columns) == (["x", "y"], ("b",))


@pytest.mark.parametrize(
    ("text", "fragment", "typed", "closes"),
    [
        ('select * from "my t|', '"my t', "my t", True),
        ('select * from "my t|"', '"my t', "my t", False),
        ('select * from "a ""b|', '"a ""b', 'a "b', True),
        ("select * from my|t", "my", "my", True),
    ],
)
def test_a_quoted_name_knows_whether_its_end_is_there(text: str, fragment: str, typed: str, closes: bool) -> None:
    found = at(text)
    assert found is not None
    assert (found.fragment, found.typed, found.closes) == (fragment, typed, closes)


SQL = st.lists(
    st.sampled_from(
        ["select", "from", "join", "with", "as", "union", "using", "extract", "into", "update", "x", "y", '"z', '"',
         "'", ",", ".", "(", ")", ";", ":", "::", "*", "/*", "*/", "--", "\n", " ", "$$", "1", "$1", "[", "]"]
    )
).map(" ".join)  # fmt: skip


@given(st.one_of(st.text(), SQL, SQL.map(lambda text: text.replace(" ", ""))), st.integers(0, 200))
def test_no_text_raises(text: str, cursor: int) -> None:
    cursor = min(cursor, len(text))
    found = place(text, cursor)
    assert found is None or text.endswith(found.fragment, 0, cursor)
    if found is not None:
        for source in found.sources.visible(found.scope):
            if source.inner is not None:
                assert list(found.sources.outputs(source.inner)) is not None
