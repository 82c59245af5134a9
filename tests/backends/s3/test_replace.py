"""``replace``: who reads meanwhile sees the old rows or the new ones, and never both, none, or a part of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from dk_notebook.backends.base import TableWrite
from dk_notebook.backends.s3.datasets import manifest
from dk_notebook.backends.s3.datasets.manifest import NAME, Manifest, file_name, new_write
from dk_notebook.errors import Conflict, NotFound, OutcomeUnknown
from dk_notebook.frames.stream import ArrowStream
from tests.backends.s3.lake import Lake

pytestmark = [pytest.mark.s3, pytest.mark.asyncio(loop_scope="module")]

OLD = {"id": [1, 2]}
NEW = {"text": ["a", "b", "c"]}


async def test_new_columns_come_in_place_of_the_old(lake: Lake) -> None:
    await lake.write(OLD)
    await lake.write(NEW, mode="replace")
    assert await lake.rows() == NEW


async def test_the_old_files_are_gone(lake: Lake) -> None:
    await lake.write(OLD)
    old = lake.files()
    await lake.write(NEW, mode="replace")
    assert not set(old) & set(lake.files())
    assert not lake.manifest.gone


async def test_the_files_of_other_programs_go_too(lake: Lake) -> None:
    lake.put("part-0.csv", b"id\n1\n")
    lake.put("_SUCCESS", b"")
    await lake.write(NEW, mode="replace")
    assert [path for path in lake.paths() if not path.startswith("dk-")] == ["_SUCCESS", NAME]


async def test_what_is_not_there_is_made(lake: Lake) -> None:
    await lake.write(NEW, mode="replace")
    assert await lake.rows() == NEW


async def test_a_reader_that_polls_sees_each_state_whole(lake: Lake) -> None:
    """Files of some rows each, so that a part of them could be seen."""
    width, states = 40, 12
    seen: list[tuple[int, ...]] = []
    failed: set[str] = set()
    over = asyncio.Event()

    async def poll() -> None:
        while not over.is_set():
            try:
                seen.append(tuple((await lake.read()).column("state").to_pylist()))
            except Conflict as error:  # in the middle of the files, which are deleted then
                failed.add(str(error).rpartition("' ")[2])

    def rows(state: int) -> pa.Table:
        return pa.table({"state": [state] * width, "part": [number % 4 for number in range(width)]})

    await lake.write(rows(0), partition_by=("part",))
    readers = [asyncio.create_task(poll()) for _ in range(3)]
    for state in range(1, states):
        await lake.write(rows(state), mode="replace", partition_by=("part",))
    over.set()
    await asyncio.gather(*readers)
    assert set(seen) <= {(state,) * width for state in range(states)}
    assert len(set(seen)) > 2
    assert failed <= {"was replaced while it was read"}


async def test_a_reader_that_polls_sees_an_append_whole(lake: Lake) -> None:
    seen: set[int] = set()
    over = asyncio.Event()

    async def poll() -> None:
        while not over.is_set():
            seen.add((await lake.read()).num_rows)

    table = pa.table({"n": range(16), "part": range(16)})
    await lake.write(table, partition_by=("part",))
    reader = asyncio.create_task(poll())
    for _ in range(6):
        await lake.write(table, mode="append")
    over.set()
    await reader
    assert {count % 16 for count in seen} == {0}


async def test_two_appends_at_once_both_arrive(lake: Lake) -> None:
    await lake.write(OLD)
    await asyncio.gather(*(lake.write({"id": [number]}, mode="append") for number in (3, 4)))
    assert sorted((await lake.rows())["id"]) == [1, 2, 3, 4]


async def test_two_appends_at_once_to_what_is_not_there_both_arrive(lake: Lake) -> None:
    await asyncio.gather(*(lake.write({"id": [number]}, mode="append") for number in (3, 4)))
    assert sorted((await lake.rows())["id"]) == [3, 4]


class Held:
    """A stream whose second half comes when it is let go."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        self.begun, self.go = asyncio.Event(), asyncio.Event()

    async def _batches(self) -> AsyncGenerator[pa.RecordBatch, None]:
        half = self.table.num_rows // 2
        for part in self.table.slice(0, half).to_batches():
            yield part
        self.begun.set()
        await self.go.wait()
        for part in self.table.slice(half).to_batches():
            yield part

    async def write(self, lake: Lake, mode: str) -> int:
        async with lake.place.session() as session:
            target = TableWrite(table=lake.table, mode=mode)  # type: ignore[arg-type]
            return (await session.ingest(target, ArrowStream(self.table.schema, self._batches()))).rows


async def meanwhile(lake: Lake, mode: str, data: dict[str, list[int]], then: str) -> None:
    """A write with another one, begun later, that ends before it does."""
    held = Held(pa.table(data))
    first = asyncio.create_task(held.write(lake, mode))
    await held.begun.wait()
    try:
        await lake.write({"id": [7]}, mode=then)
    finally:
        held.go.set()
    await first


