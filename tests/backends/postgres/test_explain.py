"""Plans from a real server, a row a node; what an analyzed statement changes is undone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from dk_notebook.backends.base import Native
from dk_notebook.backends.postgres import BACKEND
from dk_notebook.backends.postgres.config import PostgresConfig
from dk_notebook.backends.sql.plans import SCHEMA
from dk_notebook.errors import ConfigError, NotFound, QueryError
from dk_notebook.testing.place import Place

pytestmark = pytest.mark.postgres

JOIN = "select s.k, count(*) from {t} s join {t} o using (i) where s.i < :top group by s.k"
CHANGES = [
    "insert into {t} values (-1, -1)",
    "update {t} set k = -1",
    "delete from {t} returning *",
    "merge into {t} d using (values (1)) v(i) on d.i = v.i when matched then delete",
    "with gone as (delete from {t} returning i) select count(*) from gone",
]


@pytest_asyncio.fixture
async def place(config: PostgresConfig) -> AsyncIterator[Place]:
    """A table of a thousand rows, ``i`` and ``k``, with statistics."""
    backend = await BACKEND.open(config)
    place = Place(backend)
    await place.execute(f"create table {place.table} as select i, i % 7 as k from generate_series(1, 1000) i")
    await place.execute(f"analyze {place.table}")
    yield place
    await place.execute(f"drop table {place.table}")
    await backend.close()


async def plan(place: Place, text: str, params: Any = None, *, analyze: bool = False) -> list[dict[str, Any]]:
    async with place.session() as session:
        table = await session.explain(Native(text=text.format(t=place.table), params=params), analyze=analyze)
    assert table.schema == SCHEMA
    return table.to_pylist()


async def test_a_plan_is_a_row_a_node_the_inner_ones_deeper(place: Place) -> None:
    nodes = await plan(place, "select k, count(*) from {t} group by k")
    assert [(node["depth"], node["node"]) for node in nodes] == [(0, "Aggregate"), (1, "Seq Scan")]
    assert nodes[1]["rows_estimated"] == 1000


async def test_the_detail_tells_what_a_node_does(place: Place) -> None:
    nodes = await plan(place, "select * from {t} where i < :top", {"top": 5})
    assert nodes[0]["detail"] == f"Relation Name: {place.table}; Alias: {place.table}; Filter: (i < 5)"


async def test_what_did_not_run_has_no_rows_and_no_seconds(place: Place) -> None:
    nodes = await plan(place, JOIN, {"top": 5})
    assert {(node["rows"], node["seconds"]) for node in nodes} == {(None, None)}


async def test_what_ran_has_rows_and_seconds_that_hold_those_below(place: Place) -> None:
    nodes = await plan(place, JOIN, {"top": 5}, analyze=True)
    assert nodes[0]["rows"] == 4
    assert all(nodes[0]["seconds"] >= node["seconds"] >= 0 for node in nodes)


async def test_rows_are_counted_over_all_runs_of_a_node(place: Place) -> None:
    text = "select * from generate_series(1, 50) g, lateral (select * from {t} where i = g offset 0) l"
    nodes = await plan(place, text, analyze=True)
    assert {node["rows"] for node in nodes if node["node"] == "Seq Scan"} == {50}


async def test_a_node_that_never_ran_has_no_rows_and_took_no_time(place: Place) -> None:
    none = "(select i from {t} where i < 0 offset 0)"
    nodes = await plan(
        place, f"select * from {none} a, lateral (select count(*) from {{t}} where i = a.i) c", analyze=True
    )
    assert [(node["rows"], node["seconds"]) for node in nodes if node["node"] == "Aggregate"] == [(0, 0.0)]


async def test_counts_of_buffers_are_left_out(place: Place) -> None:
    nodes = await plan(place, "select * from {t}", analyze=True)
    assert "Blocks" not in nodes[0]["detail"]


@pytest.mark.parametrize("text", CHANGES)
@pytest.mark.parametrize("analyze", [False, True])
async def test_a_statement_that_changes_rows_has_a_plan_and_changes_nothing(
    place: Place, text: str, analyze: bool
) -> None:
    before = await place.read(Native(text=f"select * from {place.table} order by i"))
    await plan(place, text, analyze=analyze)
    assert await place.read(Native(text=f"select * from {place.table} order by i")) == before


async def test_within_a_transaction_only_what_was_analyzed_is_undone(place: Place) -> None:
    async with place.session() as session, session.transaction():
        await session.execute(Native(text=f"insert into {place.table} values (0, 0)"))
        await session.explain(Native(text=f"delete from {place.table}"), analyze=True)
    table = await place.read(Native(text=f"select count(*) as n from {place.table}"))
    assert table["n"].to_pylist() == [1001]


@pytest.mark.parametrize(
    ("text", "params", "place_of"),
    [("select nope from {t}", None, "nope"), ("select :a, 1 as b from {t}\nwhere i = :n", {"a": 1, "n": "x"}, ":n")],
)
async def test_a_mistake_has_its_place_in_the_users_text(place: Place, text: str, params: Any, place_of: str) -> None:
    with pytest.raises((QueryError, NotFound)) as raised:
        await plan(place, text, params)
    assert raised.value.position == text.format(t=place.table).index(place_of)


async def test_a_mistake_while_it_runs_leaves_the_session_usable(place: Place) -> None:
    async with place.session() as session:
        with pytest.raises(QueryError, match="division by zero"):
            await session.explain(Native(text=f"select 1 / (i - 500) from {place.table}"), analyze=True)
        assert (await session.explain(Native(text="select 1"), analyze=True)).num_rows == 1


@pytest.mark.parametrize("text", ["show all", "create table dk_never (a int)", "explain select 1", "vacuum"])
async def test_what_has_no_plan_says_what_has_one(place: Place, text: str) -> None:
    with pytest.raises(QueryError, match="have a plan"):
        await plan(place, text, analyze=True)


async def test_several_statements_have_no_plan(place: Place) -> None:
    with pytest.raises(QueryError, match="2 statements"):
        await plan(place, "select 1; delete from {t}", analyze=True)


async def test_a_parameter_that_does_not_fit_is_refused_as_in_a_query(place: Place) -> None:
    with pytest.raises(ConfigError, match="parameter :i"):
        await plan(place, "select * from {t} where i = :i", {"i": b"x"})
