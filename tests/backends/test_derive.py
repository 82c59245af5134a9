"""Candidates of a store that cannot say everything, and what becomes of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dk_notebook.backends.derive import Candidate, decided, wanted
from dk_notebook.records.document import Document
from dk_notebook.records.filters import Compare, Field, Sort, sort_key
from dk_notebook.records.query import Query

pytestmark = pytest.mark.unit


async def gathered(batches: list[list[Candidate]], query: Query, batch_rows: int = 3) -> list[list[Document]]:
    read = 0

    async def source() -> AsyncGenerator[list[Candidate], None]:
        nonlocal read
        for batch in batches:
            read += 1
            yield batch

    found = [batch async for batch in decided(source(), query, batch_rows=batch_rows)]
    gathered.read = read  # type: ignore[attr-defined]  # for the test below
    return found


@given(
    st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=12),
    st.booleans(),
    st.none() | st.integers(0, 5),
    st.integers(0, 3),
)
async def test_unsure_ones_are_merged_into_the_sure_ones(
    drawn: list[tuple[int, bool]], descending: bool, limit: int | None, skip: int
) -> None:
    order = (Sort(Field("n"), descending),)
    query = Query(Compare("n", ">", 0), order, limit, skip)
    documents = [(Document(f"{place:02}", {"n": n}), sure) for place, (n, sure) in enumerate(drawn)]
    matching = sorted(
        (each for each, _ in documents if query.matches(each.data, each.id)),
        key=lambda one: sort_key(order, one.data, one.id),
    )
    unsure = [Candidate(each, False) for each, sure in documents if not sure]
    sure_ids = {each.id for each, sure in documents if sure}
    sure = [Candidate(each, True) for each in matching if each.id in sure_ids]
    together = [*unsure, *sure]
    batches = [together[start : start + 4] for start in range(0, len(together), 4)]
    found = await gathered(batches, query)
    last = None if limit is None else skip + limit
    assert [each for batch in found for each in batch] == matching[skip:last]
    assert all(len(batch) == 3 for batch in found[:-1])


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=12))
async def test_unsure_ones_among_the_sure_ones_go_further_back(drawn: list[tuple[int, int]]) -> None:
    order = (Sort(Field("n")),)
    query = Query(None, order)
    documents = [(Document(f"{place:02}", {"n": n}), n - early) for place, (n, early) in enumerate(drawn)]
    # One that comes before its place is not sure of it.
    coming = sorted(documents, key=lambda pair: (pair[1], pair[0].id))
    found = await gathered([[Candidate(each, each.data["n"] == place)] for each, place in coming], query)
    expected = sorted((each for each, _ in documents), key=lambda one: sort_key(order, one.data, one.id))
    assert [each for batch in found for each in batch] == expected


async def test_it_reads_no_further_than_the_limit() -> None:
    batches = [[Candidate(Document(f"{n}", {}), True)] for n in range(10)]
    assert len(await gathered(batches, Query().limit(2))) == 1
    assert gathered.read == 2  # type: ignore[attr-defined]  # set above


async def test_without_an_order_nothing_is_kept_back() -> None:
    batches = [[Candidate(Document("a", {"n": 1}), False)], [Candidate(Document("b", {"n": 1}), True)]]
    assert await gathered(batches, Query().filter("n", "=", 1), batch_rows=1) == [
        [Document("a", {"n": 1})],
        [Document("b", {"n": 1})],
    ]


async def test_the_selected_fields_are_left() -> None:
    batches = [[Candidate(Document("a", {"n": 1, "m": 2}, {}, "v"), True)]]
    assert await gathered(batches, Query().select("m")) == [[Document("a", {"m": 2}, {}, "v")]]


@pytest.mark.parametrize(("skip", "limit", "left"), [(0, None, 5), (2, None, 3), (9, None, 0), (1, 2, 2), (4, 3, 1)])
def test_the_offset_and_the_limit_are_counted(skip: int, limit: int | None, left: int) -> None:
    query: Any = Query().offset(skip).limit(limit)
    assert wanted(5, query) == left
