import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from dk_notebook.backends.base import Native
from dk_notebook.errors import ConfigError, ConversionError, NotFound

pytestmark = pytest.mark.duckdb


async def read(place, text, **frames):
    return (await place.read(Native(text=text, frames=frames))).to_pylist()


@pytest.mark.parametrize(
    "frame",
    [pd.DataFrame({"a": [1, 2]}), pl.DataFrame({"a": [1, 2]}), pl.LazyFrame({"a": [1, 2]}), pa.table({"a": [1, 2]}),
     pa.record_batch({"a": [1, 2]})],
    ids=lambda frame: type(frame).__module__.split(".")[0] + type(frame).__name__,
)  # fmt: skip
async def test_a_frame_is_a_table_by_its_name(place, frame):
    assert await read(place, "select sum(a)::int as s from df", df=frame) == [{"s": 3}]


@pytest.mark.parametrize(
    "text",
    [
        "select count(*)::int as n from df",
        "with x as (select * from df) select count(*)::int as n from x",
        "select count(*)::int as n from df a join df b using (a)",
        "from (select count(*)::int as n from df)",
        """select count(*)::int as n from df where '"' <> '"' or a > 0""",
        'select count(*)::int as n from range(3) r(a), "df" where df.a = r.a + 1',
    ],
)
async def test_wherever_a_table_can_stand(place, text):
    assert await read(place, text, df=pd.DataFrame({"a": [1, 2]})) == [{"n": 2}]


async def test_a_real_table_of_that_name_wins(place):
    await place.execute("create table df as select 7 as a")
    assert await read(place, "from df", df=pd.DataFrame({"a": [1]})) == [{"a": 7}]


async def test_a_common_table_expression_of_that_name_wins(place):
    assert await read(place, "with df as (select 7 as a) from df", df=pd.DataFrame({"a": [1]})) == [{"a": 7}]


async def test_a_column_of_that_name_is_a_column(place):
    mixed = pd.DataFrame({"x": [1, "a"]})
    assert await read(place, "select a from (select 1 as a)", a=mixed) == [{"a": 1}]


async def test_the_frame_is_gone_after_the_statement(place):
    async with place.session() as session:
        frames = {"df": pd.DataFrame({"a": [1]})}
        await (await session.scan(Native(text="from df", frames=frames))).read_all()
        with pytest.raises(NotFound):
            await session.scan(Native(text="from df"))


async def test_no_other_session_sees_it(place):
    async with place.session() as one, place.session() as other:
        stream = await one.scan(Native(text="from df", frames={"df": pd.DataFrame({"a": [1]})}))
        with pytest.raises(NotFound):
            await other.scan(Native(text="from df"))
        await stream.aclose()


async def test_names_inside_of_this_package_are_no_tables(place):
    for name in ("statement", "frames", "cursor", "relation", "self"):
        with pytest.raises(NotFound):
            await read(place, f"from {name}")


async def test_what_is_no_frame_is_not_found(place):
    with pytest.raises(NotFound):
        await read(place, "from df", df=[1, 2])


async def test_a_reader_is_refused_because_it_can_be_read_only_once(place):
    with pytest.raises(ConfigError, match="read_all"):
        await read(place, "from df", df=pa.table({"a": [1]}).to_reader())


async def test_a_frame_that_no_store_could_hold_is_an_error(place):
    with pytest.raises(ConversionError):
        await read(place, "from df", df=pd.DataFrame({"a": [1, "x"]}))


@pytest.mark.parametrize(
    "text",
    [
        "insert into t select a from df",
        "insert into t select a from df; update t set a = a",
        "create table u as from df; insert into t from u",
        "merge into t using df on t.a = df.a when not matched then insert values (df.a)",
    ],
)
async def test_statements_that_change_something_see_it_too(place, text):
    await place.execute("create table t (a bigint)")
    async with place.session() as session:
        await session.execute(Native(text=text, frames={"df": pd.DataFrame({"a": [1, 2]})}))
    assert len(await place.rows(table="t")) == 2


async def test_a_statement_that_fails_leaves_no_frame_behind(place):
    async with place.session() as session:
        frames = {"df": pd.DataFrame({"a": ["x"]})}
        with pytest.raises(Exception, match="convert"):
            await session.execute(
                Native(text="create table t as select 1; insert into t select a::int from df", frames=frames)
            )
        with pytest.raises(NotFound):
            await session.scan(Native(text="from df"))
