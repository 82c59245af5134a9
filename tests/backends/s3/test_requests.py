"""What goes wrong with a request, and what becomes of it then."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace
from typing import Any

import pytest

from dk_notebook.backends.s3.config import S3Config
from dk_notebook.backends.s3.connections import retries
from dk_notebook.errors import Conflict, ConnectionFailed, DeadlineExceeded, NotFound, OutcomeUnknown, QueryError
from dk_notebook.runtime.operations import Operation
from tests.backends.s3.conftest import config_of, opened, session, settled
from tests.services.s3_address import S3Address
from tests.services.scripted_s3 import Answer, Request, ScriptedS3, refusal
from tests.services.versitygw import VersityGateway

pytestmark = pytest.mark.s3

OBJECT = r"/k(\d|$)"
"""In the line of a request for an object of these tests."""


# --- what is tried again


async def test_a_store_that_is_busy_for_every_third_costs_less_than_twice_the_requests(
    by_script: S3Config, scripted: ScriptedS3
) -> None:
    async with session(by_script) as made:
        before = len(scripted.requests)
        scripted.always(OBJECT, lambda request: refusal(503, "SlowDown") if request.number % 3 == 0 else None)
        bodies = [str(number).encode() for number in range(60)]
        await asyncio.gather(*(made.objects.put(f"k{body.decode()}", body) for body in bodies))
        read = await asyncio.gather(*(made.objects.get(f"k{body.decode()}") for body in bodies))
        assert [bytes(each.data) for each in read] == bodies
        assert len(scripted.requests) - before < 2 * 120


@pytest.mark.parametrize("fault", ["cut_before", "cut_after", "cut_within", "flipped", refusal(500, "InternalError")])
async def test_what_was_lost_on_the_way_is_read_again(by_script: S3Config, scripted: ScriptedS3, fault: Any) -> None:
    async with session(by_script) as made:
        await made.objects.put("k", b"abcdefgh" * 100)
        scripted.next(f"GET .*{OBJECT}", fault)
        assert bytes((await made.objects.get("k")).data) == b"abcdefgh" * 100
        assert len(scripted.asked(f"GET .*{OBJECT}")) == 2


@pytest.mark.parametrize("fault", ["cut_before", "cut_within"])
async def test_a_part_that_was_lost_is_read_again(by_script: S3Config, scripted: ScriptedS3, fault: Any) -> None:
    async with session(by_script) as made:
        etag = await made.objects.put("k", bytes(range(200)))
        scripted.next(f"GET .*{OBJECT}", fault)
        parts = await made.objects.get_ranges("k", [(0, 100), (150, 160)], etag=etag)
        assert b"".join(map(bytes, parts)) == bytes(range(100)) + bytes(range(150, 160))


@pytest.mark.parametrize("fault", ["cut_before", "cut_after", refusal(503, "SlowDown"), refusal(400, "BadDigest")])
async def test_an_object_is_stored_once_however_often_it_is_sent(
    by_script: S3Config, scripted: ScriptedS3, s3_store: S3Address, fault: Any
) -> None:
    async with session(by_script) as made:
        scripted.next(f"PUT .*{OBJECT}", fault)
        etag = await made.objects.put("k", b"abc")
        assert (await made.objects.head("k")).etag == etag
        assert (s3_store.keys(by_script.bucket), s3_store.uploads(by_script.bucket)) == (["k"], [])


@pytest.mark.parametrize("line", ["GET .*list-type", "POST .*delete"])
async def test_listings_and_deletes_are_tried_again(by_script: S3Config, scripted: ScriptedS3, line: str) -> None:
    async with session(by_script) as made:
        await made.objects.put("k", b"abc")
        scripted.next(line, "cut_after")
        scripted.next(line, refusal(503, "SlowDown"))
        await made.objects.delete([entry.key async for page in made.objects.list("") for entry in page.entries])
        assert [page async for page in made.objects.list("")] == []


async def test_keys_that_the_store_was_too_busy_to_delete_are_deleted_later(
    by_script: S3Config, scripted: ScriptedS3
) -> None:
    some = b"<DeleteResult><Error><Key>k2</Key><Code>SlowDown</Code><Message>later</Message></Error></DeleteResult>"
    async with session(by_script) as made:
        scripted.next("POST .*delete", Answer(200, some))
        await made.objects.delete(["k1", "k2", "k3"])
        first, second = scripted.asked("POST .*delete")
        assert [b"k1" in first.body, b"k1" in second.body, b"k2" in second.body] == [True, False, True]


async def test_a_key_that_may_not_be_deleted_is_named(by_script: S3Config, scripted: ScriptedS3) -> None:
    some = b"<DeleteResult><Error><Key>k2</Key><Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>"
    async with session(by_script) as made:
        scripted.next("POST .*delete", Answer(200, some))
        with pytest.raises(QueryError, match="not allowed to delete 'k2'") as raised:
            await made.objects.delete(["k1", "k2"])
        assert raised.value.code == "AccessDenied"


@pytest.mark.parametrize(
    ("answer", "ours"),
    [
        (refusal(403, "AccessDenied"), QueryError),
        (refusal(403, "ExpiredToken"), ConnectionFailed),
        (refusal(404, "NoSuchKey"), NotFound),
        (refusal(400, "KeyTooLongError"), QueryError),
    ],
)
async def test_what_will_not_get_better_is_asked_once(
    by_script: S3Config, scripted: ScriptedS3, answer: Answer, ours: type[Exception]
) -> None:
    async with session(by_script) as made:
        scripted.always(OBJECT, answer)
        with pytest.raises(ours):
            await made.objects.get("k")
        assert len(scripted.asked(OBJECT)) == 1


async def test_an_object_is_missing_also_where_the_empty_answer_is_called_html(
    by_script: S3Config, scripted: ScriptedS3
) -> None:
    async with session(by_script) as made:
        scripted.always(f"HEAD .*{OBJECT}", Answer(404, b"", {"Content-Type": "text/html; charset=utf-8"}))
        with pytest.raises(NotFound):
            await made.objects.head("k")


async def test_a_store_that_stays_busy_is_told(by_script: S3Config, scripted: ScriptedS3, fast: None) -> None:
    async with session(by_script) as made:
        scripted.always(OBJECT, refusal(503, "SlowDown", "reduce your request rate"))
        with pytest.raises(ConnectionFailed, match="too busy to read 'k': SlowDown: reduce your request rate"):
            await made.objects.get("k")
        assert len(scripted.asked(OBJECT)) == retries.ATTEMPTS


async def test_a_body_that_is_never_right_is_refused(by_script: S3Config, scripted: ScriptedS3, fast: None) -> None:
    async with session(by_script) as made:
        await made.objects.put("k", b"abc")
        scripted.always(f"GET .*{OBJECT}", "flipped")
        with pytest.raises(ConnectionFailed, match="does not have the checksum") as raised:
            await made.objects.get("k")
        assert "check_etags=False" in str(raised.value.hint)


async def test_etags_that_are_no_checksums_are_believed_when_told_so(by_script: S3Config, scripted: ScriptedS3) -> None:
    scripted.always(f"GET .*{OBJECT}", Answer(200, b"abc", {"ETag": f'"{"0" * 32}"', "Last-Modified": _LONG_AGO}))
    async with session(replace(by_script, check_etags=False)) as made:
        assert bytes((await made.objects.get("k")).data) == b"abc"


async def test_etags_of_objects_that_are_encrypted_by_a_key_are_no_checksums(
    by_script: S3Config, scripted: ScriptedS3
) -> None:
    headers = {"ETag": f'"{"0" * 32}"', "Last-Modified": _LONG_AGO, "x-amz-server-side-encryption": "aws:kms"}
    scripted.always(OBJECT, Answer(200, b"abc", headers))
    async with session(by_script) as made:
        for _ in range(3):
            assert bytes((await made.objects.get("k")).data) == b"abc"
    assert len(scripted.asked(f"HEAD .*{OBJECT}")) == 1


_LONG_AGO = "Fri, 02 Jan 2026 03:04:05 GMT"


# --- on a condition, and nobody was told


async def test_a_first_object_whose_answer_was_lost_is_there(by_script: S3Config, scripted: ScriptedS3) -> None:
    async with session(by_script) as made:
        scripted.next(f"PUT .*{OBJECT}", "cut_after")
        etag = await made.objects.put("k", b"abc", absent=True)
        assert (await made.objects.head("k")).etag == etag


async def test_a_new_version_whose_answer_was_lost_is_there(by_script: S3Config, scripted: ScriptedS3) -> None:
    async with session(by_script) as made:
        first = await made.objects.put("k", b"first")
        scripted.next(f"PUT .*{OBJECT}", "cut_after")
        second = await made.objects.put("k", b"second", etag=first)
        assert (await made.objects.head("k")).etag == second


@pytest.mark.parametrize("fault", ["cut_before", refusal(500, "InternalError")])
async def test_another_ones_object_is_not_taken_for_ours(by_script: S3Config, scripted: ScriptedS3, fault: Any) -> None:
    async with session(by_script) as made:
        await made.objects.put("k", b"theirs")
        scripted.next(f"PUT .*{OBJECT}", fault)
        with pytest.raises(Conflict):
            await made.objects.put("k", b"ours", absent=True)


async def test_the_same_object_of_another_one_conflicts_where_nothing_was_lost(by_script: S3Config) -> None:
    async with session(by_script) as made:
        await made.objects.put("k", b"abc")
        with pytest.raises(Conflict):
            await made.objects.put("k", b"abc", absent=True)


async def test_who_cannot_be_told_whether_it_was_stored_hears_that(
    by_script: S3Config, scripted: ScriptedS3, fast: None
) -> None:
    async with session(by_script) as made:
        scripted.always(f"PUT .*{OBJECT}", "cut_before")
        with pytest.raises(OutcomeUnknown, match="nobody can tell whether it was stored"):
            await made.objects.put("k", b"abc", absent=True)
        with pytest.raises(ConnectionFailed):  # which may be sent again by anybody
            await made.objects.put("k", b"abc")


async def test_what_was_never_sent_is_no_doubt(own_s3_store: VersityGateway, transport: str, fast: None) -> None:
    own_s3_store.make_bucket("lake")
    async with session(config_of(own_s3_store, "lake", transport=transport)) as made:
        own_s3_store.stop()
        await asyncio.sleep(0.05)
        with contextlib.suppress(ConnectionFailed):  # the connection that was open
            await made.objects.get("k")
        with pytest.raises(ConnectionFailed, match="no connection: connection refused"):
            await made.objects.put("k", b"abc", absent=True)


async def test_who_changes_the_same_object_at_the_same_moment_is_tried_again(
    by_script: S3Config, scripted: ScriptedS3
) -> None:
    async with session(by_script) as made:
        scripted.next(f"PUT .*{OBJECT}", refusal(409, "ConditionalRequestConflict"), times=2)
        await made.objects.put("k", b"abc", absent=True)


# --- how long


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts follow each other at once."""
    monkeypatch.setattr(retries, "FIRST", 0.001)
    monkeypatch.setattr(retries, "LONGEST", 0.01)


