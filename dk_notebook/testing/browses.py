"""Looking around and transactions, where a backend has them."""

from __future__ import annotations

from typing import Any

import pytest

from dk_notebook.backends.base import Browsable, Explainable, Native, TableQuery, Transactional
from dk_notebook.errors import NotFound, Unsupported
from dk_notebook.testing.gaps import needs
from dk_notebook.testing.suite import Suite


class BrowseTests(Suite):
    """`Browsable`, `Explainable`, `Transactional`."""

    @needs("browse")
    async def test_a_new_table_is_listed(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.write({"id": [1, 2]})
            async with place.session() as session:
                if not isinstance(session, Browsable):
                    raise Unsupported("not browsable")
                listed = await session.tables()
            assert listed.column_names == ["schema", "table", "kind", "rows", "bytes"]
            assert place.table in listed.column("table").to_pylist()

    @needs("browse")
    async def test_the_columns_of_a_table_are_told(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.write({"id": [1, 2], "name": ["a", "b"]})
            async with place.session() as session:
                if not isinstance(session, Browsable):
                    raise Unsupported("not browsable")
                told = await session.columns(place.table)
            assert told.column_names == ["column", "type", "dtype", "nullable", "key", "default"]
            assert told.column("column").to_pylist() == ["id", "name"]
            assert told.column("dtype").to_pylist()[0] == "Int64"

    @needs("browse")
    async def test_the_columns_of_an_absent_table_are_not_found(self, config: Any) -> None:
        async with self.place(config) as place, place.session() as session:
            if not isinstance(session, Browsable):
                raise Unsupported("not browsable")
            with pytest.raises(NotFound):
                await session.columns("dk_test_absent")

    @needs("explain")
    async def test_a_plan_has_a_row_a_node(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.write({"id": [1, 2]})
            async with place.session() as session:
                if not isinstance(session, Explainable):
                    raise Unsupported("cannot explain")
                query = Native(text=self.select_all(place.table))
                plain, analyzed = [await session.explain(query, analyze=analyze) for analyze in (False, True)]
            assert plain.column_names == ["depth", "node", "detail", "rows_estimated", "rows", "seconds"]
            assert plain.column("depth").to_pylist()[0] == 0
            assert 2 in analyzed.column("rows").to_pylist()

    @needs("transactions")
    async def test_a_transaction_is_kept_or_undone_as_a_whole(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.execute(self.small_numbers(place.table))
            insert = Native(text=self.insert_one(place.table))
            async with place.session() as session:
                if not isinstance(session, Transactional):
                    raise Unsupported("no transactions")
                with pytest.raises(ZeroDivisionError):
                    async with session.transaction():
                        await session.execute(insert)
                        raise ZeroDivisionError
                assert (await (await session.scan(TableQuery(table=place.table))).read_all()).num_rows == 0
                async with session.transaction():
                    await session.execute(insert)
            assert len(await place.rows()) == 1
