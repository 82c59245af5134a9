"""Which files a reader sees while a dataset is written, replaced, and after a write was killed."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from dk_notebook.backends.s3.datasets.manifest import NAME, Manifest, Shape, file_name, new_write, write_of
from dk_notebook.errors import Conflict, QueryError
from dk_notebook.frames.types import JSON, mark

pytestmark = pytest.mark.unit

SCHEMA = pa.schema([pa.field("at", pa.timestamp("ns", "Europe/Vienna")), pa.field("month", pa.int8())])
SHAPE = Shape("csv", SCHEMA, ("month",))
OTHER = Shape("csv", SCHEMA.append(pa.field("more", pa.string())), ("month",))
WRITE = "00112233445566778899"
MINE = f"month=1/{file_name(WRITE, 0, 'csv')}"
EMPTY = Manifest()


@pytest.mark.parametrize(
    "path",
    [NAME, "_temporary/a.csv", "month=1/_SUCCESS", "month=1/.part.crc", ".ipynb_checkpoints/a.csv", "", "a//b.csv"],
)
def test_what_programs_keep_beside_their_data_is_no_data(path: str) -> None:
    assert not EMPTY.visible(path, '"a"')


@pytest.mark.parametrize("path", ["a.csv", "month=1/part-0.csv", "dk-1-00000.csv", MINE, "x_/y.z_"])
def test_every_other_file_is_data_without_a_manifest(path: str) -> None:
    assert EMPTY.visible(path, '"a"')


def test_the_files_of_a_write_are_unseen_until_it_ends() -> None:
    begun = EMPTY.begun(WRITE)
    assert [begun.visible(MINE, "e"), begun.appended(WRITE, SHAPE, since=EMPTY).visible(MINE, "e")] == [False, True]


def test_a_write_does_not_hide_the_files_of_others() -> None:
    assert EMPTY.begun(WRITE).visible(file_name(new_write(), 0, "csv"), "e")


def test_what_was_replaced_is_unseen_and_the_new_is_seen_by_the_same_change() -> None:
    switched = EMPTY.begun(WRITE).switched(WRITE, SHAPE, since=EMPTY, replaced={"part-0.csv": '"a"'})
    assert [switched.visible("part-0.csv", '"a"'), switched.visible(MINE, "e")] == [False, True]


def test_a_carrier_that_leaves_the_quotes_of_an_etag_out_hides_the_same() -> None:
    assert not Manifest(gone={"part-0.csv": '"a"'}).visible("part-0.csv", "a")


def test_a_replaced_file_that_another_program_puts_anew_is_data() -> None:
    assert Manifest(gone={"part-0.csv": '"a"'}).visible("part-0.csv", '"b"')


def test_no_two_states_have_the_same_contents() -> None:
    begun = EMPTY.begun(WRITE)
    assert begun.ended(WRITE).to_json() != EMPTY.to_json()


def test_a_failed_write_leaves_the_shape_as_it_was() -> None:
    assert EMPTY.begun(WRITE).ended(WRITE).shape is None


def test_a_replace_that_another_write_came_before_is_refused() -> None:
    both = EMPTY.begun(WRITE).begun("f" * 20)
    with pytest.raises(Conflict, match="another write to the dataset ended meanwhile"):
        both.appended("f" * 20, SHAPE, since=EMPTY).switched(WRITE, SHAPE, since=EMPTY, replaced={})


def test_two_appends_of_the_same_columns_both_arrive() -> None:
    both = EMPTY.begun(WRITE).begun("f" * 20)
    assert both.appended("f" * 20, SHAPE, since=EMPTY).appended(WRITE, SHAPE, since=EMPTY).writes == 2


def test_an_append_to_columns_that_were_replaced_meanwhile_is_refused() -> None:
    both = EMPTY.begun(WRITE).begun("f" * 20)
    replaced = both.switched("f" * 20, OTHER, since=EMPTY, replaced={})
    with pytest.raises(Conflict, match="other columns"):
        replaced.appended(WRITE, SHAPE, since=EMPTY)


def test_an_append_may_widen_what_was_there_when_it_began() -> None:
    before = EMPTY.begun(WRITE).appended(WRITE, SHAPE, since=EMPTY).begun("f" * 20)
    assert before.appended("f" * 20, OTHER, since=before).shape == OTHER


def test_a_write_that_was_taken_for_dead_is_refused() -> None:
    with pytest.raises(Conflict, match="took it for dead"):
        EMPTY.begun(WRITE).ended(WRITE).appended(WRITE, SHAPE, since=EMPTY)


def test_the_files_of_a_replace_are_not_those_of_a_write_that_began_meanwhile() -> None:
    other = file_name("f" * 20, 0, "csv")
    state = EMPTY.begun(WRITE).begun("f" * 20)
    assert not state.switched(WRITE, SHAPE, since=EMPTY, replaced={other: '"a"'}).gone


def test_a_write_that_failed_in_doubt_is_dead_after_a_quarter_of_an_hour() -> None:
    now = datetime.now(UTC)
    doubted = EMPTY.begun(WRITE).doubted(WRITE, now)
    assert [doubted.dead(now + timedelta(minutes=minutes)) for minutes in (14, 16)] == [set(), {WRITE}]


def test_what_changes_nothing_is_the_same_state() -> None:
    state = EMPTY.begun(WRITE)
    assert state.ended("f" * 20) is state.swept({"a"}) is state.doubted("f" * 20) is state


def test_a_write_is_dead_after_a_day() -> None:
    now = datetime.now(UTC)
    pending = EMPTY.begun(WRITE, now - timedelta(hours=25)).begun("f" * 20, now - timedelta(hours=23))
    assert pending.dead(now) == {WRITE}


def test_replaced_files_are_forgotten_once_they_are_deleted() -> None:
    assert dict(Manifest(gone={"a": "1", "b": "2"}).swept({"a"}).gone) == {"b": "2"}


def test_the_columns_in_the_files_are_those_that_are_no_folders() -> None:
    assert SHAPE.stored.names == ["at"]


def test_the_files_of_a_later_write_come_after() -> None:
    before = new_write()
    time.sleep(0.002)
    assert new_write() > before


def test_the_name_of_a_file_tells_its_write() -> None:
    assert write_of(MINE) == WRITE


@pytest.mark.parametrize("name", ["dk-0011-00000.csv", f"dk-{WRITE}.csv", f"x-{WRITE}-00000.csv", f"dk-{WRITE}-1.csv"])
def test_other_names_tell_none(name: str) -> None:
    assert write_of(name) is None


FULL = (
    Manifest(gone={'a "quoted"/päth.csv': '"e"'})
    .begun(WRITE)
    .appended(WRITE, SHAPE, since=Manifest())
    .begun("f" * 20, datetime(2024, 1, 31, tzinfo=UTC))
)


@pytest.mark.parametrize("state", [EMPTY, FULL], ids=["empty", "full"])
def test_a_state_comes_back_from_its_object(state: Manifest) -> None:
    assert Manifest.from_json(state.to_json()) == state


def test_the_marks_of_columns_come_back_too() -> None:
    shape = Shape("jsonl", pa.schema([mark(pa.field("doc", pa.string()), JSON)]))
    found = Manifest.from_json(Manifest(shape=shape).to_json()).shape
    assert found is not None
    assert found.schema.equals(shape.schema, check_metadata=True)


def test_a_person_can_read_which_columns_there_are() -> None:
    assert json.loads(FULL.to_json())["shape"]["columns"] == {"at": "timestamp[ns, tz=Europe/Vienna]", "month": "int8"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"version": 1}',
        b"\xff",
        FULL.to_json().replace(b"2024-01-31T", b"yesterday"),
        FULL.to_json().replace(b'"month"\n', b'"week"\n'),
        FULL.to_json().replace(b'"schema": "', b'"schema": "AAAA'),
    ],
)
def test_an_object_that_is_no_manifest_is_an_error_that_names_it(body: bytes) -> None:
    with pytest.raises(QueryError, match=r"t/_dk_manifest\.json is no manifest"):
        Manifest.from_json(body, name="s3://b/t/_dk_manifest.json")


def test_a_newer_version_is_an_error_that_says_so() -> None:
    with pytest.raises(QueryError, match="has version 2, which this version of dk_notebook does not know"):
        Manifest.from_json(b'{"version": 2}')
