"""What an index that was made here says of itself, and what comes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from dk_notebook.backends.base import TableQuery
from dk_notebook.backends.elasticsearch import BACKEND
from dk_notebook.backends.elasticsearch.config import ElasticsearchConfig
from dk_notebook.backends.elasticsearch.writing.marks import OURS, in_order, key_of, made_for, mark
from dk_notebook.errors import ConfigError
from dk_notebook.testing.place import Place

ROWS = {"z": [1, 2], "a": [3, 4], "m": [5, 6]}

HOSTILE: list[Any] = [
    {},
    {"_meta": None},
    {"_meta": "x"},
    {"_meta": {OURS: []}},
    {"_meta": {OURS: {"columns": "abc", "key": "abc", "of": None}}},
    {"_meta": {OURS: {"columns": {"a": 1}, "key": {"a": 1}}}},
]


@pytest.mark.unit
@pytest.mark.parametrize("mapping", HOSTILE, ids=str)
def test_what_others_say_there_means_nothing(mapping: dict[str, Any]) -> None:
    assert (in_order(["b", "a"], mapping), key_of(mapping), made_for(mapping)) == (["b", "a"], None, None)


@pytest.mark.unit
def test_columns_with_dots_have_their_places() -> None:
    assert in_order(["a", "a.b", "c", "c.d"], mark(["c.d", "a.b", "c"])) == ["c.d", "a.b", "c", "a"]


@pytest_asyncio.fixture
async def place(config: ElasticsearchConfig, elasticsearch_index: str) -> AsyncIterator[Place]:
    backend = await BACKEND.open(config)
    place = Place(backend)
    place.table = elasticsearch_index
    yield place
    await backend.close()


@pytest.mark.elasticsearch
async def test_columns_come_back_in_the_order_in_which_they_were_written(place: Place) -> None:
    await place.write(ROWS)
    assert (await place.read(TableQuery(table=place.table))).column_names == ["z", "a", "m"]


@pytest.mark.elasticsearch
async def test_a_column_that_was_added_later_is_at_the_end(place: Place) -> None:
    await place.write(ROWS)
    await place.write({"b": [7]}, mode="append", types={"b": "long"})
    assert (await place.read(TableQuery(table=place.table))).column_names == ["z", "a", "m", "b"]


@pytest.mark.elasticsearch
async def test_a_replacement_has_the_order_of_its_own(place: Place) -> None:
    await place.write(ROWS)
    await place.write({"m": [1], "z": [1]}, mode="replace")
    assert (await place.read(TableQuery(table=place.table))).column_names == ["m", "z"]


@pytest.mark.elasticsearch
@pytest.mark.parametrize("mode", ["upsert", "ignore"])
@pytest.mark.parametrize(("first", "told"), [((), "drawn"), (("a",), "of \\(a\\)")], ids=["no key", "another key"])
async def test_a_key_that_finds_nothing_is_told_before_anything_is_written(
    place: Place, mode: Any, first: tuple[str, ...], told: str
) -> None:
    await place.write(ROWS, mode="upsert" if first else "fail", key=first)
    with pytest.raises(ConfigError, match=told) as raised:
        await place.write(ROWS, mode=mode, key=("z",))
    assert "mode='replace'" in str(raised.value.hint)
    assert len(await place.rows()) == 2


@pytest.mark.elasticsearch
async def test_the_hint_of_such_a_key_helps(place: Place) -> None:
    await place.write(ROWS)
    await place.write(ROWS, mode="replace", key=("z",))
    assert (await place.write({"z": [2, 3], "a": [1, 1], "m": [1, 1]}, mode="upsert", key=("z",))).rows == 2
    assert sorted(row["z"] for row in await place.rows()) == [1, 2, 3]
