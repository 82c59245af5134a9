"""Writes that are refused, cut, stopped or killed: what was there stays, and nothing else is left that anybody sees."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
import pytest_asyncio

from dk_notebook.backends.base import TableWrite, WriteReport
from dk_notebook.backends.s3.connections import retries
from dk_notebook.backends.s3.datasets import manifest
from dk_notebook.backends.s3.datasets.manifest import NAME, Manifest, new_write, write_of
from dk_notebook.backends.s3.writing import write as writing
from dk_notebook.errors import Conflict, ConnectionFailed, DeadlineExceeded, NotFound, QueryError
from dk_notebook.frames.stream import ArrowStream
from dk_notebook.runtime import operations
from tests.backends.s3.conftest import config_of, opened
from tests.backends.s3.lake import Lake
from tests.services.s3_address import S3Address
from tests.services.scripted_s3 import Answer, Request, ScriptedS3, refusal

pytestmark = [pytest.mark.s3, pytest.mark.asyncio(loop_scope="module")]

OLD = {"part": [0, 1, 2], "n": [1, 2, 3]}
MANY = pa.table({"part": [number % 20 for number in range(2_000)], "n": range(2_000)})
FILE = "PUT /.*/dk-"
MANIFEST = f"PUT /.*/{NAME}"


@pytest_asyncio.fixture(loop_scope="module")
async def faulty(
    lake: Lake, scripted: ScriptedS3, s3_store: S3Address, shared_bucket: str, transport: str
) -> AsyncIterator[Lake]:
    """The lake by a way on which everything can happen, with rows that are there."""
    async with opened(config_of(scripted, shared_bucket, prefix="lake", transport=transport)) as backend:
        way = Lake(backend, s3_store, shared_bucket, "lake")
        way.table = lake.table
        await lake.write(OLD, partition_by=("part",))
        yield way


async def within(lake: Lake, seconds: float, mode: str, table: pa.Table = MANY) -> WriteReport:
    """A write that has so much time."""
    target = TableWrite(table=lake.table, mode=mode, options={"partition_by": ("part",)})  # type: ignore[arg-type]
    async with lake.place.session(timeout=seconds) as session:
        return await session.ingest(target, ArrowStream.from_table(table))


async def is_as_before(lake: Lake) -> bool:
    """Whether the old rows are there, and no file besides theirs."""
    return await lake.rows() == OLD and len(lake.files()) == 3 and not lake.store.uploads(lake.bucket)


@pytest.mark.parametrize("mode", ["append", "replace"])
async def test_a_store_that_is_too_busy_for_ever_leaves_what_was_there(
    faulty: Lake, lake: Lake, scripted: ScriptedS3, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "GIVE_UP", 0.3)
    scripted.always(FILE, lambda request: refusal(503, "SlowDown") if request.number % 2 else None)
    with pytest.raises(ConnectionFailed, match=r"too busy .*; nothing was written, and what was there is there"):
        await faulty.write(MANY, mode=mode, partition_by=("part",))
    assert await is_as_before(lake)


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (refusal(403, "AccessDenied"), QueryError, "not allowed to store"),
        (refusal(404, "NoSuchBucket"), NotFound, "no such bucket"),
        (refusal(400, "EntityTooLarge"), QueryError, "larger than the store takes"),
    ],
    ids=["no permission", "no bucket", "too large"],
)
async def test_a_put_that_is_refused_in_the_middle_leaves_what_was_there(
    faulty: Lake, lake: Lake, scripted: ScriptedS3, answer: Answer, error: type[Exception], words: str
) -> None:
    scripted.always("PUT /.*/part%3D19/|PUT /.*/part=19/", answer)
    with pytest.raises(error, match=rf"{words}.*; nothing was written, and what was there is there"):
        await faulty.write(MANY, mode="replace", partition_by=("part",))
    assert await is_as_before(lake)
    assert not lake.manifest.pending


async def test_a_switch_that_is_refused_leaves_what_was_there(faulty: Lake, lake: Lake, scripted: ScriptedS3) -> None:
    scripted.next(MANIFEST, lambda _: None)
    scripted.next(MANIFEST, refusal(403, "AccessDenied"))
    with pytest.raises(QueryError, match=r"not allowed .*; nothing was written"):
        await faulty.write(MANY, mode="replace", partition_by=("part",))
    assert await is_as_before(lake)


async def test_what_cannot_be_taken_away_is_unseen_and_told(faulty: Lake, lake: Lake, scripted: ScriptedS3) -> None:
    scripted.always("PUT /.*/part=19/|PUT /.*/part%3D19/", refusal(403, "AccessDenied"))
    scripted.always(r"POST /.*\?delete", refusal(403, "AccessDenied"))
    with (
        pytest.warns(UserWarning, match=r"files of the write to .* are left below .* readers .* do not see them"),
        pytest.raises(QueryError),
    ):
        await faulty.write(MANY, mode="append")
    assert await lake.rows() == OLD
    assert len(lake.files()) > 3
    scripted.heal()
    lake.manifest = aged(lake.manifest)
    await lake.write(OLD, mode="append")
    assert len(lake.files()) == 6


def aged(state: Manifest) -> Manifest:
    """The same a day later."""
    for write, at in state.pending.items():
        state = state.begun(write, at - timedelta(hours=25))
    return state


@pytest.mark.parametrize("mode", ["append", "replace"])
async def test_a_refusal_every_third_request_is_survived(
    faulty: Lake, lake: Lake, scripted: ScriptedS3, mode: str
) -> None:
    scripted.always("", lambda request: refusal(503, "SlowDown") if request.number % 3 == 0 else None)
    report = await faulty.write(MANY, mode=mode, partition_by=("part",))
    scripted.heal()
    found = (await lake.read()).num_rows
    assert (report.rows, found) == (2_000, 2_000 + 3 * (mode == "append"))


@pytest.mark.parametrize("line", [FILE, MANIFEST], ids=["a file", "the manifest"])
async def test_an_answer_that_is_lost_doubles_nothing(
    faulty: Lake, lake: Lake, scripted: ScriptedS3, line: str
) -> None:
    scripted.next(line, "cut_after", times=2)
    await faulty.write(MANY, mode="append")
    assert (await lake.read()).num_rows == 2_003
    assert (len(lake.files()), lake.manifest.pending) == (23, {})


async def test_a_change_that_another_program_came_before_is_made_after_it(
    faulty: Lake, lake: Lake, scripted: ScriptedS3
) -> None:
    other = new_write()

    def sooner(_: Request) -> None:
        lake.manifest = lake.manifest.begun(other)

    scripted.next(MANIFEST, sooner)
    await faulty.write(MANY, mode="append")
    assert list(lake.manifest.pending) == [other]
    assert (await lake.read()).num_rows == 2_003


async def test_a_manifest_that_changes_for_ever_ends_the_write(
    faulty: Lake, lake: Lake, scripted: ScriptedS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "TRIES", 3)
    scripted.always(MANIFEST, refusal(412, "PreconditionFailed"))
    with pytest.raises(Conflict, match="changed meanwhile"):
        await faulty.write(MANY, mode="append")
    scripted.heal()
    assert await is_as_before(lake)


async def test_a_deadline_in_the_middle_leaves_what_was_there(
    faulty: Lake, lake: Lake, scripted: ScriptedS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is taken away in time is asked here, not how much a busy machine takes away in a tenth of a second.
    monkeypatch.setattr(operations, "DEADLINE_GRACE", 10.0)
    monkeypatch.setattr(writing, "STOPPED", 4.0)
    scripted.always("PUT /.*/part=19/|PUT /.*/part%3D19/", Answer(200, after=20))
    with pytest.raises(DeadlineExceeded):
        await within(faulty, 2, "replace")  # by then the other files are there, on a busy machine too
    assert await is_as_before(lake)


# --- stopped and killed -------------------------------------------------------------------------------------------


async def test_a_write_that_is_stopped_at_any_moment_leaves_the_old_rows_or_the_new(lake: Lake) -> None:
    """A hundred and seventy times; what a stop in the middle of a put leaves is never seen."""

    def rows(state: int) -> dict[str, list[int]]:
        return {"state": [state] * 6, "part": [0, 0, 1, 1, 2, 2]}

    await lake.write(rows(0), partition_by=("part",))
    draw = random.Random(4)
    loop = asyncio.get_running_loop()
    took, now, whole = 0.05, 0, 0
    for state in range(1, 171):
        started = loop.time()
        writing = asyncio.create_task(lake.write(rows(state), mode="replace", partition_by=("part",)))
        await asyncio.sleep(draw.uniform(0, 1.3 * took))
        writing.cancel()
        try:
            await writing
            took = loop.time() - started
        except asyncio.CancelledError:
            assert loop.time() - started < 1.3 * took + 1
        found = await lake.rows()
        assert found in (rows(now), rows(state))
        whole += found["state"][0] == state
        now = found["state"][0]
    assert 0 < whole < 170
    assert not lake.store.uploads(lake.bucket)
    lake.manifest = aged(lake.manifest)
    await lake.write(rows(now), mode="append")
    assert len(lake.files()) == 6


KILLED = """
import asyncio, os, random, signal, sys, time
import pyarrow as pa
from dk_notebook.backends.s3.backend import S3Backend
from dk_notebook.backends.s3.config import S3Config
from dk_notebook.config.settings import build
from dk_notebook.testing.place import Place