async def test_a_replace_that_ends_first_makes_the_other_one_a_conflict(lake: Lake) -> None:
    await lake.write(OLD)
    with pytest.raises(Conflict, match=r"another write to the dataset ended meanwhile; nothing was written"):
        await meanwhile(lake, "replace", {"id": [8, 9]}, "replace")
    assert await lake.rows() == {"id": [7]}
    assert len(lake.files()) == 1


async def test_an_append_that_ends_during_a_replace_is_not_lost(lake: Lake) -> None:
    await lake.write(OLD)
    with pytest.raises(Conflict, match="another write"):
        await meanwhile(lake, "replace", {"id": [8, 9]}, "append")
    assert sorted((await lake.rows())["id"]) == [1, 2, 7]


async def test_an_append_that_ends_after_a_replace_is_beside_the_new_rows(lake: Lake) -> None:
    await lake.write(OLD)
    await meanwhile(lake, "append", {"id": [8, 9]}, "replace")
    assert sorted((await lake.rows())["id"]) == [7, 8, 9]


async def test_an_append_to_columns_that_are_replaced_meanwhile_is_a_conflict(lake: Lake) -> None:
    await lake.write({"id": [1], "more": [2]})
    with pytest.raises(Conflict, match="another write gave the dataset other columns meanwhile"):
        await meanwhile(lake, "append", {"id": [8, 9], "more": [8, 9]}, "replace")
    assert await lake.rows() == {"id": [7]}


async def test_two_that_must_be_the_first_are_one(lake: Lake) -> None:
    with pytest.raises(Conflict, match="another write"):
        await meanwhile(lake, "fail", {"id": [8, 9]}, "fail")
    assert await lake.rows() == {"id": [7]}


async def test_files_that_may_not_be_deleted_are_unseen_and_told(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    await lake.write(OLD)
    with monkeypatch.context() as patched:

        async def refused(self: object, keys: object) -> None:
            raise Conflict("not allowed")

        patched.setattr("dk_notebook.backends.s3.connections.bucket.Bucket.delete", refused)
        report = await lake.write(NEW, mode="replace")
    assert "1 files of the old rows are not deleted (not allowed)" in report.notes[-1]
    assert await lake.rows() == NEW
    await lake.write(NEW, mode="append")
    assert (len(lake.files()), lake.manifest.gone) == (2, {})


async def test_what_a_killed_write_has_left_is_unseen_and_goes_after_a_day(lake: Lake) -> None:
    await lake.write(OLD)
    killed = new_write()
    lake.put(file_name(killed, 0, "parquet"), b"half")
    lake.manifest = lake.manifest.begun(killed, datetime.now(UTC) - timedelta(hours=23))
    await lake.write({"id": [3]}, mode="append")
    assert (await lake.rows(), len(lake.files())) == ({"id": [1, 2, 3]}, 3)
    lake.manifest = lake.manifest.begun(killed, datetime.now(UTC) - timedelta(hours=25))
    await lake.write({"id": [4]}, mode="append")
    assert (len(lake.files()), lake.manifest.pending) == (3, {})


async def test_a_dataset_that_was_never_written_whole_is_not_there(lake: Lake) -> None:
    lake.put(file_name(killed := new_write(), 0, "parquet"), b"half")
    lake.manifest = Manifest().begun(killed)
    with pytest.raises(NotFound):
        await lake.rows()


async def test_a_file_put_anew_under_a_replaced_name_is_seen(lake: Lake) -> None:
    lake.put("part-0.csv", b"id\n1\n")
    await lake.write({"id": [5]}, mode="replace", format="csv")
    lake.put("part-0.csv", b"id\n6\n")
    assert sorted((await lake.rows())["id"]) == [5, 6]


async def test_a_switch_whose_answer_is_lost_is_found_out(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    await lake.write(OLD)
    real = manifest.changed
    calls = iter((False, True))

    async def lost(*how: Any) -> manifest.Manifest:
        after = await real(*how)
        if next(calls, False):
            raise OutcomeUnknown("the connection was lost")
        return after

    with monkeypatch.context() as patched:
        patched.setattr(manifest, "changed", lost)
        report = await lake.write({"id": [3]}, mode="append")
    assert (report.rows, await lake.rows()) == (1, {"id": [1, 2, 3]})


async def test_a_switch_that_was_not_made_is_found_out(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    await lake.write(OLD)
    real = manifest.changed
    calls = iter((False, True))

    async def lost(*how: Any) -> manifest.Manifest:
        if next(calls, False):
            raise OutcomeUnknown("the connection was lost")
        return await real(*how)

    with monkeypatch.context() as patched:
        patched.setattr(manifest, "changed", lost)
        with pytest.raises(OutcomeUnknown, match="nothing was written, and what was there is there"):
            await lake.write({"id": [3]}, mode="append")
    assert (await lake.rows(), len(lake.files()), lake.manifest.pending) == (OLD, 1, {})
