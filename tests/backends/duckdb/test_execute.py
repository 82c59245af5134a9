import pytest

from dk_notebook.backends.base import Native
from dk_notebook.errors import ConfigError, MissingParameter, NotFound, QueryError, Unsupported

pytestmark = pytest.mark.duckdb


@pytest.fixture
async def table(place):
    await place.execute("create table t (a int primary key)")
    return place


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("insert into t select range from range(5)", 5),
        ("insert into t values (1), (2) returning a", 2),
        ("insert into t values (1); insert into t values (2); delete from t", 4),
        ("create table u as select * from range(7)", 0),
        ("drop table t", 0),
        ("set threads = 2", 0),
        ("select 1", 0),
        ("begin; insert into t values (1); commit", 1),
    ],
)
async def test_the_rows_affected_are_counted(table, text, count):
    assert await table.execute(text) == count


async def test_parameters_are_bound(table):
    assert await table.execute("insert into t values (:a), (:b)", {"a": 1, "b": 2}) == 2
    assert await table.execute("delete from t where a in :all", {"all": [1, 2, 3]}) == 2
    with pytest.raises(MissingParameter):
        await table.execute("delete from t where a = :a")


async def test_several_statements_are_all_or_nothing(table):
    with pytest.raises(NotFound) as raised:
        await table.execute("insert into t values (1);\ninsert into nope values (1)")
    assert "nope" in raised.value.message
    assert await table.rows(table="t") == []


async def test_the_place_of_a_mistake_is_found_in_the_whole_text(table):
    text = "insert into t values (1);\nselect zz from t"
    with pytest.raises(NotFound) as raised:
        await table.execute(text)
    assert text[raised.value.position :].startswith("zz")


async def test_a_transaction_left_open_is_undone_and_said(table):
    with pytest.raises(QueryError, match="open"):
        await table.execute("begin; insert into t values (1)")
    assert await table.rows(table="t") == []


async def test_several_statements_with_params_are_refused(table):
    with pytest.raises(ConfigError):
        await table.execute("insert into t values (:a); insert into t values (:a)", {"a": 1})


async def test_transactions_do_not_nest(table):
    async with table.session() as session:
        with pytest.raises(Unsupported, match="savepoints"):
            async with session.transaction(), session.transaction():
                pass
        assert await session.execute(Native(text="insert into t values (1)")) == 1


async def test_begin_inside_of_a_transaction_is_refused(table):
    async with table.session() as session:
        with pytest.raises(QueryError, match="transaction"):
            async with session.transaction():
                await session.execute(Native(text="commit"))


async def test_writers_that_collide_are_told_to_run_again(table):
    await table.execute("insert into t values (1)")
    async with table.session() as one, table.session() as other, one.transaction():
        await one.execute(Native(text="update t set a = 2"))
        with pytest.raises(QueryError, match=r"[Cc]onflict") as raised:
            await other.execute(Native(text="update t set a = 3"))
        assert raised.value.hint == "run it again"


async def test_explain_shows_mistakes_in_the_users_text(table):
    text = "select nope from t"
    async with table.session() as session:
        with pytest.raises(NotFound) as raised:
            await session.explain(Native(text=text), analyze=True)
    assert text[raised.value.position :].startswith("nope")


async def test_explain_takes_parameters_and_tells_estimates(table):
    await table.execute("insert into t values (1), (2)")
    async with table.session() as session:
        plan = await session.explain(Native(text="select * from t where a > :a", params={"a": 1}), analyze=False)
    assert plan.column("rows").null_count == plan.num_rows
    assert "SCAN" in " ".join(plan.column("node").to_pylist())


async def test_columns_tell_keys_defaults_and_what_is_generated(table):
    await table.execute(
        "create table c (id int primary key, n int unique default 7, t int references t(a), "
        "g int generated always as (id + 1), m decimal(10, 2) not null)"
    )
    async with table.session() as session:
        told = {row["column"]: row for row in (await session.columns("c")).to_pylist()}
    assert [told[name]["key"] for name in ["id", "n", "t", "g", "m"]] == [
        "primary key",
        "unique",
        "foreign key",
        None,
        None,
    ]
    assert told["n"]["default"] == "7"
    assert "id + 1" in told["g"]["default"]
    assert (told["m"]["type"], told["m"]["dtype"], told["m"]["nullable"]) == ("DECIMAL(10,2)", "float64", False)


async def test_tables_are_listed_with_kind_and_estimate(table):
    await table.execute("insert into t values (1); create view v as from t; create schema s; create table s.u (a int)")
    async with table.session() as session:
        told = (await session.tables()).to_pylist()
    assert [(row["schema"], row["table"], row["kind"], row["rows"]) for row in told] == [
        ("main", "t", "table", 1),
        ("main", "v", "view", None),
        ("s", "u", "table", 0),
    ]
