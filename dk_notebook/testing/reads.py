"""Reading, as every backend does it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from dk_notebook.backends.base import Native, TableQuery
from dk_notebook.errors import NO_RESULT, ConfigError, MissingParameter, NotFound, QueryError
from dk_notebook.records.query import Query
from dk_notebook.testing.gaps import needs
from dk_notebook.testing.suite import Suite

PEOPLE = {"id": [1, 2, 3, 4], "name": ["Ann", "Bob", None, "Zoë"], "age": [30, 41, 7, None]}


class ReadTests(Suite):
    """`Session.scan`."""

    async def test_a_table_comes_back_as_it_was_written(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.write(PEOPLE)
            table = await place.read(TableQuery(table=place.table, query=Query().sort("id")))
            assert table.to_pydict() == PEOPLE

    async def test_an_empty_result_has_the_schema_of_a_full_one(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.write(PEOPLE)
            full, empty = [
                await place.read(TableQuery(table=place.table, query=Query().filter("id", ">", least)))
                for least in (0, 100)
            ]
            assert empty.num_rows == 0
            assert empty.schema.equals(full.schema, check_metadata=True)

    async def test_conditions_order_limit_and_columns_run_in_the_store(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.write(PEOPLE)
            query = Query.of([("age", ">=", 7)], "-age", 2, ["name", "age"])
            assert await place.rows(query) == [{"name": "Bob", "age": 41}, {"name": "Ann", "age": 30}]

    async def test_missing_values_come_last_in_both_directions(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.write(PEOPLE)
            for order in ("asc", "desc"):
                rows = await place.rows(Query().sort("age", order))
                assert rows[-1]["age"] is None

    async def test_a_limit_of_zero_gives_the_columns_and_no_row(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.write(PEOPLE)
            table = await place.read(TableQuery(table=place.table, query=Query().limit(0)))
            assert (table.num_rows, table.column_names) == (0, list(PEOPLE))

    async def test_an_unknown_table_is_not_found(self, config: Any) -> None:
        async with self.place(config) as place:
            with pytest.raises(NotFound):
                await place.rows(table="dk_test_absent")

    async def test_an_unknown_column_is_not_found(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.write(PEOPLE)
            with pytest.raises(NotFound):
                await place.rows(Query().filter("nmae", "=", "Ann"))

    async def test_batches_have_about_the_rows_that_were_asked_for(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.write({"n": list(range(25_000))})
            async with place.session() as session:
                stream = await session.scan(TableQuery(table=place.table), batch_rows=1_000)
                sizes = [batch.num_rows async for batch in stream]
            assert sum(sizes) == 25_000
            assert max(sizes) <= 5_000

    async def test_a_stream_may_be_left_early_and_the_session_used_again(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.write({"n": list(range(25_000))})
            async with place.session() as session:
                stream = await session.scan(TableQuery(table=place.table), batch_rows=1_000)
                await anext(stream)
                await stream.aclose()
                again = await session.scan(TableQuery(table=place.table))
                assert (await again.read_all()).num_rows == 25_000

    async def test_rows_and_bytes_are_counted(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.write(PEOPLE)
            async with place.session() as session:
                await (await session.scan(TableQuery(table=place.table))).read_all()
                assert session.operation.rows == 4
                assert session.operation.bytes > 0

    # --- the store's own language -------------------------------------------------------------------------------

    async def test_a_statement_gives_its_rows(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.write(PEOPLE)
            table = await place.read(Native(text=self.select_all(place.table)))
            assert sorted(table.column("id").to_pylist()) == [1, 2, 3, 4]

    @needs("row limit")
    async def test_a_limit_beside_a_statement_runs_in_the_store(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.write(PEOPLE)
            statement = Native(text=self.select_all(place.table))
            assert (await place.read(replace(statement, limit=2))).num_rows == 2
            assert (await place.read(replace(statement, limit=0))).column_names

    @needs("params")
    async def test_parameters_are_bound_by_name(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.write(PEOPLE)
            text = self.select_where(place.table, "name", "who")
            hostile = "'; drop table x; --"
            assert (await place.read(Native(text=text, params={"who": "Ann"}))).num_rows == 1
            assert (await place.read(Native(text=text, params={"who": hostile}))).num_rows == 0

    @needs("params")
    async def test_a_missing_parameter_is_named(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.write(PEOPLE)
            with pytest.raises(MissingParameter, match="who"):
                await place.read(Native(text=self.select_where(place.table, "name", "who"), params={}))

    @needs("params")
    async def test_an_unused_parameter_is_an_error(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.write(PEOPLE)
            with pytest.raises(ConfigError, match="extra"):
                await place.read(Native(text=self.select_all(place.table), params={"extra": 1}))

    async def test_a_mistake_is_told_in_the_words_of_the_store(self, config: Any) -> None:
        async with self.place(config) as place:
            with pytest.raises(QueryError) as raised:
                await place.read(Native(text=self.mistake))
            assert raised.value.message

    async def test_the_session_works_after_a_mistake(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.write(PEOPLE)
            async with place.session() as session:
                with pytest.raises(QueryError):
                    await session.scan(Native(text=self.mistake))
                table = await (await session.scan(TableQuery(table=place.table))).read_all()
            assert isinstance(table, pa.Table)

    @needs("execute")
    async def test_a_statement_without_result_columns_is_refused_before_it_runs(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.write(PEOPLE)
            with pytest.raises(QueryError, match="no query") as raised:
                await place.read(Native(text=self.delete_all(place.table)))
            assert "dk.execute" in str(raised.value)
            assert raised.value.code == NO_RESULT
            assert len(await place.rows()) == 4
