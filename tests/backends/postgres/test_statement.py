"""Statements as they are sent: parameters in their places, a COPY around them, mistakes where they were written."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import asyncpg
import numpy as np
import pandas as pd
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from dk_notebook.backends.base import Native
from dk_notebook.backends.postgres.errors import translating
from dk_notebook.backends.postgres.statements.describe import described
from dk_notebook.backends.postgres.statements.statement import HEAD, TAIL, check_single, copied, plain, prepared, shape
from dk_notebook.backends.sql.sent import Sent
from dk_notebook.errors import ConfigError, MissingParameter, QueryError
from tests.backends.postgres.sending import filled, first_column

NOON = dt.datetime(2024, 7, 1, 12, 0, 0, 1)
HOSTILE = "'); drop table numbers; -- \\' $1 :x $$ {0} %s \" /*"


@pytest_asyncio.fixture
async def numbers(connection: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    """A connection, and a table ``numbers`` with 1, 2, 3 and NULL in ``a``."""
    await connection.execute("create table numbers (a int); insert into numbers values (1), (2), (3), (null)")
    yield connection


# --- parameters in their places ---------------------------------------------------------------------------------------

FOUND: list[tuple[str, Any, list[Any]]] = [
    ("select unnest(array[$1::float8 / 2, $1 / 2])", [5.0], [2.5, 2.5]),
    ("select :x::numeric", {"x": 1.1}, [Decimal("1.1")]),
    ("select :x + 0.0::numeric", {"x": Decimal("1.10")}, [Decimal("1.10")]),
    ("select :t::timestamp", {"t": pd.Timestamp(NOON)}, [NOON]),
    ("select :t::timestamp", {"t": np.datetime64(NOON)}, [NOON]),
    ("select '$1 :x' || $$ $1 :x $$ || $b$'$1'$b$ || $1 /* $1 :x */ -- $1", ["!"], ["$1 :x $1 :x '$1'!"]),
    (r"select E'\':x' || :x || U&'\0041:x'", {"x": "!"}, ["':x!A:x"]),
    ('select ":x" from (select 1 as ":x") t where :x = 1', {"x": 1}, [1]),
    ("select :s::text", {"s": HOSTILE}, [HOSTILE]),
    ("select :s", {"s": HOSTILE}, [HOSTILE]),
    ("select array_length(:s::text[], 1)", {"s": [HOSTILE, HOSTILE]}, [2]),
    ("select a from numbers where a in :ids order by a", {"ids": [1, 3]}, [1, 3]),
    ("select a from numbers where a in (:ids) order by a", {"ids": (3, 1)}, [1, 3]),
    ("select a from numbers where a IN(:ids)", {"ids": np.array([2])}, [2]),
    ("select a from numbers where a not in :ids", {"ids": {1, 3}}, [2]),
    ("select a from numbers where a not in ( :ids )", {"ids": pd.Series([1, 3])}, [2]),
    ("select a from numbers where a = any(:ids) order by a", {"ids": range(3)}, [1, 2]),
    ("select a from numbers where a in :ids", {"ids": []}, []),
    ("select count(*) from numbers where a not in :ids", {"ids": []}, [4]),
    ("select count(*) from numbers where a in :ids", {"ids": [1, None]}, [1]),
    ("select count(*) from numbers where a not in :ids", {"ids": [1, None]}, [0]),
    ("select a from numbers where a in (:x, :y)", {"x": 2, "y": 9}, [2]),
    ("select a from numbers where a in (:x)", {"x": 2}, [2]),
    ("select a from numbers where a::text in $1 and a < $2", [["1", "3"], 3], [1]),
    ("select position('b' in :s)", {"s": "abc"}, [2]),
    ("select -:x::int", {"x": -5}, [5]),
    ("select 2-:x", {"x": -5}, [7]),
    ("select - :x::float8 ^ 2", {"x": -3.0}, [9.0]),
    ("select :x::int / 2 * 2", {"x": -5}, [-4]),
    ("select (array[10, 20, 30])[1 + :i]", {"i": 1}, [20]),
    ("select (array[10, 20, 30])[1:a] from numbers where a = :i", {"i": 1}, [[10]]),
    ("select (:doc::jsonb)->'a'->>0", {"doc": {"a": ["b"]}}, ["b"]),
    ("select a from numbers order by a limit :n offset :n", {"n": 1}, [2]),
    ("select case when a > :x then :yes else :no end from numbers where a = 1", {"x": 0, "yes": "y", "no": "n"}, ["y"]),
    ("select :x::int is null", {"x": float("nan")}, [True]),
    ("select count(*) from numbers where :x::int is null or a = :x", {"x": pd.NA}, [4]),
    ("select count(*) from numbers where coalesce(:a, a) = a", {"a": None}, [3]),
    ("select make_date(year => :y, month => :m, day => :d)", {"y": 2024, "m": 1, "d": 2}, [dt.date(2024, 1, 2)]),
    ("select :x || :x || :y;", {"x": "a", "y": "b"}, ["aab"]),
    ("values (:x::int), (:y); -- the end", {"x": 1, "y": 2}, [1, 2]),
]  # fmt: skip


@pytest.mark.postgres
@pytest.mark.parametrize(("text", "params", "expected"), FOUND, ids=[text for text, _, _ in FOUND])
async def test_parameters_mean_what_their_author_meant(
    numbers: asyncpg.Connection, text: str, params: Any, expected: list[Any]
) -> None:
    assert await first_column(numbers, text, params) == expected


@pytest.mark.postgres
@pytest.mark.parametrize("text", ["select :x is null", "select 1 where :x is null or 1 = :x"])
async def test_a_parameter_whose_type_nothing_tells_is_told_how_to_say_it(
    connection: asyncpg.Connection, text: str
) -> None:
    ready = prepared(Native(text=text, params={"x": 1}))
    with pytest.raises(QueryError) as raised, translating(ready.sent):
        await described(connection, ready.sent.sent)
    assert "CAST(:name AS" in (raised.value.hint or "")


@pytest.mark.unit
def test_a_name_that_is_used_twice_is_one_placeholder() -> None:
    ready = prepared(Native(text="select :a, :b, :a", params={"a": 1, "b": 2}))
    assert (ready.sent.sent, ready.values) == ("select $1, $2, $1", (1, 2))


@pytest.mark.unit
@pytest.mark.parametrize("params", [np.array([1, 2]), (1, 2), pd.Series([1, 2])])
def test_what_is_counted_may_come_in_any_sequence(params: Any) -> None:
    assert prepared(Native(text="select $2, $1", params=params)).values == (1, 2)


@pytest.mark.unit
def test_an_iterator_gives_its_values_once_and_all() -> None:
    ready = prepared(Native(text="select :x", params={"x": iter([1, {"a": 2}])}))
    assert (ready.values, dict(ready.raw)) == (([1, '{"a": 2}'],), {"x": [1, {"a": 2}]})


@pytest.mark.unit
@pytest.mark.parametrize(
    ("text", "params", "error"),
    [
        ("select :a", None, MissingParameter),
        ("select :a", {"b": 1}, MissingParameter),
        ("select $2", [1], MissingParameter),
        ("select 1", {"a": 1}, ConfigError),
        ("select :a", [1], ConfigError),
        ("select $1", {"a": 1}, ConfigError),
        ("select $1", "abc", ConfigError),
        ("select :a, $1", {"a": 1}, ConfigError),
        ({"query": {}}, None, ConfigError),
    ],
)
def test_params_that_do_not_fit_are_refused(text: Any, params: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        prepared(Native(text=text, params=params))


# --- what kind of statement it is -------------------------------------------------------------------------------------

SHAPES = [
    ("select 1", "rows"),
    ("-- a\n/* b */ ((select 1)) order by 1", "rows"),
    ("VALUES (1)", "rows"),
    ("table t", "rows"),
    ("with a as (select 1) select * from a", "rows"),
    ("with a as (select 1) select * from t for update", "rows"),
    ("with a as (select 'delete from t') select \"update\" from a -- insert", "rows"),
    ("(with a as (select 1) table a)", "rows"),
    ("insert into t values (1)", "returning"),
    ("Update t set a = 1 returning *", "returning"),
    ("delete from t", "returning"),
    ("merge into t using s on true when matched then delete returning t.a", "returning"),
    ("with a as (delete from t returning a) select * from a", "modifying with"),
    ("with a as materialized (/* all */ update t set a = 1 returning a) table a", "modifying with"),
    ("with a as (select 1) insert into t table a returning *", "modifying with"),
    ("with a as (with b as (select 1) delete from t using b returning a) table a", "modifying with"),
    ("(with a as (delete from t returning a) table a)", "other"),
    ("show all", "other"),
    ("explain delete from t", "other"),
    ("call p()", "other"),
    ("fetch 5 from c", "other"),
    ("execute q", "other"),
    ("create table t as select 1", "other"),
    ("do $$ begin end $$", "other"),
    ("", "other"),
]


WORDS = ["with", "as", "select", "delete", "x", "set", "using", "--", "/*"]


@pytest.mark.unit
@pytest.mark.parametrize(("text", "kind"), SHAPES, ids=[text for text, _ in SHAPES])
def test_the_kind_of_a_statement_is_told_from_its_words(text: str, kind: str) -> None:
    assert shape(text) == kind


@pytest.mark.unit
@given(st.lists(st.sampled_from([*"();,\"'$\n", *WORDS])).map(" ".join))
def test_any_text_has_a_kind(text: str) -> None:
    assert shape(text) in ("rows", "returning", "modifying with", "other")


@pytest.mark.unit
@pytest.mark.parametrize(("text", "words"), [("select 1; select 2", "2 statements"), ("; -- none", "no statement")])
def test_a_query_is_one_statement(text: str, words: str) -> None:
    with pytest.raises(QueryError, match=words):
        check_single(text)


@pytest.mark.unit
@pytest.mark.parametrize("text", ["select ';'", "select 1;;  ; -- a; b", "select $$;$$ /*;*/", 'select 1 as ";"'])
def test_a_semicolon_in_a_string_or_at_the_end_ends_nothing(text: str) -> None:
    check_single(text)


# --- the COPY around it -----------------------------------------------------------------------------------------------


async def lines(connection: asyncpg.Connection, text: str, params: Any = None, limit: int | None = None) -> list[str]:
    """What the COPY of a statement gives, a line of CSV a row."""
    ready = prepared(Native(text=text, params=params))
    description = await described(connection, ready.sent.sent)
    expressions = [f"c{number}" for number in range(1, len(description.columns or ()) + 1)]
    sent = copied(await filled(connection, ready), shape(text), expressions, limit)
    came: list[bytes] = []

    async def take(data: bytes) -> None:
        came.append(data)

    assert (sent.sent.startswith(HEAD), sent.sent.endswith(TAIL)) == (True, True)
    with translating(sent):
        await connection.copy_from_query(sent.sent[len(HEAD) : -len(TAIL)], output=take, format="csv")
    return b"".join(came).decode().splitlines()


RECURSIVE = (
    "with recursive d as (delete from numbers where a = 1 returning a), "
    "r(x, delete) as (select a, a from d union all select x + 1, delete from r where x < 2)"
)
COPIED: list[tuple[str, list[str]]] = [
    ("select 1, 2", ["1,2"]),
    ("select 1 as a, 2 as a, 3 as c1", ["1,2,3"]),
    ("select 1 -- the end", ["1"]),
    ("select 1 /* ; */ ; -- the end", ["1"]),
    ("(select 1) union all (select 2)", ["1", "2"]),
    ("values (1, 'a'), (2, 'b')", ["1,a", "2,b"]),
    ("table numbers order by 1 limit 1", ["1"]),
    ("select", [""]),
    ("select from numbers", [""] * 4),
    ("delete from numbers where a = 1 returning a, a", ["1,1"]),
    ("insert into numbers values (7), (8) returning a -- new", ["7", "8"]),
    ("update numbers set a = a + 1 where a = 3 returning numbers.*;", ["4"]),
    ("merge into numbers n using (values (1)) v(b) on n.a = v.b when matched then delete returning n.a", ["1"]),
    ("with a as (select 1 as x) select x from a", ["1"]),
    ("with gone as (delete from numbers returning a) select count(*) from gone", ["4"]),
    ("with gone as (delete from numbers returning a) -- all\nselect count(*) from gone -- of them", ["4"]),
    ("with n(x) as materialized (insert into numbers values (9) returning a) (table n)", ["9"]),
    ("with n as not materialized (select 5 as a) insert into numbers select a from n returning a, 'new'", ["5,new"]),
    ("with a as (with b as (select 1 as x) delete from numbers using b where a = x returning a) table a", ["1"]),
    ("with update as (delete from numbers where a = 1 returning a), merge as (select 2) select * from update", ["1"]),
    (f"{RECURSIVE} search depth first by x, delete set ord (select x from r)", ["1", "2"]),
    (f"{RECURSIVE} search breadth first by x set insert select x, insert from r", ['1,"(0,1)"', '2,"(1,2)"']),
    (f"{RECURSIVE} cycle x set seen to 'y' default 'n' using path select x, seen from r", ["1,n", "2,n"]),
    ("with a as (select 1 as delete) select delete from a", ["1"]),
]  # fmt: skip


@pytest.mark.postgres
@pytest.mark.parametrize(("text", "expected"), COPIED, ids=[text for text, _ in COPIED])
async def test_the_rows_of_a_statement_come_by_copy(
    numbers: asyncpg.Connection, text: str, expected: list[str]
) -> None:
    assert await lines(numbers, text) == expected


@pytest.mark.postgres
@pytest.mark.parametrize(
    "text",
    [
        "select a from numbers order by a",
        "values (1), (2), (3)",
        "with b as (select 1) select generate_series(1, 3)",
        "delete from numbers returning a",
        "with gone as (delete from numbers returning a) select a from gone order by a",
    ],
)
async def test_a_limit_is_a_limit_on_rows(numbers: asyncpg.Connection, text: str) -> None:
    assert await lines(numbers, text, limit=2) == ["1", "2"]


@pytest.mark.postgres
async def test_a_limit_does_not_keep_a_statement_from_changing_all_its_rows(numbers: asyncpg.Connection) -> None:
    await lines(numbers, "delete from numbers returning a", limit=1)
    assert await numbers.fetchval("select count(*) from numbers") == 0


@pytest.mark.postgres
async def test_the_order_of_a_query_is_kept(numbers: asyncpg.Connection) -> None:
    assert await lines(numbers, "select a from numbers order by a desc nulls last") == ["3", "2", "1", ""]


@pytest.mark.postgres
async def test_a_table_may_be_called_like_the_part_of_the_copy(numbers: asyncpg.Connection) -> None:
    await numbers.execute("create table dk_q as select 5 as c1")
    assert await lines(numbers, "insert into numbers select c1 from dk_q returning a") == ["5"]


MISTAKES: list[tuple[str, Any, str]] = [
    # the text, its params, what stands at the place of the mistake
    ("select 1, :number::int", {"number": "one"}, ":number"),
    ("select 😀.a, :n::int from numbers 😀", {"n": "one"}, ":n"),
    ("select 1 +\n  :first + :a_long_name::int", {"first": 1, "a_long_name": "x"}, ":a_long_name"),
    ("insert into numbers values (:n) returning :b::int", {"n": 1, "b": "x"}, ":b"),
    ("with d as (delete from numbers where a = :n returning a) select * from d", {"n": "x"}, ":n"),
    ("with d as (delete from numbers returning a) select :n::int + a from d", {"n": "x"}, ":n"),
    ("with d as (delete from numbers returning a)\nselect a, :n::int from d where a in :ids",
     {"n": "1", "ids": ["x"]}, ":ids"),
]  # fmt: skip


@pytest.mark.postgres
@pytest.mark.parametrize(("text", "params", "place"), MISTAKES, ids=[text for text, _, _ in MISTAKES])
async def test_a_value_that_the_server_refuses_has_the_place_of_its_parameter(
    numbers: asyncpg.Connection, text: str, params: Any, place: str
) -> None:
    with pytest.raises(QueryError) as raised:
        await lines(numbers, text, params)
    assert (raised.value.query, raised.value.position) == (text, text.index(place))


@pytest.mark.unit
@pytest.mark.parametrize("text", ["select a1 from t -- x", "delete from a1", "with b as (delete from t) select a1, b"])
def test_what_is_around_a_statement_has_the_nearest_place_in_it(text: str) -> None:
    sent = copied(Sent(text=text, sent=text), shape(text), ["c1"], None)
    places = [sent.to_source(offset) for offset in range(len(sent.sent) + 1)]
    assert (places, set(places)) == (sorted(places), set(range(len(text) + 1)))


@pytest.mark.unit
def test_a_statement_of_our_own_has_its_values_by_number() -> None:
    assert plain("select $1, $2", ("a", ["b"])).values == ("a", ["b"])
