"""How documents lie in DuckDB: the layout that other programs share."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dk_notebook.backends.documents import Documents
from dk_notebook.errors import NotFound, QueryError
from dk_notebook.records.document import Document
from dk_notebook.records.query import Query
from dk_notebook.testing.place import Place

pytestmark = pytest.mark.duckdb


async def rows(place: Place, columns: str) -> list[tuple[Any, ...]]:
    """What lies in the table, as DuckDB shows it."""
    async with place.session() as session:
        return session.cursor.execute(f'select {columns} from "{place.table}" order by id').fetchall()  # type: ignore[attr-defined, no-any-return]


async def test_the_table_has_the_shared_columns(place: Place) -> None:
    async with place.documents():
        pass
    async with place.session() as session:
        told = await session.columns(place.table)  # type: ignore[attr-defined]
    assert dict(zip(told.column("column").to_pylist(), told.column("type").to_pylist(), strict=True)) == {
        "id": "VARCHAR",
        "data": "JSON",
        "metadata": "JSON",
        "created_at": "TIMESTAMP",
        "updated_at": "TIMESTAMP",
    }
    assert told.column("key").to_pylist()[0] == "primary key"


async def test_data_are_one_flat_object_and_no_metadata_are_null(place: Place) -> None:
    async with place.documents() as session:
        await session.put(place.table, [Document("a", {"id": "a", "n": 1}), Document("b", {}, {"m": 1})], "create")
        await session.put(place.table, [Document("c", {})], "create")
    found = await rows(place, "id, data, metadata")
    assert [(key, json.loads(data), metadata) for key, data, metadata in found] == [
        ("a", {"id": "a", "n": 1}, None),
        ("b", {}, '{"m": 1}'),
        ("c", {}, None),
    ]


@pytest.mark.parametrize("mode", ["update", "upsert"])
async def test_a_change_is_dated_and_the_making_stays(place: Place, mode: Any) -> None:
    async with place.documents() as session:
        await session.put(place.table, [Document("a", {})], "create")
        ((made, first),) = await rows(place, "created_at, updated_at")
        await session.put(place.table, [Document("a", {"n": 1})], mode)
    ((still, changed),) = await rows(place, "created_at, updated_at")
    assert made is not None
    assert still == made
    assert changed > first


async def test_a_table_of_other_programs_with_their_indexes_will_do(place: Place) -> None:
    table = f'"{place.table}"'
    await place.execute(
        f"create table {table} (id VARCHAR(255) PRIMARY KEY, data JSON NOT NULL, metadata JSON, "
        f"created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP); "
        f"create index of_creation on {table} (created_at); create index of_change on {table} (updated_at); "
        f"""insert into {table} (id, data, metadata) values ('a', '{{"n": 1}}', 'null')"""
    )
    async with place.documents() as session:
        (found,) = await session.get(place.table, ["a"])
        assert found is not None
        assert (found.data, found.metadata) == ({"n": 1}, {})
        for number in range(3):
            await session.put(place.table, [Document("a", {"n": number}), Document("b", {})], "upsert")
        assert await session.count(place.table, Query().filter("n", "=", 2)) == 1


async def test_a_table_without_documents_says_which_column_it_lacks(place: Place) -> None:
    await place.execute(f'create table "{place.table}" (id int)')
    with pytest.raises(NotFound, match="data"):
        async with place.documents() as session:
            await session.count(place.table, Query().filter("n", "=", 2))


async def test_a_failure_inside_of_a_transaction_is_not_tried_again(place: Place) -> None:
    async with place.documents() as session:
        await session.put(place.table, [Document("a", {})], "create")
    async with place.session() as session:
        assert isinstance(session, Documents)
        with pytest.raises(QueryError):
            async with session.transaction():  # type: ignore[attr-defined]
                with pytest.raises(QueryError):
                    await session.put(place.table, [Document("a", {})], "create")
                await session.put(place.table, [Document("b", {})], "create")
    assert await rows(place, "id") == [("a",)]