async def test_the_deadline_ends_the_attempts(by_script: S3Config, scripted: ScriptedS3) -> None:
    scripted.always(OBJECT, refusal(503, "SlowDown"))
    started = time.monotonic()
    with pytest.raises((DeadlineExceeded, ConnectionFailed)):
        async with session(by_script, timeout=0.5) as made:
            await made.objects.get("k")
    assert time.monotonic() - started < 4


async def test_the_deadline_ends_a_request_that_is_not_answered(by_script: S3Config, scripted: ScriptedS3) -> None:
    scripted.always(OBJECT, Answer(after=20))
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        async with session(by_script, timeout=0.4) as made:
            await made.objects.get("k")
    assert time.monotonic() - started < 4


async def test_all_requests_together_have_so_many_attempts(
    by_script: S3Config, scripted: ScriptedS3, fast: None
) -> None:
    scripted.always(OBJECT, "cut_before")
    async with session(by_script) as made:
        started = time.monotonic()
        asking = [made.objects.get(f"k{number}") for number in range(60)]
        ended = await asyncio.gather(*asking, return_exceptions=True)
        regained = (time.monotonic() - started) * retries.REGAINED
    assert {isinstance(end, ConnectionFailed) for end in ended} == {True}
    assert len(scripted.asked(OBJECT)) <= 60 + retries.BUDGET + regained + 1


