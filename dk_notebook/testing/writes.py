"""Writing, as every backend does it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import pyarrow as pa
import pytest

from dk_notebook.backends.base import Mode, Native, TableQuery, TableWrite
from dk_notebook.errors import ConfigError, Conflict, ConversionError, DkError, NotFound, QueryError, Unsupported
from dk_notebook.frames.stream import ArrowStream
from dk_notebook.frames.types import labels_of, marked
from dk_notebook.records.query import Query
from dk_notebook.testing.gaps import needs
from dk_notebook.testing.place import Place
from dk_notebook.testing.samples import SAMPLES, Sample
from dk_notebook.testing.suite import Suite

OLD = {"id": [1, 2], "n": [10, 20]}
NEW = {"id": [2, 3], "n": [21, 31]}


def pairs(rows: list[dict[str, Any]]) -> list[tuple[int, int]]:
    """The rows of the tests' little table, sorted."""
    return sorted((row["id"], row["n"]) for row in rows)


class WriteTests(Suite):
    """`Session.ingest`, `Session.plan` and `Session.execute`."""

    @needs("fail")
    async def test_fail_makes_a_table_and_never_touches_one_that_exists(self, config: Any) -> None:
        async with self.place(config) as place:
            report = await place.write(OLD)
            assert (report.rows, report.outcome, report.mode) == (2, "ok", "fail")
            with pytest.raises(Conflict):
                await place.write(NEW)
            assert pairs(await place.rows()) == [(1, 10), (2, 20)]

    @needs("append")
    async def test_append_makes_a_table_and_adds_to_it(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.write(OLD, mode="append")
            assert (await place.write({"n": [5], "id": [9]}, mode="append")).rows == 1
            assert pairs(await place.rows()) == [(1, 10), (2, 20), (9, 5)]

    @needs("append")
    async def test_append_lists_both_sides_of_columns_that_do_not_match(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.write(OLD)
            with pytest.raises(DkError) as raised:
                await place.write({"id": [7], "other": [1]}, mode="append")
            assert "other" in str(raised.value)
            assert "n" in str(raised.value)
            assert len(await place.rows()) == 2

    @needs("replace")
    async def test_replace_puts_new_contents_and_columns_in_place_of_the_old(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.write(OLD)
            await place.write({"text": ["a", "b", "c"]}, mode="replace")
            assert sorted(row["text"] for row in await place.rows()) == ["a", "b", "c"]

    @needs("replace", "all or nothing")
    async def test_a_replace_that_fails_leaves_the_old(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.write(OLD)
            with pytest.raises(ZeroDivisionError):
                await self._broken_write(place, "replace")
            assert pairs(await place.rows()) == [(1, 10), (2, 20)]

    @needs("truncate")
    async def test_truncate_fills_the_table_anew(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.write(OLD)
            await place.write(NEW, mode="truncate")
            assert pairs(await place.rows()) == [(2, 21), (3, 31)]

    @needs("truncate")
    async def test_truncate_needs_a_table(self, config: Any) -> None:
        async with self.place(config) as place:
            with pytest.raises(NotFound):
                await place.write(OLD, mode="truncate")

    @needs("upsert")
    async def test_upsert_inserts_and_updates_by_key(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.write(OLD, mode="upsert", key=("id",))
            report = await place.write(NEW, mode="upsert", key=("id",))
            assert report.rows == 2
            assert pairs(await place.rows()) == [(1, 10), (2, 21), (3, 31)]

    @needs("ignore")
    async def test_ignore_inserts_what_is_new(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.write(OLD, mode="ignore", key=("id",))
            report = await place.write(NEW, mode="ignore", key=("id",))
            assert (report.rows, report.skipped) == (1, 1)
            assert pairs(await place.rows()) == [(1, 10), (2, 20), (3, 31)]

    @needs("upsert", "constraints")
    async def test_upsert_without_a_unique_index_says_how_to_make_one(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.write(OLD)
            with pytest.raises(ConfigError) as raised:
                await place.write(NEW, mode="upsert", key=("id",))
            assert "CREATE UNIQUE INDEX" in str(raised.value)

    @needs("upsert")
    async def test_a_key_that_is_in_the_data_twice_is_an_error_before_anything_is_written(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.write(OLD, mode="upsert", key=("id",))
            with pytest.raises(DkError):
                await place.write({"id": [5, 5], "n": [1, 2]}, mode="upsert", key=("id",))
            assert pairs(await place.rows()) == [(1, 10), (2, 20)]

    @needs("upsert")
    async def test_a_key_that_is_missing_is_an_error_before_anything_is_written(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.write(OLD, mode="upsert", key=("id",))
            with pytest.raises(DkError):
                await place.write(
                    pa.table({"id": pa.array([5, None], pa.int64()), "n": [1, 2]}), mode="upsert", key=("id",)
                )
            assert pairs(await place.rows()) == [(1, 10), (2, 20)]

    @needs("all or nothing")
    async def test_a_stream_that_fails_half_way_leaves_nothing(self, config: Any) -> None:
        async with self.place(config) as place:
            with pytest.raises(ZeroDivisionError):
                await self._broken_write(place, "fail")
            with pytest.raises(NotFound):
                await place.rows()

    async def test_many_rows_arrive_whole_in_every_mode(self, config: Any) -> None:
        count = 300_000
        every: tuple[Mode, ...] = ("fail", "append", "replace", "truncate")
        modes = [mode for mode in every if mode not in self.gaps]
        async with self.place(config) as place:
            for mode in modes:
                report = await place.write({"id": range(count), "n": range(count)}, mode=mode)
                assert report.rows == count
            expected = count * (2 if modes[-1:] == ["append"] else 1)
            table = await place.read(TableQuery(table=place.table, query=Query().select("id")))
            assert table.num_rows == expected

    @needs("upsert")
    async def test_many_rows_arrive_whole_by_key(self, config: Any) -> None:
        count = 300_000
        async with self.place(config) as place:
            data = {"id": range(count), "n": range(count)}
            for _ in range(2):
                assert (await place.write(data, mode="upsert", key=("id",))).rows == count
            assert (await place.read(TableQuery(table=place.table))).num_rows == count

    @needs("constraints")
    async def test_a_value_that_the_declared_type_cannot_hold_is_named_and_nothing_written(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.execute(self.small_numbers(place.table))
            for bad in ([1.0, 1.5], [1.0, 70_000.0]):
                with pytest.raises(ConversionError) as raised:
                    await place.write({"id": [1, 2], "n": bad}, mode="append")
                assert (raised.value.column, raised.value.position) == ("n", 1)
            assert await place.rows() == []

    @needs("constraints")
    async def test_a_broken_rule_is_the_words_of_the_store_without_values(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.execute(self.small_numbers(place.table))
            with pytest.raises(QueryError):
                await place.write({"id": [1, 2], "n": [1, 31_415]}, mode="append")
            with pytest.raises(Conflict) as raised:
                await place.write({"id": [27_182, 27_182], "n": [1, 1]}, mode="append")
            assert "27182" not in str(raised.value)
            assert await place.rows() == []

    @needs("collect", "constraints")
    async def test_collect_writes_the_good_rows_and_reports_the_bad(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.execute(self.small_numbers(place.table))
            await place.write({"id": [7], "n": [7]}, mode="append")
            data = {"id": [1, 2, 7, 4, 5, 5], "n": [1.0, 2.5, 3.0, 4.0, 120.0, 6.0]}
            report = await place.write(data, mode="append", errors="collect")
            assert [row.position for row in report.rejected] == [1, 2, 4]
            assert pairs(await place.rows()) == [(1, 1), (4, 4), (5, 6), (7, 7)]
            assert report.rows == 3

    async def test_an_option_that_the_store_does_not_use_is_refused(self, config: Any) -> None:
        async with self.place(config) as place:
            with pytest.raises(ConfigError):
                await place.write(OLD, options={"no_such_option": 1})

    @pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
    async def test_every_type_comes_back_as_it_went(self, config: Any, sample: Sample) -> None:
        async with self.place(config) as place:
            if sample.name in self.no_such_types:
                with pytest.raises((ConversionError, Unsupported)):
                    await place.write(sample.table)
                return
            await place.write(sample.table)
            lists = (sample.name,) if self.backend.names_arrays and pa.types.is_list(sample.type) else ()
            result = await place.read(TableQuery(table=place.table, query=Query().sort("row"), arrays=lists))
            if sample.name in self.columns_back:
                columns = result.drop_columns(["row"]).to_pydict()
                assert columns == self.columns_back[sample.name]
                return
            column = result.schema.field(sample.name)
            back = self.types_back.get(sample.name, sample.back or sample.type)
            assert column.type == back
            values = self.values_back.get(sample.name) or sample.expected(back).to_pylist()
            assert result.column(sample.name).to_pylist() == values
            assert labels_of(column) == (list(sample.labels) or None if pa.types.is_dictionary(back) else None)
            assert all(marked(column, mark) for mark in sample.marks)

    @needs("fail")
    async def test_hostile_names_are_names(self, config: Any) -> None:
        hostile = 'a"; drop table x; --'
        async with self.place(config) as place:
            await place.write({hostile: [1], "ordinary name": [2], "select": [3]})
            assert list((await place.rows())[0]) == [hostile, "ordinary name", "select"]

    async def test_a_plan_says_what_a_write_would_do_and_changes_nothing(self, config: Any) -> None:
        async with self.place(config) as place:
            async with place.session() as session:
                plan = await session.plan(TableWrite(table=place.table), pa.schema({"id": pa.int64()}))
            assert [column.name for column in plan.columns] == ["id"]
            assert plan.statements
            with pytest.raises(NotFound):
                await place.rows()

    async def test_a_plan_raises_what_the_write_would(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.write(OLD)
            async with place.session() as session:
                with pytest.raises(Conflict):
                    await session.plan(TableWrite(table=place.table), pa.schema({"id": pa.int64()}))

    @needs("execute")
    async def test_execute_gives_the_rows_affected_and_ddl_none(self, config: Any) -> None:
        async with self.place(config) as place:
            assert await place.execute(self.small_numbers(place.table)) == 0
            assert await place.execute(self.insert_one(place.table)) == 1
            assert await place.execute(self.delete_all(place.table)) == 1

    @needs("execute")
    async def test_several_statements_are_one_transaction(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.execute(self.small_numbers(place.table))
            insert = self.insert_one(place.table)
            with pytest.raises(QueryError):
                await place.execute(f"{insert}; {insert}")
            assert await place.rows() == []

    @needs("execute")
    async def test_several_statements_take_no_parameters(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.write(OLD)
            text = self.select_where(place.table, "id", "a")
            with pytest.raises(ConfigError):
                async with place.session() as session:
                    await session.execute(Native(text=f"{text}; {text}", params={"a": 1}))

    async def _broken_write(self, place: Place, mode: Mode) -> None:
        async def batches() -> AsyncGenerator[pa.RecordBatch, None]:
            yield pa.record_batch({"id": range(200_000), "n": range(200_000)})
            yield pa.record_batch({"id": range(200_000), "n": range(200_000)})
            raise ZeroDivisionError

        schema = pa.schema({"id": pa.int64(), "n": pa.int64()})
        async with place.session() as session:
            await session.ingest(TableWrite(table=place.table, mode=mode), ArrowStream(schema, batches()))