settings, table, times = eval(sys.argv[1]), sys.argv[2], int(sys.argv[3])
rows = pa.table({"part": [number % 20 for number in range(2_000)], "n": range(2_000)})

async def write():
    backend = await S3Backend.open(build(S3Config, [("test", settings)]))
    os.write(out, b"x")
    await Place(backend).write(rows, table, mode=sys.argv[4], options={"partition_by": ("part",)})

draw = random.Random(3)
for _ in range(times):
    back, out = os.pipe()
    child = os.fork()
    if not child:
        asyncio.run(write())
        os._exit(0)
    os.read(back, 1)
    time.sleep(draw.uniform(0, 0.1))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(back), os.close(out)
"""


@pytest.mark.parametrize("mode", ["append", "replace"])
async def test_a_write_that_is_killed_at_any_moment_leaves_what_was_there_or_all_that_is_new(
    lake: Lake, mode: str
) -> None:
    """Fifteen times each, in a process that is killed by SIGKILL."""
    await lake.write(OLD, partition_by=("part",))
    settings: dict[str, Any] = {**lake.store.settings, "bucket": lake.bucket, "prefix": lake.prefix}
    command = [sys.executable, "-c", KILLED, repr(settings), lake.table, "15", mode]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")
    rows = (await lake.read()).num_rows
    assert (rows - 3) % 2_000 == 0 if mode == "append" else rows in (3, 2_000)
    assert not lake.store.uploads(lake.bucket)
    left = [path for path in lake.files() if write_of(path) in lake.manifest.pending]
    lake.manifest = aged(lake.manifest)
    await lake.write(OLD, mode="append")
    assert (await lake.read()).num_rows == rows + 3
    assert not set(left) & set(lake.files())
    assert (lake.manifest.pending, lake.manifest.gone) == ({}, {})