async def test_a_store_that_is_down_is_not_asked_ever_more(own_s3_store: VersityGateway, transport: str) -> None:
    """And is used again as soon as it is back."""
    own_s3_store.make_bucket("lake")
    async with opened(config_of(own_s3_store, "lake", transport=transport)) as backend:
        own_s3_store.stop()
        with Operation("a test") as operation:
            async with backend.session(operation) as made:
                started = time.monotonic()
                asking = [made.objects.get(f"k{number}") for number in range(100)]
                ended = await asyncio.gather(*asking, return_exceptions=True)
                assert {isinstance(end, ConnectionFailed) for end in ended} == {True}
                assert time.monotonic() - started < 10
                await asyncio.sleep(0)
                own_s3_store.start()
                await made.objects.put("k", b"abc")


# --- stops


async def test_a_request_that_is_cancelled_ends_at_the_store(by_script: S3Config, scripted: ScriptedS3) -> None:
    scripted.always(OBJECT, Answer(after=20))
    async with opened(by_script) as backend:
        with Operation("a test") as operation:
            async with backend.session(operation) as made:
                asking = asyncio.ensure_future(made.objects.get("k"))
                await settled(lambda: len(scripted.asked(OBJECT)), 1)
                asking.cancel()
                started = time.monotonic()
                with pytest.raises(asyncio.CancelledError):
                    await asking
        assert (time.monotonic() - started < 2, backend.status().in_use) == (True, 0)


