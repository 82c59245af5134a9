"""Keeping documents, as every backend does it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from dk_notebook.backends.documents import Documents
from dk_notebook.errors import Conflict
from dk_notebook.records.document import Document
from dk_notebook.records.query import Query
from dk_notebook.testing.gaps import all_need, needs
from dk_notebook.testing.place import Place
from dk_notebook.testing.storing import stored
from dk_notebook.testing.suite import Suite

ANN = Document("ann", {"name": "Ann", "age": 30})
BOB = Document("bob", {"name": "Bob", "tags": ["a", None, "b"], "parts": [{"b": 0.5}]}, {"source": "form"})
HOSTILE = ("a/b", "../c", "x.json", "'; drop table x; --", 'quo"te', "Grüße 🎈", " ", "%", "a" * 200)


def plain(documents: Sequence[Document | None]) -> list[Document | None]:
    """The same without their versions."""
    return [None if each is None else each._replace(version=None) for each in documents]


@all_need("documents")
class DocumentTests(Suite):
    """`Documents`, but for its queries."""

    async def test_a_document_comes_back_as_it_was_stored(self, config: Any) -> None:
        data: dict[str, Any] = {
            "int": 1,
            "float": 0.1,
            "true": True,
            "none": None,
            "list": [1, [2.5], None],
            "objects": [{}, {"n": [1]}],
            "text": "Zoë\n",
            "a b.c": {},
        }
        async with self.place(config) as place, place.documents() as session:
            await session.put(place.table, [Document("x", data)], "create")
            (found,) = await session.get(place.table, ["x"])
        assert found is not None
        assert repr(dict(sorted(found.data.items()))) == repr(dict(sorted(data.items())))

    async def test_documents_come_in_the_order_of_the_ids_asked_for(self, config: Any) -> None:
        async with self.place(config) as place, place.documents() as session:
            await session.put(place.table, [ANN, BOB], "create")
            found = await session.get(place.table, ["bob", "nobody", "ann", "bob"])
        assert plain(found) == [BOB, None, ANN, BOB]

    async def test_what_is_there_is_not_created_again(self, config: Any) -> None:
        async with self.place(config) as place, place.documents() as session:
            await session.put(place.table, [ANN], "create")
            with pytest.raises(Conflict):
                await session.put(place.table, [Document("ann", {"name": "Anna"})], "create")
            assert plain(await session.get(place.table, ["ann"])) == [ANN]

    @needs("whole batches")
    async def test_of_a_batch_with_one_that_is_there_nothing_is_created(self, config: Any) -> None:
        async with self.place(config) as place, place.documents() as session:
            await session.put(place.table, [ANN], "create")
            with pytest.raises(Conflict):
                await session.put(place.table, [BOB, ANN], "create")
            assert await session.count(place.table, Query()) == 1

    async def test_one_id_twice_in_a_batch_is_a_conflict(self, config: Any) -> None:
        async with self.place(config) as place, place.documents() as session:
            with pytest.raises(Conflict):
                await session.put(place.table, [ANN, ANN], "create")

    async def test_an_update_replaces_all_of_what_is_there_and_nothing_else(self, config: Any) -> None:
        new = [Document("bob", {"name": "Rob"}), Document("nobody", {})]
        async with self.place(config) as place, place.documents() as session:
            await session.put(place.table, [ANN, BOB], "create")
            assert await session.put(place.table, new, "update") == [True, False]
            assert plain(await session.get(place.table, ["ann", "bob", "nobody"])) == [ANN, new[0], None]

    async def test_an_upsert_stores_what_is_new_and_what_is_there(self, config: Any) -> None:
        new = Document("ann", {"name": "Anna"}, {"by": "hand"})
        async with self.place(config) as place, place.documents() as session:
            await session.put(place.table, [ANN], "create")
            assert await session.put(place.table, [new, BOB], "upsert") == [True, True]
            assert plain(await session.get(place.table, ["ann", "bob"])) == [new, BOB]

    async def test_of_several_with_one_id_the_last_one_stays(self, config: Any) -> None:
        several = [Document("x", {"n": n}) for n in range(3)]
        async with self.place(config) as place, place.documents() as session:
            assert await session.put(place.table, several, "upsert") == [True] * 3
            assert await session.put(place.table, several[:2], "update") == [True] * 2
            assert plain(await session.get(place.table, ["x"])) == [several[1]]

    async def test_a_stale_version_is_a_conflict_and_the_current_one_is_not(self, config: Any) -> None:
        async with self.place(config) as place, place.documents() as session:
            await session.put(place.table, [ANN], "create")
            old = await self._version(session, place)
            changed = Document("ann", {"name": "Anna"})
            assert await session.put(place.table, [changed._replace(version=old)], "update") == [True]
            with pytest.raises(Conflict):
                await session.put(place.table, [ANN._replace(version=old)], "update")
            assert plain(await session.get(place.table, ["ann"])) == [changed]
            current = await self._version(session, place)
            assert await session.put(place.table, [ANN._replace(version=current)], "update") == [True]

    async def test_a_version_stays_while_nobody_writes(self, config: Any) -> None:
        async with self.place(config) as place, place.documents() as session:
            await session.put(place.table, [ANN], "create")
            first = await self._version(session, place)
            (found,) = [batch async for batch in session.find(place.table, Query(), batch_rows=10)]
            assert first is not None
            assert [each.version for each in found] == [first]

    async def _version(self, session: Documents, place: Place) -> str | None:
        (found,) = await session.get(place.table, ["ann"])
        return None if found is None else found.version

    async def test_what_is_deleted_is_told_once(self, config: Any) -> None:
        async with self.place(config) as place, place.documents() as session:
            await session.put(place.table, [ANN, BOB], "create")
            assert await session.delete(place.table, ["ann", "nobody", "ann"]) == [True, False, False]
            assert await session.get(place.table, ["ann"]) == [None]
            assert await session.clear(place.table) == 1
            assert await session.clear(place.table) == 0

    async def test_nothing_asked_is_nothing_done(self, config: Any) -> None:
        async with self.place(config) as place, place.documents() as session:
            assert await session.get(place.table, []) == []
            assert await session.put(place.table, [], "upsert") == []
            assert await session.delete(place.table, []) == []

    async def test_hostile_ids_and_values_are_only_text(self, config: Any) -> None:
        documents = [Document(text, {text: text}, {text: text}) for text in HOSTILE]
        async with self.place(config) as place, place.documents() as session:
            there = await stored(session, place.table, documents, self.refuses + self.refuses_ids)
            assert len(there) >= len(HOSTILE) / 2
            assert plain(await session.get(place.table, [each.id for each in there])) == there

    async def test_a_million_characters_come_back(self, config: Any) -> None:
        document = Document("long", {"text": "é" * 1_000_000})
        async with self.place(config) as place, place.documents() as session:
            await session.put(place.table, [document], "create")
            assert plain(await session.get(place.table, ["long"])) == [document]
            assert await session.count(place.table, Query().filter("text", "=", document.data["text"])) == 1

    async def test_many_documents_arrive_whole(self, config: Any) -> None:
        documents = [Document(f"{number:06}", {"n": number}) for number in range(self.many)]
        async with self.place(config) as place, place.documents() as session:
            assert await session.put(place.table, documents, "create") == [True] * self.many
            assert await session.count(place.table, Query()) == self.many
            found = session.find(place.table, Query().sort("n"), batch_rows=1_000)
            batches = [batch async for batch in found]
            assert [each.data["n"] for batch in batches for each in batch] == list(range(self.many))
            assert max(map(len, batches)) == 1_000
            assert all(await session.delete(place.table, [each.id for each in documents]))

    async def test_preparing_again_keeps_what_is_there(self, config: Any) -> None:
        async with self.place(config) as place, place.documents() as session:
            await session.put(place.table, [ANN], "create")
            await session.prepare(place.table)
            assert await session.count(place.table, Query()) == 1

    async def test_writes_of_one_document_at_the_same_time_follow_each_other(self, config: Any) -> None:
        wide = replace(config, pool=replace(config.pool, max_size=8))
        async with self.place(wide) as place:
            async with place.documents() as session:
                await session.put(place.table, [ANN], "create")

            async def write(number: int) -> list[bool]:
                async with place.documents() as session:
                    return await session.put(place.table, [Document("ann", {"n": number})], "update")

            assert await asyncio.gather(*(write(number) for number in range(24))) == [[True]] * 24

    async def test_one_of_many_who_expect_a_version_gets_through(self, config: Any) -> None:
        async with self.place(config) as place:
            async with place.documents() as session:
                await session.put(place.table, [ANN], "create")
                version = await self._version(session, place)

            async def write(number: int) -> bool:
                async with place.documents() as session:
                    try:
                        await session.put(place.table, [Document("ann", {"n": number}, {}, version)], "update")
                    except Conflict:
                        return False
                    return True

            assert sum(await asyncio.gather(*(write(number) for number in range(8)))) == 1