async def test_a_put_that_is_cancelled_leaves_no_half(
    by_script: S3Config, scripted: ScriptedS3, s3_store: S3Address
) -> None:
    def slowly(_: Request) -> None:
        time.sleep(0.3)

    scripted.always(f"PUT .*{OBJECT}", slowly)
    async with session(by_script) as made:
        asking = asyncio.ensure_future(made.objects.put("k", b"x" * 1_000_000))
        await settled(lambda: len(scripted.asked(OBJECT)), 1)
        asking.cancel()
        await asyncio.wait([asking])
    await asyncio.sleep(0.5)
    stored = [s3_store.get(by_script.bucket, key) for key in s3_store.keys(by_script.bucket)]
    assert (stored in ([], [b"x" * 1_000_000]), s3_store.uploads(by_script.bucket)) == (True, [])


async def test_a_hard_abort_cuts_what_runs(by_script: S3Config, scripted: ScriptedS3) -> None:
    scripted.always(OBJECT, Answer(after=20))
    async with opened(by_script) as backend:
        with Operation("a test") as operation:
            async with backend.session(operation) as made:
                asking = [asyncio.ensure_future(made.objects.get(f"k{number}")) for number in range(3)]
                await settled(lambda: len(scripted.asked(OBJECT)), 3)
                await asyncio.to_thread(operation.abort)
                ended = await asyncio.gather(*asking, return_exceptions=True)
        assert [type(each) for each in ended] == [ConnectionFailed] * 3


async def test_closing_ends_the_sessions_that_still_run(by_script: S3Config, scripted: ScriptedS3) -> None:
    scripted.always(OBJECT, Answer(after=20))
    async with opened(by_script) as backend:

        async def asking() -> None:
            with Operation("a test") as operation:
                async with backend.session(operation) as made:
                    await made.objects.get("k")

        running = asyncio.ensure_future(asking())
        await settled(lambda: len(scripted.asked(OBJECT)), 1)
        started = time.monotonic()
        await backend.close()
        assert (running.cancelled(), time.monotonic() - started < 5) == (True, True)
        with pytest.raises(ConnectionFailed, match="was closed"):
            await asking()
